package cli

import "github.com/spf13/cobra"

func newConfig(world World) *cobra.Command {
	command := &cobra.Command{
		Use:   "config",
		Short: "Validate, print or generate a configuration",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return usageErrorf("missing subcommand: use caso config check, show or sample")
		},
	}
	command.AddCommand(newConfigCheck(world), newConfigShow(world), newConfigSample(world))
	return command
}
