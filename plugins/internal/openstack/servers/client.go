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
	// clockAhead is the cloud's clock less the host's.
	clockAhead time.Duration
	flavors    map[string]*Flavor // by ID
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
	newest, err := versions.newest(ctx, c.service, apiRoot.FindString(own.Endpoint))
	if err != nil {
		return nil, err
	}
	c.version, c.clockAhead = newest.minor, newest.clockAhead
	c.service.Microversion = c.version.forList()
	return c, nil
}

// Now returns the time by the clock of the cloud, in whole seconds: by the Date header of nova's
// version document. Where nova has no such header (a bare uwsgi), it is the host's time.
func (c *Client) Now() time.Time {
	return time.Now().Add(c.clockAhead).UTC().Truncate(time.Second)
}

func (c *Client) url(path string) string { return c.service.ServiceURL(path) }

func escapePath(segment string) string { return url.PathEscape(segment) }

// formatTime formats a time for nova's queries: UTC without a zone.
func formatTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05") }

// Exists reports whether nova finds a server by its ID. The error is ErrIncomplete where the server
// is in a cell that nova cannot reach.
func (c *Client) Exists(ctx context.Context, id string) (bool, error) {
	raw, err := c.getServer(ctx, id)
	switch status := api.Status(err); {
	case status == http.StatusNotFound:
		return false, nil
	case status >= http.StatusInternalServerError:
		// Below microversion 2.69 nova answers so for a server in a cell that is down.
		return false, fmt.Errorf("%w: server %s: %w", ErrIncomplete, id, err)
	case err != nil:
		return false, err
	}
	if _, err := newParser().parse(raw); isIncomplete(err) {
		return false, err
	}
	return true, nil
}

// getServer reads a server by its ID.
func (c *Client) getServer(ctx context.Context, id string) (json.RawMessage, error) {
	var document struct {
		Server json.RawMessage `json:"server"`
	}
	err := api.Get(ctx, c.service, c.url("servers/"+escapePath(id)), &document)
	return document.Server, err
}
