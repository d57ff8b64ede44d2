package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/core/report"
	sdk "github.com/caso-project/caso/internal/oldsdk"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// A messenger that says when to try again is tried again in the same run, if that is soon and not for
// ever; everything else waits for the next run.
const (
	maxTries     = 3
	maxRetryWait = 30 * time.Second
)

// Messenger is a running messenger plugin.
type Messenger struct {
	// Name is how the configuration calls it, and the name of its cursor.
	Name   string
	Client pluginv1.MessengerClient
	// Types are the record types it is to have.
	Types []pluginv1.RecordType
	// Timeout is how long it may take over one batch.
	Timeout time.Duration
	// Explain puts the error of a call into words; the plugin's process may have died.
	Explain func(error) error
}

// Queue is the outbox as a messenger walks it.
type Queue interface {
	Next(messenger string) (*outbox.Batch, bool, error)
	Ack(messenger, batchID string) error
	Reject(messenger, batchID, reason string, recordReasons map[string]string) error
	Stats() (outbox.Stats, error)
}

// Delivery is one run's delivery.
type Delivery struct {
	Queue  Queue
	Logger hclog.Logger
}

// Run lets every messenger walk the outbox at its own speed until it is at the end, or in trouble. One
// messenger's trouble is nobody else's.
func (d *Delivery) Run(ctx context.Context, messengers []*Messenger) []report.MessengerResult {
	reports := make([]report.MessengerResult, len(messengers))
	var group sync.WaitGroup
	for i, messenger := range messengers {
		group.Go(func() { reports[i] = d.messenger(ctx, messenger) })
	}
	group.Wait()
	d.waiting(reports)
	return reports
}

func (d *Delivery) messenger(ctx context.Context, m *Messenger) report.MessengerResult {
	result := report.MessengerResult{Name: m.Name}
	if err := d.walk(ctx, m, &result); err != nil {
		result.Problems = append(result.Problems, report.FromDiagnostics(sdk.Diagnostics(err))...)
	}
	return result
}

// waiting adds to the reports what is left in the outbox.
func (d *Delivery) waiting(reports []report.MessengerResult) {
	stats, err := d.Queue.Stats()
	for i := range reports {
		if err != nil {
			reports[i].Problems = append(reports[i].Problems, report.Problem{Severity: report.Error, Summary: err.Error()})
			continue
		}
		for _, messenger := range stats.Messengers {
			if messenger.Name == reports[i].Name {
				reports[i].PendingBatches, reports[i].PendingRecords = messenger.PendingBatches, messenger.PendingRecords
				if messenger.PendingBatches > 0 {
					reports[i].OldestPending = &messenger.OldestPending
				}
			}
		}
	}
}

// walk delivers batch after batch. The error is what kept it from reaching the end.
func (d *Delivery) walk(ctx context.Context, m *Messenger, result *report.MessengerResult) error {
	var line *line
	defer func() {
		if line != nil {
			line.close()
		}
	}()
	tries := 0
	for {
		if ctx.Err() != nil {
			return errors.New("interrupted; what is left stays in the outbox")
		}
		batch, ok, err := d.Queue.Next(m.Name)
		if damaged := (*outbox.DamagedBatchError)(nil); errors.As(err, &damaged) {
			if err := d.passDamaged(m, damaged, result); err != nil {
				return err
			}
			continue
		}
		if err != nil || !ok {
			return err
		}
		records := m.wants(batch.Records)
		if len(records) == 0 {
			if err := d.Queue.Ack(m.Name, batch.ID); err != nil {
				return err
			}
			continue
		}
		if line == nil {
			if line, err = m.open(ctx); err != nil {
				return err
			}
		}
		ack, err := line.deliver(&pluginv1.Batch{Id: batch.ID, Records: records})
		if err != nil {
			return err
		}
		tries++
		wait, err := d.settle(m, batch.ID, records, ack, result)
		switch {
		case err == nil && wait == 0:
			tries = 0
		case wait > 0 && wait <= maxRetryWait && tries < maxTries:
			d.Logger.Info("the messenger asks to try again", "messenger", m.Name, "batch", batch.ID, "in", wait)
			select {
			case <-ctx.Done():
			case <-time.After(wait):
			}
		default:
			return err
		}
	}
}

