package counters

// State is the state of a counter between two windows.
type State struct {
	// Settled is the track until the time up to which all samples are assumed to be in the
	// archive. The next window reads the samples after it again, since more may have arrived.
	Settled Track
	// Latest is the track until the last sample. It counts where the samples after Settled have
	// left the archive.
	Latest Track
}

// Known reports whether there is a sample.
func (s State) Known() bool { return s.Latest.Known() }

// Follower follows one counter through a window and computes its total as of several times. It
// counts twice, from Settled and from Latest. Neither is ever above the true usage, so the larger
// is better.
type Follower struct {
	latest   Track // as of the start
	again    Track // from Settled
	onwards  Track // from Latest
	cutoffs  []int64
	totals   []float64 // as of the cutoffs that are over
	known    []bool
	settle   int64
	settled  Track
	isFrozen bool // settled is final
}

// Follow returns a follower that starts with the state of the last window. Cutoffs are the times,
// in order, as of which totals are computed. Settle is the time up to which all samples are
// assumed to be in the archive.
func Follow(start State, cutoffs []int64, settle int64) *Follower {
	return &Follower{latest: start.Latest, again: start.Settled, onwards: start.Latest,
		cutoffs: cutoffs, settle: settle}
}

// Add adds a sample that counts from a time on, which is its To unless more is known. Samples must
// come in time order.
func (f *Follower) Add(s Sample, counted int64) {
	f.computeTotals(func(cutoff int64) bool { return counted > cutoff })
	if counted > f.settle && !f.isFrozen {
		f.settled, f.isFrozen = f.settledTrack(), true
	}
	f.again.Add(s)
	f.onwards.Add(s)
}

// best returns the track with the larger total.
func (f *Follower) best() Track {
	if !f.again.Known() || f.onwards.Total() > f.again.Total() {
		return f.onwards
	}
	return f.again
}

// settledTrack returns the better track that does not reach beyond the time to settle.
func (f *Follower) settledTrack() Track {
	if f.latest.To > f.settle {
		return f.again
	}
	return f.best()
}

// computeTotals computes the totals as of the next cutoffs that are over.
func (f *Follower) computeTotals(isOver func(cutoff int64) bool) {
	for i := len(f.totals); i < len(f.cutoffs) && isOver(f.cutoffs[i]); i++ {
		best := f.best()
		f.totals = append(f.totals, best.Total())
		f.known = append(f.known, best.Known())
	}
}

// TotalAt returns the total as of a cutoff, by its index; false where there is no sample until
// then. No sample may be added after it.
func (f *Follower) TotalAt(cutoff int) (float64, bool) {
	f.computeTotals(func(int64) bool { return true })
	return f.totals[cutoff], f.known[cutoff]
}

// State returns the state for the next window.
func (f *Follower) State() State {
	settled := f.settled
	if !f.isFrozen {
		settled = f.settledTrack()
	}
	return State{Settled: settled, Latest: f.best()}
}
