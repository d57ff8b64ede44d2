package cloudrecords

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
)

// apelServer is the part of the APEL server that decides what is billed: it keeps the last record
// that arrives for a VM and month, and a month's usage is its figure less that of the last month
// before it which has one (APEL 2.5.0, the VMUsage summaries).
type apelServer map[month]time.Duration

type month struct {
	year  int
	month time.Month
}

func monthOf(t time.Time) month { return month{t.UTC().Year(), t.UTC().Month()} }

// receive stores a record.
func (s apelServer) receive(f figures) {
	key := monthOf(f.asOf)
	if f.status == pluginv1.CloudStatus_CLOUD_STATUS_COMPLETED {
		key = monthOf(f.end)
	}
	s[key] = f.wall
}

// usage returns what is billed month by month.
func (s apelServer) usage() map[month]time.Duration {
	months := make([]month, 0, len(s))
	for key := range s {
		months = append(months, key)
	}
	slices.SortFunc(months, func(a, b month) int {
		return (a.year-b.year)*12 + int(a.month) - int(b.month)
	})
	usage := map[month]time.Duration{}
	var before time.Duration
	for _, key := range months {
		usage[key] = s[key] - before
		before = s[key]
	}
	return usage
}

// nextMonth returns the first second of the next month.
func nextMonth(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month()+1, 1, 0, 0, 0, 0, time.UTC)
}

// truth returns for how long a VM ran, month by month, until a time. The figures of a month are as
// of its last second; usage in that second counts in the next month.
func truth(created, end, until time.Time) map[month]time.Duration {
	usage := map[month]time.Duration{}
	stop := until
	if !end.IsZero() && end.Before(until) {
		stop = end
	}
	ran := func(t time.Time) time.Duration {
		if t.After(stop) {
			t = stop
		}
		return t.Sub(created)
	}
	var before time.Duration
	for first := time.Date(created.Year(), created.Month(), 1, 0, 0, 0, 0, time.UTC); ; first = nextMonth(first) {
		last := nextMonth(first).Add(-time.Second)
		now := ran(last)
		usage[monthOf(first)] = now - before
		before = now
		if !stop.After(last) {
			return usage
		}
	}
}

// base is the time after which lifecycles are drawn. Month ends are drawn more often than by
// chance.
var base = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func instant(t *rapid.T, label string) time.Time {
	if rapid.Bool().Draw(t, label+" near a month's end") {
		edge := time.Date(2026, time.Month(rapid.IntRange(1, 7).Draw(t, label+" month")), 1, 0, 0, 0, 0, time.UTC)
		return edge.Add(time.Duration(rapid.IntRange(-3, 3).Draw(t, label+" off")) * time.Second)
	}
	return base.Add(time.Duration(rapid.IntRange(0, 200*24*3600).Draw(t, label)) * time.Second)
}

// drawn is a whole lifecycle.
type drawn struct {
	created, end time.Time // end is zero for a server that lives on
	status       string    // while it lives
	how          string    // it ended
}

func draw(t *rapid.T) drawn {
	d := drawn{
		created: instant(t, "created"),
		status:  rapid.SampledFrom([]string{"ACTIVE", "SHUTOFF", "SHELVED", "ERROR", "RESCUE"}).Draw(t, "status"),
		how:     rapid.SampledFrom([]string{"never", "terminated", "action", "updated", "soft"}).Draw(t, "how"),
	}
	if d.how != "never" {
		d.end = instant(t, "end")
		if d.end.Before(d.created) {
			d.end = d.created
		}
	}
	return d
}

// seen returns the answer of nova about the server at a time.
func (d drawn) seen(when time.Time) (lifecycle, bool) {
	life := lifecycle{status: d.status, created: d.created, updated: d.created, launched: d.created.Add(10 * time.Second)}
	if d.created.After(when) {
		return lifecycle{}, false
	}
	if d.end.IsZero() || d.end.After(when) {
		return life, true
	}
	life.status, life.updated = "DELETED", d.end
	switch d.how {
	case "terminated":
		life.terminated = d.end
		life.updated = d.end.Add(time.Hour)
	case "action":
		life.deleteStarted = d.end
		life.updated = d.end.Add(time.Minute)
	case "soft":
		life.status = "SOFT_DELETED"
	}
	return life, true
}

// cuts draws a division of time into windows that follow on each other.
func cuts(t *rapid.T) []time.Time {
	n := rapid.IntRange(1, 12).Draw(t, "windows")
	times := []time.Time{base.AddDate(-1, 0, 0), base.AddDate(0, 8, 4)}
	for range n {
		times = append(times, instant(t, "cut"))
	}
	slices.SortFunc(times, time.Time.Compare)
	return slices.CompactFunc(times, time.Time.Equal)
}

// TestBilledIsWhatRan: for any lifecycle and any division of time into windows, APEL bills in each
// month exactly what ran; durations never fall; an end is reported once; delivering windows a
// second time changes nothing.
func TestBilledIsWhatRan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t)
		times := cuts(t)
		apel := apelServer{}
		var last time.Duration
		completed := 0
		for i := range len(times) - 1 {
			// nova is read a little after the window's end.
			asked := times[i+1].Add(time.Duration(rapid.IntRange(0, 120).Draw(t, "late")) * time.Second)
			life, ok := d.seen(asked)
			if !ok {
				continue
			}
			for _, month := range sdk.Months(sdk.Window{From: times[i], To: times[i+1]}) {
				figures, ok := life.figuresIn(month, false)
				if !ok {
					continue
				}
				if figures.wall < last {
					t.Fatalf("the duration fell from %v to %v as of %v", last, figures.wall, figures.asOf)
				}
				last = figures.wall
				ended := figures.status == pluginv1.CloudStatus_CLOUD_STATUS_COMPLETED
				if ended {
					completed++
				}
				if ended == figures.end.IsZero() {
					t.Fatalf("status %v with end %v", figures.status, figures.end)
				}
				if !ended && !d.created.Add(figures.wall).Equal(figures.asOf) {
					t.Fatalf("start + wall is %v, as of %v", d.created.Add(figures.wall), figures.asOf)
				}
				apel.receive(figures)
			}
		}
		until := times[len(times)-1]
		want := truth(d.created, d.end, until)
		compare(t, apel.usage(), want)
		if !d.end.IsZero() && completed != 1 {
			t.Fatalf("the end was reported %d times", completed)
		}

		// All of it once more, now that the cloud has the end from the beginning.
		life, _ := d.seen(until)
		for i := range len(times) - 1 {
			for _, month := range sdk.Months(sdk.Window{From: times[i], To: times[i+1]}) {
				if figures, ok := life.figuresIn(month, false); ok {
					apel.receive(figures)
				}
			}
		}
		compare(t, apel.usage(), want)
	})
}

func compare(t *rapid.T, got, want map[month]time.Duration) {
	t.Helper()
	for key, usage := range want {
		if got[key] != usage {
			t.Fatalf("%v is billed %v, it ran %v", key, got[key], usage)
		}
	}
	for key, usage := range got {
		if _, ok := want[key]; !ok {
			t.Fatalf("%v is billed %v, it did not run then", key, usage)
		}
	}
}
