package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/caso-project/caso/core/report"
	"github.com/caso-project/caso/core/run"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

func newProjects(world World) *cobra.Command {
	flags := &settingsFlags{}
	var output outputFlag
	command := &cobra.Command{
		Use:   "projects",
		Short: "List the projects to report, with their VO and the start of their next window",
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			return withPlugins(command, world, flags, func(ctx context.Context, s *run.Session) error {
				return projects(ctx, world, s, &output)
			}, pluginv1.Kind_KIND_EXTRACTOR)
		},
	}
	flags.addProgramFlags(command)
	output.add(command)
	command.AddCommand(newProjectsForget(world))
	return command
}

// printProjectsAsCASO prints the lines of cASO's caso-projects, which scripts read: one for each
// project, whatever its regions.
func printProjectsAsCASO(stdout io.Writer, list []run.Project) error {
	for n, p := range list {
		printed := slices.ContainsFunc(list[:n], func(other run.Project) bool { return other.Extractor == p.Extractor && other.ID == p.ID })
		if printed {
			continue
		}
		if _, err := fmt.Fprintf(stdout, "'%s (%s) mapped to VO '%s'\n", p.ID, p.Name, p.VO); err != nil {
			return err
		}
	}
	return nil
}

func projects(ctx context.Context, world World, s *run.Session, output *outputFlag) error {
	list, result, err := s.Projects(ctx)
	if err != nil {
		return err
	}
	err = output.print(world.Stdout, list, func() error {
		if world.Program == "caso-projects" {
			return printProjectsAsCASO(world.Stdout, list)
		}
		return printTable(world.Stdout, []string{"EXTRACTOR", "ID", "NAME", "REGION", "DOMAIN", "VO", "FROM"}, func(addRow func(...any)) {
			for _, p := range list {
				from := "-"
				if p.From != nil {
					from = p.From.Format(time.RFC3339)
				}
				addRow(p.Extractor, p.ID, p.Name, p.Region, p.Domain, p.VO, from)
			}
		})
	})
	if err != nil {
		return err
	}
	return printProblemsOf(world, result)
}

// printProblemsOf prints the errors and warnings of a report to standard error and returns the
// error for its exit status.
func printProblemsOf(world World, result *report.Run) error {
	for _, problem := range result.Problems {
		if problem.Severity != report.Info {
			printMessage(world.Stderr, problem.Line(""))
		}
	}
	if !result.Complete() {
		return &exitError{status: exitIncomplete}
	}
	return nil
}
