// Package counters makes totals of cumulative counters that were read now and then: a server's processor
// time, the bytes of one of its network interfaces. Such a counter begins at 0 when the guest is started, and
// begins again whenever the hypervisor's process does (stop and start, migration); readings come late, twice, out
// of order, or not at all. It is pure arithmetic; where readings come from is left to others.
//
// What a total promises: it is never above what was really counted, it never falls, and it is exact
// as of its last reading unless the counter began again between two readings, when what it
// counted after the first of the two is unknown and left out.
package counters

import "math"

// Sample is a reading of a counter. Times are seconds since 1970.
type Sample struct {
	// From and To enclose the time of the reading, or of all readings that an archive has made one of: [From, To).
	From, To int64
	// Value is what the counter showed.
	Value float64
	// Averaged says that Value may be the mean of several readings. Where the counter began
	// again between two of them, the mean is neither the one nor the other.
	Averaged bool
	// Rise is, for an averaged sample, the mean rise from one reading to the next in it, where the archive knows
	// that, else NaN. Where the sample is of one reading alone, it is the rise since the sample before.
	Rise float64
}

// usable says whether the sample can be one of a counter.
func (s Sample) usable() bool {
	// What counts in 64 bits shows no more. The comparisons with NaN are false.
	return s.From < s.To && s.Value >= 0 && s.Value <= math.MaxUint64
}

// single says whether an average that is lower than the sample before it, which was of value, is surely that of
// one reading. Its rise is then the difference of the two. That can be so by chance for several, if the counter stood
// still before it began again; but then most of them were as high as the sample before.
func (s Sample) single(value float64) bool {
	// A comparison with NaN is false.
	return !s.Averaged || s.Value < value/2 && math.Abs(s.Value-value-s.Rise) <= 1e-9*value
}

// Track is what has to be known of a counter to go on counting. The zero value has seen nothing. A
// counter's first value counts in full: it began at 0, after the server was created.
type Track struct {
	// From and To are those of the last sample; To is 0 where there was none.
	From, To int64
	// Value is what the counter showed last.
	Value float64
	// Before is what it had counted before it last began again.
	Before float64
	// Doubtful says that Value is an average just after the counter began again, and may have readings of before
	// in it. It does not count, and the next sample takes its place.
	Doubtful bool
}

// Known says whether there was a sample.
func (t Track) Known() bool { return t.To != 0 }

// Total is what was counted since the beginning.
func (t Track) Total() float64 {
	if t.Doubtful {
		return t.Before
	}
	return t.Before + t.Value
}

// Add takes a sample. Samples come in time order; one that is older than the last is late, and says nothing
// that the last does not.
func (t *Track) Add(s Sample) {
	switch {
	case !s.usable() || s.From < t.From:
	case !t.Known():
		*t = Track{From: s.From, To: s.To, Value: s.Value}
	case s.From == t.From:
		// The same again, or with more readings in it by now.
		t.Value, t.To = max(t.Value, s.Value), max(t.To, s.To)
	case s.From < t.To:
		// Inside of the last one, which was of a coarser grain: what is first is not known.
		if s.Value >= t.Value && !t.Doubtful {
			t.From, t.To, t.Value = s.From, max(t.To, s.To), s.Value
		}
	case t.Doubtful:
		t.From, t.To, t.Value, t.Doubtful = s.From, s.To, s.Value, false
	case s.Value < t.Value:
		doubtful := !s.single(t.Value)
		t.Before += t.Value
		t.From, t.To, t.Value, t.Doubtful = s.From, s.To, s.Value, doubtful
	default:
		t.From, t.To, t.Value = s.From, s.To, s.Value
	}
}
