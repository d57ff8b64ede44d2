package sqlstore

import (
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/internal/contract"
)

// windowRow is a row of outbox_windows: a committed window, or the records of a retried dead
// letter.
type windowRow struct {
	outbox.Origin
	position   int64
	windowID   int64
	generation string
	committed  time.Time
	// messenger is the only messenger that gets the batches; empty for all.
	messenger string
	// firstNumber is the number of the first batch that is stored: those before it are deleted.
	firstNumber int64
	batchCount  int64
	checksum    int64
	// damage is the reason why the other fields cannot be trusted, except position.
	damage error
}

// batchID returns the ID of one of the batches of the window.
func (w *windowRow) batchID(number int64) string {
	if w.damage != nil {
		return fmt.Sprintf("damaged-%d", w.position)
	}
	return fmt.Sprintf("%s-%d-%d", w.generation, w.windowID, number)
}

func (w *windowRow) columns() []any {
	return []any{w.position, w.windowID, w.generation, w.Extractor, w.ProjectID, w.Region, w.ProjectName,
		formatTime(w.From), formatTime(w.To), formatTime(w.committed), w.messenger, w.firstNumber, w.batchCount}
}

func (t *tx) insertWindow(w *windowRow) error {
	columns := w.columns()
	w.checksum = rowChecksum(columns...)
	t.state.digest += w.checksum
	return t.execOne(insertWindow, append(columns, w.checksum)...)
}

// deleteBatches deletes the batches of a window up to a number, and the window with the last of
// them.
func (t *tx) deleteBatches(w *windowRow, number int64) error {
	if w.damage == nil {
		if _, err := t.exec(deleteBatchesUpTo, w.windowID, number); err != nil {
			return err
		}
	}
	if number >= w.batchCount {
		return t.deleteWindow(w)
	}
	old := w.checksum
	w.firstNumber = number + 1
	w.checksum = rowChecksum(w.columns()...)
	t.state.digest += w.checksum - old
	return t.execOne(updateWindow, w.firstNumber, w.checksum, w.position)
}

func (t *tx) deleteWindow(w *windowRow) error {
	t.state.digest -= w.checksum
	return t.execOne(deleteWindow, w.position)
}

// scanWindow reads a row of outbox_windows. A row whose checksum does not match counts as a window
// of one damaged batch, so that the messengers can get past it.
func scanWindow(rows *sql.Rows) (*windowRow, error) {
	w := &windowRow{}
	var from, to, committed string
	err := rows.Scan(&w.position, &w.windowID, &w.generation, &w.Extractor, &w.ProjectID, &w.Region,
		&w.ProjectName, &from, &to, &committed, &w.messenger, &w.firstNumber, &w.batchCount, &w.checksum)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", outbox.ErrDamaged, err)
	}
	sum := rowChecksum(w.position, w.windowID, w.generation, w.Extractor, w.ProjectID, w.Region, w.ProjectName, from, to,
		committed, w.messenger, w.firstNumber, w.batchCount)
	times := timeParser{}
	w.From, w.To, w.committed = times.parse(from), times.parse(to), times.parse(committed)
	switch {
	case sum != w.checksum:
		w.damage = errChecksum
	case times.err != nil:
		w.damage = times.err
	}
	if w.damage != nil {
		*w = windowRow{position: w.position, firstNumber: 1, batchCount: 1, checksum: w.checksum, damage: w.damage}
	}
	return w, nil
}

// windows returns the windows from a position on.
func (t *tx) windows(from int64) ([]*windowRow, error) {
	var list []*windowRow
	err := t.query(selectWindows, func(rows *sql.Rows) error {
		w, err := scanWindow(rows)
		list = append(list, w)
		return err
	}, from)
	return list, err
}

// windowWriter implements outbox.WindowWriter.
type windowWriter struct {
	store  *Store
	origin outbox.Origin
	// windowID is 0 until the first transaction of the window.
	windowID int64
	// staged is the number of batches in outbox_batches.
	staged int64
	// unstaged lists records that are not stored yet. Small batches are joined to the size of a
	// full one, and the last is stored by Commit: for most projects that is the only transaction.
	unstaged outbox.Records
	// stateParts is the number of parts of the new state that were stored ahead of the commit.
	stateParts int64
	failed     error
	ended      bool
}

// Begin returns a writer for the records of a window.
func (s *Store) Begin(origin outbox.Origin) (outbox.WindowWriter, error) {
	doing := fmt.Sprintf("beginning a window of %s", origin.Key)
	if s.options.ReadOnly {
		return nil, s.errorf(doing, outbox.ErrReadOnly)
	}
	if err := origin.Check(); err != nil {
		return nil, s.errorf(doing, err)
	}
	origin.ProjectName = storableText(origin.ProjectName)
	return &windowWriter{store: s, origin: origin}, nil
}

