package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/caso-project/caso/core/report"
	"github.com/caso-project/caso/core/run"
)

func newOutboxDrop(world World) *cobra.Command {
	flags := &settingsFlags{}
	var selection deadLetterSelection
	var retired string
	command := &cobra.Command{
		Use:   "drop BATCH... | drop --all | drop --retired MESSENGER",
		Short: "Delete dead letters, or a messenger that is no longer configured with its pending batches",
		RunE: func(_ *cobra.Command, batches []string) error {
			if retired != "" {
				if len(batches) > 0 {
					return usageErrorf("--retired drops all pending batches of a messenger: name no batches with it")
				}
				return dropRetired(world, flags, retired)
			}
			if selection.all == (len(batches) > 0) {
				return usageErrorf("caso outbox drop: name batches, or use --all")
			}
			return changeOutbox(world, flags, func(store outboxEditor) error {
				records, err := selection.change(store, batches, store.DropDeadLetter)
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(world.Stdout, "drop: %s\n", report.CountNoun(records, "record"))
				return err
			})
		},
	}
	flags.addSources(command)
	selection.add(command)
	command.Flags().StringVar(&retired, "retired", "", "drop the messenger `NAME`, which is no longer configured, and what is pending for it alone")
	return command
}

func dropRetired(world World, flags *settingsFlags, messenger string) error {
	return changeOutbox(world, flags, func(store outboxEditor) error {
		if err := store.DropMessenger(messenger); err != nil {
			return run.OutboxError(err)
		}
		_, err := fmt.Fprintf(world.Stdout, "drop: messenger %s\n", messenger)
		return err
	})
}
