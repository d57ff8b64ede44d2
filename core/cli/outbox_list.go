package cli

import (
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/core/run"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Statuses of a batch in the outbox.
const (
	statusPending    = "pending"
	statusDeadLetter = "dead letter"
)

// batchFacts is a pending batch of one messenger, or a dead letter.
type batchFacts struct {
	Status      string    `json:"status"`
	Messenger   string    `json:"messenger"`
	Batch       string    `json:"batch"`
	Extractor   string    `json:"extractor"`
	ProjectID   string    `json:"project_id"`
	ProjectName string    `json:"project_name,omitempty"`
	Region      string    `json:"region,omitempty"`
	From        time.Time `json:"from"`
	To          time.Time `json:"to"`
	Records     int       `json:"records"`
	Bytes       int       `json:"bytes"`
	Since       time.Time `json:"since"`
	Reason      string    `json:"reason,omitempty"`
}

func newOutboxList(world World) *cobra.Command {
	flags := &settingsFlags{}
	var output outputFlag
	command := &cobra.Command{
		Use:   "list",
		Short: "List pending batches and dead letters",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return readOutbox(world, flags, func(store outboxReader) error {
				batches, err := listBatches(store)
				if err != nil {
					return run.OutboxError(err)
				}
				return output.print(world.Stdout, batches, func() error { return printBatches(world, batches) })
			})
		},
	}
	flags.addSources(command)
	output.add(command)
	return command
}

func printBatches(world World, batches []batchFacts) error {
	header := []string{"STATUS", "MESSENGER", "BATCH", "PROJECT", "REGION", "WINDOW", "RECORDS", "BYTES", "AGE", "REASON"}
	return printTable(world.Stdout, header, func(addRow func(...any)) {
		for _, b := range batches {
			project := b.ProjectName
			if project == "" {
				project = b.ProjectID
			}
			window := b.From.UTC().Format(time.RFC3339) + ".." + b.To.UTC().Format(time.RFC3339)
			age := world.Now().Sub(b.Since).Round(time.Second)
			addRow(b.Status, b.Messenger, b.Batch, project, b.Region, window, b.Records, b.Bytes, age, b.Reason)
		}
	})
}

// listBatches returns the pending batches, then the dead letters.
func listBatches(store outboxReader) ([]batchFacts, error) {
	batches := []batchFacts{}
	pending, err := store.Pending()
	if err != nil {
		return nil, err
	}
	for _, batch := range pending {
		for _, messenger := range batch.Messengers {
			facts := factsOf(statusPending, messenger, batch.ID, batch.Origin)
			facts.Records, facts.Bytes, facts.Since = batch.RecordCount, batch.Bytes, batch.Committed
			batches = append(batches, facts)
		}
	}
	letters, err := store.DeadLetters()
	if err != nil {
		return nil, err
	}
	for _, letter := range letters {
		facts := factsOf(statusDeadLetter, letter.Messenger, letter.BatchID, letter.Origin)
		facts.Records, facts.Since, facts.Reason = len(letter.Records), letter.Time, rejectionReason(letter)
		facts.Bytes = proto.Size(&pluginv1.RecordBatch{Records: letter.Records})
		batches = append(batches, facts)
	}
	return batches, nil
}

func factsOf(status, messenger, batch string, origin outbox.Origin) batchFacts {
	return batchFacts{
		Status: status, Messenger: messenger, Batch: batch, Extractor: origin.Extractor,
		ProjectID: origin.ProjectID, ProjectName: origin.ProjectName, Region: origin.Region, From: origin.From, To: origin.To,
	}
}
