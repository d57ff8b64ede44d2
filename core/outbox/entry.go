package outbox

import (
	"bytes"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// entry is the head of a value in the queue. It describes a batch without its records.
type entry struct {
	Origin
	// Number is the batch's key in the bucket of batches.
	Number uint64 `json:"number"`
	// ID is the batch ID for messengers.
	ID string `json:"id"`
	// Records is the number of records.
	Records int `json:"records"`
	// Bytes is the size of the batch in the file.
	Bytes int `json:"bytes"`
	// Committed is the commit time.
	Committed time.Time `json:"committed"`
	// Only is the messenger that gets the batch; empty for all.
	Only string `json:"only,omitempty"`
}

// addBatch writes records with a new number and ID.
func (o *Outbox) addBatch(tx *bbolt.Tx, records []*pluginv1.Record) (entry, error) {
	batches := tx.Bucket([]byte(batchesBucket))
	number, err := batches.NextSequence()
	if err != nil {
		return entry{}, err
	}
	added := entry{Number: number, ID: fmt.Sprintf("%s-%d", o.generation, number), Records: len(records)}
	value, err := sealBatch(&pluginv1.Batch{Id: added.ID, Records: records})
	if err != nil {
		return entry{}, err
	}
	added.Bytes = len(value)
	return added, batches.Put(numberKey(number), value)
}

// enqueue appends a batch to the queue.
func enqueue(tx *bbolt.Tx, batch entry) error {
	position, err := tx.Bucket([]byte(queueBucket)).NextSequence()
	if err != nil {
		return err
	}
	return put(tx, queueBucket, numberKey(position), batch, nil)
}

// dropStaged deletes the staged batches of windows that were neither committed nor aborted.
func (o *Outbox) dropStaged() error {
	var keys [][]byte
	err := o.view("looking for what a killed run had staged", func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(stagedBucket)).ForEach(func(key, _ []byte) error {
			keys = append(keys, bytes.Clone(key))
			return nil
		})
	})
	// Without staged batches nothing is written: the outbox must open on a full disk, because delivery
	// frees space.
	if err != nil || len(keys) == 0 {
		return err
	}
	return o.update("dropping what a killed run had staged", func(tx *bbolt.Tx) error {
		for _, key := range keys {
			if err := dropIfStaged(tx, key); err != nil {
				return err
			}
		}
		return nil
	})
}

// dropIfStaged deletes a batch unless it was committed.
func dropIfStaged(tx *bbolt.Tx, key []byte) error {
	staged := tx.Bucket([]byte(stagedBucket))
	if staged.Get(key) == nil {
		return nil
	}
	if err := tx.Bucket([]byte(batchesBucket)).Delete(key); err != nil {
		return err
	}
	return staged.Delete(key)
}
