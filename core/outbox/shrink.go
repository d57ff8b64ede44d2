package outbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"
)

const (
	// shrinkFrom is the size below which a file is not rewritten.
	shrinkFrom = 16 << 20
	// compactStep is the number of bytes that one transaction copies.
	compactStep = 1 << 20
)

// CloseAndShrink closes the outbox and frees disk space if most of the file is free: bbolt reuses
// the pages of deleted batches but never shrinks a file, so that it would stay as large as the
// longest backlog. The content is copied to another file, which replaces the old one atomically.
func (o *Outbox) CloseAndShrink() error {
	if o.db == nil || o.readOnly || o.broken.Load() {
		return o.Close()
	}
	size := int64(0)
	if err := o.view("measuring it", func(tx *bbolt.Tx) error { size = tx.Size(); return nil }); err != nil {
		return errors.Join(err, o.Close())
	}
	free := int64(o.db.Stats().FreePageN) * int64(o.db.Info().PageSize)
	if size < shrinkFrom || free < size/4*3 {
		return o.Close()
	}
	// The old file stays locked until the new one replaces it. A process that waits for the lock then
	// notices that the name refers to another file, and opens that (see openDB).
	return errors.Join(o.guard("giving disk space back", o.shrink), o.Close())
}

func (o *Outbox) shrink() (err error) {
	dir := filepath.Dir(o.path)
	temporary, err := os.CreateTemp(dir, FileName+newInfix+"*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, removeNew(dir)) }()
	if err := temporary.Close(); err != nil {
		return err
	}
	smaller, err := bbolt.Open(temporary.Name(), 0o600, nil)
	if err != nil {
		return err
	}
	if err := errors.Join(bbolt.Compact(smaller, o.db, compactStep), smaller.Sync(), smaller.Close()); err != nil {
		return fmt.Errorf("copying: %w", err)
	}
	if err := os.Rename(temporary.Name(), o.path); err != nil {
		return err
	}
	return syncDir(dir)
}
