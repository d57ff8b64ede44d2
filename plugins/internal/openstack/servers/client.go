package servers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/caso-project/caso/plugins/internal/openstack/api"
)

// Client reads servers with one project's token in one region. It is not for concurrent use.
type Client struct {
	service *gophercloud.ServiceClient
	version minor
	flavors map[string]*Flavor
}

// apiRoot is an endpoint up to and with its major version; some catalogs have the project's ID after it.
var apiRoot = regexp.MustCompile(`^(.*/v2(?:\.\d+)?/)`)

// New makes a client for a compute service with a project's token.
func New(ctx context.Context, service *gophercloud.ServiceClient, versions *Versions) (*Client, error) {
	own := *service
	if !apiRoot.MatchString(own.Endpoint) {
		own.Endpoint += "v2.1/"
	}
	c := &Client{service: &own, flavors: map[string]*Flavor{}}
	var err error
	if c.version, err = versions.of(ctx, c.service, apiRoot.FindString(own.Endpoint)); err != nil {
		return nil, err
	}
	c.service.Microversion = c.version.list()
	return c, nil
}

func (c *Client) url(path string) string { return c.service.ServiceURL(path) }

func escape(segment string) string { return url.PathEscape(segment) }

// stamp writes a time as nova's queries take it: UTC without a zone.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05") }

// Window is the interval [From, To) that servers are wanted for.
type Window struct{ From, To time.Time }

// overlap is how much earlier than the window's start the list of changed servers begins, so that clocks
// that differ, and rows that are written a little later than they are dated, cost no server.
const overlap = time.Hour

// beginning is before any OpenStack: a list of what changed since then holds everything.
func beginning() time.Time { return time.Date(2010, 1, 1, 0, 0, 0, 0, time.UTC) }

// Problem is a server that could not be read.
type Problem struct {
	// ID is empty where not even that could be read.
	ID string
	// Err is what was wrong with it.
	Err error
}

// List reads every server of the project that may have been there in the window: those that are there
// now, and those that changed since the window's start, which includes the deleted ones. In this order, so
// that a server that is deleted while we read is in one list at least; the later list has the newer news.
// ErrIncomplete where a part of the cloud is out of nova's reach.
func (c *Client) List(ctx context.Context, project string, window Window) ([]Server, []Problem, error) {
	l := &listing{client: c, project: project, parser: newParser(), index: map[string]int{}, bad: map[string]error{}}
	read := l.readWindow
	if window.From.Before(beginning()) {
		read = l.readAll
	}
	if err := read(ctx, window); err != nil {
		return nil, nil, err
	}
	// One that was read at first and not later has changed in a way that is not known.
	l.found = slices.DeleteFunc(l.found, func(s Server) bool { return l.bad[s.ID] != nil })
	if err := c.resolveFlavors(ctx, project, window, l.found); err != nil {
		return nil, nil, err
	}
	var problems []Problem
	for id, err := range l.bad {
		problems = append(problems, Problem{ID: id, Err: err})
	}
	slices.SortFunc(problems, func(a, b Problem) int { return strings.Compare(a.ID, b.ID) })
	return l.found, problems, nil
}

// Reachable says whether nova can tell of a server that is in none of its lists: nil where it knows the
// server or knows that it is gone, ErrIncomplete where the server is in a cell that is down.
func (c *Client) Reachable(ctx context.Context, id string) error {
	raw, err := c.one(ctx, id)
	switch status := api.Status(err); {
	case status == http.StatusNotFound:
		return nil
	case status >= http.StatusInternalServerError:
		// Below microversion 2.69 nova has no other words for it.
		return fmt.Errorf("%w: server %s: %w", ErrIncomplete, id, err)
	case err != nil:
		return err
	}
	if _, err := newParser().parse(raw); errors.Is(err, ErrIncomplete) {
		return err
	}
	return nil
}

// one reads a server by its ID.
func (c *Client) one(ctx context.Context, id string) (json.RawMessage, error) {
	var document struct {
		Server json.RawMessage `json:"server"`
	}
	err := api.Get(ctx, c.service, c.url("servers/"+escape(id)), &document)
	return document.Server, err
}

// DeleteStart is when the deletion of a server began, by its instance actions: the first since it was last
// restored that did not fail. It is zero where there is none.
func (c *Client) DeleteStart(ctx context.Context, id string) (time.Time, error) {
	var document struct {
		Actions []struct {
			Action  string `json:"action"`
			Start   string `json:"start_time"`
			Message string `json:"message"`
		} `json:"instanceActions"`
	}
	// Of a deleted server they can be read from microversion 2.21.
	service := *c.service
	service.Microversion = c.version.String()
	err := api.Get(ctx, &service, c.url("servers/"+escape(id)+"/os-instance-actions"), &document)
	if err != nil {
		return time.Time{}, err
	}
	var first, restored time.Time
	for _, action := range document.Actions {
		if at, err := parseTime(action.Start); err == nil && action.Action == "restore" && at.After(restored) {
			restored = at
		}
	}
	for _, action := range document.Actions {
		at, err := parseTime(action.Start)
		if err != nil || at.Before(restored) || action.Message != "" {
			continue
		}
		switch action.Action {
		case "delete", "softDelete", "forceDelete":
			if first.IsZero() || at.Before(first) {
				first = at
			}
		}
	}
	return first, nil
}
