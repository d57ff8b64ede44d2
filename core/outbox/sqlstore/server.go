package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/caso-project/caso/core/outbox"
)

// serverEngine is an engine that several hosts share. dialect is what differs between the servers.
type serverEngine struct {
	dialect
	location     Location
	leaseTimeout time.Duration
	readOnly     bool
	// token is the fencing token of the lease that this process holds; 0 for none.
	token int64
}

// dialect is what differs between MariaDB or MySQL and PostgreSQL.
type dialect interface {
	// connect returns a database whose connections wait for an answer for at most the statement
	// timeout, and whose sessions end a transaction that is idle for so long.
	connect(ctx context.Context, statementTimeout, idle time.Duration) (*sql.DB, error)
	serverInUse() int64
	// leaveServer makes later connections to the next server, unless that is done already.
	leaveServer(server int64)
	adapt(statement) string
	schema() schema
	// hasTable is the statement that counts the tables of a name in the database.
	hasTable() string
	// lockSchema waits until no other process changes the schema.
	lockSchema(ctx context.Context, db *sql.DB) (unlock func(), err error)
	// describe returns the class of an error of the server and what to do about it.
	describe(err error) (class errorClass, remedy string)
	// settingsWarning returns a warning if a crash of the server can lose commits.
	settingsWarning(ctx context.Context, db *sql.DB) (string, error)
}

type errorClass int

const (
	otherError errorClass = iota
	// temporaryError passes: a lost connection, a server that starts.
	temporaryError
	// conflictError passes too, and its server works: a deadlock, or a commit that another node of
	// Galera has preceded.
	conflictError
)

const (
	defaultLeaseTimeout = 30 * time.Second
	// connectTimeout limits an attempt to connect to one server. It exceeds the 5 s for which a
	// Galera cluster answers nothing while it excludes a lost node (evs.suspect_timeout).
	connectTimeout = 8 * time.Second
	// minStatementTimeout exceeds these 5 s too. A transaction has at most 1 MB: a server that has
	// not answered after maxStatementTimeout hangs.
	minStatementTimeout = 8 * time.Second
	maxStatementTimeout = 20 * time.Second
	// maxConnections is enough for the messengers and one transaction that writes.
	maxConnections = 8
)

// statementTimeout is half of the lease timeout within limits, so that a holder that leaves a
// server that hangs keeps its lease.
func (e *serverEngine) statementTimeout() time.Duration {
	return min(max(e.leaseTimeout/2, minStatementTimeout), maxStatementTimeout)
}

// openTimeout allows for a lease that is taken over.
func (e *serverEngine) openTimeout(options *Options) time.Duration {
	return openStatementsTimeout + options.lockTimeout() + options.leaseTimeout()
}

// openStatementsTimeout limits the statements of Open, and the wait for the lock of the schema.
const openStatementsTimeout = time.Minute

