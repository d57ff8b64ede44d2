package cloudrecords

import (
	"context"
	"fmt"

	"github.com/caso-project/caso/plugins/internal/openstack/projects"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// ListProjects resolves the projects to report on.
func (e *Extractor) ListProjects(ctx context.Context, request *pluginv1.ListProjectsRequest) (*pluginv1.ListProjectsResponse, error) {
	wanted := projects.Wanted{Named: request.GetProjects(), VOProperty: e.settings.voProperty}
	if request.GetIncludeMarked() {
		wanted.Tag = e.settings.tag
	}
	found, diagnostics, err := projects.List(ctx, e.cloud, wanted)
	if err != nil {
		return nil, e.failed("listing projects", "", err)
	}
	response := &pluginv1.ListProjectsResponse{Diagnostics: diagnostics}
	for _, project := range found {
		response.Projects = append(response.Projects, &pluginv1.Project{
			Id: project.ID, Name: project.Name, DomainName: project.DomainName, Vo: project.VO,
			VoRemedy: fmt.Sprintf("openstack project set --property %s=VO %s", e.settings.voProperty, project.ID)})
	}
	return response, nil
}
