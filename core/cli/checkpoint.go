package cli

import "github.com/spf13/cobra"

func newCheckpoint(world World) *cobra.Command {
	command := &cobra.Command{
		Use:   "checkpoint",
		Short: "List or move the checkpoints of projects",
		Long: `A checkpoint is where the next window of a project starts, for each extractor instance. Runs move it; a person
has to where the clock of the machine was wrong.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return usageErrorf("missing subcommand: caso checkpoint list or set")
		},
	}
	command.AddCommand(newCheckpointList(world), newCheckpointSet(world))
	return command
}