func (e *serverEngine) open(ctx context.Context, options *Options) (*sql.DB, error) {
	e.readOnly, e.leaseTimeout = options.ReadOnly, options.leaseTimeout()
	db, err := e.connect(ctx, e.statementTimeout(), e.leaseTimeout)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(maxConnections)
	db.SetMaxIdleConns(maxConnections)
	exists, err := e.prepare(ctx, db)
	if err == nil && exists {
		// Before the lease, so that the error is not that another site's run is active.
		err = checkSites(ctx, db, e.adapt(selectSites), options.Sites)
	}
	if err == nil && exists && !e.readOnly {
		err = e.acquireLease(ctx, db, options)
	}
	if err != nil || !exists {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// prepare creates the schema, or brings it up to date, or checks it.
func (e *serverEngine) prepare(ctx context.Context, db *sql.DB) (exists bool, err error) {
	var tables int
	if err := db.QueryRowContext(ctx, e.hasTable()).Scan(&tables); err != nil {
		return false, err
	}
	if e.readOnly {
		if tables == 0 {
			return false, nil
		}
		return true, checkVersion(ctx, db, e.schema(), true)
	}
	unlock, err := e.lockSchema(ctx, db)
	if err != nil {
		return false, fmt.Errorf("locking the schema: %w", err)
	}
	defer unlock()
	return true, migrate(ctx, db, e.schema())
}

// acquireLease makes this process the only writer. A lease whose holder has written nothing for the
// lease timeout is taken over; clocks are not compared.
func (e *serverEngine) acquireLease(ctx context.Context, db *sql.DB, options *Options) error {
	begun := time.Now()
	last, lastChange := state{revision: -1}, begun
	for {
		found, err := e.pollState(ctx, db)
		switch {
		case err != nil && !e.temporary(err):
			return err
		case err != nil:
		case found.revision != last.revision || found.token != last.token:
			if last.revision >= 0 && time.Since(begun) > options.lockTimeout() && found.holder != "" {
				return fmt.Errorf("%w: a run on %s is active; wait until it has ended, or end it if it hangs", outbox.ErrLocked, found.holder)
			}
			last, lastChange = found, time.Now()
		}
		if err == nil && (found.holder == "" || time.Since(lastChange) >= e.leaseTimeout) {
			taken, err := e.takeLease(ctx, db, found)
			if taken || err != nil && !e.temporary(err) {
				return err
			}
			last.revision = -1
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(min(e.leaseTimeout/20, time.Second)):
		}
	}
}

// pollState reads outbox_state, and leaves a server that does not answer.
func (e *serverEngine) pollState(ctx context.Context, db *sql.DB) (state, error) {
	server := e.serverInUse()
	ctx, cancel := context.WithTimeout(ctx, e.statementTimeout())
	defer cancel()
	found, err := selectStateRow(ctx, db, e.adapt(selectState))
	if err != nil {
		e.leaveServer(db, server, err)
	}
	return found, err
}

func (e *serverEngine) takeLease(ctx context.Context, db *sql.DB, found state) (bool, error) {
	host, err := os.Hostname()
	if err != nil {
		return false, err
	}
	holder := fmt.Sprintf("%s (process %d)", host, os.Getpid())
	ctx, cancel := context.WithTimeout(ctx, e.statementTimeout())
	defer cancel()
	result, err := db.ExecContext(ctx, e.adapt(takeLease), holder, found.token, found.revision)
	if err != nil {
		return false, err
	}
	changed, err := result.RowsAffected()
	if err == nil && changed == 1 {
		e.token = found.token + 1
	}
	return e.token != 0, err
}

func (e *serverEngine) renewInterval() time.Duration { return e.leaseTimeout / 4 }

func (e *serverEngine) close(db *sql.DB) error {
	if db == nil {
		return nil
	}
	if e.token != 0 {
		ctx, cancel := context.WithTimeout(context.Background(), connectTimeout)
		defer cancel()
		// The next run waits for the lease timeout if this fails.
		_, _ = db.ExecContext(ctx, e.adapt(releaseLease), e.token)
	}
	return db.Close()
}

func (e *serverEngine) readOptions() *sql.TxOptions {
	return &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
}

func (e *serverEngine) leaveServer(db *sql.DB, server int64, err error) {
	if class, _ := e.describe(err); class == conflictError || !e.temporary(err) {
		return
	}
	e.dialect.leaveServer(server)
	db.SetMaxIdleConns(0)
	db.SetMaxIdleConns(maxConnections)
}

func (e *serverEngine) temporary(err error) bool {
	if class, _ := e.describe(err); class != otherError {
		return true
	}
	// pgx returns the bare io errors of a connection that the server ends.
	for _, lost := range []error{driver.ErrBadConn, sql.ErrConnDone, io.EOF, io.ErrUnexpectedEOF} {
		if errors.Is(err, lost) {
			return true
		}
	}
	var network net.Error
	return errors.As(err, &network)
}

func (e *serverEngine) isDamage(error) bool { return false }

func (e *serverEngine) explain(err error) error {
	if _, remedy := e.describe(err); remedy != "" {
		return fmt.Errorf("%w; %s", err, remedy)
	}
	if e.temporary(err) && !errors.Is(err, outbox.ErrUnavailable) {
		return fmt.Errorf("%w: %w", outbox.ErrUnavailable, err)
	}
	return err
}

func (e *serverEngine) resetAfterFailedCommit(context.Context, *sql.DB) error { return nil }

func (e *serverEngine) storedBytes(t *tx) (int64, error) { return t.sumBodies() }

func (e *serverEngine) reserve(context.Context, *sql.DB, int) error { return nil }

func (e *serverEngine) makeSpace(context.Context, *sql.DB, error) bool { return false }
