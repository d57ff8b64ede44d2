package openstack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/caso-project/caso/plugins/internal/openstack/api"
	"github.com/caso-project/caso/plugins/internal/openstack/auth"
	"github.com/caso-project/caso/plugins/internal/openstack/projects"
	"github.com/caso-project/caso/sdk"
)

// listRegions returns the regions to report, none with an error. It reads the catalog of the first
// project that the user can sign in to, whose session Extract uses again, and compares the clocks.
func (e *Extractor) listRegions(ctx context.Context, found []projects.Project) ([]string, error) {
	if len(found) == 0 {
		return nil, nil
	}
	var refused error
	for _, project := range found {
		session, err := e.cloud.ProjectSession(ctx, project.ID)
		switch {
		case err == nil:
			regions, err := e.reportedRegions(session)
			if clockErr := e.compareClocks(ctx, session, regions); clockErr != nil {
				return nil, clockErr
			}
			return regions, err
		case !errors.Is(err, auth.ErrRefused) && !errors.Is(err, auth.ErrNoProject) && api.Status(err) == 0:
			return nil, err
		}
		refused = e.explain(project.ID, err)
	}
	if configured := e.cloud.Settings().Regions; len(configured) == 1 {
		// Extract has the error of each project.
		return configured, nil
	}
	return nil, refused
}

// compareTimeout limits the requests that compare clocks. A service that does not answer is an
// error where its records are read.
const compareTimeout = 10 * time.Second

// compareClocks requests the root of the collector's service in each region, so that a clock that
// differs is one error, before anything is extracted.
func (e *Extractor) compareClocks(ctx context.Context, session *auth.Session, regions []string) error {
	ctx, cancel := context.WithTimeout(ctx, compareTimeout)
	defer cancel()
	for _, region := range regions {
		service := session.Service(e.service, region)
		if service == nil {
			continue
		}
		var document json.RawMessage
		_ = api.Get(ctx, service, service.Endpoint, &document) // any answer has a Date, also an error
	}
	return e.clock.Err()
}

// reportedRegions returns the regions to report: the configured ones, else the first one in the
// catalog, as in cASO, with a warning if the catalog has more.
func (e *Extractor) reportedRegions(session *auth.Session) ([]string, error) {
	if configured := e.cloud.Settings().Regions; len(configured) > 0 {
		return e.distinctRegions(session, configured)
	}
	first, err := e.findRegion(session, "")
	if err != nil {
		return nil, err
	}
	if offered := session.Regions(e.service); len(offered) > 1 {
		return []string{first}, sdk.Warnf("the cloud has several regions, only %s is reported", first).
			WithDetail("Set [DEFAULT] region_name to the regions to report: " + strings.Join(offered, ", "))
	}
	return []string{first}, nil
}

// distinctRegions returns regions without those whose service is at the address of one before: they
// would report the same subjects again. A region that the catalog lacks is an error of Extract:
// another project may have it.
func (e *Extractor) distinctRegions(session *auth.Session, regions []string) ([]string, error) {
	var distinct []string
	var warnings []error
	addresses := map[string]string{}
	for _, region := range regions {
		if service := session.Service(e.service, region); service != nil {
			if same, ok := addresses[service.Endpoint]; ok {
				warnings = append(warnings, sdk.Warnf("regions %s and %s have one %s service, which is reported as region %s",
					same, region, e.service, same))
				continue
			}
			addresses[service.Endpoint] = region
		}
		distinct = append(distinct, region)
	}
	return distinct, errors.Join(warnings...)
}

// findRegion returns a region of the catalog; the first one where the name is empty.
func (e *Extractor) findRegion(session *auth.Session, name string) (string, error) {
	offered := session.Regions(e.service)
	switch {
	case len(offered) == 0:
		return "", fmt.Errorf("the service catalog has no %s %s service", e.cloud.Settings().EndpointType, e.service)
	case name == "":
		return offered[0], nil
	case !slices.Contains(offered, name):
		return "", fmt.Errorf("the service catalog has no %s service in region %s; it has: %s",
			e.service, name, strings.Join(offered, ", "))
	}
	return name, nil
}
