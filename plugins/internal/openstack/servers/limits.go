package servers

import (
	"context"

	"github.com/caso-project/caso/plugins/internal/openstack/api"
)

// Used is what the servers of a project occupy, by nova's quotas.
type Used struct{ Instances, Cores, MemoryMB int64 }

// Used reads what the project occupies. It returns false where nova does not count it (the quota
// driver `unlimited` answers -1) or refuses the request.
func (c *Client) Used(ctx context.Context) (Used, bool) {
	var document struct {
		Limits struct {
			Absolute struct {
				Instances *int64 `json:"totalInstancesUsed"`
				Cores     *int64 `json:"totalCoresUsed"`
				MemoryMB  *int64 `json:"totalRAMUsed"`
			} `json:"absolute"`
		} `json:"limits"`
	}
	if err := api.Get(ctx, c.service, c.url("limits"), &document); err != nil {
		return Used{}, false
	}
	counts := document.Limits.Absolute
	for _, count := range []*int64{counts.Instances, counts.Cores, counts.MemoryMB} {
		if count == nil || *count < 0 {
			return Used{}, false
		}
	}
	return Used{Instances: *counts.Instances, Cores: *counts.Cores, MemoryMB: *counts.MemoryMB}, true
}
