package outbox

import (
	"fmt"
	"slices"
	"time"

	"go.etcd.io/bbolt"
	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// SetAside is what a messenger refused for good.
type SetAside struct {
	Origin
	// Messenger is the one that refused.
	Messenger string `json:"messenger"`
	// BatchID is the batch that the records came in.
	BatchID string `json:"batch_id"`
	// Time is when it was set aside.
	Time time.Time `json:"time"`
	// Reason is why all of it was refused; empty where single records were.
	Reason string `json:"reason,omitempty"`
	// Faults are the reasons for single records, by record id.
	Faults map[string]string `json:"faults,omitempty"`
	// Records are those that were refused; none where the batch could not be read.
	Records []*pluginv1.Record `json:"-"`
}

// SetAside passes over the batch that Next gave a messenger and keeps what was refused with the reason:
// the records that faults names by their ids, or the whole batch if faults is empty. If faults names a
// record that is not in the batch the whole batch is kept as well: nobody can say which was meant. A
// damaged batch can be set aside too; its records are lost.
func (o *Outbox) SetAside(messenger, batchID, reason string, faults map[string]string) error {
	doing := fmt.Sprintf("setting batch %q aside for messenger %q", batchID, messenger)
	return o.update(doing, func(tx *bbolt.Tx) error {
		return pass(tx, messenger, batchID, func(first *head) error {
			kept := SetAside{
				Origin:    first.batch.Origin,
				Messenger: messenger,
				BatchID:   batchID,
				Time:      o.now().UTC(),
				Reason:    reason,
				Faults:    faults,
			}
			content, err := first.read(tx)
			if err != nil {
				kept.Reason = fmt.Sprintf("%s (the batch is damaged: %v)", reason, err)
			}
			return putAside(tx, kept, atFault(content.GetRecords(), faults))
		})
	})
}

// atFault picks the records that faults names.
func atFault(records []*pluginv1.Record, faults map[string]string) []*pluginv1.Record {
	var picked []*pluginv1.Record
	missing := make(map[string]bool, len(faults))
	for id := range faults {
		missing[id] = true
	}
	for _, record := range records {
		if _, named := faults[record.GetId()]; named {
			picked = append(picked, record)
			delete(missing, record.GetId())
		}
	}
	if len(faults) == 0 || len(missing) > 0 {
		return records
	}
	return picked
}

func putAside(tx *bbolt.Tx, kept SetAside, records []*pluginv1.Record) error {
	body, err := proto.MarshalOptions{Deterministic: true}.Marshal(&pluginv1.RecordBatch{Records: records})
	if err != nil {
		return err
	}
	return put(tx, asideBucket, pairKey(kept.Messenger, kept.BatchID), kept, body)
}

// SetAsideList is all that was set aside, oldest first.
func (o *Outbox) SetAsideList() ([]SetAside, error) {
	var list []SetAside
	err := o.view("reading what was set aside", func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(asideBucket)).ForEach(func(key, value []byte) error {
			one, err := decodeAside(key, value)
			list = append(list, one)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(list, func(a, b SetAside) int { return a.Time.Compare(b.Time) })
	return list, nil
}

func decodeAside(key, value []byte) (SetAside, error) {
	var one SetAside
	content := &pluginv1.RecordBatch{}
	body, err := unseal(value, &one)
	if err == nil {
		err = proto.Unmarshal(body, content)
	}
	if err != nil {
		messenger, batchID := keyPair(key)
		return SetAside{}, fmt.Errorf("what messenger %q refused of batch %s: %w: %w", messenger, batchID, ErrDamaged, err)
	}
	one.Records = content.GetRecords()
	return one, nil
}

// Retry puts what was set aside at the end of the queue again, for the messenger that refused it and no
// other, as a batch with a new id. A messenger whose system keeps the last of several reports gets an
// older one after newer ones this way: what followed in the same month has to be republished.
func (o *Outbox) Retry(messenger, batchID string) error {
	doing := fmt.Sprintf("retrying batch %q for messenger %q", batchID, messenger)
	return o.update(doing, func(tx *bbolt.Tx) error {
		key := pairKey(messenger, batchID)
		value := tx.Bucket([]byte(asideBucket)).Get(key)
		if value == nil {
			return fmt.Errorf("nothing of it was set aside")
		}
		kept, err := decodeAside(key, value)
		if err != nil {
			return err
		}
		if len(kept.Records) == 0 {
			return fmt.Errorf("its records could not be read when it was set aside: republish the project from %s to %s",
				when(kept.From), when(kept.To))
		}
		cursors, err := readCursors(tx)
		if err != nil {
			return err
		}
		if current, known := cursors[messenger]; !known || current.Until != 0 {
			return fmt.Errorf("the messenger is not registered")
		}
		again, err := o.addBatch(tx, kept.Records)
		if err != nil {
			return err
		}
		again.Origin, again.Committed, again.Only = kept.Origin, o.now().UTC(), messenger
		if err := enqueue(tx, again); err != nil {
			return err
		}
		return tx.Bucket([]byte(asideBucket)).Delete(key)
	})
}

// DropSetAside forgets what was set aside.
func (o *Outbox) DropSetAside(messenger, batchID string) error {
	doing := fmt.Sprintf("dropping what messenger %q refused of batch %q", messenger, batchID)
	return o.update(doing, func(tx *bbolt.Tx) error {
		key := pairKey(messenger, batchID)
		if tx.Bucket([]byte(asideBucket)).Get(key) == nil {
			return fmt.Errorf("nothing of it was set aside")
		}
		return tx.Bucket([]byte(asideBucket)).Delete(key)
	})
}
