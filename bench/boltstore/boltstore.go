// Package boltstore is an outbox in a bbolt file, the peer that the benchmarks compare the SQL
// store with. It does the work of the bbolt store that caso had before decision 0001: one durable
// transaction stores a batch, its entry in the queue, and checkpoint and state; the next batch of a
// messenger is read by its cursor; one durable transaction moves the cursor and deletes the batch.
// Values have a checksum and a head in JSON. It has no dead letters, no staging, and neither locks
// nor checks the file.
package boltstore

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"github.com/caso-project/caso/core/outbox"
)

const (
	batchesBucket     = "batches"
	queueBucket       = "queue"
	checkpointsBucket = "checkpoints"
	cursorsBucket     = "cursors"
)

// Store is an open file. It has one messenger.
type Store struct{ db *bbolt.DB }

// Open opens a file, and creates it if it does not exist.
func Open(path string) (*Store, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{FreelistType: bbolt.FreelistMapType})
	if err != nil {
		return nil, err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range []string{batchesBucket, queueBucket, checkpointsBucket, cursorsBucket} {
			if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &Store{db: db}, nil
}

// Close closes the file.
func (s *Store) Close() error { return s.db.Close() }

// entry is the value of the queue.
type entry struct {
	Origin    outbox.Origin `json:"origin"`
	Number    uint64        `json:"number"`
	Committed time.Time     `json:"committed"`
	Records   int           `json:"records"`
	Bytes     int           `json:"bytes"`
}

type checkpoint struct {
	To    time.Time `json:"to"`
	Moved time.Time `json:"moved"`
}

// Commit stores a batch as the last one, and the checkpoint and the state of its window.
func (s *Store) Commit(origin outbox.Origin, records outbox.Records, state []byte) error {
	return s.db.Update(func(tx *bbolt.Tx) error {
		body := records.Bytes()
		batches := tx.Bucket([]byte(batchesBucket))
		number, err := batches.NextSequence()
		if err != nil {
			return err
		}
		if err := batches.Put(key(number), seal(struct{}{}, body)); err != nil {
			return err
		}
		queue := tx.Bucket([]byte(queueBucket))
		position, err := queue.NextSequence()
		if err != nil {
			return err
		}
		now := time.Now().UTC()
		added := entry{Origin: origin, Number: number, Committed: now, Records: records.Count(), Bytes: len(body)}
		if err := queue.Put(key(position), seal(added, nil)); err != nil {
			return err
		}
		return tx.Bucket([]byte(checkpointsBucket)).Put([]byte(origin.Extractor+"\x00"+origin.ProjectID),
			seal(checkpoint{To: origin.To, Moved: now}, state))
	})
}

// Next returns the first pending batch of the messenger; false if its backlog is empty.
func (s *Store) Next(messenger string) (*outbox.Batch, bool, error) {
	var next *outbox.Batch
	err := s.db.View(func(tx *bbolt.Tx) error {
		position, first, err := firstPending(tx, messenger)
		if err != nil || first == nil {
			return err
		}
		body, err := unseal(tx.Bucket([]byte(batchesBucket)).Get(key(first.Number)), &struct{}{})
		if err != nil {
			return err
		}
		// The memory of body is valid within the transaction only.
		records, err := outbox.ParseRecords(slices.Clone(body))
		next = &outbox.Batch{Origin: first.Origin, ID: batchID(position), Committed: first.Committed, Records: records}
		return err
	})
	return next, next != nil, err
}

// Ack moves the cursor past the batch that Next returned and deletes the batch.
func (s *Store) Ack(messenger, id string) error {
	return s.db.Update(func(tx *bbolt.Tx) error {
		position, first, err := firstPending(tx, messenger)
		if err != nil {
			return err
		}
		if first == nil || batchID(position) != id {
			return fmt.Errorf("the next batch is not %q", id)
		}
		if err := tx.Bucket([]byte(cursorsBucket)).Put([]byte(messenger), seal(position+1, nil)); err != nil {
			return err
		}
		if err := tx.Bucket([]byte(queueBucket)).Delete(key(position)); err != nil {
			return err
		}
		return tx.Bucket([]byte(batchesBucket)).Delete(key(first.Number))
	})
}

// firstPending returns the entry at the cursor of a messenger; nil if there is none.
func firstPending(tx *bbolt.Tx, messenger string) (position uint64, first *entry, err error) {
	if value := tx.Bucket([]byte(cursorsBucket)).Get([]byte(messenger)); value != nil {
		if _, err := unseal(value, &position); err != nil {
			return 0, nil, err
		}
	}
	found, value := tx.Bucket([]byte(queueBucket)).Cursor().Seek(key(position))
	if found == nil {
		return 0, nil, nil
	}
	first = &entry{}
	_, err = unseal(value, first)
	return binary.BigEndian.Uint64(found), first, err
}

func batchID(position uint64) string { return fmt.Sprintf("bolt-%d", position) }

func key(number uint64) []byte { return binary.BigEndian.AppendUint64(nil, number) }

// seal returns a value: a checksum of what follows, the length of the head, head and body.
func seal(head any, body []byte) []byte {
	text, err := json.Marshal(head)
	if err != nil {
		panic(err) // the types are those of this package
	}
	value := make([]byte, 8, 8+len(text)+len(body))
	binary.BigEndian.PutUint32(value[4:], uint32(len(text)))
	value = append(append(value, text...), body...)
	binary.BigEndian.PutUint32(value, crc32.Checksum(value[4:], crc32.MakeTable(crc32.Castagnoli)))
	return value
}

var errDamaged = errors.New("damaged value")

func unseal(value []byte, head any) (body []byte, err error) {
	if len(value) < 8 || binary.BigEndian.Uint32(value) != crc32.Checksum(value[4:], crc32.MakeTable(crc32.Castagnoli)) {
		return nil, errDamaged
	}
	length := int(binary.BigEndian.Uint32(value[4:]))
	if len(value) < 8+length {
		return nil, errDamaged
	}
	return value[8+length:], json.Unmarshal(value[8:8+length], head)
}
