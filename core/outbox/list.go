package outbox

import (
	"fmt"
	"slices"

	"go.etcd.io/bbolt"
)

// Held is a batch that is held because some messengers have not had it.
type Held struct {
	Batch
	// Bytes is its size in the file.
	Bytes int
	// Count is the number of its records; Records is empty in a list.
	Count int
	// For are the messengers that have not had it, in alphabetical order.
	For []string
}

// List is every batch that is held, in commit order, without its records.
func (o *Outbox) List() ([]Held, error) {
	var list []Held
	err := o.view("listing the batches", func(tx *bbolt.Tx) error {
		cursors, err := readCursors(tx)
		if err != nil {
			return err
		}
		return eachEntry(tx, 0, func(position uint64, batch entry) error {
			held := Held{Batch: Batch{Origin: batch.Origin, ID: batch.ID, Committed: batch.Committed}, Bytes: batch.Bytes, Count: batch.Records}
			for messenger, current := range cursors {
				if current.wants(messenger, position, batch) {
					held.For = append(held.For, messenger)
				}
			}
			slices.Sort(held.For)
			list = append(list, held)
			return nil
		})
	})
	return list, err
}

// Read is a batch that is held, with its records; false where none has that id.
func (o *Outbox) Read(id string) (*Batch, bool, error) {
	var found *Batch
	err := o.view(fmt.Sprintf("reading batch %q", id), func(tx *bbolt.Tx) error {
		return eachEntry(tx, 0, func(_ uint64, batch entry) error {
			if batch.ID != id {
				return nil
			}
			content, err := (&head{batch: batch}).read(tx)
			if err != nil {
				return &DamagedBatchError{Path: o.path, ID: id, Err: err}
			}
			found = &Batch{Origin: batch.Origin, ID: batch.ID, Committed: batch.Committed, Records: content.GetRecords()}
			return nil
		})
	})
	return found, found != nil, err
}
