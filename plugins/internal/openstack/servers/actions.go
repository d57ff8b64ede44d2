package servers

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/caso-project/caso/plugins/internal/openstack/api"
)

// Action is an entry of a server's os-instance-actions.
type Action struct {
	// Name is the name of the action, such as `confirmResize`.
	Name string
	// Start is the time of the request.
	Start time.Time
	// Finish is the last change of the entry (updated_at, from microversion 2.58), which is the end
	// of an action that is over: nova leaves finish_time null. Without it, it is Start.
	Finish time.Time
	// Failed is set where the action ended with an error.
	Failed bool
}

// maxActions limits the instance actions of a server. nova keeps them for ever.
const maxActions = 100_000

// isKnownAction reports whether an action has an effect on figures.
func isKnownAction(name string) bool {
	switch name {
	case "delete", "softDelete", "forceDelete", "restore", "migrate", "resize", "confirmResize", "revertResize",
		"suspend", "shelve", "resume", "unshelve", "reboot", "start", "rebuild", "resetState":
		return true
	}
	return false
}

// Actions reads the instance actions of a server, oldest first. They are also those of a deleted
// server, from microversion 2.21.
func (c *Client) Actions(ctx context.Context, id string) ([]Action, error) {
	var actions []Action
	service := *c.service
	service.Microversion = c.version.String()
	address := c.url("servers/" + escapePath(id) + "/os-instance-actions")
	err := api.EachItem(ctx, &service, address, "instanceActions", func(raw json.RawMessage) error {
		var entry struct {
			Action  string `json:"action"`
			Start   string `json:"start_time"`
			Updated string `json:"updated_at"`
			Message string `json:"message"`
		}
		if err := json.Unmarshal(raw, &entry); err != nil {
			return err
		}
		start, err := parseTime(entry.Start)
		if err != nil || !isKnownAction(entry.Action) {
			return nil //nolint:nilerr // an entry without a time has no effect
		}
		finish, err := parseTime(entry.Updated)
		if err != nil || finish.Before(start) {
			finish = start
		}
		if len(actions) == maxActions {
			return fmt.Errorf("%s: the server has more than %d instance actions", address, maxActions)
		}
		actions = append(actions, Action{Name: entry.Action, Start: start, Finish: finish,
			Failed: entry.Message != ""})
		return nil
	})
	if err != nil {
		return nil, err
	}
	// nova lists the newest first; those of the same second stay in that order, reversed.
	slices.Reverse(actions)
	slices.SortStableFunc(actions, func(a, b Action) int { return a.Start.Compare(b.Start) })
	return actions, nil
}

// DeleteStart returns when the deletion of a server began: the start of the first delete action
// that did not fail since the server was last restored. It is zero where there is none.
func DeleteStart(actions []Action) time.Time {
	var deleted time.Time
	for _, action := range actions {
		switch action.Name {
		case "restore":
			deleted = time.Time{}
		case "delete", "softDelete", "forceDelete":
			if deleted.IsZero() && !action.Failed {
				deleted = action.Start
			}
		}
	}
	return deleted
}

// ResizeMoment returns when a server got its present size, after a time: the start of the last
// confirmResize of a resize, else of the last revertResize, else of the last resize, which is then
// one that needs no confirmation. It is zero where there is none. nova confirms cold migrations in
// the same way; they are recognised by the action `migrate` before.
func ResizeMoment(actions []Action, after time.Time) time.Time {
	var confirmed, reverted, resized time.Time
	migrating := false
	for _, action := range actions {
		if action.Failed {
			continue
		}
		later := action.Start.After(after)
		switch action.Name {
		case "migrate":
			migrating = true
		case "resize":
			migrating = false
			if later {
				resized = action.Start
			}
		case "confirmResize":
			if later && !migrating {
				confirmed = action.Start
			}
		case "revertResize":
			if later && !migrating {
				reverted = action.Start
			}
		}
	}
	for _, moment := range []time.Time{confirmed, reverted, resized} {
		if !moment.IsZero() {
			return moment
		}
	}
	return time.Time{}
}

// IsMigrating reports whether the change that awaits its confirmation is a cold migration, which
// changes no size.
func IsMigrating(actions []Action) bool {
	migrating := false
	for _, action := range actions {
		if action.Failed {
			continue
		}
		switch action.Name {
		case "migrate":
			migrating = true
		case "resize", "confirmResize", "revertResize":
			migrating = false
		}
	}
	return migrating
}

// HasResize reports whether a resize was ever confirmed.
func HasResize(actions []Action) bool {
	return slices.ContainsFunc(actions, func(a Action) bool { return a.Name == "confirmResize" && !a.Failed })
}

// Interval is a half-open time range. A zero To has not come yet.
type Interval struct{ From, To time.Time }

// SleepIntervals returns when a server was suspended, shelved or shelved and offloaded: from the
// finish of the action that began it to the finish of the one that ended it. Asleep is whether its
// status is one of these now; an action that is not over yet has no effect on the status.
func SleepIntervals(actions []Action, asleep bool) []Interval {
	var intervals []Interval
	for _, action := range actions {
		if action.Failed {
			continue
		}
		open := len(intervals) > 0 && intervals[len(intervals)-1].To.IsZero()
		switch action.Name {
		case "suspend", "shelve":
			if !open {
				intervals = append(intervals, Interval{From: action.Finish})
			}
		case "resume", "unshelve", "reboot", "start", "rebuild", "resetState", "restore":
			// reboot, start and resetState end the state, too; the others cannot come in it.
			if open {
				intervals[len(intervals)-1].To = action.Finish
			}
		}
	}
	if len(intervals) == 0 {
		return nil
	}
	last := &intervals[len(intervals)-1]
	switch {
	case asleep && !last.To.IsZero():
		// The action that ends it is under way.
		last.To = time.Time{}
	case !asleep && last.To.IsZero():
		// The action that begins it is under way.
		return intervals[:len(intervals)-1]
	}
	return intervals
}
