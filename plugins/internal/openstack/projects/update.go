package projects

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/caso-project/caso/plugins/internal/openstack/api"
	"github.com/caso-project/caso/plugins/internal/openstack/auth"
)

// SetProperty sets a property of a project, which is found by its ID or else by its name.
func SetProperty(ctx context.Context, cloud *auth.Cloud, spelling, property, value string) error {
	return change(ctx, cloud, spelling, func(session *auth.Session, id string) error {
		service := session.Identity()
		body := map[string]any{"project": map[string]string{property: value}}
		return api.Change(ctx, service, http.MethodPatch, service.ServiceURL("projects", url.PathEscape(id)), body)
	})
}

// AddTag adds a tag to a project, which is found by its ID or else by its name.
func AddTag(ctx context.Context, cloud *auth.Cloud, spelling, tag string) error {
	return change(ctx, cloud, spelling, func(session *auth.Session, id string) error {
		service := session.Identity()
		return api.Change(ctx, service, http.MethodPut,
			service.ServiceURL("projects", url.PathEscape(id), "tags", url.PathEscape(tag)), nil)
	})
}

// change calls do with the ID of a project and a session that may change it.
func change(
	ctx context.Context, cloud *auth.Cloud, spelling string, do func(*auth.Session, string) error,
) error {
	session, err := cloud.DirectorySession(ctx)
	if err != nil {
		return err
	}
	if session.V2 {
		return fmt.Errorf("the Identity API v2.0 has no properties and tags of projects")
	}
	f := &finder{cloud: cloud}
	if err := f.resolveDomain(ctx); err != nil {
		return err
	}
	project, known, err := f.lookUp(ctx, spelling)
	switch {
	case err != nil:
		return err
	case !known:
		return fmt.Errorf("the user may not read the projects of the cloud")
	case project.ID == "":
		return fmt.Errorf("keystone has no such project")
	}
	return do(session, project.ID)
}
