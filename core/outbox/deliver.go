package outbox

import (
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Batch is a bounded group of records of one window.
type Batch struct {
	Origin
	// ID is unique for all time: printable ASCII without blanks, at most 64 characters.
	ID string
	// Committed is the commit time of the window.
	Committed time.Time
	// Records lists the records, of all types.
	Records []*pluginv1.Record
}

// DamagedBatchError means that a stored batch differs from what was written. The batch stays the
// next one of the messenger until it is rejected or acknowledged.
type DamagedBatchError struct {
	// Path is the path of the outbox.
	Path string
	// ID is the batch ID for Reject and Ack.
	ID string
	// Err is the cause.
	Err error
}

// Error returns a message with the path and the batch ID.
func (e *DamagedBatchError) Error() string {
	return fmt.Sprintf("reading batch %q: %s: %v: %v", e.ID, e.Path, ErrDamaged, e.Err)
}

// Unwrap returns ErrDamaged and the cause.
func (e *DamagedBatchError) Unwrap() []error { return []error{ErrDamaged, e.Err} }

// Next returns the first pending batch of a messenger, in commit order; false if its backlog is
// empty. It returns the same batch until that is acknowledged or rejected.
func (o *Outbox) Next(messenger string) (*Batch, bool, error) {
	var next *Batch
	var damaged *DamagedBatchError
	err := o.view(fmt.Sprintf("reading the next batch of messenger %q", messenger), func(tx *bbolt.Tx) error {
		cursors, err := readCursors(tx)
		if err != nil {
			return err
		}
		first, err := findNext(tx, cursors, messenger)
		if err != nil || first == nil {
			return err
		}
		next = &Batch{Origin: first.batch.Origin, ID: first.batch.ID, Committed: first.batch.Committed}
		content, err := first.readRecords(tx)
		if err != nil {
			damaged = &DamagedBatchError{Path: o.path, ID: first.batch.ID, Err: err}
			return nil //nolint:nilerr // a damaged batch does not fail the transaction
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

// Ack moves the cursor of a messenger past the batch that Next returned, durably. The batch is
// deleted when the cursors of all messengers are past it.
func (o *Outbox) Ack(messenger, batchID string) error {
	doing := fmt.Sprintf("acknowledging batch %q for messenger %q", batchID, messenger)
	return o.update(doing, func(tx *bbolt.Tx) error {
		return passBatch(tx, messenger, batchID, nil)
	})
}

// passBatch moves a messenger's cursor past its next batch, whose ID must be batchID. It calls
// before first, in the same transaction.
func passBatch(tx *bbolt.Tx, messenger, batchID string, before func(*nextBatch) error) error {
	cursors, err := readCursors(tx)
	if err != nil {
		return err
	}
	first, err := findNext(tx, cursors, messenger)
	switch {
	case err != nil:
		return err
	case first == nil:
		return fmt.Errorf("no batch is pending")
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

// nextBatch is the next batch of a messenger.
type nextBatch struct {
	position uint64
	batch    entry
	// err is the damage of its entry in the queue.
	err error
}

// findNext returns the next batch of a messenger; nil if its backlog is empty.
func findNext(tx *bbolt.Tx, cursors map[string]cursor, messenger string) (*nextBatch, error) {
	current, known := cursors[messenger]
	if !known || current.Until != 0 {
		return nil, ErrNotRegistered
	}
	walk := tx.Bucket([]byte(queueBucket)).Cursor()
	for key, value := walk.Seek(numberKey(current.Next)); key != nil; key, value = walk.Next() {
		position, err := keyNumber(key)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		batch, err := decodeEntry(position, value)
		if err != nil || batch.isFor(messenger) {
			next := &nextBatch{position: position, batch: batch, err: err}
			return next, nil //nolint:nilerr // readRecords returns it
		}
	}
	return nil, nil
}

// readRecords returns the records of the batch.
func (h *nextBatch) readRecords(tx *bbolt.Tx) (*pluginv1.Batch, error) {
	if h.err != nil {
		return nil, fmt.Errorf("entry in the queue: %w", h.err)
	}
	value := tx.Bucket([]byte(batchesBucket)).Get(numberKey(h.batch.Number))
	if value == nil {
		return nil, fmt.Errorf("the records are missing")
	}
	return unsealBatch(value)
}
