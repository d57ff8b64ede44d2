package cloudrecords

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/caso-project/caso/plugins/internal/openstack"
	"github.com/caso-project/caso/plugins/internal/openstack/servers"
	"github.com/caso-project/caso/sdk"
)

const (
	// overlap is the time before the last list, and before the window, from which on changed
	// servers are listed, so that neither clocks that differ nor rows that are written later than
	// they are dated lose a server.
	overlap = time.Hour
	// minCountedServers is the number of known servers of a region from which on a list of changes
	// is checked against nova's count. A full list of fewer costs no more than the check.
	minCountedServers = 100
)

// serverList is nova's list of the servers of a project and region.
type serverList struct {
	nova       *novaClient
	servers    []servers.Server
	unreadable []servers.Unreadable
	// full is set for a list of all servers, otherwise it has those that changed since a time.
	full  bool
	since time.Time
	// made is the time at which the list was begun, by the cloud's clock.
	made time.Time
	// known are the servers that the list lacks and the previous state has.
	known []*knownServer
	// used is what nova counts; nil where it was not read.
	used *servers.Used
}

// listServers lists the servers that changed in the region, where that is enough, else all of them.
func (c *Collector) listServers(
	ctx context.Context, scope openstack.Scope, previous state, out sdk.Output,
) (*serverList, error) {
	list := &serverList{nova: &novaClient{scope: scope, versions: &c.versions}}
	if !c.stateNeedsFullList(scope, previous) {
		enough, err := c.listChanges(ctx, list, previous, out)
		if err != nil {
			return nil, err
		}
		if enough {
			return list, nil
		}
	}
	list.full = true
	err := list.readServers(ctx, previous, out)
	if err == nil && c.options.fullListInterval > 0 && list.count().Instances >= minCountedServers {
		err = list.readUsed(ctx)
	}
	return list, err
}

// listChanges lists the servers that changed. It returns false where that is not enough.
func (c *Collector) listChanges(
	ctx context.Context, list *serverList, previous state, out sdk.Output,
) (bool, error) {
	endTurn := func(bool) {}
	if c.options.allProjects {
		var err error
		if endTurn, err = c.allProjects.waitForTurn(ctx, list.nova.scope.Region, out); err != nil {
			return false, err
		}
		defer endTurn(false)
	}
	now, err := c.allProjects.now(ctx, list.nova)
	if err != nil || c.needsFullList(previous.lists.full, now) {
		return false, err
	}
	list.setSince(previous)
	var changes projectChanges
	shared := false
	if c.options.allProjects {
		changes, shared, err = c.allProjects.changesOf(ctx, list.nova, list.since.Add(-overlap), now, out)
		endTurn(true)
	}
	switch {
	case err != nil:
		return false, err
	case shared:
		list.made, list.servers = changes.made, changes.servers
		list.addKnown(previous)
	default:
		if err := list.readServers(ctx, previous, out); err != nil {
			return false, err
		}
	}
	contradicts, err := list.contradicts(ctx, previous)
	return !contradicts, err
}

// stateNeedsFullList reports whether a list of changes is not enough for a window, whatever the
// time is.
func (c *Collector) stateNeedsFullList(scope openstack.Scope, previous state) bool {
	return scope.Republish || !previous.lists.exist() || c.options.fullListInterval == 0 ||
		!previous.to.Equal(scope.Window.From) || len(previous.unreadable) > 0
}

// needsFullList reports whether the last full list is too old for a list of changes.
func (c *Collector) needsFullList(lastFull, now time.Time) bool {
	age := now.Sub(lastFull)
	return age < 0 || age >= c.options.fullListInterval ||
		now.Month() != lastFull.Month() || now.Year() != lastFull.Year()
}

// setSince sets the time since when changes are listed.
func (l *serverList) setSince(previous state) {
	from := l.nova.scope.Window.From
	l.since = from
	if last := previous.lists; last.exist() {
		// A change may have been missed since the last full list, for example in a cell that was
		// down.
		l.since = earliestTime(from, last.full)
		if !l.full {
			l.since = earliestTime(from, last.listed)
		}
	}
	for _, since := range previous.unreadable {
		l.since = earliestTime(l.since, since)
	}
}

// readServers reads the list and adds the servers that the previous state has.
func (l *serverList) readServers(ctx context.Context, previous state, out sdk.Output) error {
	client, err := l.nova.open(ctx)
	if err != nil {
		return err
	}
	l.made = client.Now()
	l.setSince(previous)
	scope := l.nova.scope
	l.servers, l.unreadable, err = client.List(ctx, servers.Query{
		Project: scope.Project.GetId(), From: scope.Window.From, To: scope.Window.To,
		Since: l.since.Add(-overlap), Full: l.full,
	}, func(done int) { out.Progress("servers", int64(done)) })
	if err == nil {
		l.addKnown(previous)
	}
	return err
}

// addKnown adds the servers that the list lacks and the previous state has.
func (l *serverList) addKnown(previous state) {
	l.known = nil
	listed := l.listedIDs()
	for id, known := range previous.servers {
		// No full list has a deleted server for ever, nor a soft-deleted one.
		inList := l.full && known.Status != "DELETED" && known.Status != "SOFT_DELETED"
		if !listed[id] && !inList {
			l.known = append(l.known, known)
		}
	}
}

