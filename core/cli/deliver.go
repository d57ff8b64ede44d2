package cli

import (
	"github.com/spf13/cobra"

	"github.com/caso-project/caso/core/report"
)

func newDeliver(world World) *cobra.Command {
	flags := &settingsFlags{}
	var output outputFlag
	command := &cobra.Command{
		Use:   "deliver",
		Short: "Deliver what waits in the outbox, without extracting anything",
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			started := world.Now()
			s, err := openWith(command.Context(), world, flags)
			defer s.close()
			if err != nil {
				return err
			}
			if err := s.ready(command.Context(), s.messengers); err != nil {
				return err
			}
			store, release, err := s.openSpool()
			if err != nil {
				return err
			}
			defer release()
			run := &report.Run{Windows: []report.Window{}}
			if err := s.register(store, run); err != nil {
				return spoolError(err)
			}
			s.deliver(command.Context(), store, run)
			return s.finish(run, started, &output)
		},
	}
	flags.addSources(command)
	output.add(command)
	return command
}
