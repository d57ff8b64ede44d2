package cloudrecords

import (
	"time"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
)

// The APEL server keeps the last record of each VM and month, and bills a month as the cumulative
// figures of that record less those of the month before. The rules of this file follow from that.

// lifecycle has the status and the times of a server in nova. Times are whole seconds, UTC; the
// zero time is not known.
type lifecycle struct {
	// status is nova's, in capitals.
	status string
	// created is the time of the request for the server. It never changes, unlike nova's
	// launched_at, which resize, rebuild, rescue and unshelve set again.
	created time.Time
	// updated is the time of the last change of the server.
	updated time.Time
	// launched is nova's launched_at; zero for a server that never started.
	launched time.Time
	// terminated is nova's terminated_at.
	terminated time.Time
	// deleteStarted is the time at which the deletion began (see needsDeleteStart).
	deleteStarted time.Time
}

// needsDeleteStart reports whether the end depends on the start of the deletion. nova sets no
// terminated_at where a server is deleted while its host is down, nor for a soft deletion.
func (l lifecycle) needsDeleteStart() bool {
	return l.deleted() && !l.launched.IsZero() && l.terminated.IsZero()
}

func (l lifecycle) deleted() bool { return l.status == "DELETED" || l.status == "SOFT_DELETED" }

// end returns when the server ended, and whether it has.
func (l lifecycle) end() (time.Time, bool) {
	end := time.Time{}
	switch {
	case l.launched.IsZero() && (l.deleted() || l.status == "ERROR"):
		// It never started, so it ran for no time. One that is still in BUILD may start.
		end = l.created
	case !l.terminated.IsZero():
		end = l.terminated
	case !l.deleted():
		return time.Time{}, false
	case !l.deleteStarted.IsZero():
		end = l.deleteStarted
	default:
		// The last resort: nova may set it again after the end.
		end = l.updated
	}
	if end.Before(l.created) {
		// The clocks of two hosts differ.
		end = l.created
	}
	return end, true
}

// recordStatus returns the status of a record for a status of nova, for a server that has not
// ended.
func recordStatus(nova string) pluginv1.CloudStatus {
	switch nova {
	case "ACTIVE", "BUILD", "REBUILD", "RESIZE", "VERIFY_RESIZE", "REVERT_RESIZE", "CONFIRMING_RESIZE",
		"MIGRATING", "REBOOT", "HARD_REBOOT", "PASSWORD", "RESCUE", "SAVING":
		return pluginv1.CloudStatus_CLOUD_STATUS_STARTED
	case "SHUTOFF", "STOPPED":
		return pluginv1.CloudStatus_CLOUD_STATUS_STOPPED
	case "PAUSED":
		return pluginv1.CloudStatus_CLOUD_STATUS_PAUSED
	case "SUSPENDED", "SHELVED", "SHELVED_OFFLOADED":
		return pluginv1.CloudStatus_CLOUD_STATUS_SUSPENDED
	case "ERROR":
		return pluginv1.CloudStatus_CLOUD_STATUS_ERROR
	default:
		return pluginv1.CloudStatus_CLOUD_STATUS_UNKNOWN
	}
}

// statusAsOf returns the status as of a time before the end. nova's status is that of now, which
// holds back to the last change of the server; before that, it is only known that the server
// existed.
func (l lifecycle) statusAsOf(t time.Time) pluginv1.CloudStatus {
	if _, ended := l.end(); ended || l.updated.After(t) {
		return pluginv1.CloudStatus_CLOUD_STATUS_STARTED
	}
	return recordStatus(l.status)
}

// figures are the accounting figures of a server as of a record time.
type figures struct {
	// asOf is the RecordCreateTime.
	asOf time.Time
	// status is COMPLETED if and only if end is set.
	status pluginv1.CloudStatus
	// end is zero for a server that had not ended.
	end time.Time
	// wall is the time from the creation to the end, else to asOf, in whole seconds, with sleeps.
	wall time.Duration
}

// until returns the time up to which the figures count.
func (f figures) until() time.Time {
	if f.end.IsZero() {
		return f.asOf
	}
	return f.end
}

// figuresIn returns the figures as of the record time of a month, a part of the window. It returns
// false where there is no record: the server did not exist yet, or its end is in an earlier part.
// The parts of all windows follow on each other, so that the end is in exactly one and is reported
// once.
//
// endUnreported is set for a server that was reported as not ended until the start of the part.
// Its end is then reported although it may lie before the part: an end may become known late, with
// a time that has passed.
func (l lifecycle) figuresIn(month sdk.Month, endUnreported bool) (figures, bool) {
	if !l.created.Before(month.Before) {
		return figures{}, false
	}
	end, ended := l.end()
	if !ended || !end.Before(month.Before) {
		return figures{asOf: month.AsOf, status: l.statusAsOf(month.AsOf), wall: month.AsOf.Sub(l.created)}, true
	}
	if end.Before(month.From) && !endUnreported {
		return figures{}, false
	}
	return figures{
		asOf:   month.AsOf,
		status: pluginv1.CloudStatus_CLOUD_STATUS_COMPLETED,
		end:    end,
		wall:   end.Sub(l.created),
	}, true
}