// Append stages records, see outbox.WindowWriter.
func (w *windowWriter) Append(records outbox.Records) error {
	if w.ended {
		return w.store.errorf(w.doing("staging records"), outbox.ErrWindowEnded)
	}
	if w.failed != nil {
		return w.failed
	}
	if w.unstaged.Count()+records.Count() > contract.FullBatchRecords ||
		len(w.unstaged.Bytes())+len(records.Bytes()) > contract.FullBatchBytes {
		if err := w.stage(); err != nil {
			w.failed = err
			return err
		}
	}
	w.unstaged = w.unstaged.Join(records)
	return nil
}

// stage stores a batch that no messenger sees yet, because its window is not in outbox_windows.
func (w *windowWriter) stage() error {
	if w.unstaged.Count() == 0 {
		return nil
	}
	doing := w.doing("staging records")
	if err := w.store.reserve(doing, len(w.unstaged.Bytes())); err != nil {
		return err
	}
	windowID := w.windowID
	err := w.store.update(doing, func(t *tx) error {
		windowID = t.windowID(w.windowID)
		return t.insertBatch(windowID, w.staged+1, w.unstaged)
	})
	if err != nil {
		return err
	}
	w.windowID = windowID
	w.staged++
	w.unstaged = outbox.Records{}
	return nil
}

// windowID returns the ID of a window, which it allots if the window has none.
func (t *tx) windowID(id int64) int64 {
	if id == 0 {
		id = t.state.nextWindow
		t.state.nextWindow++
	}
	return id
}

func (t *tx) insertBatch(windowID, number int64, records outbox.Records) error {
	count, body := int64(records.Count()), records.Bytes()
	return t.execOne(insertBatch, windowID, number, count, int64(len(body)), rowChecksum(windowID, number, count, body), body)
}

// Commit makes the window visible, see outbox.WindowWriter.
func (w *windowWriter) Commit(change outbox.Change) error {
	doing := w.doing("committing")
	if w.ended {
		return w.store.errorf(doing, outbox.ErrWindowEnded)
	}
	if w.failed != nil {
		return w.failed
	}
	if err := w.commit(doing, change); err != nil {
		w.failed = err
		return err
	}
	w.ended, w.unstaged = true, outbox.Records{}
	return nil
}

func (w *windowWriter) commit(doing string, change outbox.Change) error {
	if !change.MoveCheckpoint {
		change.State = nil
	}
	if err := w.store.reserve(doing, len(w.unstaged.Bytes())+len(change.State)); err != nil {
		return err
	}
	parts, err := w.stageState(change.State)
	if err != nil {
		return err
	}
	committed := w.store.options.now().UTC()
	var oldState stateRef
	err = w.store.update(doing, func(t *tx) error {
		windowID, count := t.windowID(w.windowID), w.staged
		if w.unstaged.Count() > 0 {
			count++
			if err := t.insertBatch(windowID, count, w.unstaged); err != nil {
				return err
			}
		}
		if count > 0 {
			if err := t.appendWindow(&windowRow{Origin: w.origin, windowID: windowID, committed: committed, batchCount: count}); err != nil {
				return err
			}
		}
		if !change.MoveCheckpoint {
			return nil
		}
		var err error
		oldState, err = t.moveCheckpoint(w.origin, committed, windowID, w.stateParts, parts, len(change.State))
		return err
	})
	if err != nil {
		return err
	}
	// The window is committed. What this leaves of a large old state is deleted at the next
	// opening.
	_ = w.store.deleteStateParts(doing, oldState)
	return nil
}

// appendWindow makes a window the last one of the queue.
func (t *tx) appendWindow(w *windowRow) error {
	w.position = t.state.nextPosition
	w.generation = t.store.generation
	w.firstNumber = 1
	t.state.nextPosition++
	return t.insertWindow(w)
}

// Abort deletes what was staged, see outbox.WindowWriter.
func (w *windowWriter) Abort() error {
	if w.ended {
		return nil
	}
	w.ended, w.unstaged = true, outbox.Records{}
	if w.windowID == 0 {
		return nil
	}
	return w.store.deleteStaged(w.doing("deleting staged records"), w.windowID)
}

// deleteStaged deletes a window that is not committed, in transactions of bounded size.
func (s *Store) deleteStaged(doing string, windowID int64) error {
	for {
		left := int64(0)
		err := s.update(doing, func(t *tx) error {
			var position int64
			if committed, err := t.queryOne(selectWindowOfID, []any{&position}, windowID); err != nil || committed {
				left = 0
				return err
			}
			var last int64
			if _, err := t.queryOne(selectLastBatch, []any{&last}, windowID); err != nil {
				return err
			}
			left = max(0, last-batchesPerTransaction)
			_, err := t.exec(deleteBatchesFrom, windowID, left+1)
			return err
		})
		if err != nil || left == 0 {
			return err
		}
	}
}

// batchesPerTransaction limits what one transaction deletes to about 1 MB: a Galera cluster sends
// every transaction as a whole, with the deleted data.
const batchesPerTransaction = 4

func (w *windowWriter) doing(what string) string {
	return fmt.Sprintf("%s of %s from %s to %s", what, w.origin.Key,
		outbox.FormatTime(w.origin.From), outbox.FormatTime(w.origin.To))
}

// storableText returns a text that every engine can store: valid UTF-8 without NUL.
func storableText(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\x00", "\ufffd")
}
