package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/caso-project/caso/core/run"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

func newExtract(world World) *cobra.Command {
	flags := &settingsFlags{}
	var output outputFlag
	command := &cobra.Command{
		Use:   "extract",
		Short: "Extract the records of every project and deliver them",
		Long: `Extracts the records of every project since its checkpoint, stores them in the outbox, and delivers to
every messenger what is pending for it.`,
		Example: `  caso extract
  caso extract --dry-run --projects my-project
  caso extract --extract-from 2026-10-01 --extract-to 2026-11-01 --projects my-project`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			return withPlugins(command, world, flags, func(ctx context.Context, s *run.Session) error {
				result, err := s.Extract(ctx)
				if err != nil {
					return err
				}
				return printReport(world, &output, result)
			}, pluginv1.Kind_KIND_EXTRACTOR, pluginv1.Kind_KIND_MESSENGER)
		},
	}
	flags.addProgramFlags(command)
	output.add(command)
	return command
}
