// Package openstack is the frame of the extractors for OpenStack. It implements everything that
// they share: the options to sign in, sessions, the list of projects, regions, warnings once per
// run, and remedies in errors. An extractor is a Collector, which reads one service and emits
// records:
//
//	func main() { sdk.ServeExtractor(openstack.New("volumev3", &volumes{})) }
package openstack

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/caso-project/caso/internal/version"
	"github.com/caso-project/caso/plugins/internal/openstack/auth"
	"github.com/caso-project/caso/plugins/internal/openstack/projects"
	"github.com/caso-project/caso/plugins/internal/openstack/transport"
	"github.com/caso-project/caso/plugins/internal/openstack/users"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
)

// Collector reads the records of one service. Its methods are called as those of an sdk.Extractor.
type Collector interface {
	// Describe returns the name, the record types and the collector's own options. The frame adds
	// the version and the shared options.
	Describe() sdk.Description
	// Configure reads the collector's own options. It opens no connection.
	Configure(ctx context.Context, config sdk.Config) error
	// Collect emits every record of a project and window and returns the next state. It is called
	// for several projects at once. The frame adds the project to the errors, and a remedy to
	// those of package auth and package api.
	Collect(ctx context.Context, scope Scope, out sdk.Output) (nextState []byte, err error)
}

// Scope is what Collect works on.
type Scope struct {
	// ExtractRequest has the project, the window, the state and the wanted record types.
	sdk.ExtractRequest
	// Region is the one to report.
	Region string
	// Projects are the IDs of all projects that this run reports; none where they are not known.
	Projects []string
	// Users has the names of users, for all projects of the run.
	Users *users.Directory
	// Notices has the warnings that were given in this run.
	Notices *Notices

	openSession func(context.Context) (*auth.Session, error)
}

// Session returns the session of the project. The first call signs in. The catalog has the
// collector's service in the region.
func (s Scope) Session(ctx context.Context) (*auth.Session, error) { return s.openSession(ctx) }

// Extractor is the extractor that a Collector and the frame make up. It is safe for concurrent use
// once it is configured.
type Extractor struct {
	// Wait pauses between two attempts of a request; nil: by the clock. Tests replace it.
	Wait func(context.Context, time.Duration) error

	service   string
	collector Collector

	tag, voProperty string
	cloud           *auth.Cloud
	clock           *transport.Clock
	users           *users.Directory
	notices         *Notices
	listed          atomic.Pointer[[]string] // IDs of projects
}

// New returns the extractor of a collector. Service is the type of the collector's service in the
// catalog, such as `compute`.
func New(service string, collector Collector) *Extractor {
	return &Extractor{service: service, collector: collector}
}

// Describe returns the description of the collector with the shared options.
func (e *Extractor) Describe() sdk.Description {
	description := e.collector.Describe()
	description.Version = version.String()
	description.Options = append(sharedOptions(), description.Options...)
	return description
}

// sharedOptions returns the options of every extractor for OpenStack.
func sharedOptions() []sdk.Option {
	return append(auth.Options(),
		sdk.StringOption("DEFAULT", "caso_tag", "Projects with this tag in keystone are reported, besides those in [DEFAULT] projects.").
			Default("caso"),
		sdk.StringOption("DEFAULT", "vo_property", "The property of a project in keystone that holds its VO. Where a project lacks it, the mapping file is read, and then the properties accounting:VO, accounting_VO and VO. Not set: these three properties in this order, and then the mapping file."),
		sdk.IntOption("DEFAULT", "max_clock_skew", "Largest accepted difference in seconds between the clock of this machine and those of the cloud's services, by the Date headers of their answers. Where it is larger, nothing is extracted from the cloud. 0: any.").
			Default("60").Min(0),
	)
}

