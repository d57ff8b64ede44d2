package cloudrecords

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/caso-project/caso/plugins/internal/openstack"
	"github.com/caso-project/caso/plugins/internal/openstack/api"
	"github.com/caso-project/caso/plugins/internal/openstack/servers"
	"github.com/caso-project/caso/sdk"
)

// regionList is nova's list of a project's servers in one region.
type regionList struct {
	region     string
	client     *servers.Client
	servers    []servers.Server
	unreadable []servers.Unreadable
}

// server is a server that existed before the window's end.
type server struct {
	servers.Server
	region string
	// life is what accounting derives the figures from.
	life lifecycle
}

// listServers reads the servers of all regions.
func (c *Collector) listServers(
	ctx context.Context, scope openstack.Scope, out sdk.Output,
) ([]regionList, error) {
	var lists []regionList
	before := 0
	for _, region := range scope.Regions {
		client, err := servers.NewClient(ctx, scope.Session.Service("compute", region), &c.versions)
		if err != nil {
			return nil, err
		}
		found, unreadable, err := client.List(ctx, scope.Project.GetId(), scope.Window.From, scope.Window.To,
			func(done int) { out.Progress("servers", int64(before+done)) })
		if err != nil {
			return nil, err
		}
		before += len(found)
		lists = append(lists, regionList{region: region, client: client, servers: found, unreadable: unreadable})
	}
	return lists, nil
}

// addLifecycles returns the servers that were created before a time, by creation time and ID.
// Where a server's end depends on it, it reads the instance actions; where they cannot be read,
// the end is approximate, with a warning.
func addLifecycles(
	ctx context.Context, lists []regionList, to time.Time, out sdk.Output,
) (found []server, warnings []error, err error) {
	read := int64(0)
	seen := map[string]bool{}
	for _, list := range lists {
		for _, listed := range list.servers {
			// Two regions with one endpoint list the same servers.
			if !listed.Created.Before(to) || seen[listed.ID] {
				continue
			}
			seen[listed.ID] = true
			s := server{Server: listed, region: list.region, life: lifecycle{
				status: listed.Status, created: listed.Created, updated: listed.Updated,
				launched: listed.Launched, terminated: listed.Terminated}}
			if s.life.needsDeleteStart() {
				var warning error
				s.life.deleteStarted, warning, err = readDeleteStart(ctx, list.client, listed)
				if err != nil {
					return nil, warnings, err
				}
				if warning != nil {
					warnings = append(warnings, warning)
				}
				read++
				out.Progress("ends of servers", read)
			}
			found = append(found, s)
		}
	}
	slices.SortFunc(found, func(a, b server) int {
		return cmp.Or(a.life.created.Compare(b.life.created), strings.Compare(a.ID, b.ID))
	})
	return found, warnings, nil
}

// readDeleteStart returns when the deletion of a server began, zero where that is not known.
func readDeleteStart(
	ctx context.Context, client *servers.Client, s servers.Server,
) (start time.Time, warning, err error) {
	start, err = client.DeleteStart(ctx, s.ID)
	switch status := api.Status(err); {
	case err == nil:
		return start, nil, nil
	case status == 0:
		return time.Time{}, nil, err
	case status == http.StatusNotFound:
		return time.Time{}, nil, nil
	}
	return time.Time{}, sdk.Warnf("server %s (%s): its end is taken from its last change, because "+
		"its instance actions cannot be read: %s", s.Name, s.ID, err).WithResource(s.ID), nil
}
