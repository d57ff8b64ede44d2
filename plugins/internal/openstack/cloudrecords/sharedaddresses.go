package cloudrecords

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/caso-project/caso/plugins/internal/openstack"
	"github.com/caso-project/caso/plugins/internal/openstack/api"
	"github.com/caso-project/caso/plugins/internal/openstack/memory"
)

// sharedAddresses are the addresses of the projects of a run.
type sharedAddresses struct {
	// usable is set where neutron lists the addresses of all projects.
	usable    bool
	byProject map[string]*addressCounts
}

// addressesOf returns the addresses of a project from the list of all projects, which is read where
// nova lists all projects too. It returns false where the project has to be listed alone.
func (a *allProjects) addressesOf(
	ctx context.Context, scope openstack.Scope,
) (*addressCounts, bool, error) {
	by := a.lister(scope.Region)
	if by == nil {
		return nil, false, nil
	}
	service := by.session.VersionedService("network", scope.Region, "v2.0")
	if service == nil {
		return nil, false, nil
	}
	addresses, err := a.addresses.Get(ctx, scope.Region,
		func(ctx context.Context) (*sharedAddresses, error) {
			shared, err := readAddresses(ctx, service, by.session.Project.ID, scope.Projects)
			if err != nil && ctx.Err() == nil {
				return &sharedAddresses{}, nil
			}
			return shared, err
		})
	if err != nil || !addresses.usable {
		return nil, false, err
	}
	if counts := addresses.byProject[scope.Project.GetId()]; counts != nil {
		return counts, true, nil
	}
	return nil, false, nil
}

// readAddresses counts the addresses of projects, with a token of one of them or of another.
func readAddresses(
	ctx context.Context, service *gophercloud.ServiceClient, own string, projects []string,
) (*sharedAddresses, error) {
	shared := &sharedAddresses{byProject: make(map[string]*addressCounts, len(projects))}
	kept := memory.NewLimit("floating addresses", maxAddresses)
	var err error
	for _, project := range projects {
		shared.byProject[project] = newAddressCounts(kept)
		if project != own && !shared.usable && err == nil {
			shared.usable, err = listsAllAddresses(ctx, service, project)
		}
	}
	if err != nil || !shared.usable {
		return shared, err
	}
	return shared, eachFloatingIP(ctx, service, "", func(address floatingIP) error {
		if counts := shared.byProject[address.ProjectID]; counts != nil {
			return counts.add(address)
		}
		return nil
	})
}

// listsAllAddresses reports whether neutron lists the addresses of all projects for a token. It
// answers others with those of their own project, which looks like the list of all. Details of the
// quotas of another project are for those users alone for whom lists have all projects: both depend
// on context_is_admin (neutron/extensions/quotasv2_detail.py, neutron_lib/db/utils.py). Where the
// driver of quotas has no details, the quotas themselves are for administrators by default.
func listsAllAddresses(
	ctx context.Context, service *gophercloud.ServiceClient, otherProject string,
) (bool, error) {
	quotas := service.ServiceURL("quotas", url.PathEscape(otherProject))
	for _, address := range []string{quotas + "/details.json", quotas} {
		var document json.RawMessage
		err := api.Get(ctx, service, address, &document)
		switch api.Status(err) {
		case http.StatusNotFound:
		case http.StatusForbidden, http.StatusUnauthorized:
			return false, nil
		default:
			return err == nil, err
		}
	}
	return false, nil
}
