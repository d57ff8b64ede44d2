package accounting

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// server is the part of the APEL server that decides what is billed: the last record that arrives for a VM
// and month stays, and a month's usage is its figure less that of the last month before it which has one
// (APEL 2.5.0, the VMUsage summaries).
type server map[month]time.Duration

type month struct {
	year  int
	month time.Month
}

func monthOf(t time.Time) month { return month{t.UTC().Year(), t.UTC().Month()} }

// take receives a record.
func (s server) take(f Figures) {
	key := monthOf(f.AsOf)
	if f.Status == pluginv1.CloudStatus_CLOUD_STATUS_COMPLETED {
		key = monthOf(f.End)
	}
	s[key] = f.Wall
}

// usage is what is billed month by month.
func (s server) usage() map[month]time.Duration {
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

// truth is what a VM ran, month by month, until a moment. A month goes to its last second, as of which its
// figures are taken; what runs in that second counts in the next month.
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

// base is a time around which the lives are drawn; month ends are drawn more often than chance would.
var base = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func instant(t *rapid.T, label string) time.Time {
	if rapid.Bool().Draw(t, label+" near a month's end") {
		edge := time.Date(2026, time.Month(rapid.IntRange(1, 7).Draw(t, label+" month")), 1, 0, 0, 0, 0, time.UTC)
		return edge.Add(time.Duration(rapid.IntRange(-3, 3).Draw(t, label+" off")) * time.Second)
	}
	return base.Add(time.Duration(rapid.IntRange(0, 200*24*3600).Draw(t, label)) * time.Second)
}

// drawn is a life as it will have been.
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

// seen is what the cloud tells of it when it is asked at a time.
func (d drawn) seen(when time.Time) (Lifecycle, bool) {
	life := Lifecycle{Status: d.status, Created: d.created, Updated: d.created, Launched: d.created.Add(10 * time.Second)}
	if d.created.After(when) {
		return Lifecycle{}, false
	}
	if d.end.IsZero() || d.end.After(when) {
		return life, true
	}
	life.Status, life.Updated = "DELETED", d.end
	switch d.how {
	case "terminated":
		life.Terminated = d.end
		life.Updated = d.end.Add(time.Hour)
	case "action":
		life.DeleteStarted = d.end
		life.Updated = d.end.Add(time.Minute)
	case "soft":
		life.Status = "SOFT_DELETED"
	}
	return life, true
}

// cuts are ways to cut time into windows that follow on one another.
func cuts(t *rapid.T) []time.Time {
	n := rapid.IntRange(1, 12).Draw(t, "windows")
	times := []time.Time{base.AddDate(-1, 0, 0), base.AddDate(0, 8, 4)}
	for range n {
		times = append(times, instant(t, "cut"))
	}
	slices.SortFunc(times, time.Time.Compare)
	return slices.CompactFunc(times, time.Time.Equal)
}

// TestBilledIsWhatRan: for any life and any way to cut time into windows, the last record of each month, put
// through the server's arithmetic, adds up to exactly what ran; month by month; durations never fall; an end
// is reported once; delivering windows a second time changes nothing.
func TestBilledIsWhatRan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t)
		times := cuts(t)
		apel := server{}
		var last time.Duration
		completed := 0
		for i := range len(times) - 1 {
			// The cloud is asked a little after the window's end.
			asked := times[i+1].Add(time.Duration(rapid.IntRange(0, 120).Draw(t, "late")) * time.Second)
			life, ok := d.seen(asked)
			if !ok {
				continue
			}
			for _, moment := range Moments(times[i], times[i+1]) {
				figures, ok := life.At(moment, false)
				if !ok {
					continue
				}
				if figures.Wall < last {
					t.Fatalf("the duration fell from %v to %v as of %v", last, figures.Wall, figures.AsOf)
				}
				last = figures.Wall
				ended := figures.Status == pluginv1.CloudStatus_CLOUD_STATUS_COMPLETED
				if ended {
					completed++
				}
				if ended == figures.End.IsZero() {
					t.Fatalf("status %v with end %v", figures.Status, figures.End)
				}
				if !ended && !d.created.Add(figures.Wall).Equal(figures.AsOf) {
					t.Fatalf("start + wall is %v, as of %v", d.created.Add(figures.Wall), figures.AsOf)
				}
				apel.take(figures)
			}
		}
		until := times[len(times)-1]
		want := truth(d.created, d.end, until)
		compare(t, apel.usage(), want)
		if !d.end.IsZero() && completed != 1 {
			t.Fatalf("the end was reported %d times", completed)
		}

		// All of it once more, now that the cloud tells of the end from the beginning.
		life, _ := d.seen(until)
		for i := range len(times) - 1 {
			for _, moment := range Moments(times[i], times[i+1]) {
				if figures, ok := life.At(moment, false); ok {
					apel.take(figures)
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
