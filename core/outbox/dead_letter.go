package outbox

import (
	"fmt"
	"slices"
	"time"

	"go.etcd.io/bbolt"
	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// DeadLetter is a batch, or the records of a batch, that a messenger rejected.
type DeadLetter struct {
	Origin
	// Messenger is the name of the messenger instance that rejected it.
	Messenger string `json:"messenger"`
	// BatchID is the ID of the batch in which the records were delivered.
	BatchID string `json:"batch_id"`
	// Time is the time of the rejection.
	Time time.Time `json:"time"`
	// Reason is the reason for rejecting the whole batch; empty if single records were rejected.
	Reason string `json:"reason,omitempty"`
	// RecordReasons maps the ID of a rejected record to the reason.
	RecordReasons map[string]string `json:"record_reasons,omitempty"`
	// Records lists the rejected records; empty if the batch was damaged.
	Records []*pluginv1.Record `json:"-"`
}

// Reject moves the cursor of a messenger past the batch that Next returned and stores a dead
// letter: the records whose IDs are keys of recordReasons, or the whole batch if recordReasons is
// empty or contains an ID that is not in the batch. The dead letter of a damaged batch has no
// records.
func (o *Outbox) Reject(messenger, batchID, reason string, recordReasons map[string]string) error {
	doing := fmt.Sprintf("rejecting batch %q for messenger %q", batchID, messenger)
	return o.update(doing, func(tx *bbolt.Tx) error {
		return passBatch(tx, messenger, batchID, func(first *nextBatch) error {
			kept := DeadLetter{
				Origin:        first.batch.Origin,
				Messenger:     messenger,
				BatchID:       batchID,
				Time:          o.now().UTC(),
				Reason:        reason,
				RecordReasons: recordReasons,
			}
			content, err := first.readRecords(tx)
			if err != nil {
				kept.Reason = fmt.Sprintf("%s (the batch is damaged: %v)", reason, err)
			}
			return putAside(tx, kept, selectRejected(content.GetRecords(), recordReasons))
		})
	})
}

// selectRejected returns the records whose IDs are keys of reasons.
func selectRejected(records []*pluginv1.Record, reasons map[string]string) []*pluginv1.Record {
	var picked []*pluginv1.Record
	missing := make(map[string]bool, len(reasons))
	for id := range reasons {
		missing[id] = true
	}
	for _, record := range records {
		if _, named := reasons[record.GetId()]; named {
			picked = append(picked, record)
			delete(missing, record.GetId())
		}
	}
	if len(reasons) == 0 || len(missing) > 0 {
		return records
	}
	return picked
}

func putAside(tx *bbolt.Tx, kept DeadLetter, records []*pluginv1.Record) error {
	body, err := proto.MarshalOptions{Deterministic: true}.Marshal(&pluginv1.RecordBatch{Records: records})
	if err != nil {
		return err
	}
	return put(tx, deadLettersBucket, pairKey(kept.Messenger, kept.BatchID), kept, body)
}

// DeadLetters returns all dead letters, oldest first.
func (o *Outbox) DeadLetters() ([]DeadLetter, error) {
	var list []DeadLetter
	err := o.view("reading dead letters", func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(deadLettersBucket)).ForEach(func(key, value []byte) error {
			one, err := decodeAside(key, value)
			list = append(list, one)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(list, func(a, b DeadLetter) int { return a.Time.Compare(b.Time) })
	return list, nil
}

func decodeAside(key, value []byte) (DeadLetter, error) {
	var one DeadLetter
	content := &pluginv1.RecordBatch{}
	body, err := unseal(value, &one)
	if err == nil {
		err = proto.Unmarshal(body, content)
	}
	if err != nil {
		messenger, batchID := keyPair(key)
		return DeadLetter{}, fmt.Errorf("dead letter of messenger %q, batch %q: %w: %w", messenger, batchID, ErrDamaged, err)
	}
	one.Records = content.GetRecords()
	return one, nil
}

// RetryDeadLetter appends a dead letter to the queue again, as a batch with a new ID that only the
// messenger that rejected it gets. A receiver that keeps the last of several reports about a
// subject gets an older report after newer ones this way: later windows of the same month must be
// republished.
func (o *Outbox) RetryDeadLetter(messenger, batchID string) error {
	doing := fmt.Sprintf("retrying the dead letter of messenger %q, batch %q", messenger, batchID)
	return o.update(doing, func(tx *bbolt.Tx) error {
		key := pairKey(messenger, batchID)
		value := tx.Bucket([]byte(deadLettersBucket)).Get(key)
		if value == nil {
			return ErrNotFound
		}
		kept, err := decodeAside(key, value)
		if err != nil {
			return err
		}
		if len(kept.Records) == 0 {
			return fmt.Errorf("the batch was damaged when it was rejected: republish the window with --extract-from %s --extract-to %s",
				formatTime(kept.From), formatTime(kept.To))
		}
		cursors, err := readCursors(tx)
		if err != nil {
			return err
		}
		if current, known := cursors[messenger]; !known || current.Until != 0 {
			return ErrNotRegistered
		}
		again, err := o.addBatch(tx, kept.Records)
		if err != nil {
			return err
		}
		again.Origin, again.Committed, again.Only = kept.Origin, o.now().UTC(), messenger
		if err := enqueue(tx, again); err != nil {
			return err
		}
		return tx.Bucket([]byte(deadLettersBucket)).Delete(key)
	})
}

// DropDeadLetter deletes a dead letter.
func (o *Outbox) DropDeadLetter(messenger, batchID string) error {
	doing := fmt.Sprintf("dropping the dead letter of messenger %q, batch %q", messenger, batchID)
	return o.update(doing, func(tx *bbolt.Tx) error {
		key := pairKey(messenger, batchID)
		if tx.Bucket([]byte(deadLettersBucket)).Get(key) == nil {
			return ErrNotFound
		}
		return tx.Bucket([]byte(deadLettersBucket)).Delete(key)
	})
}
