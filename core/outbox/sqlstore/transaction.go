package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/caso-project/caso/core/outbox"
)

// state is the row of outbox_state: the counters, the digest and the fence.
type state struct {
	revision     int64
	nextWindow   int64
	nextPosition int64
	// digest is the sum of the checksums of all windows, checkpoints, cursors and dead letters. A
	// row that vanished, or an old copy of a page among newer ones, does not match it.
	digest int64
	token  int64
	holder string
}

// tx is a transaction. Its methods prepare each statement once per store.
type tx struct {
	ctx   context.Context
	store *Store
	// sql is nil outside a transaction, for single statements.
	sql *sql.Tx
	// state is what the transaction leaves in outbox_state; a failed one leaves nothing.
	state state
}

func (t *tx) exec(text statement, args ...any) (int64, error) {
	prepared, err := t.prepare(text)
	if err != nil {
		return 0, err
	}
	result, err := prepared.ExecContext(t.ctx, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// execOne executes a statement that must change one row.
func (t *tx) execOne(s statement, args ...any) error {
	changed, err := t.exec(s, args...)
	if err == nil && changed != 1 {
		err = fmt.Errorf("%w: %d rows changed instead of 1", outbox.ErrDamaged, changed)
	}
	return err
}

// query calls scan for every row.
func (t *tx) query(text statement, scan func(*sql.Rows) error, args ...any) (err error) {
	prepared, err := t.prepare(text)
	if err != nil {
		return err
	}
	rows, err := prepared.QueryContext(t.ctx, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// queryOne scans the only row of a result; false if there is none.
func (t *tx) queryOne(s statement, dest []any, args ...any) (bool, error) {
	found := false
	err := t.query(s, func(rows *sql.Rows) error {
		found = true
		return rows.Scan(dest...)
	}, args...)
	return found, err
}

// prepare returns the prepared statement. The first time that a transaction needs it, it is
// prepared for that transaction alone: the connection is in use, and it may be the only one. For
// the same reason statementsMu is never held while a connection is waited for.
func (t *tx) prepare(text statement) (*sql.Stmt, error) {
	prepared := t.store.statement(text)
	switch {
	case t.sql == nil && prepared == nil:
		return t.store.prepare(t.ctx, text)
	case t.sql == nil:
		return prepared, nil
	case prepared == nil:
		return t.sql.PrepareContext(t.ctx, t.store.engine.adapt(text))
	}
	return t.sql.StmtContext(t.ctx, prepared), nil
}

// statement returns the prepared statement. If there is none, it returns nil, and the next
// transaction prepares the statement before it begins.
func (s *Store) statement(text statement) *sql.Stmt {
	s.statementsMu.Lock()
	defer s.statementsMu.Unlock()
	prepared, known := s.statements[text]
	if !known {
		s.statements[text] = nil
		s.unprepared = append(s.unprepared, text)
	}
	return prepared
}

func (s *Store) prepare(ctx context.Context, text statement) (*sql.Stmt, error) {
	prepared, err := s.db.PrepareContext(ctx, s.engine.adapt(text))
	if err != nil {
		return nil, err
	}
	s.statementsMu.Lock()
	defer s.statementsMu.Unlock()
	if other := s.statements[text]; other != nil {
		return other, prepared.Close()
	}
	s.statements[text] = prepared
	return prepared, nil
}

// begin begins a transaction, after it has prepared what earlier ones needed.
func (s *Store) begin(ctx context.Context, options *sql.TxOptions) (*sql.Tx, error) {
	s.statementsMu.Lock()
	unprepared := s.unprepared
	s.unprepared = nil
	s.statementsMu.Unlock()
	for _, text := range unprepared {
		if _, err := s.prepare(ctx, text); err != nil {
			return nil, err
		}
	}
	return s.db.BeginTx(ctx, options)
}

// query runs statements that each may see another state of the database.
func (s *Store) query(doing string, read func(*tx) error) error {
	if s.db == nil {
		return nil
	}
	return s.errorf(doing, s.guard(func() error {
		return s.retry(func(ctx context.Context) error { return read(&tx{ctx: ctx, store: s}) })
	}))
}

// view runs a transaction that only reads.
func (s *Store) view(doing string, read func(*tx) error) error {
	if s.db == nil {
		return nil
	}
	return s.errorf(doing, s.guard(func() error {
		return s.retry(func(ctx context.Context) error {
			sqlTx, err := s.begin(ctx, s.engine.readOptions())
			if err != nil {
				return err
			}
			defer func() { _ = sqlTx.Rollback() }()
			return read(&tx{ctx: ctx, store: s, sql: sqlTx})
		})
	}))
}

// update runs a transaction that writes: all of it happens and is durable, or none of it. It may
// call change several times. One transaction is under way at a time, so that revisions are
// consecutive.
func (s *Store) update(doing string, change func(*tx) error) error {
	if s.options.ReadOnly {
		return s.errorf(doing, outbox.ErrReadOnly)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.errorf(doing, s.guard(func() error {
		if s.lost != nil {
			return s.lost
		}
		w := &writing{store: s, change: change}
		return s.retry(w.attempt)
	}))
}

func ignoreDone(err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return err
}

// retry calls attempt until it succeeds, fails for a reason that does not pass, or the time is
// over. Each attempt has statementTimeout.
func (s *Store) retry(attempt func(context.Context) error) error {
	deadline := time.Now().Add(retryTimeout)
	spaceMade := false
	for pause := minRetryPause; ; pause = min(2*pause, maxRetryPause) {
		server := s.engine.serverInUse()
		ctx, cancel := context.WithTimeout(context.Background(), s.engine.statementTimeout())
		err := attempt(ctx)
		if err != nil && !spaceMade && s.engine.makeSpace(ctx, s.db, err) {
			spaceMade = true
			err = attempt(ctx)
		}
		cancel()
		if err == nil || !s.engine.temporary(err) {
			return err
		}
		s.engine.leaveServer(s.db, server, err)
		if time.Now().Add(pause).After(deadline) {
			return fmt.Errorf("%w: %w", outbox.ErrUnavailable, err)
		}
		time.Sleep(pause)
	}
}

const (
	// retryTimeout limits how long a transaction is tried again after errors that pass.
	retryTimeout  = 30 * time.Second
	minRetryPause = 50 * time.Millisecond
	maxRetryPause = time.Second
)

// guard turns a panic of the embedded engine over damaged pages into an error.
func (s *Store) guard(call func() error) (err error) {
	if s.broken.Load() {
		return fmt.Errorf("%w, as found earlier in this run", outbox.ErrDamaged)
	}
	defer func() {
		if cause := recover(); cause != nil {
			// The connection may be left locked.
			s.broken.Store(true)
			err = fmt.Errorf("%w: %v", outbox.ErrDamaged, cause)
		}
	}()
	return call()
}

// errorf returns an error that names what was done, the outbox, and the cause with its remedy.
func (s *Store) errorf(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %s: %w", doing, s.location.String(), s.engine.explain(err))
}

// rowChecksum returns the crc32c of the values of a row. Every value is written with its length, so
// that no two rows have the same encoding.
func rowChecksum(values ...any) int64 {
	sum := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	for _, value := range values {
		switch v := value.(type) {
		case []byte:
			_, _ = fmt.Fprintf(sum, "%d:", len(v))
			_, _ = sum.Write(v)
		case string:
			_, _ = fmt.Fprintf(sum, "%d:%s", len(v), v)
		default:
			text := fmt.Sprint(v)
			_, _ = fmt.Fprintf(sum, "%d:%s", len(text), text)
		}
	}
	return int64(sum.Sum32())
}
