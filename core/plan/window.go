package plan

import (
	"time"

	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/core/report"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// longGap is the time between two windows of a key above which a warning is due: clouds purge what
// was deleted, and what is purged is never billed.
const longGap = 24 * time.Hour

// start is where a regular window of a key starts.
type start struct {
	at time.Time
	// key is that of the checkpoint.
	key outbox.Key
	// reported is true if the time before was reported, by caso or by cASO.
	reported bool
	// unreported is true if nothing was reported for certain: there is neither a checkpoint nor a
	// lastrun file.
	unreported bool
}

// candidate is a window that has no record types yet.
type candidate struct {
	Window
	// restoring is true for the window that follows a republish that ends inside a month.
	restoring bool
}

// yieldedTypes returns the types that a window yields, by their time semantics, and the snapshot
// types that it does not.
//
//   - CUMULATIVE and MONTHLY: every window.
//   - SNAPSHOT: only a regular window that ends now. What holds now did not hold at a past time.
//   - INTERVAL: every window but a restoring one. The figure of a window does not depend on what is
//     reported of other windows, so that nothing is to be restored.
func (c candidate) yieldedTypes(all []*pluginv1.RecordTypeDescription, now time.Time) (types, skippedSnapshots []pluginv1.RecordType) {
	for _, description := range all {
		yields := false
		switch description.GetTimeSemantics() {
		case pluginv1.TimeSemantics_TIME_SEMANTICS_CUMULATIVE, pluginv1.TimeSemantics_TIME_SEMANTICS_MONTHLY:
			yields = true
		case pluginv1.TimeSemantics_TIME_SEMANTICS_INTERVAL:
			yields = !c.restoring
		case pluginv1.TimeSemantics_TIME_SEMANTICS_SNAPSHOT:
			yields = !c.Republish && c.To.Equal(now)
			if !yields {
				skippedSnapshots = append(skippedSnapshots, description.GetType())
			}
		}
		if yields {
			types = append(types, description.GetType())
		}
	}
	return types, skippedSnapshots
}

// candidates returns the windows of a key in the order of extraction.
func (s start) candidates(requested Range, now time.Time) ([]candidate, []report.Problem) {
	to := now
	if !requested.To.IsZero() && requested.To.Before(now) {
		to = truncateToSecond(requested.To)
	}
	if requested.From.IsZero() {
		return s.regularWindow(to, now)
	}
	from := truncateToSecond(requested.From)
	switch {
	case !from.Before(to):
		return nil, []report.Problem{report.Errorf("the start of the window %s is not before its end %s", formatTime(from), formatTime(to))}
	case from.After(s.at) && s.unreported:
		problem := report.Infof("the first window starts at %s, as requested: the time before it is not reported", formatTime(from)).WithDetail(
			"To report it too: caso extract --extract-from %s --extract-to %s --extractor %s --projects %s.",
			formatTime(s.at), formatTime(from), s.key.Extractor, s.key.ProjectID)
		return []candidate{regular(from, to)}, []report.Problem{problem}
	case from.After(s.at):
		problem := report.Infof("the window starts at %s, after the end of the last one (%s): the checkpoint stays, and the next run without --extract-from reports the time between them",
			formatTime(from), formatTime(s.at))
		return []candidate{republished(from, to)}, []report.Problem{problem}
	case !to.After(s.at):
		return s.republish(from, to, now), nil
	case from.Before(s.at):
		// The state is as of the checkpoint, and interval types have one regular record for any time:
		// only the part after the checkpoint is a regular window.
		return []candidate{republished(from, s.at), regular(s.at, to)}, nil
	}
	return []candidate{regular(from, to)}, nil
}

func regular(from, to time.Time) candidate {
	return candidate{Window: Window{From: from, To: to}}
}

func republished(from, to time.Time) candidate {
	return candidate{Window: Window{From: from, To: to, Republish: true}}
}

// regularWindow returns the window of a run without --extract-from.
func (s start) regularWindow(to, now time.Time) ([]candidate, []report.Problem) {
	switch {
	case s.at.After(now):
		problem := report.Errorf("the checkpoint %s is in the future (now %s): nothing is extracted until then", formatTime(s.at), formatTime(now))
		return nil, []report.Problem{problem.WithDetail(
			"Check the clock of this machine. If it was wrong in an earlier run, move the checkpoint back to the true time of that run: caso checkpoint set %s --project %s TIME.",
			s.key.Flags(), s.key.ProjectID)}
	case s.at.Equal(now):
		return nil, []report.Problem{report.Infof("the checkpoint is now (%s): nothing to extract", formatTime(now))}
	case !s.at.Before(to):
		problem := report.Warnf("the checkpoint %s is not before the end of the window %s: nothing is extracted", formatTime(s.at), formatTime(to))
		return nil, []report.Problem{problem.WithDetail("To republish a past window, set its start too (--extract-from).")}
	}
	windows := []candidate{regular(s.at, to)}
	if gap := now.Sub(s.at); s.reported && gap > longGap {
		problem := report.Warnf("the last window ended %s ago (%s)", gap, formatTime(s.at))
		return windows, []report.Problem{problem.WithDetail(
			"Resources that were deleted since then and are purged from the cloud's database are missing in the records. Run caso at least once a day.")}
	}
	return windows, nil
}

// republish returns the windows that report [from, to) again, all of it before the checkpoint.
//
// Of cumulative and monthly records APEL keeps one for a subject and month, the last that arrives,
// and bills a month as the difference between its cumulative figure and that of the month before.
// An extractor reports each subject as of the end of every month that the window touches, and as of
// the window's end. So every month in [from, to) keeps its figure, except the last one if `to` lies
// inside it: its figure was as of the month end or the checkpoint, whichever is earlier, and is now
// as of `to`. One more window up to there restores it:
//
//   - It lies within one month, so that it yields one record per subject, as of its end. It touches
//     no later month: those have records of their own, which did not change.
//   - A VM that ended within the second window is `started` in the first and `completed` in the
//     second, which arrives later. One that ended before `to` is in the first only, with its last
//     figures. One created after `to` is in the second only, with the figures it had.
//   - If `to` is a month's first second, the last record is as of the month before, at that month's
//     end, and nothing is to be restored.
//   - It does not end after now, even if the checkpoint does because the clock was wrong.
func (s start) republish(from, to, now time.Time) []candidate {
	windows := []candidate{republished(from, to)}
	end := earliest(nextMonthStart(to), s.at, now)
	if to.Before(end) {
		restoring := republished(to, end)
		restoring.restoring = true
		windows = append(windows, restoring)
	}
	return windows
}

// nextMonthStart returns the first month's start that is not before t.
func nextMonthStart(t time.Time) time.Time {
	monthStart := time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
	if monthStart.Equal(t) {
		return t
	}
	return monthStart.AddDate(0, 1, 0)
}

func earliest(first time.Time, others ...time.Time) time.Time {
	for _, other := range others {
		if other.Before(first) {
			first = other
		}
	}
	return first
}
