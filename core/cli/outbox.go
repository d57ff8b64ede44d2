package cli

import (
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/core/run"
)

func newOutbox(world World) *cobra.Command {
	command := &cobra.Command{
		Use:   "outbox",
		Short: "Inspect and manage pending and rejected batches",
		Long: `The outbox stores the batches that are pending for a messenger, and dead letters: the records that
a messenger rejected, with the reason. A dead letter blocks no other record. It is stored until it
is retried or dropped.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return usageErrorf("missing subcommand: use caso outbox list, show, retry, drop, adopt, migrate or backup")
		},
	}
	command.AddCommand(newOutboxList(world), newOutboxShow(world), newOutboxRetry(world), newOutboxDrop(world),
		newOutboxAdopt(world), newOutboxMigrate(world), newOutboxBackup(world))
	return command
}

// outboxReader is what the commands that only look at the outbox need of it.
type outboxReader interface {
	Pending() ([]outbox.PendingBatch, error)
	Batch(id string) (*outbox.Batch, bool, error)
	DeadLetters() ([]outbox.DeadLetter, error)
	Checkpoints() ([]outbox.Checkpoint, error)
}

// outboxEditor is what the commands that change the outbox need of it.
type outboxEditor interface {
	Checkpoints() ([]outbox.Checkpoint, error)
	SetCheckpoint(key outbox.Key, to time.Time) error
	DeleteCheckpoint(key outbox.Key) error
	DeadLetters() ([]outbox.DeadLetter, error)
	Pending() ([]outbox.PendingBatch, error)
	Next(messenger string) (*outbox.Batch, bool, error)
	Ack(messenger string, batchIDs ...string) error
	DropDeadLetter(messenger, batchID string) error
	DropMessenger(messenger string) error
}

// readOutbox opens the outbox for reading and calls do. It starts no plugin, so that it works
// while a plugin is broken.
func readOutbox(world World, flags *settingsFlags, do func(outboxReader) error) error {
	return withFiles(world, flags, func(s *run.Session) error {
		store, closeOutbox, err := s.ReadOutbox()
		if err != nil {
			return err
		}
		defer closeOutbox()
		return do(store)
	})
}

// changeOutbox takes the run lock, opens the outbox for changes and calls do.
func changeOutbox(world World, flags *settingsFlags, do func(outboxEditor) error) error {
	return withFiles(world, flags, func(s *run.Session) error {
		store, release, err := s.OpenOutbox()
		if err != nil {
			return err
		}
		defer release()
		return do(store)
	})
}

// deadLetterSelection selects dead letters: those of some batches, or all, optionally of one
// messenger.
type deadLetterSelection struct {
	messenger string
	all       bool
}

func (d *deadLetterSelection) add(command *cobra.Command) {
	command.Flags().StringVar(&d.messenger, "messenger", "", "only the dead letters of the messenger `NAME`")
	command.Flags().BoolVar(&d.all, "all", false, "all dead letters")
}

// change calls change for every selected dead letter and returns how many records they have.
func (d *deadLetterSelection) change(store outboxEditor, batches []string, change func(outbox.DeadLetter) error) (int, error) {
	letters, err := store.DeadLetters()
	if err != nil {
		return 0, run.OutboxError(err)
	}
	records, found := 0, false
	for _, letter := range letters {
		if (d.messenger != "" && letter.Messenger != d.messenger) || (!d.all && !slices.Contains(batches, letter.BatchID)) {
			continue
		}
		if err := change(letter); err != nil {
			return records, &exitError{status: exitIncomplete, message: err.Error()}
		}
		records += len(letter.Records)
		found = true
	}
	if !found {
		return 0, usageErrorf("no such dead letter; see caso outbox list")
	}
	return records, nil
}

// rejectionReason returns the reason of a dead letter in one line.
func rejectionReason(letter outbox.DeadLetter) string {
	if letter.Reason != "" {
		return letter.Reason
	}
	var reasons []string
	for _, reason := range letter.RecordReasons {
		if !slices.Contains(reasons, reason) {
			reasons = append(reasons, reason)
		}
	}
	slices.Sort(reasons)
	return strings.Join(reasons, "; ")
}
