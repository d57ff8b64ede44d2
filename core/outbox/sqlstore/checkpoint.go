package sqlstore

import (
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/caso-project/caso/core/outbox"
)

// checkpointRow is a row of outbox_checkpoints with the reference to its state.
type checkpointRow struct {
	outbox.Checkpoint
	stateID  int64
	checksum int64
}

// statePartBytes is the size of the parts in which a state is stored, so that no transaction is
// large.
const statePartBytes = 512 << 10

// stateRef refers to the parts of a state.
type stateRef struct{ id, parts int64 }

func countParts(bytes int) int64 { return int64((bytes + statePartBytes - 1) / statePartBytes) }

// Checkpoint returns the checkpoint with a key; false if there is none.
func (s *Store) Checkpoint(key outbox.Key) (outbox.Checkpoint, bool, error) {
	var found outbox.Checkpoint
	var ok bool
	err := s.view(fmt.Sprintf("reading the checkpoint of %s", key), func(t *tx) error {
		row, exists, err := t.checkpoint(key)
		if err != nil || !exists {
			return err
		}
		row.State, err = t.readStateParts(row.stateID, row.StateBytes)
		found, ok = row.Checkpoint, err == nil
		return err
	})
	return found, ok, err
}

// Checkpoints returns all checkpoints, without states, by key.
func (s *Store) Checkpoints() ([]outbox.Checkpoint, error) {
	var list []outbox.Checkpoint
	err := s.view("reading the checkpoints", func(t *tx) error {
		list = nil
		return t.query(selectCheckpoints, func(rows *sql.Rows) error {
			row, err := scanCheckpoint(rows)
			list = append(list, row.Checkpoint)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(list, func(a, b outbox.Checkpoint) int { return a.Compare(b.Key) })
	return list, nil
}

func (t *tx) checkpoint(key outbox.Key) (row checkpointRow, exists bool, err error) {
	err = t.query(selectCheckpoint, func(rows *sql.Rows) (err error) {
		row, err = scanCheckpoint(rows)
		exists = true
		return err
	}, key.Extractor, key.ProjectID, key.Region)
	return row, exists, err
}

func scanCheckpoint(rows *sql.Rows) (checkpointRow, error) {
	var row checkpointRow
	var to, moved string
	err := rows.Scan(&row.Extractor, &row.ProjectID, &row.Region, &row.ProjectName, &to, &moved, &row.stateID, &row.StateBytes, &row.checksum)
	if err != nil {
		return row, fmt.Errorf("%w: %w", outbox.ErrDamaged, err)
	}
	times := timeParser{}
	row.To, row.Moved = times.parse(to), times.parse(moved)
	err = times.err
	if checkpointChecksum(row.Key, row.ProjectName, to, moved, row.stateID, int64(row.StateBytes)) != row.checksum {
		err = errChecksum
	}
	if err != nil {
		return row, fmt.Errorf("checkpoint of %s: %w: %w", row.Key, outbox.ErrDamaged, err)
	}
	return row, nil
}

func checkpointChecksum(key outbox.Key, projectName, to, moved string, stateID, stateBytes int64) int64 {
	return rowChecksum(key.Extractor, key.ProjectID, key.Region, projectName, to, moved, stateID, stateBytes)
}

// moveCheckpoint moves a checkpoint to the end of a window. The plan has made sure that the window
// joins it; it is checked again where it is written, because usage that falls into a gap is never
// billed. It returns the parts of the old state that are too many to be deleted in the same
// transaction.
func (t *tx) moveCheckpoint(window outbox.Origin, now time.Time, stateID, number int64, parts [][]byte, stateBytes int) (stateRef, error) {
	key := window.Key
	old, exists, err := t.checkpoint(key)
	switch {
	case err != nil:
		return stateRef{}, err
	case exists && window.To.Before(old.To):
		return stateRef{}, fmt.Errorf("the checkpoint %s would move back", outbox.FormatTime(old.To))
	case exists && window.From.After(old.To):
		return stateRef{}, fmt.Errorf("a gap would follow the checkpoint %s", outbox.FormatTime(old.To))
	}
	for i, part := range parts {
		if err := t.insertStatePart(stateID, number+int64(i)+1, part); err != nil {
			return stateRef{}, err
		}
	}
	if stateBytes == 0 {
		stateID = 0
	}
	to, moved := formatTime(window.To), formatTime(now)
	sum := checkpointChecksum(key, window.ProjectName, to, moved, stateID, int64(stateBytes))
	s := insertCheckpoint
	if exists {
		s = updateCheckpoint
	}
	t.state.digest += sum - old.checksum
	err = t.execOne(s, window.ProjectName, to, moved, stateID, int64(stateBytes), sum, key.Extractor, key.ProjectID, key.Region)
	if err != nil {
		return stateRef{}, err
	}
	oldState := stateRef{id: old.stateID, parts: countParts(old.StateBytes)}
	if oldState.parts != 1 {
		return oldState, nil
	}
	_, err = t.exec(deleteState, oldState.id, int64(1))
	return stateRef{}, err
}

func (t *tx) insertStatePart(stateID, number int64, part []byte) error {
	return t.execOne(insertState, stateID, number, rowChecksum(stateID, number, part), part)
}

// SetCheckpoint moves an existing checkpoint to any time and keeps its state. The error for one
// that does not exist is outbox.ErrNotFound.
func (s *Store) SetCheckpoint(key outbox.Key, to time.Time) error {
	return s.update(fmt.Sprintf("moving the checkpoint of %s", key), func(t *tx) error {
		row, exists, err := t.checkpoint(key)
		switch {
		case err != nil:
			return err
		case !exists:
			return outbox.ErrNotFound
		}
		toTime, moved := formatTime(to), formatTime(s.options.now())
		sum := checkpointChecksum(key, row.ProjectName, toTime, moved, row.stateID, int64(row.StateBytes))
		t.state.digest += sum - row.checksum
		return t.execOne(updateCheckpoint, row.ProjectName, toTime, moved, row.stateID, int64(row.StateBytes), sum,
			key.Extractor, key.ProjectID, key.Region)
	})
}

// DeleteCheckpoint deletes a checkpoint and its state.
func (s *Store) DeleteCheckpoint(key outbox.Key) error {
	doing := fmt.Sprintf("deleting the checkpoint of %s", key)
	var state stateRef
	err := s.update(doing, func(t *tx) error {
		row, exists, err := t.checkpoint(key)
		switch {
		case err != nil:
			return err
		case !exists:
			return outbox.ErrNotFound
		}
		state = stateRef{id: row.stateID, parts: countParts(row.StateBytes)}
		t.state.digest -= row.checksum
		return t.execOne(deleteCheckpoint, key.Extractor, key.ProjectID, key.Region)
	})
	if err != nil {
		return err
	}
	return s.deleteStateParts(doing, state)
}

// stageState stores all parts of a state but the last ahead of the commit, and returns that one.
func (w *windowWriter) stageState(content []byte) ([][]byte, error) {
	for len(content) > statePartBytes {
		windowID := w.windowID
		err := w.store.update(w.doing("staging the state"), func(t *tx) error {
			windowID = t.windowID(w.windowID)
			return t.insertStatePart(windowID, w.stateParts+1, content[:statePartBytes])
		})
		if err != nil {
			return nil, err
		}
		w.windowID = windowID
		w.stateParts++
		content = content[statePartBytes:]
	}
	if len(content) == 0 {
		return nil, nil
	}
	return [][]byte{content}, nil
}

// readStateParts joins the parts of a state.
func (t *tx) readStateParts(stateID int64, size int) ([]byte, error) {
	if size == 0 {
		return nil, nil
	}
	content := make([]byte, 0, size)
	number := int64(0)
	err := t.query(selectStateParts, func(rows *sql.Rows) error {
		var checksum int64
		var part []byte
		if err := rows.Scan(&checksum, &part); err != nil {
			return fmt.Errorf("%w: %w", outbox.ErrDamaged, err)
		}
		number++
		if rowChecksum(stateID, number, part) != checksum {
			return fmt.Errorf("%w: state: %w", outbox.ErrDamaged, errChecksum)
		}
		content = append(content, part...)
		return nil
	}, stateID)
	if err == nil && len(content) != size {
		err = fmt.Errorf("%w: the state has %d bytes instead of %d", outbox.ErrDamaged, len(content), size)
	}
	return content, err
}

// deleteStateParts deletes the parts of a state that no checkpoint refers to any more.
func (s *Store) deleteStateParts(doing string, old stateRef) error {
	for number := old.parts; number > 0; number-- {
		err := s.update(doing, func(t *tx) error {
			_, err := t.exec(deleteState, old.id, number)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
