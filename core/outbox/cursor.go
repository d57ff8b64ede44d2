package outbox

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"go.etcd.io/bbolt"
)

// cursor says how far a messenger has got.
type cursor struct {
	// Next is the first position that it has not had.
	Next uint64 `json:"next"`
	// Until is 0 while the messenger is configured. Since a run in which it was not, it is the first
	// position that is not kept for it.
	Until uint64 `json:"until,omitempty"`
}

// wants says whether a batch has to be kept for the messenger.
func (c cursor) wants(messenger string, position uint64, batch entry) bool {
	return position >= c.Next && (c.Until == 0 || position < c.Until) && batch.isFor(messenger)
}

func (e entry) isFor(messenger string) bool { return e.Only == "" || e.Only == messenger }

// Retired is a messenger that is no longer configured and for which batches are still kept.
type Retired struct {
	// Name is the messenger's.
	Name string
	// Batches counts those kept for it.
	Batches int
}

// Register says which messengers are configured; every run does it before it commits. A new one starts
// at the oldest batch that is held. One that is configured no longer keeps what was committed for it
// until now, and nothing later, until it is configured again or dropped; those with something left are
// returned, in alphabetical order, so that a person can be told.
func (o *Outbox) Register(messengers []string) ([]Retired, error) {
	var retired []Retired
	err := o.update("registering messengers", func(tx *bbolt.Tx) error {
		cursors, err := readCursors(tx)
		if err != nil {
			return err
		}
		end := tx.Bucket([]byte(queueBucket)).Sequence() + 1
		for _, name := range messengers {
			if name == "" {
				return fmt.Errorf("a messenger has no name")
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

// Drop forgets a messenger that is no longer configured, with what was kept for it alone.
func (o *Outbox) Drop(messenger string) error {
	return o.update(fmt.Sprintf("dropping messenger %q", messenger), func(tx *bbolt.Tx) error {
		cursors, err := readCursors(tx)
		if err != nil {
			return err
		}
		gone, known := cursors[messenger]
		switch {
		case !known:
			return fmt.Errorf("no such messenger")
		case gone.Until == 0:
			return fmt.Errorf("it is configured: take it out of the option `messengers` and run once before")
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

// release deletes a batch from the queue unless a messenger still has to have it. Without any configured
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

func listRetired(tx *bbolt.Tx, cursors map[string]cursor) ([]Retired, error) {
	waiting := map[string]int{}
	err := eachEntry(tx, 0, func(position uint64, batch entry) error {
		for name, current := range cursors {
			if current.Until != 0 && current.wants(name, position, batch) {
				waiting[name]++
			}
		}
		return nil
	})
	var list []Retired
	for name, batches := range waiting {
		list = append(list, Retired{Name: name, Batches: batches})
	}
	slices.SortFunc(list, func(a, b Retired) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) })
	return list, err
}

// oldest is the first position held, or end where none is.
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

// eachEntry visits the queue from a position on. A damaged entry counts as a batch for everybody of
// which nothing is known: it has to be delivered or set aside as every other.
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

// decodeEntry reads a value of the queue. One that is damaged still has a name.
func decodeEntry(position uint64, value []byte) (entry, error) {
	var batch entry
	if _, err := unseal(value, &batch); err != nil {
		return entry{ID: fmt.Sprintf("damaged-%d", position)}, err
	}
	return batch, nil
}