// listedIDs returns the IDs of the servers in the list, also of unreadable ones.
func (l *serverList) listedIDs() map[string]bool {
	listed := make(map[string]bool, len(l.servers)+len(l.unreadable))
	for _, one := range l.servers {
		listed[one.ID] = true
	}
	for _, one := range l.unreadable {
		listed[one.ID] = true
	}
	return listed
}

// contradicts reports whether a list of changes does not fit what is known: a server has another
// creation time, or nova counts others.
func (l *serverList) contradicts(ctx context.Context, previous state) (bool, error) {
	for _, one := range l.servers {
		if known := previous.servers[one.ID]; known != nil && !known.Created.Equal(one.Created) {
			return true, nil
		}
	}
	last := previous.lists
	if !last.hasExcess {
		return false, nil
	}
	if err := l.readUsed(ctx); err != nil || l.used == nil {
		return false, err
	}
	return subtractUsed(*l.used, l.count()) != last.excess, nil
}

// readUsed reads what nova counts.
func (l *serverList) readUsed(ctx context.Context) error {
	l.used = nil
	client, err := l.nova.open(ctx)
	if err != nil {
		return err
	}
	if used, ok := client.Used(ctx); ok {
		l.used = &used
	}
	return nil
}

// count returns what the servers that nova has occupy.
func (l *serverList) count() servers.Used {
	var sum servers.Used
	add := func(status string, flavor *servers.Flavor) {
		if status == "DELETED" {
			return
		}
		sum.Instances++
		if flavor != nil {
			sum.Cores += flavor.VCPUs
			sum.MemoryMB += flavor.MemoryMB
		}
	}
	for _, one := range l.servers {
		add(one.Status, one.Flavor)
	}
	for _, one := range l.known {
		add(one.Status, one.Flavor)
	}
	return sum
}

func subtractUsed(a, b servers.Used) servers.Used {
	return servers.Used{Instances: a.Instances - b.Instances, Cores: a.Cores - b.Cores,
		MemoryMB: a.MemoryMB - b.MemoryMB}
}

// nextState returns the state of the lists after this one.
func (l *serverList) nextState(last listState) listState {
	last.listed = l.made
	if l.full {
		last.full = l.made
		last.hasExcess = l.used != nil
		if l.used != nil {
			last.excess = subtractUsed(*l.used, l.count())
		}
	}
	return last
}

// server is a server that existed before the window's end.
type server struct {
	servers.Server
	nova *novaClient
	// listed is set where the list of this window has the server; otherwise it is as it was known.
	listed bool
	history
	// life is what accounting derives the figures from.
	life lifecycle
}

// serversBefore returns the servers that were created before a time, by creation time and ID.
func (l *serverList) serversBefore(to time.Time) []server {
	var found []server
	add := func(one servers.Server, listed bool) {
		if !one.Created.Before(to) {
			return
		}
		found = append(found, server{Server: one, nova: l.nova, listed: listed,
			life: lifecycle{status: one.Status, created: one.Created, updated: one.Updated,
				launched: one.Launched, terminated: one.Terminated}})
	}
	for _, one := range l.servers {
		add(one, true)
	}
	for _, one := range l.known {
		add(one.Server, false)
	}
	slices.SortFunc(found, compareServers)
	return found
}

// maxMissingChecks limits the requests for servers that a full list lacks.
const maxMissingChecks = 20

// checkMissing looks up servers that were open in the last window and that a full list lacks now. A
// list without a server that nova finds by its ID is incomplete: a cell stopped answering while it
// was read, or a proxy answered in nova's place. Of many missing servers a sample is looked up.
func (l *serverList) checkMissing(ctx context.Context, previous state) (warning, err error) {
	missing := l.missingServers(previous)
	if len(missing) == 0 {
		return nil, nil
	}
	client, err := l.nova.open(ctx)
	if err != nil {
		return nil, err
	}
	step := (len(missing) + maxMissingChecks - 1) / maxMissingChecks
	var examples []string
	for i := 0; i < len(missing); i += step {
		exists, err := client.Exists(ctx, missing[i])
		if err != nil {
			return nil, err
		}
		if exists {
			return nil, fmt.Errorf("%w: its list lacks server %s (and %d more of the last window), which exists",
				servers.ErrIncomplete, missing[i], len(missing)-1)
		}
		if len(examples) < 5 {
			examples = append(examples, missing[i])
		}
	}
	return missingWarning(len(missing), examples), nil
}

// missingServers returns the IDs of the servers that were open in the last window and that a full
// list lacks.
func (l *serverList) missingServers(previous state) []string {
	if !l.full {
		return nil
	}
	found := l.listedIDs()
	for _, known := range l.known {
		found[known.ID] = true
	}
	var missing []string
	for id, known := range previous.servers {
		if known.open && !found[id] {
			missing = append(missing, id)
		}
	}
	slices.Sort(missing)
	return missing
}
