// Package floatingips counts the floating addresses that servers have, as neutron knows them.
package floatingips

import (
	"context"
	"encoding/json"
	"net/url"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/caso-project/caso/plugins/internal/openstack/api"
)

// Count gives the number of floating addresses of each server of a project that has any. The filter by project is
// needed: a user with a role of an administrator would see those of all. Known is false where neutron
// (before Rocky) tells the port of an address but not whose port it is; nova's own view has to do there.
func Count(ctx context.Context, service *gophercloud.ServiceClient, project string) (counts map[string]int64, known bool, err error) {
	counts, known = map[string]int64{}, true
	address := service.ServiceURL("floatingips") + "?limit=1000&project_id=" + url.QueryEscape(project)
	err = api.Each(ctx, service, address, "floatingips", func(raw json.RawMessage) error {
		var floating struct {
			PortID string `json:"port_id"`
			Port   *struct {
				DeviceID string `json:"device_id"`
			} `json:"port_details"`
		}
		// One that cannot be read has no port then, and is not counted.
		_ = json.Unmarshal(raw, &floating)
		switch {
		case floating.PortID == "":
		case floating.Port == nil:
			known = false
		case floating.Port.DeviceID != "":
			counts[floating.Port.DeviceID]++
		}
		return nil
	})
	return counts, known, err
}
