package outbox

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"go.etcd.io/bbolt"
)

// cursor is the position of a messenger in the queue.
type cursor struct {
	// Next is the first position that is not delivered.
	Next uint64 `json:"next"`
	// Until is 0 while the messenger is configured. For a retired messenger it is the first position
	// after its backlog.
	Until uint64 `json:"until,omitempty"`
}

// wants reports whether a batch is pending for the messenger.
func (c cursor) wants(messenger string, position uint64, batch entry) bool {
	return position >= c.Next && (c.Until == 0 || position < c.Until) && batch.isFor(messenger)
}

func (e entry) isFor(messenger string) bool { return e.Only == "" || e.Only == messenger }

// RetiredMessenger is a messenger that is no longer configured and has pending batches.
type RetiredMessenger struct {
	// Name is the name of the messenger instance.
	Name string
	// PendingBatches is the number of batches in the backlog.
	PendingBatches int
}

// Register stores which messengers are configured; every run calls it before its first commit. The
// cursor of a new messenger starts at the oldest batch in the outbox. A messenger that is no longer
// configured is retired: its present backlog is kept, later batches are not added to it, until it
// is configured again or dropped. Register returns the retired messengers that have a backlog, in
// alphabetical order.
func (o *Outbox) Register(messengers []string) ([]RetiredMessenger, error) {
	var retired []RetiredMessenger
	err := o.update("registering messengers", func(tx *bbolt.Tx) error {
		cursors, err := readCursors(tx)
		if err != nil {
			return err
		}
		end := tx.Bucket([]byte(queueBucket)).Sequence() + 1
		for _, name := range messengers {
			if name == "" {
				return fmt.Errorf("empty messenger name")
			}
			current, known := cursors[name]
			if !known {
				current.Next = oldest(tx, end)
			}
			current.Until = 0
			cursors[name] = current
		}
		for name, current := range cursors {
			if !slices.Contains(messengers, name) && current.Until == 0 {
				current.Until = end
				cursors[name] = current
			}
			if err := putCursor(tx, name, cursors[name]); err != nil {
				return err
			}
		}
		retired, err = listRetired(tx, cursors)
		return err
	})
	if err != nil {
		return nil, err
	}
	return retired, nil
}

// DropMessenger deletes a retired messenger and its backlog.
func (o *Outbox) DropMessenger(messenger string) error {
	return o.update(fmt.Sprintf("dropping messenger %q", messenger), func(tx *bbolt.Tx) error {
		cursors, err := readCursors(tx)
		if err != nil {
			return err
		}
		gone, known := cursors[messenger]
		switch {
		case !known:
			return ErrNotFound
		case gone.Until == 0:
			return fmt.Errorf("messenger is configured: remove it from [DEFAULT] messengers and run caso deliver first")
		}
		delete(cursors, messenger)
		if err := tx.Bucket([]byte(cursorsBucket)).Delete([]byte(messenger)); err != nil {
			return err
		}
		type held struct {
			position uint64
			batch    entry
		}
		var had []held
		err = eachEntry(tx, gone.Next, func(position uint64, batch entry) error {
			if gone.wants(messenger, position, batch) || batch.Only == messenger {
				had = append(had, held{position, batch})
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, one := range had {
			if err := release(tx, cursors, one.position, one.batch); err != nil {
				return err
			}
		}
		return nil
	})
}

// release deletes a batch from the queue unless it is pending for a messenger. Without a configured
// messenger it is kept: the next one to be configured starts with it.
func release(tx *bbolt.Tx, cursors map[string]cursor, position uint64, batch entry) error {
	configured := false
	for name, current := range cursors {
		configured = configured || current.Until == 0
		if current.wants(name, position, batch) {
			return nil
		}
	}
	if !configured && batch.Only == "" {
		return nil
	}
	if err := tx.Bucket([]byte(batchesBucket)).Delete(numberKey(batch.Number)); err != nil {
		return err
	}
	return tx.Bucket([]byte(queueBucket)).Delete(numberKey(position))
}

func listRetired(tx *bbolt.Tx, cursors map[string]cursor) ([]RetiredMessenger, error) {
	waiting := map[string]int{}
	err := eachEntry(tx, 0, func(position uint64, batch entry) error {
		for name, current := range cursors {
			if current.Until != 0 && current.wants(name, position, batch) {
				waiting[name]++
			}
		}
		return nil
	})
	var list []RetiredMessenger
	for name, batches := range waiting {
		list = append(list, RetiredMessenger{Name: name, PendingBatches: batches})
	}
	slices.SortFunc(list, func(a, b RetiredMessenger) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) })
	return list, err
}

// oldest returns the first position in the queue, or end if the queue is empty.
func oldest(tx *bbolt.Tx, end uint64) uint64 {
	if first, _ := tx.Bucket([]byte(queueBucket)).Cursor().First(); len(first) == 8 {
		return binary.BigEndian.Uint64(first)
	}
	return end
}

func readCursors(tx *bbolt.Tx) (map[string]cursor, error) {
	cursors := map[string]cursor{}
	err := tx.Bucket([]byte(cursorsBucket)).ForEach(func(name, value []byte) error {
		var one cursor
		if _, err := unseal(value, &one); err != nil {
			return fmt.Errorf("the cursor of messenger %q: %w: %w", name, ErrDamaged, err)
		}
		cursors[string(name)] = one
		return nil
	})
	return cursors, err
}

func putCursor(tx *bbolt.Tx, messenger string, current cursor) error {
	return put(tx, cursorsBucket, []byte(messenger), current, nil)
}

// eachEntry calls visit for each entry of the queue from a position on. A damaged entry counts as a
// batch for every messenger: it has to be delivered or rejected like any other.
func eachEntry(tx *bbolt.Tx, from uint64, visit func(uint64, entry) error) error {
	walk := tx.Bucket([]byte(queueBucket)).Cursor()
	for key, value := walk.Seek(numberKey(from)); key != nil; key, value = walk.Next() {
		position, err := keyNumber(key)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		batch, _ := decodeEntry(position, value)
		if err := visit(position, batch); err != nil {
			return err
		}
	}
	return nil
}

// decodeEntry decodes a value of the queue. A damaged one has an ID, too.
func decodeEntry(position uint64, value []byte) (entry, error) {
	var batch entry
	if _, err := unseal(value, &batch); err != nil {
		return entry{ID: fmt.Sprintf("damaged-%d", position)}, err
	}
	return batch, nil
}
