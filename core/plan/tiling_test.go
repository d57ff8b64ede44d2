package plan

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// TestCheckpointsTileTime plays runs of every kind, any window of which may fail, under a clock that may
// jump, and watches that what the checkpoint says was reported was reported.
func TestCheckpointsTileTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
		var checkpoint *Checkpoint
		// asOf is how new the last arrived figure of each month is.
		asOf := map[time.Time]time.Time{}
		for range rapid.IntRange(1, 30).Draw(t, "runs") {
			now = now.Add(time.Duration(rapid.IntRange(-3, 48).Draw(t, "hours passed")) * time.Hour)
			asked := Range{}
			if rapid.Bool().Draw(t, "explicit from") {
				asked.From = now.Add(-time.Duration(rapid.IntRange(1, 2000).Draw(t, "hours back")) * time.Hour)
			}
			if rapid.Bool().Draw(t, "explicit to") {
				asked.To = now.Add(-time.Duration(rapid.IntRange(0, 2000).Draw(t, "end hours back")) * time.Hour)
			}
			input := Input{Now: now, Asked: asked, Listings: []Listing{{"nova", []*pluginv1.Project{{Id: "p", Vo: "vo"}}}}}
			if checkpoint != nil {
				input.Checkpoints = map[Pair]Checkpoint{{"nova", "p"}: *checkpoint}
			}
			plan := Make(input)
			if len(plan.Jobs) == 0 {
				continue
			}
			before := map[time.Time]time.Time{}
			for month, figure := range asOf {
				before[month] = figure
			}
			reported := epoch()
			if checkpoint != nil {
				reported = checkpoint.To
			}
			all := true
			for _, window := range plan.Jobs[0].Windows {
				if !window.From.Before(window.To) || window.To.After(now) {
					t.Fatalf("window %v at %v", window, now)
				}
				if rapid.IntRange(0, 4).Draw(t, "failure") == 0 {
					all = false
					break
				}
				for month := monthOf(window.From); month.Before(window.To); month = month.AddDate(0, 1, 0) {
					asOf[month] = earliest(month.AddDate(0, 1, 0), window.To)
				}
				if !window.MoveCheckpoint {
					continue
				}
				if window.From.After(reported) || !window.To.After(reported) {
					t.Fatalf("window %v moved the checkpoint from %v", window, reported)
				}
				if checkpoint != nil && checkpoint.HasState && !window.From.Equal(reported) {
					t.Fatalf("window %v was given the state of %v", window, reported)
				}
				reported = window.To
				checkpoint = &Checkpoint{To: reported, HasState: rapid.Bool().Draw(t, "state")}
			}
			if !all || checkpoint == nil {
				continue
			}
			// No month that ends before the checkpoint, nor the checkpoint's own, is left older than it
			// was, as far as it was reported by windows up to the checkpoint.
			for month, figure := range before {
				known := earliest(figure, checkpoint.To, now)
				if asOf[month].Before(known) {
					t.Fatalf("month %v went from %v back to %v (checkpoint %v)", month, figure, asOf[month], checkpoint.To)
				}
			}
		}
	})
}

func monthOf(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
}
