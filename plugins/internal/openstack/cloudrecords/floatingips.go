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

// maxAddresses is the memory of the counts of one list, in bytes. It is enough for 100,000 servers
// with floating addresses.
const maxAddresses = 20 << 20

// floatingIP is a floating address of neutron.
type floatingIP struct {
	ProjectID string `json:"project_id"`
	PortID    string `json:"port_id"`
	Port      *struct {
		DeviceID string `json:"device_id"`
	} `json:"port_details"`
}

// addressCounts are the numbers of floating addresses of the servers of a project.
type addressCounts struct {
	// byServer has the servers with any.
	byServer map[string]int64
	// unknown is set where neutron (before Rocky) has the port of an address but not the port's
	// device.
	unknown bool
	kept    *memory.Limit
}

func newAddressCounts(kept *memory.Limit) *addressCounts {
	return &addressCounts{byServer: map[string]int64{}, kept: kept}
}

// add counts an address.
func (c *addressCounts) add(address floatingIP) error {
	switch {
	case address.PortID == "":
	case address.Port == nil:
		c.unknown = true
	case address.Port.DeviceID != "":
		if c.byServer[address.Port.DeviceID] == 0 {
			if err := c.kept.Add(address.Port.DeviceID); err != nil {
				return err
			}
		}
		c.byServer[address.Port.DeviceID]++
	}
	return nil
}

// countFloatingIPs counts the addresses of a project. The filter by project is needed: an
// administrator sees the addresses of all projects.
func countFloatingIPs(
	ctx context.Context, service *gophercloud.ServiceClient, project string,
) (*addressCounts, error) {
	counts := newAddressCounts(memory.NewLimit("floating addresses", maxAddresses))
	err := eachFloatingIP(ctx, service, "&project_id="+url.QueryEscape(project), counts.add)
	return counts, err
}

// eachFloatingIP calls a function with each address of a list.
func eachFloatingIP(
	ctx context.Context, service *gophercloud.ServiceClient, filter string, add func(floatingIP) error,
) error {
	address := service.ServiceURL("floatingips") + "?limit=1000" + filter
	return api.EachItem(ctx, service, address, "floatingips", func(raw json.RawMessage) error {
		var floating floatingIP
		// An unreadable address has no port and is not counted.
		_ = json.Unmarshal(raw, &floating)
		if err := add(floating); err != nil {
			return fmt.Errorf("%s: %w", address, err)
		}
		return nil
	})
}