// passDamaged takes a batch that cannot be read out of the way of those behind it. Its records are lost to
// this messenger, which the report says; reporting the window again brings them back.
func (d *Delivery) passDamaged(m *Messenger, damaged *outbox.DamagedBatchError, result *report.MessengerResult) error {
	result.Problems = append(result.Problems, report.Problem{
		Severity: report.Error, Resource: damaged.ID, Summary: damaged.Error(),
		Detail: "It was set aside; report its window again with --extract-from and --extract-to.",
	})
	return d.Queue.Reject(m.Name, damaged.ID, damaged.Error(), nil)
}

// settle does what an ack says. It returns how long to wait before the same batch is tried again, and the
// error that ends the walk if it is not.
func (d *Delivery) settle(m *Messenger, batchID string, records []*pluginv1.Record, ack *pluginv1.Ack, result *report.MessengerResult) (time.Duration, error) {
	switch ack.GetResult() {
	case pluginv1.Ack_RESULT_DELIVERED:
		faults, err := faultsOf(records, ack.GetRejectedRecords())
		if err != nil {
			return 0, err
		}
		for _, fault := range ack.GetRejectedRecords() {
			result.Problems = append(result.Problems, report.Problem{
				Severity: report.Error, Resource: fault.GetRecordId(),
				Summary: "set aside a record that was rejected: " + fault.GetReason(),
			})
		}
		result.Problems = append(result.Problems, report.FromDiagnostics(ack.GetDiagnostics())...)
		if len(faults) == 0 {
			err = d.Queue.Ack(m.Name, batchID)
		} else {
			err = d.Queue.Reject(m.Name, batchID, "", faults)
		}
		if err != nil {
			return 0, err
		}
		result.DeadLetters += len(faults)
		result.Batches++
		result.Records += len(records) - len(faults)
		return 0, nil
	case pluginv1.Ack_RESULT_REJECTED:
		reason := sdk.Fail(ack.GetDiagnostics()...).Error()
		if err := d.Queue.Reject(m.Name, batchID, reason, nil); err != nil {
			return 0, err
		}
		result.DeadLetters += len(records)
		result.Problems = append(result.Problems, report.Problem{
			Severity: report.Error, Resource: batchID,
			Summary: fmt.Sprintf("set aside a batch of %d records that was rejected: %s", len(records), reason),
		})
		return 0, nil
	default:
		if len(ack.GetDiagnostics()) == 0 {
			return 0, fmt.Errorf("the messenger did not deliver batch %s and did not say why", batchID)
		}
		return ack.GetRetryAfter().AsDuration(), sdk.Fail(ack.GetDiagnostics()...)
	}
}

// faultsOf checks that the rejected records are records of the batch: one that is not cannot be set aside,
// and shows that the messenger answers for something else.
func faultsOf(records []*pluginv1.Record, rejected []*pluginv1.RejectedRecord) (map[string]string, error) {
	faults := make(map[string]string, len(rejected))
	for _, fault := range rejected {
		if !slices.ContainsFunc(records, func(r *pluginv1.Record) bool { return r.GetId() == fault.GetRecordId() }) {
			return nil, fmt.Errorf("the messenger rejected record %q, which is not in the batch", fault.GetRecordId())
		}
		faults[fault.GetRecordId()] = fault.GetReason()
	}
	return faults, nil
}

// wants picks the records that the messenger is to have.
func (m *Messenger) wants(records []*pluginv1.Record) []*pluginv1.Record {
	var wanted []*pluginv1.Record
	for _, record := range records {
		if slices.Contains(m.Types, sdk.RecordTypeOf(record)) {
			wanted = append(wanted, record)
		}
	}
	return wanted
}
