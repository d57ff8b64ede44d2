package sqlstore

import (
	"errors"
	"fmt"

	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/internal/contract"
)

// groupMember is a batch of a group.
type groupMember struct {
	window *windowRow
	number int64
}

// NextGroup returns the pending batches that a messenger gets next, as one: consecutive batches
// that together have at most the size of a full batch. It returns nil if the backlog is empty. The
// error for a first batch that cannot be read is an *outbox.DamagedBatchError.
//
// A group that was returned is the same until a batch of it is acknowledged or rejected, also
// after a crash: its end follows from the batches after it, or is stored before it is returned.
func (s *Store) NextGroup(messenger string, extent outbox.Extent) (*outbox.Group, error) {
	doing := fmt.Sprintf("reading the next batches of messenger %q", messenger)
	var members []groupMember
	ended := false
	err := s.query(doing, func(t *tx) error {
		c, err := t.cursor(messenger)
		if err == nil {
			members, ended, err = t.groupMembers(c, extent)
		}
		return err
	})
	switch {
	case err != nil || len(members) == 0:
		return nil, err
	case !ended && extent == outbox.FullGroup:
		return &outbox.Group{FirstID: members[0].id(), Incomplete: true}, nil
	case !ended:
		if members, err = s.endGroup(doing, messenger, extent); err != nil {
			return nil, err
		}
	}
	group, err := s.readGroup(doing, members)
	damaged := (*outbox.DamagedBatchError)(nil)
	if errors.As(err, &damaged) && damaged.ID != members[0].id() {
		// The batch after the damaged one begins another group.
		if err := s.storeGroupEnd(doing, messenger, members[len(group.Batches)-1]); err != nil {
			return nil, err
		}
		return group, nil
	}
	if err != nil {
		return nil, err
	}
	return group, nil
}

func (m groupMember) id() string { return m.window.batchID(m.number) }

// groupMembers returns the batches of the next group, and whether its end is certain: batches that
// are committed later do not change it.
func (t *tx) groupMembers(c *cursorRow, extent outbox.Extent) (members []groupMember, ended bool, err error) {
	at := *c
	size := groupSize{limited: c.endPosition == 0}
	for {
		w, number, err := t.nextBatch(&at)
		if err != nil || w == nil {
			return members, false, err
		}
		records, bytes, err := t.batchSize(w, number)
		if err != nil {
			return nil, false, err
		}
		damaged := records == 0
		if len(members) > 0 && (damaged || !size.fits(records, bytes) || c.groupEndsBefore(w, number) || repeatsWindow(members, w)) {
			return members, true, nil
		}
		size.add(records, bytes)
		members = append(members, groupMember{w, number})
		if damaged || size.isFull() || c.groupEndsWith(w, number) {
			return members, true, nil
		}
		if extent == outbox.OneBatch {
			return members, false, nil
		}
		at.advance(w, number)
	}
}

// groupSize is the size of the batches of a group, which is limited unless its end is stored.
type groupSize struct {
	limited        bool
	records, bytes int64
}

func (g *groupSize) fits(records, bytes int64) bool {
	return !g.limited || g.records+records <= contract.FullBatchRecords && g.bytes+bytes <= contract.FullBatchBytes
}

func (g *groupSize) add(records, bytes int64) { g.records, g.bytes = g.records+records, g.bytes+bytes }

func (g *groupSize) isFull() bool { return !g.fits(1, 1) }

// batchSize returns the number of records of a batch and its size; 0 for a damaged one.
func (t *tx) batchSize(w *windowRow, number int64) (records, bytes int64, err error) {
	if w.damage == nil {
		_, err = t.queryOne(selectBatchSize, []any{&records, &bytes}, w.windowID, number)
	}
	return records, bytes, err
}

// repeatsWindow reports whether a window overlaps another one of the group, in whatever region.
// Both may have a record of the same ID, which a messenger could then not reject.
func repeatsWindow(members []groupMember, w *windowRow) bool {
	for _, m := range members {
		other := m.window
		if other.windowID != w.windowID && other.Extractor == w.Extractor && other.ProjectID == w.ProjectID &&
			other.From.Before(w.To) && w.From.Before(other.To) {
			return true
		}
	}
	return false
}

// endGroup stores the end of the next group and returns its batches.
func (s *Store) endGroup(doing, messenger string, extent outbox.Extent) ([]groupMember, error) {
	var members []groupMember
	err := s.update(doing, func(t *tx) error {
		c, err := t.cursor(messenger)
		if err != nil {
			return err
		}
		if members, _, err = t.groupMembers(c, extent); err != nil || len(members) == 0 {
			return err
		}
		return t.putGroupEnd(c, members[len(members)-1])
	})
	return members, err
}

func (s *Store) storeGroupEnd(doing, messenger string, last groupMember) error {
	return s.update(doing, func(t *tx) error {
		c, err := t.cursor(messenger)
		if err != nil {
			return err
		}
		return t.putGroupEnd(c, last)
	})
}

func (t *tx) putGroupEnd(c *cursorRow, last groupMember) error {
	c.endPosition, c.endNumber = last.window.position, last.number
	return t.putCursor(c)
}

// readGroup reads the batches of a group. After an error it returns those before the one that
// cannot be read.
func (s *Store) readGroup(doing string, members []groupMember) (*outbox.Group, error) {
	group := &outbox.Group{FirstID: members[0].id()}
	damaged := (*outbox.DamagedBatchError)(nil)
	err := s.query(doing, func(t *tx) error {
		group.Batches, damaged = nil, nil
		for _, m := range members {
			records, err := t.readBatch(m.window, m.number)
			if errors.As(err, &damaged) {
				return nil
			}
			if err != nil {
				return err
			}
			group.Batches = append(group.Batches, &outbox.Batch{
				Origin: m.window.Origin, ID: m.id(), Committed: m.window.committed, Records: records,
			})
		}
		return nil
	})
	if err == nil && damaged != nil {
		err = damaged
	}
	return group, err
}
