package servers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/caso-project/caso/plugins/internal/openstack/api"
)

// firstOpenStack returns a time before the first OpenStack cloud: the list of servers that changed
// since then has all servers.
func firstOpenStack() time.Time { return time.Date(2010, 1, 1, 0, 0, 0, 0, time.UTC) }

// Unreadable is a server that could not be parsed.
type Unreadable struct {
	// ID is empty where the ID is not readable either.
	ID string
	// Err is the cause.
	Err error
}

// Query selects the servers of a list.
type Query struct {
	// Project is the project of the token.
	Project string
	// From and To are the window.
	From, To time.Time
	// Since is the time since when changed servers are listed, among them deleted ones.
	Since time.Time
	// Full adds those that exist now.
	Full bool
}

// List reads the servers that exist now, if the query is full, then those that changed. In this
// order a server that is deleted meanwhile is in at least one list, and the later answer wins.
// Progress is called with the number of servers read so far. The error is ErrIncomplete where nova
// cannot reach a part of the cloud.
func (c *Client) List(
	ctx context.Context, query Query, progress func(done int),
) ([]Server, []Unreadable, error) {
	l := &lister{client: c, project: query.Project, progress: progress, parser: newParser(),
		index: map[string]int{}, unreadable: map[string]error{}}
	var err error
	switch {
	case query.Since.Before(firstOpenStack()):
		err = l.readAll(ctx)
	case query.Full:
		err = l.readFull(ctx, query.Since)
	default:
		err = l.readChanged(ctx, query.Since)
	}
	if err != nil {
		return nil, nil, err
	}
	// A server that the last list has in an unreadable form has changed in an unknown way.
	found := slices.DeleteFunc(l.found, func(s Server) bool { return l.unreadable[s.ID] != nil })
	if err := c.resolveFlavors(ctx, query.Project, query.From, query.To, found); err != nil {
		return nil, nil, err
	}
	var unreadable []Unreadable
	for id, err := range l.unreadable {
		unreadable = append(unreadable, Unreadable{ID: id, Err: err})
	}
	slices.SortFunc(unreadable, func(a, b Unreadable) int { return strings.Compare(a.ID, b.ID) })
	return found, unreadable, nil
}

// lister merges lists of servers.
type lister struct {
	client     *Client
	project    string
	progress   func(done int)
	parser     *parser
	found      []Server
	index      map[string]int // into found, by ID
	unreadable map[string]error
}

// readFull reads the servers that exist, then those that changed. The first list has no query: only
// then does nova (from microversion 2.69) list servers in cells that are down, and its own page
// limit is the largest anyway.
func (l *lister) readFull(ctx context.Context, since time.Time) error {
	if err := l.readList(ctx, "servers/detail"); err != nil {
		return err
	}
	return l.readChanged(ctx, since)
}

func (l *lister) readChanged(ctx context.Context, since time.Time) error {
	return l.readList(ctx, "servers/detail?changes-since="+formatTime(since))
}

// readAll reads all servers in one list, those that changed since 1970. It lacks servers that
// never changed, which are those in the first moment of their BUILD, and those in a cell that is
// down. For these it reads the first page of the brief list, newest first, which costs nova
// little.
func (l *lister) readAll(ctx context.Context) error {
	newest, err := l.newestIDs(ctx)
	if err != nil {
		return err
	}
	if err := l.readList(ctx, "servers/detail?changes-since=1970-01-01T00:00:00"); err != nil {
		return err
	}
	for _, id := range newest {
		if _, ok := l.index[id]; ok || l.unreadable[id] != nil {
			continue
		}
		raw, err := l.client.getServer(ctx, id)
		if api.Status(err) == http.StatusNotFound {
			continue
		}
		if err != nil {
			return err
		}
		if err := l.addServer(raw); err != nil {
			return err
		}
	}
	return nil
}

// maxNewest is the largest number of servers of the brief list that are looked up.
const maxNewest = 1000

// newestIDs returns the IDs on the first page of the brief list.
func (l *lister) newestIDs(ctx context.Context) ([]string, error) {
	var ids []string
	address := l.client.url("servers")
	err := api.EachItemOfPage(ctx, l.client.service, address, "servers", func(raw json.RawMessage) error {
		var s struct {
			ID     string `json:"id"`
			Status string `json:"status"`
		}
		if err := json.Unmarshal(raw, &s); err != nil {
			return err
		}
		// In the brief list only servers in a cell that is down have a status.
		if s.Status == "UNKNOWN" {
			return fmt.Errorf("%w: server %s is in a cell that nova cannot reach", ErrIncomplete, s.ID)
		}
		if len(ids) < maxNewest {
			ids = append(ids, s.ID)
		}
		return nil
	})
	return ids, err
}

// readList reads one list of servers page by page.
func (l *lister) readList(ctx context.Context, path string) error {
	return api.EachItem(ctx, l.client.service, l.client.url(path), "servers",
		func(raw json.RawMessage) error {
			if err := l.addServer(raw); err != nil {
				return err
			}
			l.progress(len(l.found))
			return nil
		})
}

// addServer adds a server, or replaces what an earlier list had of it.
func (l *lister) addServer(raw json.RawMessage) error {
	server, err := l.parser.parse(raw)
	if isIncomplete(err) {
		return err
	}
	if err == nil && server.ProjectID != l.project {
		err = fmt.Errorf("it belongs to project %s", server.ProjectID)
	}
	if err != nil {
		l.unreadable[server.ID] = err
		return nil //nolint:nilerr // the list goes on without this server
	}
	delete(l.unreadable, server.ID)
	if at, ok := l.index[server.ID]; ok {
		l.found[at] = server
		return nil
	}
	l.index[server.ID] = len(l.found)
	l.found = append(l.found, server)
	return nil
}

func isIncomplete(err error) bool { return errors.Is(err, ErrIncomplete) }
