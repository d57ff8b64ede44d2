// Command caso-extractor-inventory reports the servers that a file lists. It is an example of
// docs/plugin-authors.md.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
)

func main() { sdk.ServeExtractor(&inventory{}) }

// server is one entry of the file. Times are written like 2026-03-05T10:00:00Z.
type server struct {
	Project string     `json:"project"`
	ID      string     `json:"id"`
	Name    string     `json:"name"`
	CPUs    int64      `json:"cpus"`
	Created time.Time  `json:"created"`
	Deleted *time.Time `json:"deleted"`
}

// inventory is the extractor.
type inventory struct {
	path string
}

// Describe declares the option `path` in the section [inventory] of the configuration.
func (i *inventory) Describe() sdk.Description {
	return sdk.Description{
		Name:        "inventory",
		Version:     "1.0.0",
		RecordTypes: sdk.Emits(sdk.Cloud),
		Options: []sdk.Option{
			sdk.StringOption("inventory", "path", "The file that lists the servers, as a JSON array.").Required(),
		},
	}
}

// Configure validates the settings.
func (i *inventory) Configure(_ context.Context, config sdk.Config) error {
	i.path = config.String("inventory", "path")
	if !filepath.IsAbs(i.path) {
		return sdk.OptionErrorf("inventory", "path", "must be an absolute path")
	}
	return nil
}

// ListProjects finds the requested projects in the file, and all of them if marked ones are wanted.
func (i *inventory) ListProjects(_ context.Context, request sdk.ListProjectsRequest) ([]*pluginv1.Project, error) {
	servers, err := i.readServers()
	if err != nil {
		return nil, err
	}
	var known []string
	for _, server := range servers {
		known = append(known, server.Project)
	}
	wanted := slices.Clone(request.Projects)
	if request.IncludeMarked {
		wanted = append(wanted, known...)
	}
	slices.Sort(wanted)
	var (
		projects []*pluginv1.Project
		unknown  []error
	)
	for _, project := range slices.Compact(wanted) {
		if slices.Contains(known, project) {
			projects = append(projects, &pluginv1.Project{Id: project, Name: project})
		} else {
			unknown = append(unknown, sdk.Errorf("project %s is not in %s", project, i.path).WithProject(project))
		}
	}
	return projects, errors.Join(unknown...)
}

// Extract emits, for every server of the project, one record per month that the window touches.
func (i *inventory) Extract(_ context.Context, request sdk.ExtractRequest, out sdk.Output) ([]byte, error) {
	servers, err := i.readServers()
	if err != nil {
		return nil, err
	}
	project := request.Project.GetId()
	servers = slices.DeleteFunc(servers, func(s server) bool { return s.Project != project })
	if len(servers) == 0 {
		return nil, fmt.Errorf("project %s is not in %s", project, i.path)
	}
	for _, server := range servers {
		if server.Deleted != nil && server.Deleted.Before(request.Window.From) {
			continue // reported in an earlier window
		}
		for _, month := range sdk.Months(request.Window) {
			if !server.Created.Before(month.Before) {
				continue // created later
			}
			record := server.recordOf(month)
			if err := out.Emit(record); err != nil {
				return nil, err
			}
			if record.GetCloud().GetEndTime() != nil {
				break
			}
		}
	}
	return nil, nil
}

func (i *inventory) readServers() ([]server, error) {
	text, err := os.ReadFile(i.path)
	if err != nil {
		return nil, err
	}
	var servers []server
	if err := json.Unmarshal(text, &servers); err != nil {
		return nil, fmt.Errorf("reading %s: %w", i.path, err)
	}
	return servers, nil
}

// recordOf returns the server's record of a month. Figures are cumulative: since the server's
// creation. A server that was deleted after the month had not ended yet.
func (s server) recordOf(month sdk.Month) *pluginv1.Record {
	cloud := &pluginv1.CloudRecord{
		VmUuid:           s.ID,
		MachineName:      s.Name,
		Status:           pluginv1.CloudStatus_CLOUD_STATUS_STARTED,
		StartTime:        timestamppb.New(s.Created),
		RecordCreateTime: timestamppb.New(month.AsOf),
		CpuCount:         proto.Float64(float64(s.CPUs)),
	}
	until := month.AsOf
	if s.Deleted != nil && s.Deleted.Before(month.Before) {
		until = *s.Deleted
		cloud.Status = pluginv1.CloudStatus_CLOUD_STATUS_COMPLETED
		cloud.EndTime = timestamppb.New(until)
	}
	wall := until.Sub(s.Created)
	cloud.WallDuration = durationpb.New(wall)
	cloud.CpuDuration = durationpb.New(wall * time.Duration(s.CPUs))
	return &pluginv1.Record{CloudType: "Inventory", ProjectId: s.Project, Kind: &pluginv1.Record_Cloud{Cloud: cloud}}
}