// Configure reads the options. It opens no connection.
func (e *Extractor) Configure(ctx context.Context, config sdk.Config) error {
	settings, err := auth.ReadSettings(config)
	if err != nil {
		return errors.Join(err, settings.InsecureWarning())
	}
	settings.Transport.Wait = e.Wait
	settings.Transport.Clock = &transport.Clock{Max: time.Duration(config.Int("DEFAULT", "max_clock_skew")) * time.Second}
	e.clock = settings.Transport.Clock
	if e.cloud, err = auth.NewCloud(settings, "caso/"+version.String()); err != nil {
		return err
	}
	e.tag = config.String("DEFAULT", "caso_tag")
	e.voProperty = config.String("DEFAULT", "vo_property")
	e.users = users.NewDirectory(e.cloud)
	e.notices = &Notices{}
	return errors.Join(settings.InsecureWarning(), e.collector.Configure(ctx, config))
}

// Check signs in and reads the project list and the service catalog. It changes nothing.
func (e *Extractor) Check(ctx context.Context) error {
	own, err := projects.ListOwn(ctx, e.cloud)
	if err != nil {
		return e.explain("", err)
	}
	if len(own) == 0 {
		return sdk.Warnf("the user has a role on no project: there is nothing to report").
			WithDetail(e.grantCommand("PROJECT"))
	}
	session, err := e.cloud.ProjectSession(ctx, own[0].ID)
	if err != nil {
		return e.explain(own[0].ID, err)
	}
	regions, err := e.reportedRegions(session)
	errs := []error{err, e.compareClocks(ctx, session, regions)}
	for _, region := range regions {
		_, err := e.findRegion(session, region)
		errs = append(errs, err)
	}
	return e.explain("", errors.Join(errs...))
}

// ListProjects resolves the projects to report, each once for every region to report.
func (e *Extractor) ListProjects(
	ctx context.Context, request sdk.ListProjectsRequest,
) ([]*pluginv1.Project, error) {
	wanted := projects.Wanted{Named: request.Projects, VOProperty: e.voProperty}
	if request.IncludeMarked {
		wanted.Tag = e.tag
	}
	found, skipped, err := projects.Find(ctx, e.cloud, wanted)
	if err != nil {
		return nil, e.explain("", err)
	}
	regions, err := e.listRegions(ctx, found)
	if len(regions) == 0 {
		return nil, e.explain("", errors.Join(err, skipped, e.clock.Err()))
	}
	var list []*pluginv1.Project
	var ids []string
	for _, project := range found {
		ids = append(ids, project.ID)
		for _, region := range regions {
			list = append(list, &pluginv1.Project{
				Id: project.ID, Name: project.Name, DomainName: project.DomainName, Region: region,
				Vo: project.VO, FallbackVo: project.FallbackVO,
				VoRemedy: "openstack project set --property " + e.voPropertyOrDefault() + "=VO " + project.ID})
		}
	}
	e.listed.Store(&ids)
	return list, errors.Join(err, skipped)
}

// Extract has the collector emit the records of a project and region.
func (e *Extractor) Extract(
	ctx context.Context, request sdk.ExtractRequest, out sdk.Output,
) ([]byte, error) {
	project := request.Project.GetId()
	if err := e.clock.Err(); err != nil {
		return nil, e.explain(project, err)
	}
	scope := Scope{ExtractRequest: request, Region: request.Project.GetRegion(), Users: e.users,
		Notices: e.notices}
	if listed := e.listed.Load(); listed != nil {
		scope.Projects = *listed
	}
	scope.openSession = func(ctx context.Context) (*auth.Session, error) {
		session, err := e.cloud.ProjectSession(ctx, project)
		if err != nil {
			return nil, err
		}
		_, err = e.findRegion(session, request.Project.GetRegion())
		return session, err
	}
	if scope.Region == "" {
		session, err := scope.Session(ctx)
		if err != nil {
			return nil, e.explain(project, err)
		}
		scope.Region, _ = e.findRegion(session, "")
	}
	state, err := e.collector.Collect(ctx, scope, out)
	// Collectors replace what services of less importance do not answer.
	return state, e.explain(project, errors.Join(err, e.clock.Err()))
}
