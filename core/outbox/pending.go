package outbox

import (
	"fmt"
	"slices"

	"go.etcd.io/bbolt"
)

// PendingBatch is a batch that at least one messenger has not acknowledged.
type PendingBatch struct {
	Batch
	// Bytes is the stored size.
	Bytes int
	// RecordCount is the number of records; Records is empty in a list.
	RecordCount int
	// Messengers lists the messengers that have not acknowledged it, in alphabetical order.
	Messengers []string
}

// Pending returns every pending batch in commit order, without its records.
func (o *Outbox) Pending() ([]PendingBatch, error) {
	var list []PendingBatch
	err := o.view("listing pending batches", func(tx *bbolt.Tx) error {
		cursors, err := readCursors(tx)
		if err != nil {
			return err
		}
		return eachEntry(tx, 0, func(position uint64, batch entry) error {
			pending := PendingBatch{Batch: Batch{Origin: batch.Origin, ID: batch.ID, Committed: batch.Committed}, Bytes: batch.Bytes, RecordCount: batch.Records}
			for messenger, current := range cursors {
				if current.wants(messenger, position, batch) {
					pending.Messengers = append(pending.Messengers, messenger)
				}
			}
			slices.Sort(pending.Messengers)
			list = append(list, pending)
			return nil
		})
	})
	return list, err
}

// Batch returns a pending batch with its records; false if no pending batch has that ID.
func (o *Outbox) Batch(id string) (*Batch, bool, error) {
	var found *Batch
	err := o.view(fmt.Sprintf("reading batch %q", id), func(tx *bbolt.Tx) error {
		return eachEntry(tx, 0, func(_ uint64, batch entry) error {
			if batch.ID != id {
				return nil
			}
			content, err := (&nextBatch{batch: batch}).readRecords(tx)
			if err != nil {
				return &DamagedBatchError{Path: o.path, ID: id, Err: err}
			}
			found = &Batch{Origin: batch.Origin, ID: batch.ID, Committed: batch.Committed, Records: content.GetRecords()}
			return nil
		})
	})
	return found, found != nil, err
}
