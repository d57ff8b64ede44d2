// Command plugin is the plugins of this package's tests: as caso-extractor-cloud an extractor with
// one IP record per project, as caso-messenger-file a messenger that appends a line per record to
// a file.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"google.golang.org/protobuf/types/known/timestamppb"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
)

func main() {
	switch filepath.Base(os.Args[0]) {
	case "caso-extractor-cloud":
		sdk.ServeExtractor(&cloud{})
	case "caso-messenger-file":
		sdk.ServeMessenger(&file{})
	default: // a plugin that does not start
		fmt.Fprintln(os.Stderr, "out of order")
		os.Exit(3)
	}
}

// failure fails or exits if the option fail of a section names the call.
func failure(fail, call string) error {
	switch fail {
	case call:
		return errors.New(call + " fails")
	case call + "-exit":
		fmt.Fprintln(os.Stderr, "exiting in "+call)
		os.Exit(3)
	}
	return nil
}

type cloud struct {
	fail              string
	projects, regions []string
}

func (c *cloud) Describe() sdk.Description {
	return sdk.Description{
		Name: "cloud", Version: "1.0", RecordTypes: sdk.Emits(sdk.IP),
		Options: []sdk.Option{
			sdk.StringOption("cloud", "fail", "The call that fails, or with -exit ends the process."),
			sdk.ListOption("cloud", "projects", "The projects that the cloud has."),
			sdk.ListOption("cloud", "regions", "The regions in which they are listed."),
			sdk.StringOption("cloud", "password", "A secret.").Secret(),
		},
	}
}

func (c *cloud) Configure(_ context.Context, config sdk.Config) error {
	c.fail, c.projects = config.String("cloud", "fail"), config.List("cloud", "projects")
	if c.regions = config.List("cloud", "regions"); len(c.regions) == 0 {
		c.regions = []string{""}
	}
	if err := failure(c.fail, "configure"); err != nil {
		return sdk.OptionErrorf("cloud", "fail", "%v with %s", err, config.String("cloud", "password"))
	}
	return nil
}

func (c *cloud) ListProjects(_ context.Context, request sdk.ListProjectsRequest) ([]*pluginv1.Project, error) {
	if err := failure(c.fail, "list"); err != nil {
		return nil, err
	}
	var projects []*pluginv1.Project
	var errs []error
	for _, project := range request.Projects {
		if !slices.Contains(c.projects, project) {
			errs = append(errs, sdk.Errorf("project %q not found", project).WithProject(project))
			continue
		}
		for _, region := range c.regions {
			projects = append(projects, &pluginv1.Project{Id: project, Name: project, Vo: "vo." + project, Region: region})
		}
	}
	return projects, errors.Join(errs...)
}

func (c *cloud) Extract(_ context.Context, request sdk.ExtractRequest, out sdk.Output) ([]byte, error) {
	if err := failure(c.fail, "extract"); err != nil {
		return nil, err
	}
	return nil, out.Emit(&pluginv1.Record{
		ProjectId: request.Project.GetId(), CloudType: "test",
		Kind: &pluginv1.Record_Ip{Ip: &pluginv1.IpRecord{
			MeasurementTime: timestamppb.New(request.Window.To), LocalUserId: "u", GlobalUserName: "user", IpVersion: 4, IpCount: 1,
		}},
	})
}

type file struct{ fail, path string }

func (f *file) Describe() sdk.Description {
	return sdk.Description{
		Name: "file", Version: "1.0", RecordTypes: sdk.Accepts(sdk.Cloud, sdk.IP, sdk.Accelerator, sdk.Storage),
		Options: []sdk.Option{
			sdk.StringOption("file", "path", "The file.").Required(),
			sdk.StringOption("file", "fail", "The call that fails, or with -exit ends the process."),
		},
	}
}

func (f *file) Configure(_ context.Context, config sdk.Config) error {
	f.fail, f.path = config.String("file", "fail"), config.String("file", "path")
	return failure(f.fail, "configure")
}

func (f *file) Check(context.Context) error { return failure(f.fail, "check") }

func (f *file) Deliver(_ context.Context, batch *pluginv1.Batch) error {
	if err := failure(f.fail, "deliver"); err != nil {
		return err
	}
	out, err := os.OpenFile(f.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	for _, record := range batch.GetRecords() {
		if _, err := fmt.Fprintln(out, record.GetSiteName(), record.GetProjectId()); err != nil {
			return errors.Join(err, out.Close())
		}
	}
	return out.Close()
}
