package openstack

import (
	"fmt"
	"slices"
	"strings"

	"github.com/caso-project/caso/plugins/internal/openstack/auth"
	"github.com/caso-project/caso/sdk"
)

// regions returns the regions to report: the configured ones, else the first one in the catalog,
// as in cASO, with a warning if the catalog has more. It returns none with an error.
func (e *Extractor) regions(session *auth.Session) ([]string, error) {
	offered := session.Regions(e.service)
	configured := e.cloud.Settings().Regions
	for _, region := range configured {
		if !slices.Contains(offered, region) {
			return nil, fmt.Errorf("the service catalog has no %s service in region %s; it has: %s",
				e.service, region, strings.Join(offered, ", "))
		}
	}
	switch {
	case len(configured) > 0:
		return configured, nil
	case len(offered) == 0:
		return nil, fmt.Errorf("the service catalog has no %s %s service",
			e.cloud.Settings().EndpointType, e.service)
	case len(offered) > 1 && e.notices.FirstTime("regions"):
		return offered[:1], sdk.Warnf("the cloud has several regions, only %s is reported", offered[0]).
			WithDetail("Set [DEFAULT] region_name to the regions to report: " + strings.Join(offered, ", "))
	}
	return offered[:1], nil
}
