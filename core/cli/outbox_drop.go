package cli

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/core/report"
	"github.com/caso-project/caso/core/run"
)

func newOutboxDrop(world World) *cobra.Command {
	flags := &settingsFlags{}
	var selection deadLetterSelection
	var retired string
	command := &cobra.Command{
		Use:   "drop BATCH... | drop --all | drop --retired MESSENGER",
		Short: "Delete dead letters or pending batches, or a messenger that is no longer configured",
		Long: `Deletes dead letters, or pending batches that cannot be delivered: of a pending batch the messenger gets nothing.
Only the next batch of a messenger can be dropped, because batches are delivered in order; with several messengers,
--messenger names one.`,
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
				pending, err := dropPending(store, batches, selection.messenger)
				if err != nil {
					return err
				}
				records := 0
				if selection.all || len(pending.batches) < len(batches) {
					records, err = selection.change(store, batches, func(letter outbox.DeadLetter) error {
						return store.DropDeadLetter(letter.Messenger, letter.BatchID)
					})
				}
				if err != nil {
					return err
				}
				records += pending.records
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

// droppedBatches are pending batches that were dropped.
type droppedBatches struct {
	batches []string
	records int
}

// dropPending drops those of the batches that are pending, for one messenger or for all.
func dropPending(store outboxEditor, batches []string, messenger string) (droppedBatches, error) {
	var dropped droppedBatches
	pending, err := store.Pending()
	if err != nil {
		return dropped, run.OutboxError(err)
	}
	for _, batch := range pending {
		if !slices.Contains(batches, batch.ID) {
			continue
		}
		for _, name := range batch.Messengers {
			if messenger != "" && name != messenger {
				continue
			}
			if err := dropNext(store, name, batch.ID); err != nil {
				return dropped, err
			}
			if !slices.Contains(dropped.batches, batch.ID) {
				dropped.batches = append(dropped.batches, batch.ID)
				dropped.records += batch.RecordCount
			}
		}
	}
	return dropped, nil
}

// dropNext moves the cursor of a messenger past its next batch, which may be damaged.
func dropNext(store outboxEditor, messenger, id string) error {
	next, ok, err := store.Next(messenger)
	var damaged *outbox.DamagedBatchError
	switch {
	case errors.As(err, &damaged):
		next = &outbox.Batch{ID: damaged.ID}
	case errors.Is(err, outbox.ErrNotRegistered):
		return usageErrorf("messenger %s is no longer configured: drop its backlog with caso outbox drop --retired %s", messenger, messenger)
	case err != nil:
		return run.OutboxError(err)
	case !ok:
		return nil
	}
	if next.ID != id {
		return usageErrorf("batch %s is not the next batch of messenger %s, that is %s: batches are delivered in order", id, messenger, next.ID)
	}
	if err := store.Ack(messenger, id); err != nil {
		return run.OutboxError(err)
	}
	return nil
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
