package run

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/caso-project/caso/core/plan"
	"github.com/caso-project/caso/core/report"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// MigrateMapping stores in the cloud which VO the mapping file gives to each project and, with
// withProjects, that the projects of the option projects are to be reported. With dryRun it changes
// nothing and returns the commands that would. It needs the extractors configured.
func (s *Session) MigrateMapping(ctx context.Context, withProjects, dryRun bool) (commands []string, result *report.Run, err error) {
	result = &report.Run{}
	requests := make([]*pluginv1.UpdateProjectsRequest, len(s.extractors))
	for n, i := range s.extractors {
		settings := s.settings.Instance(i.Instance)
		vos, err := plan.ReadVOMap(settings.String("DEFAULT", "mapping_file"))
		if err != nil {
			return nil, nil, optionError(err, settings, "mapping_file")
		}
		updates, problems := vos.Updates()
		result.Problems = append(result.Problems, problems...)
		requests[n] = &pluginv1.UpdateProjectsRequest{Updates: updates, DryRun: dryRun}
		if withProjects {
			for _, project := range settings.List("DEFAULT", "projects") {
				requests[n].Updates = append(requests[n].Updates, &pluginv1.ProjectUpdate{Project: project, Report: true})
			}
		}
	}
	s.addFailures(result, pluginv1.Kind_KIND_EXTRACTOR)
	responses := make([]*pluginv1.UpdateProjectsResponse, len(s.extractors))
	errs := make([]error, len(s.extractors))
	var calls sync.WaitGroup
	for n, i := range s.extractors {
		if i.err == nil {
			calls.Go(func() { responses[n], errs[n] = i.updateProjects(ctx, requests[n]) })
		}
	}
	calls.Wait()
	for n, i := range s.extractors {
		if errs[n] != nil {
			result.Problems = append(result.Problems, report.Errorf("%s: updating the projects: %v", i, errs[n]))
		}
		for _, d := range responses[n].GetDiagnostics() {
			problem := report.FromDiagnostic(d)
			problem.Summary = i.String() + ": " + problem.Summary
			result.Problems = append(result.Problems, problem)
		}
		for _, command := range responses[n].GetCommands() {
			// Extractors of one cloud would make the same changes.
			if !slices.Contains(commands, command) {
				commands = append(commands, command)
			}
		}
	}
	return commands, s.finish(result), nil
}

func (i *instance) updateProjects(ctx context.Context, request *pluginv1.UpdateProjectsRequest) (*pluginv1.UpdateProjectsResponse, error) {
	call, cancel := context.WithTimeout(ctx, i.Idle.Limit)
	defer cancel()
	response, err := i.plugin.Extractor().UpdateProjects(call, request)
	if status.Code(err) == codes.Unimplemented {
		return nil, fmt.Errorf("plugin %s cannot store anything in its cloud", i.Plugin)
	}
	return response, i.explainCall(ctx, err)
}
