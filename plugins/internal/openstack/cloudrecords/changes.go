package cloudrecords

import (
	"context"
	"net/http"
	"time"

	"github.com/caso-project/caso/plugins/internal/openstack"
	"github.com/caso-project/caso/plugins/internal/openstack/api"
	"github.com/caso-project/caso/plugins/internal/openstack/servers"
	"github.com/caso-project/caso/sdk"
)

// lateLaunch is the time after the creation of a server from which on its launch may be that of a
// resize, which sets launched_at again. Servers start within minutes.
const lateLaunch = 10 * time.Minute

// changeReader adds to servers what only their instance actions have: the start of a deletion, the
// moment of a resize and suspended times. It reads the actions of servers that changed alone.
type changeReader struct {
	scope    openstack.Scope
	previous state
	// stateLost is set where there was a state, and it could not be read.
	stateLost    bool
	countsSleeps bool
	out          sdk.Output

	read     int64
	warnings []error
	// resizedUnknown are the names of servers that were resized, with unknown sizes.
	resizedUnknown []string
}

// addChanges completes the servers.
func (r *changeReader) addChanges(ctx context.Context, found []server) error {
	for i := range found {
		actions := &serverActions{reader: r, server: &found[i]}
		if err := r.addHistory(ctx, &found[i], actions); err != nil {
			return err
		}
		if err := r.addDeleteStart(ctx, &found[i], actions); err != nil {
			return err
		}
	}
	return nil
}

// addDeleteStart reads the start of a deletion where the end of the server depends on it.
func (r *changeReader) addDeleteStart(ctx context.Context, s *server, actions *serverActions) error {
	known := r.previous.servers[s.ID]
	if !s.life.needsDeleteStart() || !s.listed && known != nil && !known.open {
		return nil
	}
	list, err := actions.get(ctx, "its end is taken from its last change")
	s.life.deleteStarted = servers.DeleteStart(list)
	return err
}

// addHistory continues the history of a server with what the list shows.
func (r *changeReader) addHistory(ctx context.Context, s *server, actions *serverActions) error {
	known := r.previous.knownServer(s.ID)
	if known == nil {
		s.history = newHistory(s.Server)
		return r.addFirstSight(ctx, s, actions)
	}
	s.history = known.history
	if known.sizesLost && !r.scope.Window.From.After(s.Created) {
		// All its records are sent again, with its present size.
		s.history = history{sizes: newHistory(s.Server).sizes, sleeps: known.sleeps}
	}
	if r.scope.Republish {
		return nil
	}
	if err := r.addResize(ctx, s, actions); err != nil {
		return err
	}
	return r.addSleeps(ctx, s, known, actions)
}

// addFirstSight adds what the first list of a server shows.
func (r *changeReader) addFirstSight(ctx context.Context, s *server, actions *serverActions) error {
	if r.stateLost && s.Created.Before(r.scope.Window.From) && s.Launched.Sub(s.Created) > lateLaunch {
		list, err := actions.get(ctx, "it is taken for one that was never resized")
		if err != nil {
			return err
		}
		if servers.HasResize(list) {
			s.sizesLost = true
			r.resizedUnknown = append(r.resizedUnknown, s.Name+" ("+s.ID+")")
		}
	}
	if r.scope.Republish || !r.countsSleeps {
		return nil
	}
	if r.previous.exists() {
		return r.addSleeps(ctx, s, nil, actions)
	}
	if isAsleep(s.Status) {
		s.sleep(r.scope.Window.To, r.scope.Window.To)
	}
	return nil
}

// addResize adds a size, if the server has another than before. A resize counts from its
// confirmation on: until then it may be reverted.
func (r *changeReader) addResize(ctx context.Context, s *server, actions *serverActions) error {
	last := s.lastFlavor()
	switch {
	case !s.listed || s.Flavor == nil:
		return nil
	case last == nil:
		// nova lacked the figures until now.
		s.addSize(s.Flavor, s.Created, s.Created)
		return nil
	case last == s.Flavor || sameResources(last, s.Flavor):
		if !isResizing(s.Status) {
			s.replaceFlavor(s.Flavor)
		}
		return nil
	}
	list, err := actions.get(ctx, "the time of its resize is taken from its last change")
	if err != nil || isResizing(s.Status) && !servers.IsMigrating(list) {
		return err
	}
	moment := servers.ResizeMoment(list, s.sizes[len(s.sizes)-1].since)
	if moment.IsZero() {
		moment = s.Updated
	}
	s.addSize(s.Flavor, moment, r.previous.to)
	return nil
}

// addSleeps adds the times in which the server was suspended or shelved. They count from the window
// on in which the option is switched on.
func (r *changeReader) addSleeps(
	ctx context.Context, s *server, known *knownServer, actions *serverActions,
) error {
	reported := r.previous.to
	if !r.countsSleeps {
		if s.isAsleep() {
			s.wake(reported, reported)
		}
		return nil
	}
	asleep := isAsleep(s.Status)
	changed := s.listed && (known == nil || !known.Updated.Equal(s.Updated))
	if changed {
		list, err := actions.get(ctx, "its suspended time is taken from its last change")
		if err != nil {
			return err
		}
		if list != nil {
			s.replaceSleeps(servers.SleepIntervals(list, asleep), reported)
		}
	}
	switch {
	case asleep && !s.isAsleep():
		began := reported
		if changed {
			began = s.Updated
		}
		s.sleep(began, reported)
	case !asleep && s.isAsleep() && s.listed:
		s.wake(s.Updated, reported)
	}
	return nil
}

// isResizing reports whether a status of nova is one in which a resize is not confirmed yet.
func isResizing(status string) bool {
	return status == "RESIZE" || status == "VERIFY_RESIZE" || status == "REVERT_RESIZE"
}

// isAsleep reports whether a server with a status of nova is suspended or shelved.
func isAsleep(status string) bool {
	return status == "SUSPENDED" || status == "SHELVED" || status == "SHELVED_OFFLOADED"
}

// serverActions reads the instance actions of a server once.
type serverActions struct {
	reader *changeReader
	server *server
	done   bool
	list   []servers.Action
}

// get returns the actions; none where they cannot be read, with a warning that has the consequence.
func (a *serverActions) get(ctx context.Context, consequence string) ([]servers.Action, error) {
	if a.done {
		return a.list, nil
	}
	a.done = true
	client, err := a.server.nova.open(ctx)
	if err != nil {
		return nil, err
	}
	list, err := client.Actions(ctx, a.server.ID)
	switch status := api.Status(err); {
	case err == nil:
		a.list = list
	case status == 0:
		return nil, err
	case status != http.StatusNotFound:
		a.reader.warnings = append(a.reader.warnings, sdk.Warnf("server %s (%s): %s, "+
			"because its instance actions cannot be read: %s", a.server.Name, a.server.ID, consequence, err).
			WithResource(a.server.ID))
	}
	a.reader.read++
	a.reader.out.Progress("changes of servers", a.reader.read)
	return a.list, nil
}
