package sqlstore

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Options controls how Open opens an outbox. The zero value is that of a normal run.
type Options struct {
	// ReadOnly opens the outbox without changing anything, for dry runs and reports. One that does
	// not exist is then empty. It may be read while another process changes it.
	ReadOnly bool
	// LockTimeout limits the wait for another process to close the outbox; 0 means 2 s.
	LockTimeout time.Duration
	// LeaseTimeout is how long the holder of a shared outbox may write nothing before another host
	// takes over; 0 means 30 s.
	LeaseTimeout time.Duration
	// Sites lists the names of the configuration's sites. An outbox that belongs to others alone is
	// not opened. Without names this is not checked.
	Sites []string
	// Now returns the current time; nil means time.Now.
	Now func() time.Time

	// unsafe leaves out fsync, for tests with thousands of transactions.
	unsafe bool
}

func (o *Options) now() time.Time {
	if o.Now == nil {
		return time.Now()
	}
	return o.Now()
}

func (o *Options) lockTimeout() time.Duration {
	if o.LockTimeout == 0 {
		return 2 * time.Second
	}
	return o.LockTimeout
}

func (o *Options) leaseTimeout() time.Duration {
	if o.LeaseTimeout == 0 {
		return defaultLeaseTimeout
	}
	return o.LeaseTimeout
}

// Store is an open outbox. Several goroutines may use it at once.
type Store struct {
	location Location
	options  Options
	engine   engine
	// generation begins the ID of every batch that is stored while the outbox is open. It is drawn
	// at each opening, not once per outbox: a copy that is restored from a backup counts windows
	// from an earlier number again, and a receiver that stores IDs would take new records for old
	// ones.
	generation string
	// db is nil if an outbox that does not exist was opened for reading.
	db *sql.DB

	statementsMu sync.Mutex
	// statements has a nil for each statement in unprepared.
	statements map[statement]*sql.Stmt
	unprepared []statement

	// closing is closed when the outbox is closed, which ends the goroutine of renewing.
	closing  chan struct{}
	renewing sync.WaitGroup

	warnings []string

	// mu is held while a transaction writes.
	mu    sync.Mutex
	state state
	// unknown is true if it is unknown whether the last transaction took effect.
	unknown bool
	// lost is the reason why nothing may be written any more.
	lost error
	// broken is set when the engine panicked: its connection may be locked for ever.
	broken atomic.Bool
}

// engine is what differs between the databases.
type engine interface {
	// open returns the database with its schema up to date, or nil if it does not exist and
	// options.ReadOnly is set. It checks the integrity of the database as far as that is possible
	// at a bounded cost.
	open(ctx context.Context, options *Options) (*sql.DB, error)
	// close closes the database, and gives space back if much of it is free.
	close(db *sql.DB) error
	// adapt adapts a statement.
	adapt(statement) string
	readOptions() *sql.TxOptions
	// openTimeout limits the time until Open has the database, statementTimeout that of a
	// transaction.
	openTimeout(*Options) time.Duration
	statementTimeout() time.Duration
	// temporary reports whether a transaction may succeed if it is tried again.
	temporary(error) bool
	// serverInUse returns the number of the server that connections are made to. leaveServer closes
	// idle connections and makes later ones to another server, if there is one and err can be that
	// of a server that hangs or is lost.
	serverInUse() int64
	leaveServer(db *sql.DB, server int64, err error)
	// isDamage reports whether the engine could not read its data.
	isDamage(error) bool
	// explain adds the cause and the remedy to an error of the engine.
	explain(error) error
	// resetAfterFailedCommit ends a transaction that Commit has left open.
	resetAfterFailedCommit(ctx context.Context, db *sql.DB) error
	// storedBytes returns the size of everything stored.
	storedBytes(*tx) (int64, error)
	// reserve makes sure that there is space for so many more bytes.
	reserve(ctx context.Context, db *sql.DB, bytes int) error
	// renewInterval is how often the lease has to be renewed; 0 if there is none.
	renewInterval() time.Duration
	// settingsWarning returns a warning if a crash of the server can lose commits.
	settingsWarning(ctx context.Context, db *sql.DB) (string, error)
	// makeSpace reports whether a transaction failed because of a full disk and may succeed now.
	makeSpace(ctx context.Context, db *sql.DB, err error) bool
}

