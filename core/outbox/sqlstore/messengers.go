package sqlstore

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/caso-project/caso/core/outbox"
)

// Register stores which messengers are configured; every run calls it before its first commit. The
// cursor of a new messenger starts at the oldest batch in the outbox. A messenger that is no longer
// configured is retired: its present backlog is kept, later batches are not added to it, until it
// is configured again or dropped. Register returns the retired messengers that have a backlog, in
// alphabetical order.
func (s *Store) Register(messengers []string) ([]outbox.RetiredMessenger, error) {
	var retired []outbox.RetiredMessenger
	err := s.update("registering messengers", func(t *tx) error {
		cursors, err := t.cursors()
		if err != nil {
			return err
		}
		for _, name := range messengers {
			if err := t.register(cursors, name); err != nil {
				return err
			}
		}
		for name, c := range cursors {
			if !slices.Contains(messengers, name) && c.until == 0 {
				c.until = t.state.nextPosition
				if err := t.putCursor(c); err != nil {
					return err
				}
			}
		}
		retired, err = t.retired(cursors)
		return err
	})
	if err != nil {
		return nil, err
	}
	return retired, nil
}

func (t *tx) register(cursors map[string]*cursorRow, name string) error {
	switch {
	case name == "":
		return errors.New("empty messenger name")
	case len(name) > outbox.MaxKeyBytes || !outbox.ValidKey(name):
		return fmt.Errorf("messenger name %q must be UTF-8 without NUL of at most %d bytes", name, outbox.MaxKeyBytes)
	}
	c, known := cursors[name]
	switch {
	case known && c.until == 0:
		return nil
	case known:
		c.until = 0
	default:
		c = &cursorRow{messenger: name, position: t.state.nextPosition, number: 1}
		if _, err := t.queryOne(selectOldestWindow, []any{&c.position, &c.number}); err != nil {
			return err
		}
		cursors[name] = c
	}
	return t.putCursor(c)
}

func (t *tx) retired(cursors map[string]*cursorRow) ([]outbox.RetiredMessenger, error) {
	from, any := int64(0), false
	for _, c := range cursors {
		if c.until != 0 && c.position < c.until && (!any || c.position < from) {
			from, any = c.position, true
		}
	}
	if !any {
		return nil, nil
	}
	windows, err := t.windows(from)
	if err != nil {
		return nil, err
	}
	var list []outbox.RetiredMessenger
	for name, c := range cursors {
		pending := 0
		for _, w := range windows {
			if c.until == 0 || !c.wants(w, w.batchCount) {
				continue
			}
			first := w.firstNumber
			if w.position == c.position {
				first = max(first, c.number)
			}
			pending += int(w.batchCount - first + 1)
		}
		if pending > 0 {
			list = append(list, outbox.RetiredMessenger{Name: name, PendingBatches: pending})
		}
	}
	slices.SortFunc(list, func(a, b outbox.RetiredMessenger) int { return cmp.Compare(a.Name, b.Name) })
	return list, nil
}

// DropMessenger deletes a retired messenger and its backlog. It deletes the backlog in transactions
// of bounded size; if it is interrupted, the rest stays in the backlog.
func (s *Store) DropMessenger(messenger string) error {
	for {
		dropped := false
		err := s.update(fmt.Sprintf("dropping messenger %q", messenger), func(t *tx) (err error) {
			dropped, err = t.dropMessenger(messenger)
			return err
		})
		if err != nil || dropped {
			return err
		}
	}
}

// dropMessenger moves the cursor past the next few batches, or deletes it when its backlog is
// empty.
func (t *tx) dropMessenger(messenger string) (dropped bool, err error) {
	cursors, err := t.cursors()
	if err != nil {
		return false, err
	}
	c, known := cursors[messenger]
	switch {
	case !known:
		return false, outbox.ErrNotFound
	case c.until == 0:
		return false, errors.New("messenger is configured: remove it from [DEFAULT] messengers and run caso deliver first")
	}
	for range batchesPerTransaction {
		w, number, err := t.nextBatch(c)
		if err != nil {
			return false, err
		}
		if w == nil || !c.wants(w, number) {
			t.state.digest -= c.checksum
			return true, t.execOne(deleteCursor, messenger)
		}
		c.advance(w, number)
		if err := t.release(cursors, w, number); err != nil {
			return false, err
		}
	}
	return false, t.putCursor(c)
}
