package counters

import (
	"cmp"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// forever is the retention time of an archive that keeps all samples.
const forever = 1 << 40

// life is the true history of a counter: at each instant the usage since the beginning and the
// value of the counter.
type life struct {
	at      []int64
	used    []float64
	shown   []float64
	restart []bool // the counter restarts right after this instant, before any more usage
}

// lives draws histories with some seconds between the instants.
func lives(restarts bool) *rapid.Generator[life] {
	return rapid.Custom(func(t *rapid.T) life {
		var l life
		at, used, shown := int64(1_000_000), 0.0, 0.0
		for range rapid.IntRange(2, 60).Draw(t, "instants") {
			at += rapid.Int64Range(1, 400).Draw(t, "seconds")
			rise := float64(rapid.Int64Range(0, 1e12).Draw(t, "rise"))
			if rapid.Bool().Draw(t, "idle") {
				rise = 0
			}
			used, shown = used+rise, shown+rise
			again := restarts && rapid.IntRange(0, 5).Draw(t, "restart") == 0
			l.at, l.used, l.shown, l.restart = append(l.at, at), append(l.used, used), append(l.shown, shown), append(l.restart, again)
			if again {
				shown = 0
			}
		}
		return l
	})
}

// truth returns the usage before a time.
func (l life) truth(until int64) float64 {
	used := 0.0
	for i, at := range l.at {
		if at < until {
			used = l.used[i]
		}
	}
	return used
}

// arrival is a sample and the time at which it is in the archive.
type arrival struct {
	Sample
	arrives int64
	instant int
}

// windows reads the arrivals window by window, as the extractor does, from an archive with a
// retention time in seconds, and returns the totals.
func windows(arrivals []arrival, cuts []int64, late, archive int64) []float64 {
	var kept State
	from, reported := int64(0), 0.0
	var totals []float64
	for _, to := range cuts {
		var seen []Sample
		for _, a := range arrivals {
			if a.arrives <= to && a.To > from && a.From < to && a.From >= to-archive {
				seen = append(seen, a.Sample)
			}
		}
		slices.SortFunc(seen, func(a, b Sample) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.Value, b.Value)) })
		r := Follow(kept, []int64{to}, to-late)
		for _, s := range seen {
			r.Add(s, s.To)
		}
		if total, known := r.TotalAt(0); known {
			reported = max(reported, total)
		}
		kept, from = r.State(), max(from, to-late)
		totals = append(totals, reported)
	}
	return totals
}

// cutTimes draws the ends of windows, the last after all samples.
func cutTimes(t *rapid.T, l life) []int64 {
	end := l.at[len(l.at)-1]
	cuts := rapid.SliceOfDistinct(rapid.Int64Range(l.at[0], end), func(c int64) int64 { return c }).Draw(t, "cuts")
	slices.Sort(cuts)
	return append(cuts, end+100_000)
}

// TestTotals: for any lost, doubled and delayed samples and any division of time into windows, a
// total is never above the usage and never falls; and it is the usage as of the last sample unless
// the counter restarted between two samples with usage between the first of them and the restart.
func TestTotals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := lives(true).Draw(t, "life")
		const late = 3600
		var arrivals []arrival
		punctual := true
		for i := range l.at {
			if rapid.IntRange(0, 3).Draw(t, "lost") == 0 {
				continue
			}
			delay := rapid.SampledFrom([]int64{0, 0, 5, 600, 20_000}).Draw(t, "delay")
			punctual = punctual && delay < late
			for range rapid.IntRange(1, 2).Draw(t, "copies") {
				arrivals = append(arrivals, arrival{oneSecond(l.at[i], l.shown[i]), l.at[i] + delay, i})
			}
		}
		order := rapid.Permutation(arrivals).Draw(t, "order")
		cuts := cutTimes(t, l)
		archive := rapid.SampledFrom([]int64{500, 5_000, forever}).Draw(t, "archive")
		totals := windows(order, cuts, late, archive)
		last := 0.0
		for i, total := range totals {
			if truth := l.truth(cuts[i]); total > truth*(1+1e-12) || total < last {
				t.Fatalf("as of %d: total %v after %v, truth %v", cuts[i], total, last, truth)
			}
			last = total
		}
		if want, exact := l.exact(arrivals); exact && punctual && archive == forever && math.Abs(last-want) > want*1e-12 {
			t.Fatalf("total %v, truth %v", last, want)
		}
	})
}

