// Command caso-extractor-simulated is an extractor without a cloud: it emits as many records as its
// options ask for.
package main

import (
	"context"
	"fmt"

	"github.com/caso-project/caso/bench/records"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
)

func main() { sdk.ServeExtractor(&extractor{}) }

type extractor struct{ projects, servers int }

func (*extractor) Describe() sdk.Description {
	return sdk.Description{
		Name: "simulated", Version: "1", RecordTypes: sdk.Emits(sdk.Cloud),
		Options: []sdk.Option{
			sdk.IntOption("simulated", "project_count", "Number of projects.").Default("1"),
			sdk.IntOption("simulated", "servers", "Number of servers, and so of records, in each project.").Default("1000"),
		},
	}
}

func (e *extractor) Configure(_ context.Context, config sdk.Config) error {
	e.projects = int(config.Int("simulated", "project_count"))
	e.servers = int(config.Int("simulated", "servers"))
	return nil
}

func (e *extractor) ListProjects(context.Context, sdk.ListProjectsRequest) ([]*pluginv1.Project, error) {
	projects := make([]*pluginv1.Project, e.projects)
	for i := range projects {
		id := fmt.Sprintf("project-%04d", i)
		projects[i] = &pluginv1.Project{Id: id, Name: id, Vo: records.VO}
	}
	return projects, nil
}

func (e *extractor) Extract(_ context.Context, request sdk.ExtractRequest, out sdk.Output) ([]byte, error) {
	for i := range e.servers {
		if err := out.Emit(records.Cloud(request.Project.GetId(), i, request.Window.To)); err != nil {
			return nil, err
		}
	}
	return nil, nil
}
