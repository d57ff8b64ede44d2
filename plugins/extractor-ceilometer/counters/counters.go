// Package counters computes totals of cumulative counters from samples: the processor time of a
// server, the bytes of one of its network interfaces. Such a counter starts at 0 with the guest,
// and restarts at 0 whenever the hypervisor's process does (stop and start, migration). Samples
// come late, twice, out of order, or not at all.
//
// A total is never above the true usage and never falls. It is exact as of its last sample unless
// the counter restarted between two samples: usage between the first of the two and the restart is
// unknown and left out.
package counters

import "math"

// Sample is a sample of a counter. Times are seconds since 1970.
type Sample struct {
	// From and To enclose the time of the sample, or of all samples that an archive has aggregated
	// to this one: [From, To).
	From, To int64
	// Value is the value of the counter.
	Value float64
	// Averaged is set where Value may be the mean of several samples. If the counter restarted
	// between them, the mean is neither the value before nor the value after.
	Averaged bool
	// Rise is, for an averaged sample, the mean rise from one sample to the next, where the
	// archive has it, else NaN. For the mean of a single sample it is the rise since the sample
	// before.
	Rise float64
}

// valid reports whether the sample can be one of a counter.
func (s Sample) valid() bool {
	// No 64-bit counter has more. The comparisons with NaN are false.
	return s.From < s.To && s.Value >= 0 && s.Value <= math.MaxUint64
}

// isSingle reports whether an averaged sample that is lower than the value of the sample before is
// certainly the mean of a single sample. Its rise is then the difference of the two. That can be
// so by chance for several, if the counter did not change before it restarted; but then most of
// them had the value of the sample before.
func (s Sample) isSingle(value float64) bool {
	// A comparison with NaN is false.
	return !s.Averaged || s.Value < value/2 && math.Abs(s.Value-value-s.Rise) <= 1e-9*value
}

// Track is the total of a counter until its last sample. The zero value has no sample. The first
// value of a counter counts in full: it started at 0, after the creation of the server.
type Track struct {
	// From and To are those of the last sample; To is 0 where there is none.
	From, To int64
	// Value is the last value of the counter.
	Value float64
	// Before is the usage before the last restart of the counter.
	Before float64
	// Doubtful is set where Value is an average just after a restart, which may include samples
	// from before it. Value does not count then, and the next sample replaces it.
	Doubtful bool
}

// Known reports whether there is a sample.
func (t Track) Known() bool { return t.To != 0 }

// Total returns the usage since the creation of the server.
func (t Track) Total() float64 {
	if t.Doubtful {
		return t.Before
	}
	return t.Before + t.Value
}

// Add adds a sample. Samples must come in time order; one that is older than the last is ignored,
// since the last includes its usage.
func (t *Track) Add(s Sample) {
	switch {
	case !s.valid() || s.From < t.From:
	case !t.Known():
		*t = Track{From: s.From, To: s.To, Value: s.Value}
	case s.From == t.From:
		// The same again, or aggregated from more samples by now.
		t.Value, t.To = max(t.Value, s.Value), max(t.To, s.To)
	case s.From < t.To:
		// Within the last one, which has a coarser granularity: their order is not known.
		if s.Value >= t.Value && !t.Doubtful {
			t.From, t.To, t.Value = s.From, max(t.To, s.To), s.Value
		}
	case t.Doubtful:
		t.From, t.To, t.Value, t.Doubtful = s.From, s.To, s.Value, false
	case s.Value < t.Value:
		doubtful := !s.isSingle(t.Value)
		t.Before += t.Value
		t.From, t.To, t.Value, t.Doubtful = s.From, s.To, s.Value, doubtful
	default:
		t.From, t.To, t.Value = s.From, s.To, s.Value
	}
}
