package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/caso-project/caso/core/run"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

func newConfigCheck(world World) *cobra.Command {
	flags := &settingsFlags{}
	command := &cobra.Command{
		Use:   "check",
		Short: "Validate the configuration",
		Long: `Reads the configuration as a run would, starts the plugins that it names, and prints every error and
warning, one per line. It contacts no cloud and no receiver, and writes nothing.`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			return withPlugins(command, world, flags, func(_ context.Context, s *run.Session) error {
				if err := failuresError(s); err != nil {
					return err
				}
				for _, path := range s.Files().Paths() {
					if err := printLine(world, "read "+path); err != nil {
						return err
					}
				}
				return printLine(world, "configuration OK")
			}, pluginv1.Kind_KIND_EXTRACTOR, pluginv1.Kind_KIND_MESSENGER)
		},
	}
	flags.addSources(command)
	return command
}
