package cli

import (
	"context"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/core/plan"
	"github.com/caso-project/caso/core/report"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// planInput is what a plan depends on, but for what the extractors and the outbox know.
func (s *session) planInput(now time.Time) (plan.Input, []*pluginv1.Diagnostic, error) {
	input := plan.Input{Now: now, Spellings: s.settings.List("DEFAULT", "projects")}
	asked, notes, err := plan.ParseRange(s.settings.String("DEFAULT", "extract_from"), s.settings.String("DEFAULT", "extract_to"), now)
	if err != nil {
		return input, nil, usageErrorf("error: %v (extract_from: %s, extract_to: %s)", err, s.locate("extract_from"), s.locate("extract_to"))
	}
	input.Asked = asked
	if input.VOs, err = plan.ReadVOMap(s.settings.String("DEFAULT", "mapping_file")); err != nil {
		return input, nil, usageErrorf("error: %v (mapping_file: %s)", err, s.locate("mapping_file"))
	}
	input.Spool = spoolFiles(s.settings.String("DEFAULT", "spooldir"))
	return input, notes, nil
}

func (s *session) locate(option string) string {
	return s.settings.Locate(&pluginv1.OptionRef{Section: "DEFAULT", Name: option})
}

// spoolFiles is where cASO's marks are; nil where there is no such folder.
func spoolFiles(dir string) fs.FS {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil
	}
	return os.DirFS(dir)
}

// listProjects asks every extractor for its projects. One that cannot say leaves its projects for the next
// run.
func (s *session) listProjects(ctx context.Context, run *report.Run) []plan.Listing {
	named, _ := s.settings.Lookup("DEFAULT", "projects")
	request := &pluginv1.ListProjectsRequest{
		Projects: s.settings.List("DEFAULT", "projects"),
		// On the command line the list means these projects and no others; in a file they are in
		// addition to those that are marked in the cloud.
		IncludeMarked: named.Origin.Flag == "",
	}
	var listings []plan.Listing
	for _, plugin := range s.extractors {
		ctx, cancel := context.WithTimeout(ctx, orDefault(plugin.Ref.Timeout, defaultSilence))
		response, err := plugin.Extractor().ListProjects(ctx, request)
		cancel()
		if err != nil {
			run.Problems = append(run.Problems, report.Problem{
				Severity: report.Error, Summary: "listing the projects: " + explainer(plugin)(err).Error(),
			})
			continue
		}
		for _, d := range response.GetDiagnostics() {
			problem := report.FromDiagnostic(d)
			problem.Summary = plugin.Ref.String() + ": " + problem.Summary
			run.Problems = append(run.Problems, problem)
		}
		listings = append(listings, plan.Listing{Extractor: nameOf(plugin), Projects: response.GetProjects()})
		if len(response.GetProjects()) == 0 && len(response.GetDiagnostics()) == 0 {
			run.Problems = append(run.Problems, report.Problem{
				Severity: report.Warning, Summary: plugin.Ref.String() + ": there is no project to report",
				Detail: "Name projects in the option projects, or mark them in the cloud.",
			})
		}
	}
	return listings
}

// plan asks the extractors for their projects and makes the plan.
func (s *session) plan(ctx context.Context, input plan.Input, memory *outbox.Outbox, run *report.Run) (plan.Input, plan.Plan, error) {
	checkpoints, err := memory.Checkpoints()
	if err != nil {
		return input, plan.Plan{}, spoolError(err)
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

// projectFacts is what is known of a project before anything is extracted.
type projectFacts struct {
	Extractor string `json:"extractor"`
	ID        string `json:"id"`
	Name      string `json:"name"`
	Domain    string `json:"domain,omitempty"`
	VO        string `json:"vo,omitempty"`
	// From is its checkpoint, or where its first window starts; nil where it has neither.
	From *time.Time `json:"from,omitempty"`
}

// factsOf joins the projects listed with what is planned for them.
func factsOf(input plan.Input, planned plan.Plan) []projectFacts {
	facts := []projectFacts{}
	for _, listing := range input.Listings {
		for _, project := range listing.Projects {
			fact := projectFacts{
				Extractor: listing.Extractor, ID: project.GetId(), Name: project.GetName(),
				Domain: project.GetDomainName(), VO: project.GetVo(),
			}
			for _, job := range planned.Jobs {
				if job.Extractor == listing.Extractor && job.Project.GetId() == project.GetId() {
					fact.VO, fact.From = job.Project.GetVo(), &job.Windows[0].From
				}
			}
			if checkpoint, ok := input.Checkpoints[plan.Pair{Extractor: fact.Extractor, ProjectID: fact.ID}]; ok {
				fact.From = &checkpoint.To
			}
			facts = append(facts, fact)
		}
	}
	return facts
}

func newProjects(world World) *cobra.Command {
	flags := &settingsFlags{}
	var output outputFlag
	command := &cobra.Command{
		Use:   "projects",
		Short: "List the projects that would be reported, their VO, and since when",
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			return projects(command.Context(), world, flags, &output)
		},
	}
	flags.addSources(command)
	flags.addString(command, "extractor", "names", "extractors to ask, separated by commas")
	flags.addString(command, "projects", "projects", "IDs or names of projects, separated by commas: these and no others")
	output.add(command)
	return command
}

func projects(ctx context.Context, world World, flags *settingsFlags, output *outputFlag) error {
	s, err := openWith(ctx, world, flags)
	defer s.close()
	if err != nil {
		return err
	}
	input, _, err := s.planInput(world.Now())
	if err != nil {
		_ = s.complain()
		return err
	}
	if err := s.ready(ctx, s.extractors); err != nil {
		return err
	}
	memory, err := s.readSpool()
	if err != nil {
		return err
	}
	defer func() { _ = memory.Close() }()
	run := &report.Run{}
	input, planned, err := s.plan(ctx, input, memory, run)
	if err != nil {
		return err
	}
	facts := factsOf(input, planned)
	err = output.print(world.Stdout, facts, func() error {
		return table(world.Stdout, "EXTRACTOR\tID\tNAME\tDOMAIN\tVO\tFROM", func(add func(string, ...any)) {
			for _, f := range facts {
				from := "-"
				if f.From != nil {
					from = f.From.Format(time.RFC3339)
				}
				add("%s\t%s\t%s\t%s\t%s\t%s", f.Extractor, f.ID, f.Name, f.Domain, f.VO, from)
			}
		})
	})
	if err != nil {
		return err
	}
	for _, problem := range run.Problems {
		if problem.Severity != report.Info {
			s.say(problem.Line(""))
		}
	}
	if !run.Complete() {
		return &exitError{status: exitIncomplete}
	}
	return nil
}
