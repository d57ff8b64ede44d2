package sdk

import (
	"context"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// ProjectUpdater is implemented by extractors whose cloud can store the VO of a project, and that
// it is to be reported.
type ProjectUpdater interface {
	// UpdateProjects stores the updates in the cloud, in order. With dryRun it changes nothing and
	// returns the commands, for a shell, that would. A project that cannot be changed is an error
	// with that project (WithProject), joined to the others; it does not stop the rest.
	UpdateProjects(ctx context.Context, updates []*pluginv1.ProjectUpdate, dryRun bool) (commands []string, err error)
}

// UpdateProjects calls the extractor if it is a ProjectUpdater.
func (s *extractorServer) UpdateProjects(
	ctx context.Context, request *pluginv1.UpdateProjectsRequest,
) (*pluginv1.UpdateProjectsResponse, error) {
	updater, ok := s.extractor.(ProjectUpdater)
	if !ok {
		return s.UnimplementedExtractorServer.UpdateProjects(ctx, request)
	}
	response := &pluginv1.UpdateProjectsResponse{}
	err := callPlugin(ctx, "updating projects", func() (err error) {
		response.Commands, err = updater.UpdateProjects(ctx, request.GetUpdates(), request.GetDryRun())
		return err
	})
	response.Diagnostics = encodeDiagnostics(Diagnostics(err))
	return response, nil
}
