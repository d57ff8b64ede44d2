package run

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/caso-project/caso/core/config"
	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/core/outbox/sqlstore"
	"github.com/caso-project/caso/core/plan"
	"github.com/caso-project/caso/core/report"
	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Project is a project that a run would report in one region.
type Project struct {
	Extractor string `json:"extractor"`
	ID        string `json:"id"`
	Name      string `json:"name"`
	Region    string `json:"region,omitempty"`
	Domain    string `json:"domain,omitempty"`
	VO        string `json:"vo,omitempty"`
	// From is its checkpoint, or the start of its first window; nil where it has neither.
	From *time.Time `json:"from,omitempty"`
}

// Projects lists the projects of every extractor, with the problems that a run would report. It
// needs the extractors configured.
func (s *Session) Projects(ctx context.Context) ([]Project, *report.Run, error) {
	input, problems, err := s.planInput()
	if err != nil {
		return nil, nil, err
	}
	store, closeOutbox, err := s.ReadOutbox()
	if err != nil {
		return nil, nil, err
	}
	defer closeOutbox()
	run := &report.Run{Problems: problems}
	s.addFailures(run, pluginv1.Kind_KIND_EXTRACTOR)
	input, planned, err := s.plan(ctx, input, store, run)
	if err != nil {
		return nil, nil, err
	}
	return plannedProjects(input, planned), s.finish(run), nil
}

// plannedProjects joins the listed projects with their planned windows.
func plannedProjects(input plan.Input, planned plan.Plan) []Project {
	projects := []Project{}
	for _, listing := range input.Listings {
		for _, listed := range listing.Projects {
			project := Project{
				Extractor: listing.Instance, ID: listed.GetId(), Name: listed.GetName(), Region: listed.GetRegion(),
				Domain: listed.GetDomainName(), VO: listing.VO(listed),
			}
			key := outbox.Key{Extractor: project.Extractor, ProjectID: project.ID, Region: project.Region}
			for _, job := range planned.Jobs {
				if job.Key() == key {
					project.From = &job.Windows[0].From
				}
			}
			if checkpoint, ok := input.Checkpoints[key]; ok {
				project.From = &checkpoint
			}
			projects = append(projects, project)
		}
	}
	return projects
}

// plan lists the projects of every extractor and plans their windows.
func (s *Session) plan(ctx context.Context, input plan.Input, store *sqlstore.Store, run *report.Run) (plan.Input, plan.Plan, error) {
	checkpoints, err := store.Checkpoints()
	if err != nil {
		return input, plan.Plan{}, OutboxError(err)
	}
	input.Checkpoints = make(map[outbox.Key]time.Time, len(checkpoints))
	for _, c := range checkpoints {
		input.Checkpoints[c.Key] = c.To
	}
	input.Listings = s.listProjects(ctx, input.Listings, run)
	run.SeveralRegions = slices.ContainsFunc(input.Listings, plan.Listing.HasSeveralRegions)
	run.Problems = append(run.Problems, s.addUnlisted(ctx, input.Listings, checkpoints)...)
	planned := plan.Make(input)
	run.Problems = append(run.Problems, planned.Problems...)
	return input, planned, nil
}

// planInput reads what a plan depends on, except for what the cloud and the outbox contribute: the
// listings have no projects yet.
func (s *Session) planInput() (plan.Input, []report.Problem, error) {
	input := plan.Input{Now: s.begun, LastRunDir: directoryFS(s.settings.Host().String("DEFAULT", "spooldir"))}
	requested, problems, err := plan.ParseRange(s.settings.Host().String("DEFAULT", "extract_from"), s.settings.Host().String("DEFAULT", "extract_to"), s.begun)
	if err != nil {
		return input, nil, optionError(err, s.settings.Host(), "extract_from", "extract_to")
	}
	input.Requested = requested
	var messengers []plan.Messenger
	for _, i := range s.messengers {
		messengers = append(messengers, i.messenger())
	}
	for _, i := range s.extractors {
		if i.err != nil {
			continue
		}
		settings := s.settings.Instance(i.Instance)
		listing := plan.Listing{Instance: i.Name, Spellings: settings.List("DEFAULT", "projects")}
		if listing.VOs, err = plan.ReadVOMap(settings.String("DEFAULT", "mapping_file")); err != nil {
			if kind := kindOf(err); kind != Configuration {
				return input, nil, &Error{Kind: kind, Err: err}
			}
			return input, nil, optionError(err, settings, "mapping_file")
		}
		var typeProblems []report.Problem
		listing.RecordTypes, typeProblems = plan.WantedTypes(i.Name, i.plugin.Description.GetRecordTypes(), messengers)
		problems = append(problems, typeProblems...)
		input.Listings = append(input.Listings, listing)
	}
	return input, problems, nil
}

// optionError returns an error of the configuration about some options, with their origins.
func optionError(err error, settings *config.View, options ...string) error {
	origins := make([]string, len(options))
	for n, option := range options {
		origins[n] = option + ": " + settings.Locate(&pluginv1.OptionRef{Section: "DEFAULT", Name: option})
	}
	text := fmt.Sprintf("%v (%s)", err, strings.Join(origins, ", "))
	return &Error{Kind: Configuration, Problems: []config.Problem{{Text: text}}}
}

