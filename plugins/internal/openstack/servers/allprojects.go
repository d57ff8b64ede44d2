package servers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/caso-project/caso/plugins/internal/openstack/api"
)

// ErrForbidden is the error where nova's policy does not allow the list of all projects.
var ErrForbidden = errors.New("nova does not list the servers of all projects for this user")

// MayListAllProjects reports whether nova's answers are complete in themselves: below microversion
// 2.47 they lack figures that only a token of the server's project can read.
func (c *Client) MayListAllProjects() bool { return c.version >= embeddedFlavor }

// EachChange calls a function for each server of any project that changed since a time. A server
// that cannot be parsed has an error, and only its ID and project if these are readable. Nova lists
// all projects (`all_tenants`) for users whom the policy
// os_compute_api:servers:detail:get_all_tenants allows it, which are administrators by default; it
// answers 403 to all others and never with a part of the projects
// (nova/api/openstack/compute/servers.py, _get_servers). The error is then ErrForbidden.
func (c *Client) EachChange(
	ctx context.Context, since time.Time, server func(Server, error) error,
) error {
	parser := newParser()
	address := c.url("servers/detail?all_tenants=1&changes-since=" + formatTime(since))
	err := api.EachItem(ctx, c.service, address, "servers", func(raw json.RawMessage) error {
		one, err := parser.parse(raw)
		if isIncomplete(err) {
			return err
		}
		if one.ProjectID == "" {
			one.ProjectID = parseProjectID(raw)
		}
		return server(one, err)
	})
	if api.Status(err) == http.StatusForbidden {
		return fmt.Errorf("%w: %w", ErrForbidden, err)
	}
	return err
}

// parseProjectID returns the project of a server that cannot be parsed, empty where it is not
// readable either.
func parseProjectID(raw json.RawMessage) string {
	var document struct {
		ProjectID string `json:"tenant_id"`
	}
	_ = json.Unmarshal(raw, &document)
	return document.ProjectID
}
