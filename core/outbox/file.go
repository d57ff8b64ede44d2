package outbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// formatVersion is the version of the layout in doc.go.
const formatVersion = 1

// The buckets, see doc.go.
const (
	metaBucket        = "meta"
	batchesBucket     = "batches"
	stagedBucket      = "staged"
	queueBucket       = "queue"
	checkpointsBucket = "checkpoints"
	cursorsBucket     = "cursors"
	deadLettersBucket = "deadletters"
)

// format is the head of the value "format" in the bucket meta.
type format struct {
	Version int `json:"version"`
}

// openFile opens the file, creates it unless the outbox is read-only, and checks that it is an
// outbox.
func (o *Outbox) openFile(options Options) error {
	info, err := os.Stat(o.path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && o.readOnly:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		if err := create(o.path); err != nil {
			return err
		}
	case err != nil:
		return fmt.Errorf("opening the outbox: %w", err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("opening the outbox %s: it is not a regular file", o.path)
	case info.Size() == 0:
		// bbolt would silently create an empty outbox in it.
		return fmt.Errorf("opening the outbox %s: %w: the file is empty; "+
			"restore it from a backup, or remove it to start with an empty outbox", o.path, ErrDamaged)
	}
	if err := o.guard("opening the outbox", func() error { return o.openDB(options) }); err != nil {
		return err
	}
	if err := o.view("opening the outbox", o.checkFormat); err != nil {
		return errors.Join(err, o.Close())
	}
	return nil
}

// openDB locks and opens the file with the outbox's name. While it waits for the lock, the process
// that has it may replace the file (see CloseAndShrink).
func (o *Outbox) openDB(options Options) error {
	for range 3 {
		var opened *os.File
		db, err := bbolt.Open(o.path, 0o600, &bbolt.Options{
			ReadOnly:     o.readOnly,
			FreelistType: bbolt.FreelistMapType,
			NoSync:       options.noSync,
			MaxSize:      options.maxBytes,
			OpenFile: func(path string, flag int, _ os.FileMode) (file *os.File, err error) {
				opened, err = openChecked(path, flag, !o.readOnly, options.LockTimeout)
				return opened, err
			},
		})
		if err != nil {
			return explainOpen(err)
		}
		if o.named(opened) {
			o.db = db
			return nil
		}
		if err := db.Close(); err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: the file was replaced repeatedly", ErrLocked)
}

// named reports whether an open file still has the outbox's name.
func (o *Outbox) named(opened *os.File) bool {
	is, err := opened.Stat()
	if err != nil {
		return false
	}
	has, err := os.Stat(o.path)
	return err == nil && os.SameFile(is, has)
}

// explainOpen adds the remedy to bbolt's errors.
func explainOpen(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrLocked), errors.Is(err, ErrDamaged), errors.Is(err, fs.ErrPermission), errors.Is(err, fs.ErrNotExist):
		return err
	case errors.Is(err, bolterrors.ErrVersionMismatch):
		return fmt.Errorf("%w, or was written by a newer version of bbolt: %w; the file was left unchanged", ErrDamaged, err)
	}
	return fmt.Errorf("%w, or the file is not an outbox: %w; %s", ErrDamaged, err, restoreRemedy)
}

// checkFormat returns an error unless this version of caso writes the file's format.
func (o *Outbox) checkFormat(tx *bbolt.Tx) error {
	info, err := os.Stat(o.path)
	if err != nil {
		return err
	}
	if info.Size() < tx.Size() {
		return fmt.Errorf("%w: the file has %d bytes and should have at least %d; %s", ErrDamaged, info.Size(), tx.Size(), restoreRemedy)
	}
	meta := tx.Bucket([]byte(metaBucket))
	if meta == nil {
		return fmt.Errorf("%w, or the file belongs to another program; the file was left unchanged: check [DEFAULT] spooldir", ErrDamaged)
	}
	var found format
	if _, err := unseal(meta.Get([]byte("format")), &found); err != nil {
		return fmt.Errorf("%w: format version: %w", ErrDamaged, err)
	}
	if found.Version != formatVersion {
		return fmt.Errorf("outbox has format %d and this version of caso reads format %d; the file was left unchanged: use the version of caso that wrote it",
			found.Version, formatVersion)
	}
	return checkCounters(tx)
}

// checkCounters checks that the next batch cannot overwrite an existing one.
func checkCounters(tx *bbolt.Tx) error {
	for _, name := range []string{batchesBucket, queueBucket} {
		bucket := tx.Bucket([]byte(name))
		if bucket == nil {
			return fmt.Errorf("%w: bucket %q is missing; %s", ErrDamaged, name, restoreRemedy)
		}
		last, _ := bucket.Cursor().Last()
		if last == nil {
			continue
		}
		number, err := keyNumber(last)
		if err == nil && number > bucket.Sequence() {
			err = fmt.Errorf("number %d is above the counter %d", number, bucket.Sequence())
		}
		if err != nil {
			return fmt.Errorf("%w: bucket %q: %w; %s", ErrDamaged, name, err, restoreRemedy)
		}
	}
	return nil
}

// put encodes and writes one value.
func put(tx *bbolt.Tx, bucket string, key []byte, head any, body []byte) error {
	value, err := seal(head, body)
	if err != nil {
		return err
	}
	return tx.Bucket([]byte(bucket)).Put(key, value)
}
