package sqlstore

import (
	"database/sql"
	"errors"
	"fmt"

	"github.com/caso-project/caso/core/outbox"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// cursorRow is a row of outbox_cursors: the first batch that a messenger has not acknowledged.
type cursorRow struct {
	messenger string
	position  int64
	number    int64
	// until is 0 while the messenger is configured. Since a run in which it was not, it is the
	// first position that is not kept for it.
	until int64
	// endPosition and endNumber are the last batch of the group that the messenger gets next; 0 if
	// that follows from the batches alone.
	endPosition int64
	endNumber   int64
	checksum    int64
}

// wants reports whether a batch has to be kept for the messenger.
func (c *cursorRow) wants(w *windowRow, number int64) bool {
	reached := w.position > c.position || w.position == c.position && number >= c.number
	return reached && (c.until == 0 || w.position < c.until) && (w.messenger == "" || w.messenger == c.messenger)
}

// groupEndsWith reports whether a batch is the stored end of the group.
func (c *cursorRow) groupEndsWith(w *windowRow, number int64) bool {
	return w.position == c.endPosition && number == c.endNumber
}

// groupEndsBefore reports whether a batch comes after the stored end of the group.
func (c *cursorRow) groupEndsBefore(w *windowRow, number int64) bool {
	return c.endPosition != 0 && (w.position > c.endPosition || w.position == c.endPosition && number > c.endNumber)
}

// advance moves the cursor past a batch.
func (c *cursorRow) advance(w *windowRow, number int64) {
	if c.groupEndsWith(w, number) || c.groupEndsBefore(w, number) {
		c.endPosition, c.endNumber = 0, 0
	}
	c.position, c.number = w.position, number+1
	if number >= w.batchCount {
		c.position, c.number = w.position+1, 1
	}
}

func (c *cursorRow) computeChecksum() int64 {
	return rowChecksum(c.messenger, c.position, c.number, c.until, c.endPosition, c.endNumber)
}

// putCursor stores a cursor that was read in the same transaction, or a new one.
func (t *tx) putCursor(c *cursorRow) error {
	s := updateCursor
	if c.checksum == 0 {
		s = insertCursor
	}
	sum := c.computeChecksum()
	t.state.digest += sum - c.checksum
	c.checksum = sum
	return t.execOne(s, c.position, c.number, c.until, c.endPosition, c.endNumber, sum, c.messenger)
}

func scanCursor(rows *sql.Rows) (*cursorRow, error) {
	c := &cursorRow{}
	err := rows.Scan(&c.messenger, &c.position, &c.number, &c.until, &c.endPosition, &c.endNumber, &c.checksum)
	if err == nil && c.computeChecksum() != c.checksum {
		err = errChecksum
	}
	if err != nil {
		return nil, fmt.Errorf("cursor of messenger %q: %w: %w", c.messenger, outbox.ErrDamaged, err)
	}
	return c, nil
}

// cursors returns the cursors of all messengers by name.
func (t *tx) cursors() (map[string]*cursorRow, error) {
	cursors := map[string]*cursorRow{}
	err := t.query(selectCursors, func(rows *sql.Rows) error {
		c, err := scanCursor(rows)
		if err == nil {
			cursors[c.messenger] = c
		}
		return err
	})
	return cursors, err
}

// cursor returns the cursor of a configured messenger.
func (t *tx) cursor(messenger string) (c *cursorRow, err error) {
	err = t.query(selectCursor, func(rows *sql.Rows) (err error) {
		c, err = scanCursor(rows)
		return err
	}, messenger)
	if err == nil && (c == nil || c.until != 0) {
		err = outbox.ErrNotRegistered
	}
	return c, err
}

// nextBatch returns the window and the number of the first batch that a messenger has not
// acknowledged; the window is nil if there is none.
func (t *tx) nextBatch(c *cursorRow) (*windowRow, int64, error) {
	var w *windowRow
	err := t.query(selectNextWindow, func(rows *sql.Rows) (err error) {
		w, err = scanWindow(rows)
		return err
	}, c.position, c.messenger)
	if err != nil || w == nil {
		return nil, 0, err
	}
	if w.position == c.position {
		return w, max(c.number, w.firstNumber), nil
	}
	return w, w.firstNumber, nil
}

// readBatch returns the records of a batch. An error of type *outbox.DamagedBatchError concerns
// this batch alone.
func (t *tx) readBatch(w *windowRow, number int64) (outbox.Records, error) {
	damaged := func(err error) (outbox.Records, error) {
		return outbox.Records{}, &outbox.DamagedBatchError{Location: t.store.location.String(), ID: w.batchID(number), Err: err}
	}
	if w.damage != nil {
		return damaged(fmt.Errorf("its window: %w", w.damage))
	}
	var recordCount, checksum int64
	var body []byte
	found, err := t.queryOne(selectBatch, []any{&recordCount, &checksum, &body}, w.windowID, number)
	switch {
	case err != nil && t.store.engine.isDamage(err):
		return damaged(err)
	case err != nil:
		return outbox.Records{}, err
	case !found:
		return damaged(errors.New("its records are missing"))
	case rowChecksum(w.windowID, number, recordCount, body) != checksum:
		return damaged(errChecksum)
	}
	records, err := outbox.ParseRecords(body)
	if err != nil {
		return damaged(err)
	}
	return records, nil
}

// decodeBatch returns the decoded records of a batch, with the errors of readBatch.
func (t *tx) decodeBatch(w *windowRow, number int64) ([]*pluginv1.Record, error) {
	records, err := t.readBatch(w, number)
	if err != nil {
		return nil, err
	}
	decoded, err := records.Decode()
	if err != nil {
		return nil, &outbox.DamagedBatchError{Location: t.store.location.String(), ID: w.batchID(number), Err: err}
	}
	return decoded, nil
}

// Next returns the first pending batch of a messenger, in commit order; false if its backlog is
// empty. It returns the same batch until that is acknowledged or rejected. The error for a batch
// that cannot be read is an *outbox.DamagedBatchError.
func (s *Store) Next(messenger string) (*outbox.Batch, bool, error) {
	var next *outbox.Batch
	var damaged *outbox.DamagedBatchError
	// A cursor moves only by Ack and Reject, and a batch is deleted only after that: while no other
	// process has written, no transaction is needed.
	doing := fmt.Sprintf("reading the next batch of messenger %q", messenger)
	err := s.query(doing, func(t *tx) error {
		next, damaged = nil, nil
		c, err := t.cursor(messenger)
		if err != nil {
			return err
		}
		w, number, err := t.nextBatch(c)
		if err != nil || w == nil {
			return err
		}
		records, err := t.readBatch(w, number)
		if errors.As(err, &damaged) {
			return nil
		}
		next = &outbox.Batch{Origin: w.Origin, ID: w.batchID(number), Committed: w.committed, Records: records}
		return err
	})
	if err == nil && damaged != nil {
		err = damaged
	}
	if err != nil {
		return nil, false, s.afterFailedRead(doing, err)
	}
	return next, next != nil, nil
}

// Ack moves the cursor of a messenger past its next batches, durably and in one transaction. A
// batch is deleted when the cursors of all messengers are past it.
func (s *Store) Ack(messenger string, batchIDs ...string) error {
	return s.update(fmt.Sprintf("acknowledging batch %q for messenger %q", batchIDs[0], messenger), func(t *tx) error {
		return t.pass(messenger, batchIDs, nil)
	})
}

// Reject moves the cursor of a messenger past its next batches and stores a dead letter of each
// that has rejected records, in one transaction: all records if a reason for the batches is given,
// else those that recordReasons has. If it has a record that is in none of them, all records of
// all batches are rejected, because it is unknown which one was meant. The dead letter of a damaged
// batch has no records.
func (s *Store) Reject(messenger string, batchIDs []string, reason string, recordReasons map[string]string) error {
	return s.update(fmt.Sprintf("rejecting batch %q for messenger %q", batchIDs[0], messenger), func(t *tx) error {
		var letters []*outbox.DeadLetter
		err := t.pass(messenger, batchIDs, func(w *windowRow, number int64) error {
			letter := &outbox.DeadLetter{
				Origin: w.Origin, Messenger: messenger, BatchID: w.batchID(number), Time: s.options.now().UTC(),
				Reason: storableText(reason),
			}
			letters = append(letters, letter)
			var err error
			letter.Records, err = t.decodeBatch(w, number)
			if damaged, ok := errors.AsType[*outbox.DamagedBatchError](err); ok {
				letter.Reason = storableText(fmt.Sprintf("%s (the batch is damaged: %v)", reason, damaged.Err))
				return nil
			}
			return err
		})
		if err != nil {
			return err
		}
		for _, letter := range outbox.SelectRejected(letters, recordReasons) {
			if err := t.insertDeadLetter(letter); err != nil {
				return err
			}
		}
		return nil
	})
}

// pass moves the cursor of a messenger past batches, which must be its next, after before was
// called for each.
func (t *tx) pass(messenger string, batchIDs []string, before func(*windowRow, int64) error) error {
	cursors, err := t.cursors()
	if err != nil {
		return err
	}
	c, known := cursors[messenger]
	if !known || c.until != 0 {
		return outbox.ErrNotRegistered
	}
	for _, id := range batchIDs {
		w, number, err := t.nextBatch(c)
		switch {
		case err != nil:
			return err
		case w == nil:
			return errors.New("no batch is pending")
		case w.batchID(number) != id:
			return fmt.Errorf("the next batch is %q", w.batchID(number))
		}
		if before != nil {
			if err := before(w, number); err != nil {
				return err
			}
		}
		c.advance(w, number)
		if err := t.release(cursors, w, number); err != nil {
			return err
		}
	}
	return t.putCursor(c)
}

// release deletes a batch unless a messenger still has to get it. Without a configured messenger it
// is kept: the next one that is configured starts with it.
func (t *tx) release(cursors map[string]*cursorRow, w *windowRow, number int64) error {
	configured := false
	for _, c := range cursors {
		configured = configured || c.until == 0
		if c.wants(w, number) {
			return nil
		}
	}
	if !configured && w.messenger == "" {
		return nil
	}
	return t.deleteBatches(w, number)
}
