package cloudrecords

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/caso-project/caso/plugins/internal/openstack/api"
	"github.com/caso-project/caso/plugins/internal/openstack/memory"
)

// maxAddresses is the memory of the counts of a project, in bytes. It is enough for 100,000 servers
// with floating addresses.
const maxAddresses = 20 << 20

// countFloatingIPs returns the number of floating addresses of each server of a project that has
// any, from neutron. The filter by project is needed: an administrator sees the addresses of all
// projects. Known is false where neutron (before Rocky) has the port of an address but not the
// port's device.
func countFloatingIPs(
	ctx context.Context, service *gophercloud.ServiceClient, project string,
) (counts map[string]int64, known bool, err error) {
	counts, known = map[string]int64{}, true
	kept := memory.NewLimit("floating addresses", maxAddresses)
	address := service.ServiceURL("floatingips") + "?limit=1000&project_id=" + url.QueryEscape(project)
	err = api.EachItem(ctx, service, address, "floatingips", func(raw json.RawMessage) error {
		var floating struct {
			PortID string `json:"port_id"`
			Port   *struct {
				DeviceID string `json:"device_id"`
			} `json:"port_details"`
		}
		// An unreadable address has no port and is not counted.
		_ = json.Unmarshal(raw, &floating)
		switch {
		case floating.PortID == "":
		case floating.Port == nil:
			known = false
		case floating.Port.DeviceID != "":
			if counts[floating.Port.DeviceID] == 0 {
				if err := kept.Add(floating.Port.DeviceID); err != nil {
					return fmt.Errorf("%s: %w", address, err)
				}
			}
			counts[floating.Port.DeviceID]++
		}
		return nil
	})
	return counts, known, err
}
