package pipeline

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/core/plan"
	"github.com/caso-project/caso/core/report"
	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// A batch whose ack has a retry_after of at most maxRetryWait is delivered again in the same run,
// up to maxTries times in all. Every other batch that is not delivered stays pending until the next
// run.
const (
	maxTries     = 3
	maxRetryWait = 30 * time.Second
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
	Next(messenger string) (*outbox.Batch, bool, error)
	Ack(messenger, batchID string) error
	Reject(messenger, batchID, reason string, recordReasons map[string]string) error
	Stats() (outbox.Stats, error)
}

// Delivery is the delivery of one run.
type Delivery struct {
	Queue  Queue
	Logger hclog.Logger
	// Mask replaces secrets in the reasons of rejections, before they are stored; nil for none.
	Mask func(string) string
}

// Run delivers the pending batches of every messenger, all messengers at once. A failure of one
// does not stop the others.
func (d *Delivery) Run(ctx context.Context, messengers []*Messenger) []report.MessengerResult {
	results := make([]report.MessengerResult, len(messengers))
	var group sync.WaitGroup
	for i, messenger := range messengers {
		results[i].Name = messenger.Instance.Name
		if messenger.Client == nil {
			continue
		}
		group.Go(func() {
			rejections := &rejections{}
			err := d.deliverAll(ctx, messenger, &results[i], rejections)
			results[i].Problems = append(results[i].Problems, rejections.problems()...)
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

// deliverAll delivers batch after batch until none is pending or one cannot be delivered.
func (d *Delivery) deliverAll(ctx context.Context, m *Messenger, result *report.MessengerResult, rejections *rejections) error {
	var stream *deliverStream
	defer func() {
		if stream != nil {
			stream.close()
		}
	}()
	tries := 0
	for {
		if ctx.Err() != nil {
			return errors.New("interrupted; the batches stay pending")
		}
		batch, ok, err := d.Queue.Next(m.Instance.Name)
		if damaged := (*outbox.DamagedBatchError)(nil); errors.As(err, &damaged) {
			if err := d.rejectDamaged(m, damaged, result); err != nil {
				return err
			}
			continue
		}
		if err != nil || !ok {
			return err
		}
		records := m.acceptedRecords(batch)
		if len(records) == 0 {
			if err := d.Queue.Ack(m.Instance.Name, batch.ID); err != nil {
				return err
			}
			continue
		}
		if stream == nil {
			if stream, err = m.openStream(ctx); err != nil {
				return err
			}
		}
		ack, err := stream.deliver(&pluginv1.Batch{Id: batch.ID, Records: records})
		if errors.Is(err, errBatchTooLarge) {
			// It would block every batch after it for ever. The call ended with it.
			stream.close()
			stream = nil
			if err := d.rejectBatch(m, batch.ID, records, err.Error(), result, rejections); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		tries++
		wait, err := d.applyAck(m, batch.ID, records, ack, result, rejections)
		switch {
		case err == nil:
			tries = 0
		case wait > 0 && wait <= maxRetryWait && tries < maxTries:
			d.Logger.Info("batch not delivered, retried in this run", "messenger", m.Instance.Name, "batch", batch.ID, "after", wait)
			select {
			case <-ctx.Done():
			case <-time.After(wait):
			}
		default:
			return err
		}
	}
}

// acceptedRecords returns the records of a batch that a messenger is to receive.
func (m *Messenger) acceptedRecords(batch *outbox.Batch) []*pluginv1.Record {
	var accepted []*pluginv1.Record
	for _, record := range batch.Records {
		if m.Accepts(batch.Extractor, contract.RecordTypeOf(record)) {
			accepted = append(accepted, record)
		}
	}
	return accepted
}

// rejectDamaged makes a dead letter of a batch that cannot be read, so that those after it are
// delivered.
func (d *Delivery) rejectDamaged(m *Messenger, damaged *outbox.DamagedBatchError, result *report.MessengerResult) error {
	result.Problems = append(result.Problems, report.Errorf("%v", damaged).WithResource(damaged.ID).
		WithDetail("Its records are lost. Report its window again with --extract-from and --extract-to."))
	return d.Queue.Reject(m.Instance.Name, damaged.ID, damaged.Error(), nil)
}

// applyAck stores the result of a batch. An error means that the batch stays pending; the duration
// is when to retry it, 0 for the next run.
func (d *Delivery) applyAck(m *Messenger, batchID string, records []*pluginv1.Record, ack *pluginv1.Ack, result *report.MessengerResult, rejections *rejections) (time.Duration, error) {
	switch ack.GetResult() {
	case pluginv1.Ack_RESULT_DELIVERED:
		return 0, d.applyDelivered(m, batchID, records, ack, result, rejections)
	case pluginv1.Ack_RESULT_REJECTED:
		reason := newDiagnosticsError(ack.GetDiagnostics(), contract.NoReason).Error()
		return 0, d.rejectBatch(m, batchID, records, reason, result, rejections)
	}
	// RETRY, and what this version of the contract does not have. It wins over rejected records: the
	// next ack has them again.
	return ack.GetRetryAfter().AsDuration(), newDiagnosticsError(ack.GetDiagnostics(),
		"batch "+batchID+" was not delivered: "+contract.NoReason)
}

// rejectBatch makes a dead letter of a batch.
func (d *Delivery) rejectBatch(m *Messenger, batchID string, records []*pluginv1.Record, reason string, result *report.MessengerResult, rejections *rejections) error {
	reason = d.storedReason(reason)
	if err := d.Queue.Reject(m.Instance.Name, batchID, reason, nil); err != nil {
		return err
	}
	result.DeadLetters += len(records)
	rejections.addBatch(batchID, len(records), reason)
	return nil
}

func (d *Delivery) applyDelivered(m *Messenger, batchID string, records []*pluginv1.Record, ack *pluginv1.Ack, result *report.MessengerResult, rejections *rejections) error {
	reasons, unknown := d.rejectionReasons(records, ack.GetRejectedRecords())
	var err error
	if len(reasons) == 0 {
		err = d.Queue.Ack(m.Instance.Name, batchID)
	} else {
		err = d.Queue.Reject(m.Instance.Name, batchID, "", reasons)
	}
	if err != nil {
		return err
	}
	for _, record := range records {
		if reason, rejected := reasons[record.GetId()]; rejected {
			rejections.addRecord(record.GetId(), reason)
		}
	}
	rejections.addUnknown(unknown)
	result.Problems = append(result.Problems, report.FromDiagnostics(ack.GetDiagnostics())...)
	result.DeadLetters += len(reasons)
	result.Batches++
	result.Records += len(records) - len(reasons)
	return nil
}

// rejectionReasons returns the reasons by record id, and the ids that are not in the batch.
func (d *Delivery) rejectionReasons(records []*pluginv1.Record, rejected []*pluginv1.RejectedRecord) (reasons map[string]string, unknown []string) {
	reasons = make(map[string]string, len(rejected))
	for _, r := range rejected {
		if slices.ContainsFunc(records, func(record *pluginv1.Record) bool { return record.GetId() == r.GetRecordId() }) {
			reasons[r.GetRecordId()] = d.storedReason(cmp.Or(r.GetReason(), contract.NoReason))
		} else {
			unknown = append(unknown, r.GetRecordId())
		}
	}
	return reasons, unknown
}

// maxReasonBytes limits a stored reason.
const maxReasonBytes = 4 << 10

// storedReason returns a reason as the outbox stores it: masked first and cut then, so that no part
// of a secret is left.
func (d *Delivery) storedReason(reason string) string {
	if d.Mask != nil {
		reason = d.Mask(reason)
	}
	const mark = "..."
	if len(reason) > maxReasonBytes {
		reason = strings.ToValidUTF8(reason[:maxReasonBytes-len(mark)], "") + mark
	}
	return reason
}