// Open opens an outbox for changes, or for reading, and creates it if it does not exist. It deletes
// batches that a killed run staged and did not commit. An outbox that it cannot open is left
// unchanged.
func Open(location Location, options Options) (*Store, error) {
	generation, err := newGeneration()
	if err != nil {
		return nil, err
	}
	engine, err := location.engine()
	if err != nil {
		return nil, err
	}
	s := &Store{
		location: location, options: options, engine: engine, generation: generation,
		statements: map[statement]*sql.Stmt{}, closing: make(chan struct{}),
	}
	if err := s.errorf("opening the outbox", s.guard(s.open)); err != nil {
		return nil, errors.Join(err, s.closeAfterError())
	}
	return s, nil
}

func (s *Store) open() error {
	ctx, cancel := context.WithTimeout(context.Background(), s.engine.openTimeout(&s.options))
	defer cancel()
	db, err := s.engine.open(ctx, &s.options)
	if err != nil || db == nil {
		return err
	}
	s.db = db
	if s.state, err = s.readState(ctx); err != nil {
		return err
	}
	if s.options.ReadOnly {
		return nil
	}
	warning, err := s.engine.settingsWarning(ctx, db)
	if err != nil {
		return err
	}
	if warning != "" {
		s.warnings = append(s.warnings, warning)
	}
	if s.location.PasswordInURL {
		s.warnings = append(s.warnings, "the URL contains the password; move it to [DEFAULT] outbox_password or outbox_password_file")
	}
	if interval := s.engine.renewInterval(); interval > 0 {
		s.renewing.Go(func() { s.renewLease(interval) })
	}
	return s.deleteRemains()
}

// renewLease writes a new revision from time to time, so that no other host takes over while this
// process extracts or delivers for long.
func (s *Store) renewLease(interval time.Duration) {
	timer := time.NewTicker(interval)
	defer timer.Stop()
	for {
		select {
		case <-s.closing:
			return
		case <-timer.C:
		}
		// An error is that of the next transaction too.
		_ = s.update("renewing the lease", func(*tx) error { return nil })
	}
}

// closeAfterError closes what a failed Open has opened.
func (s *Store) closeAfterError() error {
	if s.broken.Load() {
		return nil
	}
	close(s.closing)
	s.renewing.Wait()
	return s.engine.close(s.db)
}

func newGeneration() (string, error) {
	var random [8]byte
	if _, err := rand.Read(random[:]); err != nil {
		return "", fmt.Errorf("drawing a random number for batch IDs: %w", err)
	}
	return hex.EncodeToString(random[:]), nil
}

// deleteRemains deletes what killed runs staged and did not commit. Mostly there is nothing, and
// then nothing is written: a full disk must not keep the outbox from being opened, because delivery
// is what empties it.
func (s *Store) deleteRemains() error {
	const doing = "deleting what a killed run staged"
	var windows []int64
	var states []stateRef
	err := s.query(doing, func(t *tx) error {
		windows, states = nil, nil
		err := t.query(selectStaged, func(rows *sql.Rows) error {
			var id int64
			err := rows.Scan(&id)
			windows = append(windows, id)
			return err
		})
		if err != nil {
			return err
		}
		return t.query(selectUnusedStates, func(rows *sql.Rows) error {
			var part stateRef
			err := rows.Scan(&part.id, &part.parts)
			states = append(states, part)
			return err
		})
	})
	if err != nil {
		return err
	}
	for _, id := range windows {
		if err := s.deleteStaged(doing, id); err != nil {
			return err
		}
	}
	for _, part := range states {
		err := s.update(doing, func(t *tx) error {
			_, err := t.exec(deleteState, part.id, part.parts)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Warnings returns what an operator should change about the outbox.
func (s *Store) Warnings() []string { return s.warnings }

// Location returns the path or the URL of the outbox, without a password.
func (s *Store) Location() string { return s.location.String() }

// Close closes the outbox and gives disk space back if much of the file is free. Windows that were
// not committed are lost.
func (s *Store) Close() error {
	if s.broken.Load() {
		return nil // the engine would wait for a lock that is never released
	}
	select {
	case <-s.closing:
		return nil
	default:
	}
	close(s.closing)
	s.renewing.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost = errClosed
	for _, prepared := range s.statements {
		if prepared != nil {
			_ = prepared.Close()
		}
	}
	err := s.engine.close(s.db)
	if err != nil {
		return fmt.Errorf("closing the outbox: %s: %w", s.location.String(), s.engine.explain(err))
	}
	return nil
}

var errClosed = errors.New("outbox is closed")

// reserve makes sure that what is about to be stored fits.
func (s *Store) reserve(doing string, bytes int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.errorf(doing, s.guard(func() error {
		if s.lost != nil {
			return s.lost
		}
		return s.retry(func(ctx context.Context) error { return s.engine.reserve(ctx, s.db, bytes) })
	}))
}
