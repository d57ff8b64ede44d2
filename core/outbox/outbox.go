package outbox

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"
)

// FileName is the name of the outbox in the spool directory.
const FileName = "outbox.db"

// Sentinel errors. The errors that the outbox returns wrap them.
var (
	// ErrLocked means that another process has opened the outbox.
	ErrLocked = errors.New("outbox is locked by another process")
	// ErrDamaged means that stored data differs from what was written.
	ErrDamaged = errors.New("outbox is damaged")
	// ErrReadOnly means that the outbox was opened for reading and cannot be changed.
	ErrReadOnly = errors.New("outbox is open read-only")
	// ErrNotFound means that no such batch, dead letter or messenger is stored.
	ErrNotFound = errors.New("not found")
	// ErrNotRegistered means that a messenger is not registered, see Register.
	ErrNotRegistered = errors.New("messenger is not registered")
)

// Options controls how Open opens an outbox. The zero value is that of a normal run.
type Options struct {
	// ReadOnly opens the outbox without changing anything, for dry runs and reports. A file that
	// does not exist is then an empty outbox.
	ReadOnly bool
	// LockTimeout limits the wait for another process to close the outbox; 0 means 2 s.
	LockTimeout time.Duration
	// Now returns the current time; nil means time.Now.
	Now func() time.Time

	// noSync leaves out fsync, for tests that make thousands of transactions.
	noSync bool
	// maxBytes limits the file, for tests of a full disk.
	maxBytes int
}

// Outbox is an open outbox. Several goroutines may use it at once.
type Outbox struct {
	path     string
	readOnly bool
	now      func() time.Time
	// generation is the prefix of the ids of all batches that are created while the outbox is open.
	generation string
	// db is nil where a file that does not exist was opened for reading.
	db *bbolt.DB
	// broken is set once bbolt panicked on damaged data: its locks may stay locked.
	broken atomic.Bool
}

// Open opens the outbox in a spool directory and creates both if they do not exist. It deletes
// batches that a killed run staged and did not commit. A file that it cannot open is left
// unchanged.
func Open(spooldir string, options Options) (*Outbox, error) {
	if options.LockTimeout == 0 {
		options.LockTimeout = 2 * time.Second
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	generation, err := newGeneration()
	if err != nil {
		return nil, err
	}
	path, err := filepath.Abs(filepath.Join(spooldir, FileName))
	if err != nil {
		return nil, fmt.Errorf("finding the outbox in %s: %w", spooldir, err)
	}
	o := &Outbox{path: path, readOnly: options.ReadOnly, now: options.Now, generation: generation}
	if err := o.openFile(options); err != nil {
		return nil, err
	}
	if options.ReadOnly {
		return o, nil
	}
	if err := o.dropStaged(); err != nil {
		return nil, errors.Join(err, o.Close())
	}
	return o, nil
}

// newGeneration returns a random prefix that makes batch ids unique. It is drawn at each opening,
// not once per file: a file that was deleted or restored from a backup counts its batches from an
// earlier number again, and a receiver that stores ids would treat new records as repeated ones.
func newGeneration() (string, error) {
	var random [8]byte
	if _, err := rand.Read(random[:]); err != nil {
		return "", fmt.Errorf("drawing a random number for batch ids: %w", err)
	}
	return hex.EncodeToString(random[:]), nil
}

// Path returns the path of the file.
func (o *Outbox) Path() string { return o.path }

// Close closes the outbox. Windows that were not committed are lost.
func (o *Outbox) Close() error {
	if o.db == nil || o.broken.Load() {
		// bbolt's Close would wait for a lock that stays locked.
		return nil
	}
	if err := o.db.Close(); err != nil {
		return fmt.Errorf("closing the outbox %s: %w", o.path, err)
	}
	return nil
}

// view runs a read transaction. doing is the prefix of its errors.
func (o *Outbox) view(doing string, read func(*bbolt.Tx) error) error {
	if o.db == nil {
		return nil
	}
	return o.guard(doing, func() error { return o.db.View(read) })
}

// update runs a write transaction: all of it is on disk, or none of it.
func (o *Outbox) update(doing string, change func(*bbolt.Tx) error) error {
	if o.readOnly {
		return fmt.Errorf("%s: %s: %w", doing, o.path, ErrReadOnly)
	}
	return o.guard(doing, func() error { return o.db.Update(change) })
}

// guard returns an error where bbolt panics on damaged pages, or reads beyond the end of the mapped
// file, which would end the process without debug.SetPanicOnFault.
func (o *Outbox) guard(doing string, call func() error) (err error) {
	if o.broken.Load() {
		return fmt.Errorf("%s: %s: %w, as found earlier in this run", doing, o.path, ErrDamaged)
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if cause := recover(); cause != nil {
			o.broken.Store(true)
			err = fmt.Errorf("%s: %s: %w (%v); "+restoreRemedy,
				doing, o.path, ErrDamaged, cause)
		}
	}()
	if err := call(); err != nil {
		return fmt.Errorf("%s: %s: %w", doing, o.path, err)
	}
	return nil
}
