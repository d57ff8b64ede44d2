// Command caso-extractor-inventory reports the servers that a file lists. It is the other example of
// docs/plugin-authors.md.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	sdk "github.com/caso-project/caso/internal/oldsdk"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

func main() { sdk.ServeExtractor(&inventory{}) }

// server is one entry of the file. Times are as in 2026-03-05T10:00:00Z.
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

// Describe declares the option `path` of the section [inventory].
func (i *inventory) Describe() sdk.Description {
	return sdk.Description{
		Name:        "inventory",
		Version:     "1.0.0",
		RecordTypes: []pluginv1.RecordType{pluginv1.RecordType_RECORD_TYPE_CLOUD},
		Options: []*pluginv1.Option{{
			Section: "inventory", Name: "path", Type: pluginv1.OptionType_OPTION_TYPE_STRING, Required: true,
			Help: "The file that lists the servers, as a JSON array.",
		}},
	}
}

// Configure takes the settings.
func (i *inventory) Configure(_ context.Context, config sdk.Config) []*pluginv1.Diagnostic {
	i.path = config.String("inventory", "path")
	if !filepath.IsAbs(i.path) {
		return []*pluginv1.Diagnostic{sdk.OptionErrorf("inventory", "path", "path must be an absolute path")}
	}
	return nil
}

// ListProjects finds projects in the file: those asked for, and all of them when marked ones are wanted.
func (i *inventory) ListProjects(_ context.Context, request *pluginv1.ListProjectsRequest) (*pluginv1.ListProjectsResponse, error) {
	servers, err := i.read()
	if err != nil {
		return nil, err
	}
	var known []string
	for _, server := range servers {
		known = append(known, server.Project)
	}
	response, wanted := &pluginv1.ListProjectsResponse{}, slices.Clone(request.GetProjects())
	if request.GetIncludeMarked() {
		wanted = append(wanted, known...)
	}
	slices.Sort(wanted)
	for _, project := range slices.Compact(wanted) {
		if !slices.Contains(known, project) {
			diagnostic := sdk.Errorf("project %s is not in %s", project, i.path)
			diagnostic.Project = project
			response.Diagnostics = append(response.Diagnostics, diagnostic)
			continue
		}
		response.Projects = append(response.Projects, &pluginv1.Project{Id: project, Name: project})
	}
	return response, nil
}

// Extract emits what each server of the project had used as of each moment that the window must report.
func (i *inventory) Extract(_ context.Context, request *pluginv1.ExtractRequest, emit func(*pluginv1.Record) error) (*pluginv1.Complete, error) {
	servers, err := i.read()
	if err != nil {
		return nil, err
	}
	project, from, to := request.GetProject().GetId(), request.GetWindow().GetFrom().AsTime(), request.GetWindow().GetTo().AsTime()
	servers = slices.DeleteFunc(servers, func(s server) bool { return s.Project != project })
	if len(servers) == 0 {
		return nil, fmt.Errorf("project %s is not in %s", project, i.path)
	}
	for _, server := range servers {
		if !server.Created.Before(to) || server.Deleted != nil && server.Deleted.Before(from) {
			continue
		}
		for _, moment := range moments(from, to) {
			if server.Created.After(moment) {
				continue
			}
			record := server.asOf(moment, to)
			if err := emit(record); err != nil {
				return nil, err
			}
			if record.GetCloud().GetEndTime() != nil {
				break
			}
		}
	}
	return &pluginv1.Complete{}, nil
}

func (i *inventory) read() ([]server, error) {
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

// moments are the last second of every month that ends within the window, and the window's end; or the second before,
// where that is the first of a month: APEL files a record under the month of its moment.
func moments(from, to time.Time) []time.Time {
	var all []time.Time
	next := func(t time.Time) time.Time { return time.Date(t.Year(), t.Month()+1, 1, 0, 0, 0, 0, time.UTC) }
	for first := next(from); !first.After(to); first = next(first) {
		all = append(all, first.Add(-time.Second))
	}
	if len(all) > 0 && !all[len(all)-1].Before(to.Add(-time.Second)) {
		return all
	}
	return append(all, to)
}

// asOf is the server's record as of a moment. A server deleted at the window's end or later had not ended yet.
func (s server) asOf(moment, to time.Time) *pluginv1.Record {
	cloud := &pluginv1.CloudRecord{
		VmUuid:           s.ID,
		MachineName:      s.Name,
		Status:           pluginv1.CloudStatus_CLOUD_STATUS_STARTED,
		StartTime:        timestamppb.New(s.Created),
		RecordCreateTime: timestamppb.New(moment),
		CpuCount:         proto.Float64(float64(s.CPUs)),
	}
	until := moment
	if s.Deleted != nil && s.Deleted.Before(to) && !s.Deleted.After(moment) {
		until = *s.Deleted
		cloud.Status = pluginv1.CloudStatus_CLOUD_STATUS_COMPLETED
		cloud.EndTime = timestamppb.New(until)
	}
	wall := until.Sub(s.Created)
	cloud.WallDuration = durationpb.New(wall)
	cloud.CpuDuration = durationpb.New(wall * time.Duration(s.CPUs))
	return &pluginv1.Record{CloudType: "Inventory", ProjectId: s.Project, Kind: &pluginv1.Record_Cloud{Cloud: cloud}}
}
