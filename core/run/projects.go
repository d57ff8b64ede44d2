package run

import (
	"context"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/caso-project/caso/core/config"
	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/core/plan"
	"github.com/caso-project/caso/core/report"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Project is a project that a run would report.
type Project struct {
	Extractor string `json:"extractor"`
	ID        string `json:"id"`
	Name      string `json:"name"`
	Domain    string `json:"domain,omitempty"`
	VO        string `json:"vo,omitempty"`
	// From is its checkpoint, or the start of its first window; nil where it has neither.
	From *time.Time `json:"from,omitempty"`
}

// Projects lists the projects of every extractor, with the problems that a run would report. It needs
// the extractors configured.
func (s *Session) Projects(ctx context.Context) ([]Project, *report.Run, error) {
	input, _, err := s.planInput()
	if err != nil {
		return nil, nil, err
	}
	store, closeOutbox, err := s.ReadOutbox()
	if err != nil {
		return nil, nil, err
	}
	defer closeOutbox()
	run := &report.Run{}
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
				Extractor: listing.Extractor, ID: listed.GetId(), Name: listed.GetName(),
				Domain: listed.GetDomainName(), VO: listed.GetVo(),
			}
			for _, job := range planned.Jobs {
				if job.Extractor == listing.Extractor && job.Project.GetId() == listed.GetId() {
					project.VO, project.From = job.Project.GetVo(), &job.Windows[0].From
				}
			}
			if checkpoint, ok := input.Checkpoints[plan.Pair{Extractor: project.Extractor, ProjectID: project.ID}]; ok {
				project.From = &checkpoint.To
			}
			projects = append(projects, project)
		}
	}
	return projects
}

// plan lists the projects of every extractor and plans their windows.
func (s *Session) plan(ctx context.Context, input plan.Input, store *outbox.Outbox, run *report.Run) (plan.Input, plan.Plan, error) {
	checkpoints, err := store.Checkpoints()
	if err != nil {
		return input, plan.Plan{}, OutboxError(err)
	}
	input.Checkpoints = make(map[plan.Pair]plan.Checkpoint, len(checkpoints))
	for _, c := range checkpoints {
		input.Checkpoints[plan.Pair{Extractor: c.Extractor, ProjectID: c.ProjectID}] = plan.Checkpoint{To: c.To, HasState: c.StateBytes > 0}
	}
	input.Listings = s.listProjects(ctx, run)
	planned := plan.Make(input)
	run.Problems = append(run.Problems, report.FromDiagnostics(planned.Diagnostics)...)
	return input, planned, nil
}

// planInput reads what a plan depends on, except for what extractors and outbox contribute.
func (s *Session) planInput() (plan.Input, []*pluginv1.Diagnostic, error) {
	input := plan.Input{Now: s.begun, Spellings: s.settings.List("DEFAULT", "projects")}
	asked, notices, err := plan.ParseRange(s.settings.String("DEFAULT", "extract_from"), s.settings.String("DEFAULT", "extract_to"), s.begun)
	if err != nil {
		return input, nil, s.optionError(err, "extract_from", "extract_to")
	}
	input.Asked = asked
	if input.VOs, err = plan.ReadVOMap(s.settings.String("DEFAULT", "mapping_file")); err != nil {
		return input, nil, s.optionError(err, "mapping_file")
	}
	input.Spool = directoryFS(s.settings.String("DEFAULT", "spooldir"))
	return input, notices, nil
}

// optionError returns an error of the configuration about some options, with their origins.
func (s *Session) optionError(err error, options ...string) error {
	text := err.Error() + " ("
	for n, option := range options {
		if n > 0 {
			text += ", "
		}
		text += option + ": " + s.settings.Locate(&pluginv1.OptionRef{Section: "DEFAULT", Name: option})
	}
	return &Error{Kind: Configuration, Problems: []config.Problem{{Text: text + ")"}}}
}

// directoryFS returns a directory, or nil where there is none.
func directoryFS(dir string) fs.FS {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil
	}
	return os.DirFS(dir)
}

// listProjects asks every extractor for its projects, all at the same time. The projects of one that
// fails are left for the next run.
func (s *Session) listProjects(ctx context.Context, run *report.Run) []plan.Listing {
	named, _ := s.settings.Lookup("DEFAULT", "projects")
	request := &pluginv1.ListProjectsRequest{
		Projects: s.settings.List("DEFAULT", "projects"),
		// A list on the command line means these projects and no others; a list in a file is in
		// addition to the projects that are marked in the cloud.
		IncludeMarked: named.Origin.Flag == "",
	}
	responses, errs := make([]*pluginv1.ListProjectsResponse, len(s.extractors)), make([]error, len(s.extractors))
	var calls sync.WaitGroup
	for n, i := range s.extractors {
		if i.err != nil {
			continue
		}
		calls.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, orDefault(i.Timeout, defaultIdleTimeout))
			defer cancel()
			responses[n], errs[n] = i.plugin.Extractor().ListProjects(ctx, request)
		})
	}
	calls.Wait()
	var listings []plan.Listing
	for n, i := range s.extractors {
		switch {
		case i.err != nil:
		case errs[n] != nil:
			run.Problems = append(run.Problems, report.Problem{
				Severity: report.Error, Summary: i.String() + ": listing the projects: " + i.plugin.Explain(errs[n]).Error(),
			})
		default:
			listings = append(listings, plan.Listing{Extractor: i.Name, Projects: responses[n].GetProjects()})
			run.Problems = append(run.Problems, listingProblems(i, responses[n])...)
		}
	}
	return listings
}

// listingProblems returns the problems of one extractor's list of projects.
func listingProblems(i *instance, response *pluginv1.ListProjectsResponse) []report.Problem {
	var problems []report.Problem
	for _, d := range response.GetDiagnostics() {
		problem := report.FromDiagnostic(d)
		problem.Summary = i.String() + ": " + problem.Summary
		problems = append(problems, problem)
	}
	if len(response.GetProjects()) == 0 && len(problems) == 0 {
		problems = append(problems, report.Problem{
			Severity: report.Warning, Summary: i.String() + ": no projects to report",
			Detail: "Name projects in the option projects, or mark them in the cloud.",
		})
	}
	return problems
}
