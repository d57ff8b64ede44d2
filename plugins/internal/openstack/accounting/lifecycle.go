// Package accounting holds the rules that make a server's life into accounting figures: when it began and
// ended, what it was doing at a moment, and how long it had run until then. It is pure arithmetic; reading
// servers from a cloud and writing records are left to others.
//
// The figures are made for the APEL server, which keeps the last record of each VM and month and bills a
// month as that record's cumulative figure less the one of the month before.
package accounting

import (
	"time"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Lifecycle is what a cloud knows of a server's life. Times are whole seconds, UTC; the zero time is one
// that is not known.
type Lifecycle struct {
	// Status is nova's, in capitals.
	Status string
	// Created is when the server was asked for. It never changes, unlike nova's launched_at, which resize,
	// rebuild, rescue and unshelve set anew.
	Created time.Time
	// Updated is when anything about it last changed.
	Updated time.Time
	// Launched is nova's launched_at; zero for a server that never came up.
	Launched time.Time
	// Terminated is nova's terminated_at.
	Terminated time.Time
	// DeleteStarted is when the deletion began, if it was asked for (see NeedsDeleteStart) and known.
	DeleteStarted time.Time
}

// NeedsDeleteStart says whether the end cannot be told without the start of the server's deletion. nova
// sets no terminated_at where a server is deleted while its host is away, nor for a soft deletion.
func (l Lifecycle) NeedsDeleteStart() bool {
	return l.gone() && !l.Launched.IsZero() && l.Terminated.IsZero()
}

// gone says that users no longer have the server.
func (l Lifecycle) gone() bool { return l.Status == "DELETED" || l.Status == "SOFT_DELETED" }

// End is when the server ended, and whether it has.
func (l Lifecycle) End() (time.Time, bool) {
	end := time.Time{}
	switch {
	case l.Launched.IsZero() && (l.gone() || l.Status == "ERROR"):
		// It never came up, so it ran for no time. One that is still in BUILD may come up.
		end = l.Created
	case !l.Terminated.IsZero():
		end = l.Terminated
	case !l.gone():
		return time.Time{}, false
	case !l.DeleteStarted.IsZero():
		end = l.DeleteStarted
	default:
		// The last resort: nova goes on to move it after the end.
		end = l.Updated
	}
	if end.Before(l.Created) {
		// The clocks of two hosts differ.
		end = l.Created
	}
	return end, true
}

// status is what one of nova's server states means for accounting, as long as the server has not ended. Those
// that are not here are unknown.
func status(nova string) pluginv1.CloudStatus {
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

// statusAt is what a server that had not ended was doing at a moment. The cloud tells only what it is
// doing now; that holds back to when the server last changed, and of the time before nothing is known but
// that it was there.
func (l Lifecycle) statusAt(moment time.Time) pluginv1.CloudStatus {
	if _, ended := l.End(); ended || l.Updated.After(moment) {
		return pluginv1.CloudStatus_CLOUD_STATUS_STARTED
	}
	return status(l.Status)
}
