package pipeline

import (
	"context"
	"errors"
	"time"

	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/core/report"
	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// A batch whose ack has a retry_after of at most maxRetryWait is delivered again in the same run,
// up to maxTries times in all. Every other batch that is not delivered stays pending until the
// extraction has ended, and then until the next run.
const (
	maxTries     = 3
	maxRetryWait = 30 * time.Second
)

// groupWait is how long batches of less than a full one wait for further windows of the run.
const groupWait = 30 * time.Second

var errInterrupted = errors.New("interrupted; the batches stay pending")

// messengerDelivery is the delivery to one messenger.
type messengerDelivery struct {
	*Delivery
	messenger  *Messenger
	result     *report.MessengerResult
	rejections rejections
	// stream is nil while no call is open.
	stream *deliverStream
	// tries counts how often the present group was delivered.
	tries int
	// singlyUntil is the ID of the last batch of a group that was rejected as a whole, whose batches
	// are delivered one by one; empty if there is none.
	singlyUntil string
	// incomplete is the first batch of the group that waits for further windows.
	incomplete string
	waited     <-chan time.Time
	waitEnded  bool
}

// run delivers until nothing is pending and the extraction has ended. What fails before that is
// tried once more then: a receiver may have been down for a moment of a long extraction.
func (m *messengerDelivery) run(ctx context.Context) error {
	for {
		ended, _ := m.Commits.state()
		err := m.deliverAll(ctx)
		if err == nil || ended || ctx.Err() != nil {
			return err
		}
		m.Logger.Warn("delivery failed, retried after the extraction", "messenger", m.messenger.Instance.Name, "error", err)
		m.Commits.waitForEnd(ctx)
	}
}

// deliverAll delivers group after group.
func (m *messengerDelivery) deliverAll(ctx context.Context) error {
	defer m.closeStream()
	for {
		ended, changed := m.Commits.state()
		group, err := m.Queue.NextGroup(m.messenger.Instance.Name, m.extent(ended))
		damaged := (*outbox.DamagedBatchError)(nil)
		switch {
		case errors.As(err, &damaged):
			err = m.rejectDamaged(damaged)
		case err != nil:
		case group == nil && (ended || ctx.Err() != nil):
			return nil
		case ctx.Err() != nil:
			return errInterrupted
		case group == nil || group.Incomplete:
			m.closeStream()
			m.waitForCommit(ctx, group, changed)
		default:
			err = m.deliverGroup(ctx, group)
		}
		if err != nil {
			return err
		}
	}
}

// extent returns which batches are delivered next.
func (m *messengerDelivery) extent(ended bool) outbox.Extent {
	switch {
	case m.singlyUntil != "":
		return outbox.OneBatch
	case ended || m.waitEnded:
		return outbox.PendingGroup
	}
	return outbox.FullGroup
}

// waitForCommit waits for a change of what is committed, and with an incomplete group no longer
// than groupWait in all.
func (m *messengerDelivery) waitForCommit(ctx context.Context, group *outbox.Group, changed <-chan struct{}) {
	if group == nil {
		m.incomplete, m.waited = "", nil
	} else if group.FirstID != m.incomplete {
		m.incomplete, m.waited = group.FirstID, time.After(groupWait)
	}
	select {
	case <-ctx.Done():
	case <-changed:
	case <-m.waited:
		m.waitEnded = true
	}
}

// deliverGroup delivers a group as one batch. An error means that it stays pending.
func (m *messengerDelivery) deliverGroup(ctx context.Context, group *outbox.Group) error {
	m.waitEnded = false
	records := m.messenger.acceptedRecords(group.Batches...)
	if records.Count() == 0 {
		return m.ack(group)
	}
	if m.stream == nil {
		stream, err := m.messenger.openStream(ctx)
		if err != nil {
			return err
		}
		m.stream = stream
	}
	message := &pluginv1.Batch{Id: group.ID()}
	contract.SetEncoded(message, records.Bytes())
	ack, err := m.stream.deliver(message)
	if errors.Is(err, errBatchTooLarge) {
		// It would block every batch after it for ever. The call ended with it.
		m.closeStream()
		return m.rejectGroup(group, records, err.Error())
	}
	if err != nil {
		return err
	}
	m.tries++
	wait, err := m.applyAck(group, records, ack)
	switch {
	case err == nil:
		m.tries = 0
	case wait > 0 && wait <= maxRetryWait && m.tries < maxTries:
		m.Logger.Info("batch not delivered, retried in this run", "messenger", m.messenger.Instance.Name, "batch", group.ID(), "after", wait)
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
		err = nil
	}
	return err
}

func (m *messengerDelivery) closeStream() {
	if m.stream != nil {
		m.stream.close()
		m.stream = nil
	}
	m.tries = 0
}

// acceptedRecords returns the records of batches that a messenger is to receive.
func (m *Messenger) acceptedRecords(batches ...*outbox.Batch) outbox.Records {
	var accepted outbox.Records
	for _, batch := range batches {
		accepted = accepted.Join(batch.Records.Select(func(t pluginv1.RecordType) bool { return m.Accepts(batch.Extractor, t) }))
	}
	return accepted
}
