package plan

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// TestSequencesOfRuns plays sequences of runs of every kind: with and without a window that the
// operator requested, with windows that fail, under a clock that jumps. It checks for every time
// semantics what the receiver ends up with.
func TestSequencesOfRuns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := []pluginv1.RecordType{cloud, ip, accelerator, storage, energy}
		model := &receiver{
			types:      rapid.SliceOfNDistinct(rapid.SampledFrom(all), 1, len(all), rapid.ID).Draw(t, "types"),
			checkpoint: epoch(),
			asOf:       map[time.Time]time.Time{},
			stale:      map[time.Time]bool{},
		}
		now := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
		for range rapid.IntRange(1, 30).Draw(t, "runs") {
			now = now.Add(time.Duration(rapid.IntRange(-3, 48).Draw(t, "hours passed")) * time.Hour)
			requested := Range{}
			if rapid.Bool().Draw(t, "explicit from") {
				requested.From = now.Add(-time.Duration(rapid.IntRange(1, 2000).Draw(t, "hours back")) * time.Hour)
			}
			if rapid.Bool().Draw(t, "explicit to") {
				requested.To = now.Add(-time.Duration(rapid.IntRange(0, 2000).Draw(t, "end hours back")) * time.Hour)
			}
			input := Input{Now: now, Requested: requested, Listings: []Listing{{
				Instance: "x", RecordTypes: describe(model.types...), Projects: []*pluginv1.Project{{Id: "p", Vo: "vo"}},
			}}}
			if model.checkpoint.After(epoch()) {
				input.Checkpoints = map[outbox.Key]time.Time{{Extractor: "x", ProjectID: "p"}: model.checkpoint}
			}
			failed := false
			for _, job := range Make(input).Jobs {
				for _, window := range job.Windows {
					model.checkWindow(t, window, requested, now)
					if failed = rapid.IntRange(0, 4).Draw(t, "failure") == 0; failed {
						break
					}
					model.commit(window)
				}
			}
			model.checkMonths(t, now, failed)
		}
	})
}

// receiver is what the host and the receivers of the records of one project have stored.
type receiver struct {
	types      []pluginv1.RecordType
	checkpoint time.Time
	// asOf is, for each month, the time as of which the last cumulative and monthly record to arrive
	// is.
	asOf map[time.Time]time.Time
	// stale are the months whose last record is older than it should be, because the window that
	// restores it failed or the clock was wrong.
	stale map[time.Time]bool
	// touched are the months of the present run.
	touched []time.Time
}

func (r *receiver) checkWindow(t *rapid.T, window Window, requested Range, now time.Time) {
	if !window.From.Before(window.To) || window.To.After(now) || len(window.RecordTypes) == 0 {
		t.Fatalf("window %v at %v", window, now)
	}
	// Regular windows tile time from the first on, which starts where it was requested to.
	first := r.checkpoint.Equal(epoch()) && window.From.Equal(requested.From)
	if !window.Republish && !window.From.Equal(r.checkpoint) && !first {
		t.Fatalf("regular window %v does not start at the checkpoint %v", window, r.checkpoint)
	}
	withinRequested := !window.From.Before(requested.From) && (requested.To.IsZero() || !window.To.After(requested.To))
	for _, recordType := range r.types {
		yields := slices.Contains(window.RecordTypes, recordType)
		want := true
		switch contract.TimeSemanticsOf(recordType) {
		case pluginv1.TimeSemantics_TIME_SEMANTICS_SNAPSHOT:
			want = !window.Republish && window.To.Equal(now)
		case pluginv1.TimeSemantics_TIME_SEMANTICS_INTERVAL:
			want = !window.Republish || withinRequested
		}
		if yields != want {
			t.Fatalf("window %v (requested %v) at %v yields %v: %v", window, requested, now, recordType, yields)
		}
	}
}

func (r *receiver) commit(window Window) {
	for month := monthOf(window.From); month.Before(window.To); month = month.AddDate(0, 1, 0) {
		r.asOf[month] = earliest(month.AddDate(0, 1, 0), window.To)
		r.touched = append(r.touched, month)
	}
	if !window.Republish {
		r.checkpoint = window.To
	}
}

// checkMonths checks after a run that the last arrival of every month is as of the month's end or
// of the checkpoint, the newest time that regular windows have reported.
func (r *receiver) checkMonths(t *rapid.T, now time.Time, failed bool) {
	if !slices.ContainsFunc(r.types, func(recordType pluginv1.RecordType) bool {
		semantics := contract.TimeSemanticsOf(recordType)
		return semantics == pluginv1.TimeSemantics_TIME_SEMANTICS_CUMULATIVE || semantics == pluginv1.TimeSemantics_TIME_SEMANTICS_MONTHLY
	}) {
		return
	}
	newest := func(month time.Time) time.Time { return earliest(month.AddDate(0, 1, 0), r.checkpoint) }
	for _, month := range r.touched {
		r.stale[month] = r.asOf[month].Before(newest(month))
		if r.stale[month] && !failed && !r.checkpoint.After(now) {
			t.Fatalf("month %v is left as of %v (checkpoint %v)", month, r.asOf[month], r.checkpoint)
		}
	}
	r.touched = nil
	for month, asOf := range r.asOf {
		if !r.stale[month] && asOf.Before(newest(month)) {
			t.Fatalf("month %v is as of %v (checkpoint %v)", month, asOf, r.checkpoint)
		}
	}
}

func monthOf(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
}
