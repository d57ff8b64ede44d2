package pipeline

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/core/report"
	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// applyAck stores the result of a group. An error means that it stays pending; the duration is when
// to retry it, 0 for the next run.
func (m *messengerDelivery) applyAck(group *outbox.Group, records outbox.Records, ack *pluginv1.Ack) (time.Duration, error) {
	switch ack.GetResult() {
	case pluginv1.Ack_RESULT_DELIVERED:
		return 0, m.applyDelivered(group, records, ack)
	case pluginv1.Ack_RESULT_REJECTED:
		reason := newDiagnosticsError(ack.GetDiagnostics(), contract.NoReason).Error()
		return 0, m.rejectGroup(group, records, reason)
	}
	// RETRY, and what this version of the contract does not have. It wins over rejected records: the
	// next ack has them again.
	return ack.GetRetryAfter().AsDuration(), newDiagnosticsError(ack.GetDiagnostics(),
		"batch "+group.ID()+" was not delivered: "+contract.NoReason)
}

func (m *messengerDelivery) applyDelivered(group *outbox.Group, records outbox.Records, ack *pluginv1.Ack) error {
	ids, err := recordIDs(records, ack.GetRejectedRecords())
	if err != nil {
		return err
	}
	reasons, unknown := m.rejectionReasons(ids, ack.GetRejectedRecords())
	if len(reasons) == 0 {
		err = m.ack(group)
	} else {
		err = m.reject(group, "", reasons)
	}
	if err != nil {
		return err
	}
	rejected := 0
	for _, id := range ids {
		if reason, found := reasons[id]; found {
			m.rejections.addRecord(id, reason)
			rejected++
		}
	}
	m.rejections.addUnknown(unknown)
	m.result.Problems = append(m.result.Problems, report.FromDiagnostics(ack.GetDiagnostics())...)
	m.result.DeadLetters += rejected
	m.result.Batches += m.messenger.countBatches(group)
	m.result.Records += records.Count() - rejected
	return nil
}

// countBatches returns the number of batches of which the messenger receives records.
func (m *Messenger) countBatches(group *outbox.Group) int {
	count := 0
	for _, batch := range group.Batches {
		if m.acceptedRecords(batch).Count() > 0 {
			count++
		}
	}
	return count
}

// rejectGroup makes a dead letter of a batch. Several batches that are rejected together are
// delivered one by one first: usually one of them is the cause.
func (m *messengerDelivery) rejectGroup(group *outbox.Group, records outbox.Records, reason string) error {
	if len(group.Batches) > 1 {
		m.singlyUntil = group.Batches[len(group.Batches)-1].ID
		return nil
	}
	reason = m.storedReason(reason)
	if err := m.reject(group, reason, nil); err != nil {
		return err
	}
	m.result.DeadLetters += records.Count()
	m.rejections.addBatch(group.FirstID, records.Count(), reason)
	return nil
}

// rejectDamaged makes a dead letter of a batch that cannot be read, so that those after it are
// delivered.
func (m *messengerDelivery) rejectDamaged(damaged *outbox.DamagedBatchError) error {
	m.result.Problems = append(m.result.Problems, report.Errorf("%v", damaged).WithResource(damaged.ID).
		WithDetail("Its records are lost. Report its window again with --extract-from and --extract-to."))
	return m.reject(&outbox.Group{FirstID: damaged.ID, Batches: []*outbox.Batch{{ID: damaged.ID}}}, damaged.Error(), nil)
}

// ack moves the cursor past a group.
func (m *messengerDelivery) ack(group *outbox.Group) error {
	err := m.Queue.Ack(m.messenger.Instance.Name, group.BatchIDs()...)
	m.passed(group, err)
	return err
}

// reject moves the cursor past a group and stores dead letters.
func (m *messengerDelivery) reject(group *outbox.Group, reason string, recordReasons map[string]string) error {
	err := m.Queue.Reject(m.messenger.Instance.Name, group.BatchIDs(), reason, recordReasons)
	m.passed(group, err)
	return err
}

func (m *messengerDelivery) passed(group *outbox.Group, err error) {
	if err != nil {
		return
	}
	m.Budget.delivered()
	if slices.Contains(group.BatchIDs(), m.singlyUntil) {
		m.singlyUntil = ""
	}
}

// recordIDs returns the IDs of the records of a batch, of which a messenger has rejected some.
func recordIDs(records outbox.Records, rejected []*pluginv1.RejectedRecord) ([]string, error) {
	if len(rejected) == 0 {
		return nil, nil
	}
	decoded, err := records.Decode()
	ids := make([]string, len(decoded))
	for i, record := range decoded {
		ids[i] = record.GetId()
	}
	return ids, err
}

// rejectionReasons returns the reasons by record ID, and the IDs that are not among ids.
func (d *Delivery) rejectionReasons(ids []string, rejected []*pluginv1.RejectedRecord) (reasons map[string]string, unknown []string) {
	reasons = make(map[string]string, len(rejected))
	for _, r := range rejected {
		if slices.Contains(ids, r.GetRecordId()) {
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
