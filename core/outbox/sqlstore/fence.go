package sqlstore

import (
	"context"
	"database/sql"
	"errors"

	"github.com/caso-project/caso/core/outbox"
)

// writing is a transaction that writes. It is attempted until its outcome is certain: a connection
// can be lost between Commit and its answer, and the server may go on with the transaction after
// that.
type writing struct {
	store  *Store
	change func(*tx) error
	// unknown is true if an attempt may have taken effect.
	unknown bool
}

// attempt attempts the transaction once.
func (w *writing) attempt(ctx context.Context) error {
	s := w.store
	sqlTx, err := s.begin(ctx, nil)
	if err != nil {
		return err
	}
	t := &tx{ctx: ctx, store: s, sql: sqlTx, state: s.state}
	if err := w.execute(t); err != nil {
		return w.afterFailedChange(ctx, errors.Join(err, ignoreDone(sqlTx.Rollback())))
	}
	if err := sqlTx.Commit(); err != nil {
		s.unknown, w.unknown = true, true
		return w.afterFailedCommit(err)
	}
	s.state, s.unknown = t.state, false
	return nil
}

// execute executes the statements. Its error is outbox.ErrLeaseLost if outbox_state is not what
// this process last wrote.
func (w *writing) execute(t *tx) error {
	fence := t.store.state
	if t.store.unknown {
		// This waits until that transaction has ended.
		if err := t.fence(lockState, fence.token, fence.revision); err != nil {
			return err
		}
	}
	if err := w.change(t); err != nil {
		return err
	}
	t.state.revision = fence.revision + 1
	return t.fence(updateState, t.state.revision, t.state.nextWindow, t.state.nextPosition, t.state.digest, fence.token, fence.revision)
}

// fence executes a statement that changes outbox_state if that is what this process last wrote.
func (t *tx) fence(s statement, args ...any) error {
	changed, err := t.exec(s, args...)
	if err == nil && changed != 1 {
		err = outbox.ErrLeaseLost
	}
	return err
}

// afterFailedChange returns the error of a change, unless that is a consequence of something else:
// a batch that is not the next one any more, or a row that exists already, after another process
// has written, or after an earlier attempt took effect.
func (w *writing) afterFailedChange(ctx context.Context, err error) error {
	s := w.store
	if s.engine.temporary(err) {
		return err
	}
	advanced, fenceErr := s.checkFence(ctx)
	switch {
	case advanced && w.unknown:
		return nil
	case advanced:
		return w.attempt(ctx)
	case errors.Is(fenceErr, outbox.ErrLeaseLost):
		return fenceErr
	case errors.Is(err, outbox.ErrLeaseLost) && !s.unknown:
		s.lost = outbox.ErrLeaseLost
	case fenceErr != nil && s.engine.temporary(fenceErr):
		return fenceErr
	}
	return err
}

// afterFailedCommit returns the error of Commit, unless the transaction took effect. If the error
// is temporary, the next attempt finds that out.
func (w *writing) afterFailedCommit(commitErr error) error {
	s := w.store
	if s.engine.temporary(commitErr) {
		return commitErr
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.engine.statementTimeout())
	defer cancel()
	if err := s.engine.resetAfterFailedCommit(ctx, s.db); err != nil {
		return errors.Join(commitErr, err)
	}
	advanced, err := s.checkFence(ctx)
	switch {
	case advanced:
		return nil
	case err != nil:
		return errors.Join(commitErr, err)
	}
	s.unknown, w.unknown = false, false
	return commitErr
}

// afterFailedRead returns the error of a read, or outbox.ErrLeaseLost if another process has
// written: what that has deleted looks damaged.
func (s *Store) afterFailedRead(doing string, err error) error {
	if s.options.ReadOnly || errors.Is(err, outbox.ErrUnavailable) {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), s.engine.statementTimeout())
	defer cancel()
	fenceErr := s.guard(func() error {
		_, err := s.checkFence(ctx)
		return err
	})
	if errors.Is(fenceErr, outbox.ErrLeaseLost) {
		return s.errorf(doing, fenceErr)
	}
	return err
}

// checkFence compares outbox_state with what this process last wrote. It returns true if the
// transaction of unknown outcome took effect, and outbox.ErrLeaseLost if another process has
// written.
func (s *Store) checkFence(ctx context.Context) (advanced bool, err error) {
	stored, err := s.readState(ctx)
	switch {
	case err != nil:
		return false, err
	case stored.token == s.state.token && stored.revision == s.state.revision:
		return false, nil
	case stored.token == s.state.token && stored.revision == s.state.revision+1 && s.unknown:
		s.state, s.unknown = stored, false
		return true, nil
	}
	s.lost = outbox.ErrLeaseLost
	return false, s.lost
}

func (s *Store) readState(ctx context.Context) (state, error) {
	return selectStateRow(ctx, s.db, s.engine.adapt(selectState))
}

func selectStateRow(ctx context.Context, db *sql.DB, text string) (state, error) {
	var found state
	err := db.QueryRowContext(ctx, text).Scan(found.columns()...)
	return found, err
}

// columns returns where the columns of selectState are scanned into.
func (s *state) columns() []any {
	return []any{&s.revision, &s.nextWindow, &s.nextPosition, &s.digest, &s.token, &s.holder}
}
