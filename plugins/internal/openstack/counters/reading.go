package counters

// Mark is what is kept of a counter from one window to the next.
type Mark struct {
	// Settled is as of the time until when samples were taken to be complete. The next window reads again what
	// came after it, because by then more may have arrived.
	Settled Track
	// Latest is as of the last sample. It counts where those after Settled are no longer to be had.
	Latest Track
}

// Known says whether there was a sample.
func (m Mark) Known() bool { return m.Latest.Known() }

// Reading follows one counter through a window and notes its total as of several moments. It counts twice, from
// Settled and from Latest. Neither is ever above the truth, so the larger is the better.
type Reading struct {
	latest  Track
	again   Track
	onwards Track
	cutoffs []int64
	totals  []float64
	known   []bool
	settle  int64
	settled Track
	frozen  bool
}

// Follow begins with what was kept of the window before. Cutoffs are the moments, in time order: what was
// counted until then is in their totals. Settle is until when samples are taken to be complete.
func Follow(start Mark, cutoffs []int64, settle int64) *Reading {
	return &Reading{latest: start.Latest, again: start.Settled, onwards: start.Latest, cutoffs: cutoffs, settle: settle}
}

// Add takes a sample that was counted at a time, which is its To unless more is known. Samples come in time
// order.
func (r *Reading) Add(s Sample, counted int64) {
	r.until(func(cutoff int64) bool { return counted > cutoff })
	if counted > r.settle && !r.frozen {
		r.settled, r.frozen = r.asOfSettle(), true
	}
	r.again.Add(s)
	r.onwards.Add(s)
}

// best is the one of the two counts that has more.
func (r *Reading) best() Track {
	if !r.again.Known() || r.onwards.Total() > r.again.Total() {
		return r.onwards
	}
	return r.again
}

// asOfSettle is the better count, as far as it does not reach beyond the time to settle.
func (r *Reading) asOfSettle() Track {
	if r.latest.To > r.settle {
		return r.again
	}
	return r.best()
}

// until notes the totals of the moments that lie before what comes next.
func (r *Reading) until(over func(int64) bool) {
	for i := len(r.totals); i < len(r.cutoffs) && over(r.cutoffs[i]); i++ {
		best := r.best()
		r.totals = append(r.totals, best.Total())
		r.known = append(r.known, best.Known())
	}
}

// At is the total as of a moment, by its place in the cutoffs; false where nothing was read by then. It is
// asked once all samples were added.
func (r *Reading) At(moment int) (float64, bool) {
	r.until(func(int64) bool { return true })
	return r.totals[moment], r.known[moment]
}

// Mark is what the next window begins with.
func (r *Reading) Mark() Mark {
	settled := r.settled
	if !r.frozen {
		settled = r.asOfSettle()
	}
	return Mark{Settled: settled, Latest: r.best()}
}
