package outbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"go.etcd.io/bbolt"
)

// newInfix stands between the outbox's name and a random number in the name of one that is being made.
const newInfix = ".new-"

// create makes an empty outbox under another name and links it into place once it is whole and on disk,
// so that a crash at no moment leaves half a file that the next run would have to refuse.
func create(path string) (err error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making the spool directory for the outbox: %w", err)
	}
	temporary, err := os.CreateTemp(dir, FileName+newInfix+"*")
	if err != nil {
		return fmt.Errorf("making the outbox %s: %w", path, err)
	}
	defer func() { err = errors.Join(err, removeNew(dir)) }()
	if err := temporary.Close(); err != nil {
		return fmt.Errorf("making the outbox %s: %w", path, err)
	}
	if err := fill(temporary.Name()); err != nil {
		return fmt.Errorf("making the outbox %s: %w", path, err)
	}
	// Link, unlike Rename, never replaces an outbox that another process has made meanwhile.
	if err := os.Link(temporary.Name(), path); err != nil && !exists(path) {
		return fmt.Errorf("making the outbox %s: %w", path, err)
	}
	return syncDir(dir)
}

// fill writes the buckets of an empty outbox.
func fill(path string) error {
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range []string{metaBucket, batchesBucket, stagedBucket, queueBucket, checkpointsBucket, cursorsBucket, asideBucket} {
			if _, err := tx.CreateBucket([]byte(name)); err != nil {
				return err
			}
		}
		return put(tx, metaBucket, []byte("format"), format{Version: formatVersion}, nil)
	})
	return errors.Join(err, db.Close())
}

// removeNew removes the files that create works on, those of killed runs too.
func removeNew(dir string) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, file := range files {
		if !strings.HasPrefix(file.Name(), FileName+newInfix) {
			continue
		}
		if err := os.Remove(filepath.Join(dir, file.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// syncDir makes a new name in a directory durable.
func syncDir(dir string) error {
	handle, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(handle.Sync(), handle.Close())
}
