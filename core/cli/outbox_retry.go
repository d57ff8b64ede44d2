package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/caso-project/caso/core/report"
)

func newOutboxRetry(world World) *cobra.Command {
	flags := &settingsFlags{}
	var selection deadLetterSelection
	command := &cobra.Command{
		Use:   "retry BATCH... | retry --all",
		Short: "Make dead letters pending again, for the next run or caso deliver",
		RunE: func(_ *cobra.Command, batches []string) error {
			if selection.all == (len(batches) > 0) {
				return usageErrorf("caso outbox retry: name batches, or use --all")
			}
			return changeOutbox(world, flags, func(store outboxEditor) error {
				records, err := selection.change(store, batches, store.RetryDeadLetter)
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(world.Stdout, "retry: %s\n", report.CountNoun(records, "record"))
				return err
			})
		},
	}
	flags.addSources(command)
	selection.add(command)
	return command
}
