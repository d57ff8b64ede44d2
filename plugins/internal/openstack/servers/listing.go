package servers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/caso-project/caso/plugins/internal/openstack/api"
)

// listing merges lists of servers.
type listing struct {
	client  *Client
	project string
	parser  *parser
	found   []Server
	index   map[string]int
	bad     map[string]error
}

// readWindow reads what is there, then what changed. The first list goes without any query: only then does
// nova (from microversion 2.69) show the servers of cells that are down, and its own limit is the largest
// there is anyway.
func (l *listing) readWindow(ctx context.Context, window Window) error {
	if err := l.read(ctx, "servers/detail"); err != nil {
		return err
	}
	return l.read(ctx, "servers/detail?changes-since="+stamp(window.From.Add(-overlap)))
}

// readAll reads all that ever was, in one list: everything that changed since the beginning of time. It
// lacks only what has never changed, servers in the first moment of their BUILD, and what is in a cell
// that is down. For these there is the first page of the short list, newest first, which costs nova little.
func (l *listing) readAll(ctx context.Context, _ Window) error {
	newest, err := l.newest(ctx)
	if err != nil {
		return err
	}
	if err := l.read(ctx, "servers/detail?changes-since=1970-01-01T00:00:00"); err != nil {
		return err
	}
	for _, id := range newest {
		if _, ok := l.index[id]; ok || l.bad[id] != nil {
			continue
		}
		raw, err := l.client.one(ctx, id)
		if api.Status(err) == http.StatusNotFound {
			continue
		}
		if err != nil {
			return err
		}
		if err := l.take(raw); err != nil {
			return err
		}
	}
	return nil
}

// newest gives the IDs on the first page of the short list.
func (l *listing) newest(ctx context.Context) ([]string, error) {
	var page struct {
		Servers []struct {
			ID     string `json:"id"`
			Status string `json:"status"`
		} `json:"servers"`
	}
	if err := api.Get(ctx, l.client.service, l.client.url("servers"), &page); err != nil {
		return nil, err
	}
	ids := make([]string, 0, len(page.Servers))
	for _, s := range page.Servers {
		// The short list has a status for no others.
		if s.Status == "UNKNOWN" {
			return nil, fmt.Errorf("%w: server %s is in a cell that nova cannot reach", ErrIncomplete, s.ID)
		}
		ids = append(ids, s.ID)
	}
	return ids, nil
}

func (l *listing) read(ctx context.Context, path string) error {
	return api.Each(ctx, l.client.service, l.client.url(path), "servers", l.take)
}

// take adds a server, or replaces what an earlier list said of it.
func (l *listing) take(raw json.RawMessage) error {
	server, err := l.parser.parse(raw)
	if errors.Is(err, ErrIncomplete) {
		return err
	}
	if err == nil && server.ProjectID != l.project {
		err = fmt.Errorf("it belongs to project %s", server.ProjectID)
	}
	l.keep(server, err)
	return nil
}

// keep remembers a server, or what is wrong with it.
func (l *listing) keep(server Server, wrong error) {
	if wrong != nil {
		l.bad[server.ID] = wrong
		return
	}
	delete(l.bad, server.ID)
	if at, ok := l.index[server.ID]; ok {
		l.found[at] = server
		return
	}
	l.index[server.ID] = len(l.found)
	l.found = append(l.found, server)
}
