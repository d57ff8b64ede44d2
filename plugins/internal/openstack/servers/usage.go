package servers

import (
	"context"
	"net/url"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/caso-project/caso/plugins/internal/openstack/api"
)

// usagePage reads one page of a project's usage into the servers that are waiting for figures, and gives
// the address of the next. The page is an object, not a list, so that api.Each does not fit.
func usagePage(ctx context.Context, service *gophercloud.ServiceClient, address string, missing map[string]*Server) (string, error) {
	var page struct {
		Usage struct {
			Servers []struct {
				ID       string `json:"instance_id"`
				Flavor   string `json:"flavor"`
				VCPUs    int64  `json:"vcpus"`
				MemoryMB int64  `json:"memory_mb"`
				LocalGB  int64  `json:"local_gb"`
			} `json:"server_usages"`
		} `json:"tenant_usage"`
		Links []struct {
			Rel  string `json:"rel"`
			Href string `json:"href"`
		} `json:"tenant_usage_links"`
	}
	if err := api.Get(ctx, service, address, &page); err != nil {
		return "", err
	}
	for _, usage := range page.Usage.Servers {
		if s := missing[usage.ID]; s != nil {
			s.Flavor = &Flavor{Name: usage.Flavor, VCPUs: usage.VCPUs, MemoryMB: usage.MemoryMB, DiskGB: usage.LocalGB}
		}
	}
	for _, link := range page.Links {
		if link.Rel != "next" || len(page.Usage.Servers) == 0 {
			continue
		}
		// Only the query: see api.Each.
		here, err := url.Parse(address)
		if err != nil {
			return "", err
		}
		there, err := url.Parse(link.Href)
		if err != nil {
			return "", err
		}
		here.RawQuery = there.RawQuery
		return here.String(), nil
	}
	return "", nil
}
