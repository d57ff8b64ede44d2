package outbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"
)

const (
	// shrinkFrom is the size below which a file is left alone: it costs nothing worth having back.
	shrinkFrom = 16 << 20
	// compactStep is how much is copied in one transaction.
	compactStep = 1 << 20
)

// CloseAndShrink closes the outbox as Close does, and gives disk space back where most of the file is free:
// bbolt uses the pages of deleted batches again, but never makes a file smaller, so that a messenger
// that was down for a week would leave its mark for ever. The content is copied to another file that
// then takes the old one's place, in one step.
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
	// The old file's lock is held until the new one is in its place. Who waits for that lock finds that
	// the name leads to another file then, and opens that (see openFile).
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
