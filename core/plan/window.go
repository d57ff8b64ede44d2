package plan

import (
	"time"

	sdk "github.com/caso-project/caso/internal/oldsdk"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// longGap is how long a pair may go unreported before it is worth a warning: clouds forget their deleted
// resources, and what is forgotten is never billed.
const longGap = 24 * time.Hour

// start is where a normal run of a pair would start.
type start struct {
	at time.Time
	// reported says that what is before was reported, by caso or by cASO.
	reported bool
	// hasState says that the extractor remembers something, as of at.
	hasState bool
}

// windows are those of one pair, in the order in which they are to be extracted.
func (s start) windows(asked Range, now time.Time) ([]Window, []*pluginv1.Diagnostic) {
	to := now
	if !asked.To.IsZero() && asked.To.Before(now) {
		to = whole(asked.To)
	}
	if asked.From.IsZero() {
		return s.next(to, now)
	}
	from := whole(asked.From)
	switch {
	case !from.Before(to):
		return nil, []*pluginv1.Diagnostic{sdk.Errorf("the interval to extract starts at %s, which is not before its end %s", when(from), when(to))}
	case from.After(s.at):
		note := info("what it ran from %s to %s is left to a normal run, and the checkpoint stays", when(s.at), when(from))
		return []Window{{From: from, To: to}}, []*pluginv1.Diagnostic{note}
	case !to.After(s.at):
		return s.republish(from, to, now), nil
	case s.hasState && from.Before(s.at):
		// The state is as of the checkpoint and fits no window that starts before it. So the part that
		// was reported already goes first, without state, and the rest as a normal run would do it.
		return []Window{{From: from, To: s.at}, {From: s.at, To: to, MoveCheckpoint: true}}, nil
	}
	return []Window{{From: from, To: to, MoveCheckpoint: true}}, nil
}

// next is the window of a normal run, or of one that was asked to end earlier.
func (s start) next(to, now time.Time) ([]Window, []*pluginv1.Diagnostic) {
	switch {
	case s.at.After(now):
		note := sdk.Warnf("it was reported until %s, which is in the future: nothing is extracted now (%s)", when(s.at), when(now))
		note.Detail = "Check the clock of this machine. If the clock was wrong in an earlier run, extraction goes on by itself once that time has come."
		return nil, []*pluginv1.Diagnostic{note}
	case s.at.Equal(now):
		return nil, []*pluginv1.Diagnostic{info("it was reported until now (%s): nothing to extract", when(now))}
	case !s.at.Before(to):
		note := sdk.Warnf("it was reported until %s already, and the interval to extract ends at %s: nothing is extracted", when(s.at), when(to))
		note.Detail = "Give the start of the interval too (--extract-from) to report it again."
		return nil, []*pluginv1.Diagnostic{note}
	}
	window := []Window{{From: s.at, To: to, MoveCheckpoint: true}}
	if gap := now.Sub(s.at); s.reported && gap > longGap {
		note := sdk.Warnf("it was last reported %s ago (until %s)", gap, when(s.at))
		note.Detail = "What was deleted in the cloud since then and has been purged from its database is missing in the records. Run caso at least once a day."
		return window, []*pluginv1.Diagnostic{note}
	}
	return window, nil
}

// republish are the windows that report [from, to) again, all of it before the checkpoint.
//
// APEL keeps one record for a VM and a month, the last that arrived, and bills a month as the difference
// of its cumulative figure and that of the month before. An extractor reports each VM as of the end of
// every month that the window touches, and as of the window's end. So of the months in [from, to) all
// are left with the figure they had, but for the last if `to` lies inside it: its figure is as of `to`
// now, and was as of the month's end or of the checkpoint, whichever is earlier. One more window up to
// there restores it:
//
//   - It lies within one month, so that it yields one record per VM, as of its end, and no month after
//     it is touched: those have their own records, later in time, which did not change.
//   - A VM that ended between `to` and there is `started` in the first window and `completed` in the
//     second, which arrives later. One that ended before `to` is in the first only, with its last
//     figures. One created after `to` is in the second only, with the figures it had.
//   - When `to` is a month's first second the window's last record belongs to the month before, as of
//     that month's end, and nothing is to be restored.
//   - It cannot end after now, even if the checkpoint does because the clock was wrong.
func (s start) republish(from, to, now time.Time) []Window {
	windows := []Window{{From: from, To: to}}
	end := earliest(monthEnd(to), s.at, now)
	if to.Before(end) {
		windows = append(windows, Window{From: to, To: end})
	}
	return windows
}

// monthEnd is the first second of a month, at or after t.
func monthEnd(t time.Time) time.Time {
	first := time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
	if first.Equal(t) {
		return t
	}
	return first.AddDate(0, 1, 0)
}

func earliest(first time.Time, others ...time.Time) time.Time {
	for _, other := range others {
		if other.Before(first) {
			first = other
		}
	}
	return first
}
