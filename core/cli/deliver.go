package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/caso-project/caso/core/run"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

func newDeliver(world World) *cobra.Command {
	flags := &settingsFlags{}
	var output outputFlag
	command := &cobra.Command{
		Use:   "deliver",
		Short: "Deliver the pending batches of the outbox, without extracting",
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			return withPlugins(command, world, flags, func(ctx context.Context, s *run.Session) error {
				result, err := s.Deliver(ctx)
				if err != nil {
					return err
				}
				return printReport(world, &output, result)
			}, pluginv1.Kind_KIND_MESSENGER)
		},
	}
	flags.addSources(command)
	output.add(command)
	return command
}
