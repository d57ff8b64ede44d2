package outbox

import (
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Batch is a batch on its way to a messenger.
type Batch struct {
	Origin
	// ID never changes and is never given twice: printable ASCII without blanks, at most 64 characters.
	ID string
	// Committed is when it became visible.
	Committed time.Time
	// Records are all of them, of whatever type.
	Records []*pluginv1.Record
}

// DamagedBatchError says that a batch was not read as it was written. It stays first in the messenger's
// queue until it is acknowledged or, better, set aside.
type DamagedBatchError struct {
	// Path is the outbox.
	Path string
	// ID is what Ack and SetAside know the batch by.
	ID string
	// Err is what is wrong with it.
	Err error
}

// Error names the file and the batch.
func (e *DamagedBatchError) Error() string {
	return fmt.Sprintf("outbox %s: reading batch %s: %v: %v", e.Path, e.ID, ErrDamaged, e.Err)
}

// Unwrap says ErrDamaged and the cause.
func (e *DamagedBatchError) Unwrap() []error { return []error{ErrDamaged, e.Err} }

// Next is the first batch that a messenger has not had, in commit order; false where it has had all. It
// is the same until that batch is acknowledged or set aside.
func (o *Outbox) Next(messenger string) (*Batch, bool, error) {
	var next *Batch
	var damaged *DamagedBatchError
	err := o.view(fmt.Sprintf("reading the next batch of messenger %q", messenger), func(tx *bbolt.Tx) error {
		cursors, err := readCursors(tx)
		if err != nil {
			return err
		}
		first, err := headOf(tx, cursors, messenger)
		if err != nil || first == nil {
			return err
		}
		next = &Batch{Origin: first.batch.Origin, ID: first.batch.ID, Committed: first.batch.Committed}
		content, err := first.read(tx)
		if err != nil {
			damaged = &DamagedBatchError{Path: o.path, ID: first.batch.ID, Err: err}
			return nil //nolint:nilerr // what is wrong with one batch is no failure of the transaction
		}
		next.Records = content.GetRecords()
		return nil
	})
	switch {
	case err != nil:
		return nil, false, err
	case damaged != nil:
		return nil, false, damaged
	}
	return next, next != nil, nil
}

// Ack says that a messenger is done with the batch that Next gave it: delivered, or nothing in it that
// the messenger takes. The cursor moves durably, and the batch is deleted when all have had it.
func (o *Outbox) Ack(messenger, batchID string) error {
	doing := fmt.Sprintf("acknowledging batch %q for messenger %q", batchID, messenger)
	return o.update(doing, func(tx *bbolt.Tx) error {
		return pass(tx, messenger, batchID, nil)
	})
}

// pass moves a messenger's cursor behind a batch, which must be its next, after what else is to be done
// with the batch in the same transaction.
func pass(tx *bbolt.Tx, messenger, batchID string, before func(*head) error) error {
	cursors, err := readCursors(tx)
	if err != nil {
		return err
	}
	first, err := headOf(tx, cursors, messenger)
	switch {
	case err != nil:
		return err
	case first == nil:
		return fmt.Errorf("no batch is waiting for it")
	case first.batch.ID != batchID:
		return fmt.Errorf("the next batch is %q", first.batch.ID)
	}
	if before != nil {
		if err := before(first); err != nil {
			return err
		}
	}
	cursors[messenger] = cursor{Next: first.position + 1}
	if err := putCursor(tx, messenger, cursors[messenger]); err != nil {
		return err
	}
	return release(tx, cursors, first.position, first.batch)
}

// head is the batch that a messenger has to have next.
type head struct {
	position uint64
	batch    entry
	// err is what is wrong with its entry in the queue.
	err error
}

// headOf finds it; nil where the messenger has had all.
func headOf(tx *bbolt.Tx, cursors map[string]cursor, messenger string) (*head, error) {
	current, known := cursors[messenger]
	if !known || current.Until != 0 {
		return nil, fmt.Errorf("the messenger is not registered")
	}
	walk := tx.Bucket([]byte(queueBucket)).Cursor()
	for key, value := walk.Seek(numberKey(current.Next)); key != nil; key, value = walk.Next() {
		position, err := keyNumber(key)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		batch, err := decodeEntry(position, value)
		if err != nil || batch.isFor(messenger) {
			return &head{position: position, batch: batch, err: err}, nil //nolint:nilerr // the caller asks for it when it reads the batch
		}
	}
	return nil, nil
}

// read is the batch itself.
func (h *head) read(tx *bbolt.Tx) (*pluginv1.Batch, error) {
	if h.err != nil {
		return nil, fmt.Errorf("its entry in the queue: %w", h.err)
	}
	value := tx.Bucket([]byte(batchesBucket)).Get(numberKey(h.batch.Number))
	if value == nil {
		return nil, fmt.Errorf("its records are missing")
	}
	return unsealBatch(value)
}
