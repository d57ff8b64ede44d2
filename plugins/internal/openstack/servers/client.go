package servers

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/caso-project/caso/plugins/internal/openstack/api"
)

// Client reads servers with the token of one project in one region. It is not safe for concurrent
// use.
type Client struct {
	service *gophercloud.ServiceClient
	version minor
	flavors map[string]*Flavor // by ID
}

// apiRoot matches an endpoint up to and with its major version; some catalogs have the project's ID
// after it.
var apiRoot = regexp.MustCompile(`^(.*/v2(?:\.\d+)?/)`)

// NewClient returns a client for a compute service with the token of a project.
func NewClient(
	ctx context.Context, service *gophercloud.ServiceClient, versions *Versions,
) (*Client, error) {
	own := *service
	if !apiRoot.MatchString(own.Endpoint) {
		own.Endpoint += "v2.1/"
	}
	c := &Client{service: &own, flavors: map[string]*Flavor{}}
	var err error
	if c.version, err = versions.newest(ctx, c.service, apiRoot.FindString(own.Endpoint)); err != nil {
		return nil, err
	}
	c.service.Microversion = c.version.forList()
	return c, nil
}

func (c *Client) url(path string) string { return c.service.ServiceURL(path) }

func escapePath(segment string) string { return url.PathEscape(segment) }

// formatTime formats a time for nova's queries: UTC without a zone.
func formatTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05") }

// CheckReachable checks whether nova can look up a server that is in none of its lists. It returns
// nil where nova has the server or answers that it was deleted, ErrIncomplete where the server is
// in a cell that is down.
func (c *Client) CheckReachable(ctx context.Context, id string) error {
	raw, err := c.getServer(ctx, id)
	switch status := api.Status(err); {
	case status == http.StatusNotFound:
		return nil
	case status >= http.StatusInternalServerError:
		// Below microversion 2.69 nova answers so for a server in a cell that is down.
		return fmt.Errorf("%w: server %s: %w", ErrIncomplete, id, err)
	case err != nil:
		return err
	}
	if _, err := newParser().parse(raw); isIncomplete(err) {
		return err
	}
	return nil
}

// getServer reads a server by its ID.
func (c *Client) getServer(ctx context.Context, id string) (json.RawMessage, error) {
	var document struct {
		Server json.RawMessage `json:"server"`
	}
	err := api.Get(ctx, c.service, c.url("servers/"+escapePath(id)), &document)
	return document.Server, err
}

// instanceAction is an entry of a server's os-instance-actions.
type instanceAction struct {
	Action  string `json:"action"`
	Start   string `json:"start_time"`
	Message string `json:"message"` // set where the action failed
}

// DeleteStart returns when the deletion of a server began, by its instance actions: the start of
// the first delete action that did not fail since the server was last restored. It is zero where
// there is none.
func (c *Client) DeleteStart(ctx context.Context, id string) (time.Time, error) {
	var document struct {
		Actions []instanceAction `json:"instanceActions"`
	}
	// The actions of a deleted server are readable from microversion 2.21.
	service := *c.service
	service.Microversion = c.version.String()
	err := api.Get(ctx, &service, c.url("servers/"+escapePath(id)+"/os-instance-actions"), &document)
	if err != nil {
		return time.Time{}, err
	}
	return firstDeletion(document.Actions), nil
}

// firstDeletion returns the start of the first successful delete action after the last restore.
func firstDeletion(actions []instanceAction) time.Time {
	var deleted, restored time.Time
	for _, action := range actions {
		at, err := parseTime(action.Start)
		if err == nil && action.Action == "restore" && at.After(restored) {
			restored = at
		}
	}
	for _, action := range actions {
		at, err := parseTime(action.Start)
		if err != nil || at.Before(restored) || action.Message != "" {
			continue
		}
		switch action.Action {
		case "delete", "softDelete", "forceDelete":
			if deleted.IsZero() || at.Before(deleted) {
				deleted = at
			}
		}
	}
	return deleted
}
