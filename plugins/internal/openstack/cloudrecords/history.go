package cloudrecords

import (
	"math"
	"slices"
	"time"

	"github.com/caso-project/caso/plugins/internal/openstack/servers"
)

// size is the flavor of a server since a time.
type size struct {
	// flavor is nil where nova has neither the flavor nor a copy of its figures.
	flavor *servers.Flavor
	since  time.Time
}

// history is the part of a server's past that its figures depend on and that nova does not keep.
// What was reported until a time does not change any more: sizes and sleeps that become known later
// begin at that time at the earliest. So no figure falls, whatever is found out when.
type history struct {
	// sizes are in time order. The first one holds from the creation on.
	sizes []size
	// sleeps are the suspended times, in time order, without overlaps.
	sleeps []servers.Interval
	// sizesLost is set for a server that was resized at an unknown time between unknown sizes,
	// because the state was lost. Its processor time is not known.
	sizesLost bool
}

// newHistory returns the history of a server that is seen for the first time: it always had its
// present size.
func newHistory(s servers.Server) history {
	return history{sizes: []size{{s.Flavor, s.Created}}}
}

// isTrivial reports whether the history follows from what nova has of the server.
func (h history) isTrivial() bool {
	return len(h.sizes) <= 1 && len(h.sleeps) == 0 && !h.sizesLost
}

// lastFlavor returns the present size; nil where it is not known.
func (h history) lastFlavor() *servers.Flavor { return h.sizes[len(h.sizes)-1].flavor }

// flavorAsOf returns the size as of a time. A size that begins at the time has not been used yet.
func (h history) flavorAsOf(t time.Time) *servers.Flavor {
	flavor := h.sizes[0].flavor
	for _, one := range h.sizes[1:] {
		if one.since.Before(t) {
			flavor = one.flavor
		}
	}
	return flavor
}

// addSize adds a size that began at a time, but not before what was reported.
func (h *history) addSize(flavor *servers.Flavor, began, reported time.Time) {
	last := h.sizes[len(h.sizes)-1]
	since := latestTime(began, reported, last.since)
	h.sizes = slices.Clone(h.sizes)
	if since.Equal(last.since) {
		h.sizes[len(h.sizes)-1].flavor = flavor
		return
	}
	h.sizes = append(h.sizes, size{flavor, since})
}

// replaceFlavor replaces the present flavor by one with the same resources.
func (h *history) replaceFlavor(flavor *servers.Flavor) {
	h.sizes = slices.Clone(h.sizes)
	h.sizes[len(h.sizes)-1].flavor = flavor
}

// isAsleep reports whether the last sleep has no end.
func (h history) isAsleep() bool {
	return len(h.sleeps) > 0 && h.sleeps[len(h.sleeps)-1].To.IsZero()
}

// replaceSleeps replaces the sleeps after the time until which the server was reported.
func (h *history) replaceSleeps(later []servers.Interval, reported time.Time) {
	h.sleeps = slices.Concat(
		clipIntervals(h.sleeps, time.Time{}, reported), clipIntervals(later, reported, time.Time{}))
	h.sleeps = joinIntervals(h.sleeps)
}

// sleep begins a sleep, but not before what was reported.
func (h *history) sleep(began, reported time.Time) {
	since := latestTime(began, reported)
	if len(h.sleeps) > 0 {
		since = latestTime(since, h.sleeps[len(h.sleeps)-1].To)
	}
	h.sleeps = joinIntervals(append(slices.Clone(h.sleeps), servers.Interval{From: since}))
}

// wake ends the last sleep, but not before what was reported.
func (h *history) wake(ended, reported time.Time) {
	h.sleeps = slices.Clone(h.sleeps)
	last := &h.sleeps[len(h.sleeps)-1]
	last.To = latestTime(ended, reported, last.From)
	h.sleeps = joinIntervals(h.sleeps)
}

// slept returns for how long the server was suspended in a half-open time range.
func (h history) slept(from, to time.Time) time.Duration {
	var sum time.Duration
	for _, interval := range clipIntervals(h.sleeps, from, to) {
		sum += interval.To.Sub(interval.From)
	}
	return sum
}

// cpuSeconds returns the allocated processor time of a server from its creation to a time: the sum
// over its sizes of the time in that size, without sleeps, and its virtual CPUs. It is false where
// that is not known.
func (h history) cpuSeconds(created, to time.Time) (int64, bool) {
	if h.sizesLost {
		return 0, false
	}
	var sum int64
	for i, one := range h.sizes {
		begin, end := one.since, to
		if i == 0 {
			begin = created
		}
		if i+1 < len(h.sizes) && h.sizes[i+1].since.Before(to) {
			end = h.sizes[i+1].since
		}
		if !end.After(begin) && (i > 0 || len(h.sizes) > 1) {
			continue
		}
		if one.flavor == nil {
			return 0, false
		}
		ran := end.Sub(begin) - h.slept(begin, end)
		sum = addSaturated(sum, allocatedSeconds(ran, one.flavor.VCPUs))
	}
	return sum, true
}

// allocatedSeconds returns the processor time of a number of virtual CPUs. It is not a
// time.Duration, which ends at 292 years: 128 CPUs reach that in a little over two. A number that
// is too large for a record is the largest integer.
func allocatedSeconds(ran time.Duration, vcpus int64) int64 {
	seconds := int64(ran / time.Second)
	if seconds > 0 && vcpus > math.MaxInt64/seconds {
		return math.MaxInt64
	}
	return seconds * vcpus
}

func addSaturated(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// clipIntervals returns the parts of intervals in a half-open time range. With a zero end the range
// is open.
func clipIntervals(intervals []servers.Interval, from, to time.Time) []servers.Interval {
	var clipped []servers.Interval
	for _, interval := range intervals {
		interval.From = latestTime(interval.From, from)
		if !to.IsZero() && (interval.To.IsZero() || interval.To.After(to)) {
			interval.To = to
		}
		if interval.To.IsZero() || interval.To.After(interval.From) {
			clipped = append(clipped, interval)
		}
	}
	return clipped
}

// joinIntervals joins intervals that follow on each other, and drops empty ones.
func joinIntervals(intervals []servers.Interval) []servers.Interval {
	var joined []servers.Interval
	for _, interval := range intervals {
		if !interval.To.IsZero() && !interval.To.After(interval.From) {
			continue
		}
		if last := len(joined) - 1; last >= 0 && !joined[last].To.Before(interval.From) {
			joined[last].To = interval.To
			continue
		}
		joined = append(joined, interval)
	}
	return joined
}

// sameResources reports whether two flavors have the same figures.
func sameResources(a, b *servers.Flavor) bool {
	return a.VCPUs == b.VCPUs && a.MemoryMB == b.MemoryMB && a.DiskGB == b.DiskGB
}

func latestTime(times ...time.Time) time.Time { return slices.MaxFunc(times, time.Time.Compare) }

func earliestTime(times ...time.Time) time.Time { return slices.MinFunc(times, time.Time.Compare) }
