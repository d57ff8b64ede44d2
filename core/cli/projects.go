package cli

import (
	"context"
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
	flags.addSources(command)
	flags.addString(command, "extractor", "names", "extractors whose projects to list, separated by commas")
	flags.addString(command, "projects", "projects", "IDs or names of the only projects to list, separated by commas")
	output.add(command)
	command.AddCommand(newProjectsForget(world))
	return command
}

func projects(ctx context.Context, world World, s *run.Session, output *outputFlag) error {
	list, result, err := s.Projects(ctx)
	if err != nil {
		return err
	}
	err = output.print(world.Stdout, list, func() error {
		return printTable(world.Stdout, []string{"EXTRACTOR", "ID", "NAME", "DOMAIN", "VO", "FROM"}, func(addRow func(...any)) {
			for _, p := range list {
				from := "-"
				if p.From != nil {
					from = p.From.Format(time.RFC3339)
				}
				addRow(p.Extractor, p.ID, p.Name, p.Domain, p.VO, from)
			}
		})
	})
	if err != nil {
		return err
	}
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
