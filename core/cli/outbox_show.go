package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/caso-project/caso/core/run"
	"github.com/caso-project/caso/internal/printable"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

func newOutboxShow(world World) *cobra.Command {
	flags := &settingsFlags{}
	command := &cobra.Command{
		Use:   "show BATCH",
		Short: "Print the records of a pending batch or a dead letter, one JSON object per line",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return readOutbox(world, flags, func(store outboxReader) error {
				records, err := recordsOfBatch(store, args[0])
				if err != nil {
					return err
				}
				for _, record := range records {
					line, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(record)
					if err != nil {
						return err
					}
					if _, err := fmt.Fprintf(world.Stdout, "%s\n", printable.JSON(line)); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	flags.addSources(command)
	return command
}

// recordsOfBatch returns the records of a pending batch, or those of its dead letter.
func recordsOfBatch(store outboxReader, id string) ([]*pluginv1.Record, error) {
	batch, ok, err := store.Batch(id)
	if err != nil {
		return nil, run.OutboxError(err)
	}
	if ok {
		return batch.Records.Decode()
	}
	letters, err := store.DeadLetters()
	if err != nil {
		return nil, run.OutboxError(err)
	}
	for _, letter := range letters {
		if letter.BatchID == id {
			return letter.Records, nil
		}
	}
	if first, others, isGroup := strings.Cut(id, "+"); isGroup {
		return nil, usageErrorf("batch %s and the %s after it were delivered together; see caso outbox list, and caso outbox show %s", first, others, first)
	}
	return nil, usageErrorf("no batch %s in the outbox; see caso outbox list", id)
}
