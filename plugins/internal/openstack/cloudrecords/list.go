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
	// overlap is the time before the last list, and before the window, from which on changed servers
	// are listed, so that neither clocks that differ nor rows that are written later than they are
	// dated lose a server.
	overlap = time.Hour
	// minCountedServers is the number of known servers of a region from which on a list of changes
	// is checked against nova's count. A full list of fewer costs no more than the check.
	minCountedServers = 100
)

// regionList is nova's list of a project's servers in one region.
type regionList struct {
	region     string
	client     *servers.Client
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

// listServers lists the servers of the region.
func (c *Collector) listServers(
	ctx context.Context, scope openstack.Scope, previous state, out sdk.Output,
) ([]regionList, error) {
	client, err := servers.NewClient(ctx, scope.Session.Service("compute", scope.Region), &c.versions)
	if err != nil {
		return nil, err
	}
	progress := func(done int) { out.Progress("servers", int64(done)) }
	list, err := c.listRegion(ctx, client, scope.Region, scope, previous, progress)
	if err != nil {
		return nil, err
	}
	return []regionList{list}, nil
}

// listRegion lists the servers that changed in a region, where that is enough, else all of them.
func (c *Collector) listRegion(
	ctx context.Context, client *servers.Client, region string, scope openstack.Scope, previous state,
	progress func(int),
) (regionList, error) {
	list := regionList{region: region, client: client, made: client.Now()}
	if !c.needsFullList(region, scope, previous, list.made) {
		if err := list.readServers(ctx, scope, previous, progress); err != nil {
			return list, err
		}
		if !list.contradicts(ctx, previous) {
			return list, nil
		}
		list.made = client.Now()
	}
	list.full = true
	if err := list.readServers(ctx, scope, previous, progress); err != nil {
		return list, err
	}
	if c.options.fullListInterval > 0 && list.count().Instances >= minCountedServers {
		list.readUsed(ctx)
	}
	return list, nil
}

// needsFullList reports whether a list of changes is not enough for a window.
func (c *Collector) needsFullList(
	region string, scope openstack.Scope, previous state, now time.Time,
) bool {
	last, known := previous.regions[region]
	if scope.Republish || !known || c.options.fullListInterval == 0 || !previous.to.Equal(scope.Window.From) {
		return true
	}
	for _, one := range previous.unreadable {
		if one.region == region {
			return true
		}
	}
	age := now.Sub(last.full)
	return age < 0 || age >= c.options.fullListInterval ||
		now.Month() != last.full.Month() || now.Year() != last.full.Year()
}

// readServers reads the list and adds the servers that the previous state has.
func (l *regionList) readServers(
	ctx context.Context, scope openstack.Scope, previous state, progress func(int),
) error {
	l.since = scope.Window.From
	if last, known := previous.regions[l.region]; known {
		// A change may have been missed since the last full list, for example in a cell that was down.
		l.since = earliestTime(l.since, last.full)
		if !l.full {
			l.since = earliestTime(scope.Window.From, last.listed)
		}
	}
	for _, one := range previous.unreadable {
		if one.region == l.region {
			l.since = earliestTime(l.since, one.since)
		}
	}
	var err error
	l.servers, l.unreadable, err = l.client.List(ctx, servers.Query{
		Project: scope.Project.GetId(), From: scope.Window.From, To: scope.Window.To,
		Since: l.since.Add(-overlap), Full: l.full,
	}, progress)
	if err != nil {
		return err
	}
	l.known = nil
	listed := l.listedIDs()
	for id, known := range previous.servers {
		// No full list has a deleted server for ever, nor a soft-deleted one.
		inList := l.full && known.Status != "DELETED" && known.Status != "SOFT_DELETED"
		if known.region == l.region && !listed[id] && !inList {
			l.known = append(l.known, known)
		}
	}
	return nil
}

// listedIDs returns the IDs of the servers in the list, also of unreadable ones.
func (l *regionList) listedIDs() map[string]bool {
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
func (l *regionList) contradicts(ctx context.Context, previous state) bool {
	for _, one := range l.servers {
		if known := previous.servers[one.ID]; known != nil && !known.Created.Equal(one.Created) {
			return true
		}
	}
	last := previous.regions[l.region]
	if !last.hasExcess {
		return false
	}
	l.readUsed(ctx)
	if l.used == nil {
		return false
	}
	return subtractUsed(*l.used, l.count()) != last.excess
}

// readUsed reads what nova counts.
func (l *regionList) readUsed(ctx context.Context) {
	l.used = nil
	if used, ok := l.client.Used(ctx); ok {
		l.used = &used
	}
}

// count returns what the servers that nova has occupy.
func (l *regionList) count() servers.Used {
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

// nextState returns the state of the region after the list.
func (l *regionList) nextState(last regionState) regionState {
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
	region string
	client *servers.Client
	// listed is set where a list of this window has the server; otherwise it is as it was known.
	listed bool
	history
	// life is what accounting derives the figures from.
	life lifecycle
}

// mergeLists returns the servers that were created before a time, by creation time and ID.
func mergeLists(lists []regionList, to time.Time) []server {
	var found []server
	seen := map[string]bool{}
	add := func(one servers.Server, list regionList, listed bool) {
		// Two regions with one endpoint list the same servers.
		if !one.Created.Before(to) || seen[one.ID] {
			return
		}
		seen[one.ID] = true
		found = append(found, server{Server: one, region: list.region, client: list.client, listed: listed,
			life: lifecycle{status: one.Status, created: one.Created, updated: one.Updated,
				launched: one.Launched, terminated: one.Terminated}})
	}
	for _, list := range lists {
		for _, one := range list.servers {
			add(one, list, true)
		}
	}
	for _, list := range lists {
		for _, one := range list.known {
			add(one.Server, list, false)
		}
	}
	slices.SortFunc(found, compareServers)
	return found
}

// maxMissingChecks limits the requests for servers that a full list lacks.
const maxMissingChecks = 20

// checkMissing looks up servers that were open in the last window and that full lists lack now. A
// list without a server that nova finds by its ID is incomplete: a cell stopped answering while it
// was read, or a proxy answered in nova's place. Of many missing servers a sample is looked up.
func checkMissing(
	ctx context.Context, lists []regionList, previous state,
) (warnings []error, err error) {
	for _, list := range lists {
		missing := missingServers(list, lists, previous)
		if len(missing) == 0 {
			continue
		}
		step := (len(missing) + maxMissingChecks - 1) / maxMissingChecks
		var examples []string
		for i := 0; i < len(missing); i += step {
			exists, err := list.client.Exists(ctx, missing[i])
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
		warnings = append(warnings, missingWarning(len(missing), examples))
	}
	return warnings, nil
}

// missingServers returns the IDs of the servers of a region that were open in the last window, and
// that are in no list now.
func missingServers(list regionList, lists []regionList, previous state) []string {
	if !list.full {
		return nil
	}
	found := map[string]bool{}
	for _, one := range lists {
		for id := range one.listedIDs() {
			found[id] = true
		}
	}
	for _, known := range list.known {
		found[known.ID] = true
	}
	var missing []string
	for id, known := range previous.servers {
		if known.region == list.region && known.open && !found[id] {
			missing = append(missing, id)
		}
	}
	slices.Sort(missing)
	return missing
}