// exact returns the usage as of the last sample, and whether samples determine it.
func (l life) exact(arrivals []arrival) (float64, bool) {
	if len(arrivals) == 0 {
		return 0, true
	}
	previous := -1
	for _, a := range arrivals {
		if a.instant == previous {
			continue
		}
		for i := previous + 1; i < a.instant; i++ {
			// A restart after an instant without a sample: the usage since the last sample is
			// unknown. A restart after a sample is visible if the next value is lower.
			if l.restart[i] {
				return 0, false
			}
		}
		if previous >= 0 && l.restart[previous] && l.shown[a.instant] >= l.shown[previous] {
			return 0, false // the value is higher again: the restart is invisible
		}
		previous = a.instant
	}
	return l.used[previous], true
}

// TestWindowsDoNotMatter: without restarts the total is the value of the counter, for any windows.
func TestWindowsDoNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := lives(false).Draw(t, "life")
		var arrivals []arrival
		want := 0.0
		for i := range l.at {
			if rapid.Bool().Draw(t, "read") {
				arrivals = append(arrivals, arrival{oneSecond(l.at[i], l.shown[i]), l.at[i], i})
				want = l.used[i]
			}
		}
		totals := windows(arrivals, cutTimes(t, l), 600, forever)
		if last := totals[len(totals)-1]; last != want {
			t.Fatalf("%v, want %v", last, want)
		}
	})
}

// TestMeans: from an archive with means of five minutes, some of them over a restart, a total is
// never above the usage and never falls.
func TestMeans(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := lives(true).Draw(t, "life")
		hasRises := rapid.Bool().Draw(t, "rises")
		var arrivals []arrival
		previous := -1
		for i := 0; i < len(l.at); {
			from := l.at[i] - l.at[i]%300
			sum, rises, n, rose := 0.0, 0.0, 0, 0
			instant := i
			for ; i < len(l.at) && l.at[i] < from+300; i++ {
				if rapid.IntRange(0, 3).Draw(t, "lost") == 0 {
					continue
				}
				if previous >= 0 {
					rises, rose = rises+l.shown[i]-l.shown[previous], rose+1
				}
				sum, n, previous, instant = sum+l.shown[i], n+1, i, i
			}
			if n == 0 {
				continue
			}
			rise := math.NaN()
			if hasRises && rose > 0 {
				rise = rises / float64(rose)
			}
			arrivals = append(arrivals, arrival{mean(from, sum/float64(n), rise), from + 300, instant})
		}
		cuts := cutTimes(t, l)
		last := 0.0
		for i, total := range windows(arrivals, cuts, 3600, rapid.SampledFrom([]int64{2_000, forever}).Draw(t, "archive")) {
			if truth := l.truth(cuts[i]); total > truth*(1+1e-9) || total < last {
				t.Fatalf("as of %d: total %v after %v, truth %v", cuts[i], total, last, truth)
			}
			last = total
		}
	})
}

// FuzzTrack: for any samples a total is a number and never falls.
func FuzzTrack(f *testing.F) {
	f.Add(int64(0), 5.0, int64(300), 3.0, true)
	f.Fuzz(func(t *testing.T, at1 int64, value1 float64, at2 int64, value2 float64, averaged bool) {
		var track Track
		last := 0.0
		for _, s := range []Sample{{From: at1, To: at1 + 300, Value: value1, Averaged: averaged}, {From: at2, To: at2 + 300, Value: value2, Averaged: averaged},
			{From: at1, To: at2, Value: value2, Averaged: averaged, Rise: value1}} {
			track.Add(s)
			total := track.Total()
			if math.IsNaN(total) || total < last {
				t.Fatalf("%v after %v: %+v", total, last, track)
			}
			last = total
		}
	})
}