// directoryFS returns a directory, or nil where there is none.
func directoryFS(dir string) fs.FS {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil
	}
	return os.DirFS(dir)
}

// listProjects asks every extractor for its projects, all at the same time, and adds them to the
// listings. The listing of one that fails is left out: its projects are left for the next run.
func (s *Session) listProjects(ctx context.Context, listings []plan.Listing, run *report.Run) []plan.Listing {
	responses, errs := make([]*pluginv1.ListProjectsResponse, len(listings)), make([]error, len(listings))
	var calls sync.WaitGroup
	for n, listing := range listings {
		calls.Go(func() {
			i := s.extractor(listing.Instance)
			responses[n], errs[n] = i.listProjects(ctx, projectsRequest(s.settings.Instance(i.Instance)))
		})
	}
	calls.Wait()
	var listed []plan.Listing
	for n, listing := range listings {
		i := s.extractor(listing.Instance)
		if errs[n] != nil {
			run.Problems = append(run.Problems, report.Errorf("%s: listing the projects: %v", i, errs[n]))
			continue
		}
		listing.Projects = responses[n].GetProjects()
		diagnostics := responses[n].GetDiagnostics()
		if len(listing.Projects) > 0 || !slices.ContainsFunc(diagnostics, failsListing) {
			listed = append(listed, listing)
		}
		if namedByFlag(s.settings.Instance(i.Instance)) {
			diagnostics = withoutFoundElsewhere(diagnostics, responses)
		}
		run.Problems = append(run.Problems, listingProblems(i, responses[n], diagnostics)...)
	}
	return listed
}

// failsListing reports whether a diagnostic is an error of the list as a whole.
func failsListing(d *pluginv1.Diagnostic) bool { return contract.IsError(d) && d.GetProject() == "" }

func projectsRequest(settings *config.View) *pluginv1.ListProjectsRequest {
	return &pluginv1.ListProjectsRequest{
		Projects: settings.List("DEFAULT", "projects"),
		// A list on the command line means these projects and no others; a list in a file is in
		// addition to the projects that are marked in the cloud.
		IncludeMarked: !namedByFlag(settings),
	}
}

// namedByFlag reports whether the command line names the projects.
func namedByFlag(settings *config.View) bool {
	projects, _ := settings.Lookup("DEFAULT", "projects")
	return projects.Origin.Flag != ""
}

// withoutFoundElsewhere removes the errors about projects that an extractor lists. --projects
// names a project for every extractor, and usually one of several clouds has it.
func withoutFoundElsewhere(diagnostics []*pluginv1.Diagnostic, responses []*pluginv1.ListProjectsResponse) []*pluginv1.Diagnostic {
	var kept []*pluginv1.Diagnostic
	for _, d := range diagnostics {
		found := slices.ContainsFunc(responses, func(r *pluginv1.ListProjectsResponse) bool {
			return slices.ContainsFunc(r.GetProjects(), func(p *pluginv1.Project) bool {
				// Keystone compares names without case on MySQL.
				return p.GetId() == d.GetProject() || strings.EqualFold(p.GetName(), d.GetProject())
			})
		})
		if !contract.IsError(d) || d.GetProject() == "" || !found {
			kept = append(kept, d)
		}
	}
	return kept
}

func (s *Session) extractor(name string) *instance {
	return s.extractors[slices.IndexFunc(s.extractors, func(i *instance) bool { return i.Name == name })]
}

func (i *instance) listProjects(ctx context.Context, request *pluginv1.ListProjectsRequest) (*pluginv1.ListProjectsResponse, error) {
	call, cancel := context.WithTimeout(ctx, i.Idle.Limit)
	defer cancel()
	response, err := i.plugin.Extractor().ListProjects(call, request)
	return response, i.explainCall(ctx, err)
}

// explainCall returns the error of a call that idle_timeout limits, for people. Ctx is that of the
// caller, without the limit.
func (i *instance) explainCall(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case status.Code(err) == codes.DeadlineExceeded && ctx.Err() == nil:
		// The plugin's server may end the call before the timer of this process does.
		return fmt.Errorf("no answer within %s", i.Idle)
	}
	return i.plugin.Explain(err)
}

// listingProblems returns the problems of one extractor's list of projects: its diagnostics, or a
// warning that the list is empty.
func listingProblems(i *instance, response *pluginv1.ListProjectsResponse, diagnostics []*pluginv1.Diagnostic) []report.Problem {
	var problems []report.Problem
	for _, d := range diagnostics {
		problem := report.FromDiagnostic(d)
		problem.Summary = i.String() + ": " + problem.Summary
		problems = append(problems, problem)
	}
	if len(response.GetProjects()) == 0 && len(response.GetDiagnostics()) == 0 {
		problems = append(problems, report.Problem{
			Severity: report.Warning, Summary: i.String() + ": no projects to report",
			Detail: "Name projects in the option projects, or tag them in the cloud.",
		})
	}
	return problems
}
