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

// newInfix separates the outbox's name and a random number in the name of a file under
// construction.
const newInfix = ".new-"

// create creates an empty outbox under another name and links it to its own name once it is
// complete and on disk, so that a crash never leaves a partial outbox.
func create(path string) (err error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("creating the spool directory for the outbox: %w", err)
	}
	temporary, err := os.CreateTemp(dir, FileName+newInfix+"*")
	if err != nil {
		return fmt.Errorf("creating the outbox %s: %w", path, err)
	}
	defer func() { err = errors.Join(err, removeNew(dir)) }()
	if err := temporary.Close(); err != nil {
		return fmt.Errorf("creating the outbox %s: %w", path, err)
	}
	if err := fill(temporary.Name()); err != nil {
		return fmt.Errorf("creating the outbox %s: %w", path, err)
	}
	// Link, unlike Rename, never replaces an outbox that another process has created meanwhile.
	if err := os.Link(temporary.Name(), path); err != nil && !exists(path) {
		return fmt.Errorf("creating the outbox %s: %w", path, err)
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
		for _, name := range []string{metaBucket, batchesBucket, stagedBucket, queueBucket, checkpointsBucket, cursorsBucket, deadLettersBucket} {
			if _, err := tx.CreateBucket([]byte(name)); err != nil {
				return err
			}
		}
		return put(tx, metaBucket, []byte("format"), format{Version: formatVersion}, nil)
	})
	return errors.Join(err, db.Close())
}

// removeNew removes files under construction, also those of killed runs.
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

// syncDir makes new names in a directory durable.
func syncDir(dir string) error {
	handle, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(handle.Sync(), handle.Close())
}
