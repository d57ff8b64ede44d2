package cli

import (
	"github.com/spf13/cobra"

	"github.com/caso-project/caso/core/run"
)

func newConfigShow(world World) *cobra.Command {
	flags := &settingsFlags{}
	var output outputFlag
	var reveal bool
	command := &cobra.Command{
		Use:   "show",
		Short: "Print every setting and its origin",
		Long: `Prints the value of every option of the host and of the configured plugins, and where it comes from.
Secrets are printed as ***.`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			return withFiles(world, flags, func(s *run.Session) error {
				if err := s.Start(command.Context()); err != nil {
					return err
				}
				if err := s.ValidateOptions(); err != nil {
					return err
				}
				printProblems(world, s)
				err := output.print(world.Stdout, s.Settings().Map(reveal), func() error {
					return s.Settings().WriteSettings(world.Stdout, reveal)
				})
				if err != nil {
					return err
				}
				return failuresError(s)
			})
		},
	}
	flags.addSources(command)
	output.add(command)
	command.Flags().BoolVar(&reveal, "reveal", false, "print secrets too")
	return command
}
