package pipeline

import (
	"context"
	"sync"

	"github.com/hashicorp/go-hclog"

	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/core/plan"
	"github.com/caso-project/caso/core/report"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Messenger is a configured messenger plugin.
type Messenger struct {
	// Messenger has the instance, whose name is that of the cursor, and what it accepts.
	plan.Messenger
	// Client is nil if the plugin did not start. Its batches stay pending.
	Client pluginv1.MessengerClient
	// Explain returns the cause of a call's error, such as the end of the process.
	Explain func(error) error
}

// Queue is the pending batches of the messengers.
type Queue interface {
	NextGroup(messenger string, extent outbox.Extent) (*outbox.Group, error)
	Ack(messenger string, batchIDs ...string) error
	Reject(messenger string, batchIDs []string, reason string, recordReasons map[string]string) error
	Stats() (outbox.Stats, error)
}

// Delivery is the delivery of one run.
type Delivery struct {
	Queue  Queue
	Logger hclog.Logger
	// Mask replaces secrets in the reasons of rejections, before they are stored; nil for none.
	Mask func(string) string
	// Commits announces windows that are committed meanwhile; nil if none are.
	Commits *Commits
	// Budget is measured again after deliveries, which free space; nil for no limit.
	Budget *Budget
}

// Run delivers the pending batches of every messenger, all messengers at once, until none is
// pending and Commits has ended. A failure of one does not stop the others.
func (d *Delivery) Run(ctx context.Context, messengers []*Messenger) []report.MessengerResult {
	results := make([]report.MessengerResult, len(messengers))
	var group sync.WaitGroup
	for i, messenger := range messengers {
		results[i].Name = messenger.Instance.Name
		if messenger.Client == nil {
			continue
		}
		group.Go(func() {
			delivery := &messengerDelivery{Delivery: d, messenger: messenger, result: &results[i]}
			err := delivery.run(ctx)
			results[i].Problems = append(results[i].Problems, delivery.rejections.problems()...)
			if err != nil {
				results[i].Problems = append(results[i].Problems, problemsOf(err)...)
			}
		})
	}
	group.Wait()
	d.addPending(results)
	return results
}

// addPending adds the pending batches to the results.
func (d *Delivery) addPending(results []report.MessengerResult) {
	stats, err := d.Queue.Stats()
	for i := range results {
		result := &results[i]
		if err != nil {
			result.Problems = append(result.Problems, problemsOf(err)...)
			continue
		}
		for _, pending := range stats.Messengers {
			if pending.Name == result.Name && pending.PendingBatches > 0 {
				result.PendingBatches, result.PendingRecords = pending.PendingBatches, pending.PendingRecords
				result.OldestPending = &pending.OldestPending
			}
		}
	}
}
