package servers

import (
	"context"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/caso-project/caso/plugins/internal/openstack/api"
)

// usagePage is one page of a project's usage. It is an object, not a list, so that api.EachPage
// does not fit.
type usagePage struct {
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

func readUsagePage(
	ctx context.Context, service *gophercloud.ServiceClient, address string,
) (usagePage, error) {
	var page usagePage
	err := api.Get(ctx, service, address, &page)
	return page, err
}

// next returns the address of the page after the one at an address, empty after the last.
func (p usagePage) next(address string) (string, error) {
	for _, link := range p.Links {
		if link.Rel == "next" && len(p.Usage.Servers) > 0 {
			return api.FollowLink(address, link.Href)
		}
	}
	return "", nil
}
