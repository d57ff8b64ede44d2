package pluginhost

import "time"

// How much a plugin may log: a burst, and so many lines a second from then on. It is far more than people
// can read, and far less than what fills a disk within a run.
const (
	logBurst     = 5000
	logPerSecond = 100
)

// allowance counts what a plugin logs.
type allowance struct {
	now func() time.Time

	spent   float64
	since   time.Time
	dropped int
}

// take says whether one more line is allowed, and how many were dropped before it.
func (a *allowance) take() (ok bool, dropped int) {
	now := a.now()
	a.spent = max(0, a.spent-now.Sub(a.since).Seconds()*logPerSecond)
	a.since = now
	if a.spent > logBurst-1 {
		a.dropped++
		return false, 0
	}
	a.spent++
	return true, a.takeDropped()
}

func (a *allowance) takeDropped() int {
	dropped := a.dropped
	a.dropped = 0
	return dropped
}
