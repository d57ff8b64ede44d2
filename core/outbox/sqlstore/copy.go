package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/caso-project/caso/core/outbox"
)

// ErrNotEmpty means that the target of a copy was used already.
var ErrNotEmpty = errors.New("outbox is not empty")

// Copied counts what Copy has copied.
type Copied struct {
	Windows, Batches, Checkpoints, Messengers, DeadLetters int
}

// Copy copies what is committed in one outbox into another one, of any engine, that was never used,
// and compares what arrived with what was read. Positions, IDs and checksums stay as they are, a
// damaged row included. Batches, states and dead letters are copied first; everything that refers
// to them, and the counters, follows in one transaction. A copy that was interrupted leaves a
// target that is still unused, and can be repeated.
func Copy(ctx context.Context, from, to *Store) (Copied, error) {
	if from.db == nil {
		return Copied{}, from.errorf("copying the outbox", outbox.ErrNotFound)
	}
	if err := to.prepareTarget(ctx); err != nil {
		return Copied{}, err
	}
	c := copying{to: to, sums: map[string]tableSum{}}
	err := from.snapshot(ctx, func(t *tx) error { return c.copy(ctx, t) })
	if err != nil {
		return Copied{}, err
	}
	return Copied{
		Windows: c.sums[windowTable].rows, Batches: c.sums[batchTable].rows, Checkpoints: c.sums[checkpointTable].rows,
		Messengers: c.sums[cursorTable].rows, DeadLetters: c.sums[deadLetterTable].rows,
	}, nil
}

// copiedTable describes how the rows of a table are copied.
type copiedTable struct {
	name string
	// selectCommitted selects what is copied, selectAll what the target then contains, both in the
	// order of the columns of insert.
	selectCommitted, selectAll, insert statement
	// kinds has a letter for each column: n for a number, t for text, b for bytes.
	kinds string
	// checksum is the index of the checksum that the digest includes; -1 for none.
	checksum int
}

const (
	windowTable     = "outbox_windows"
	batchTable      = "outbox_batches"
	checkpointTable = "outbox_checkpoints"
	stateTable      = "outbox_states"
	cursorTable     = "outbox_cursors"
	deadLetterTable = "outbox_dead_letters"
)

// largeTables returns the tables that are copied ahead. Their rows are invisible or harmless while
// no window and no checkpoint refers to them.
func largeTables() []copiedTable {
	return []copiedTable{
		{batchTable, selectCommittedBatches, selectAllBatches, insertBatch, "nnnnnb", -1},
		{stateTable, selectCommittedStates, selectAllStates, insertState, "nnnb", -1},
		{deadLetterTable, selectAllDeadLetters, selectAllDeadLetters, insertDeadLetter, "tttttttttttnnb", 12},
	}
}

// smallTables returns the tables that are copied in the last transaction.
func smallTables() []copiedTable {
	return []copiedTable{
		{windowTable, selectAllWindows, selectAllWindows, insertWindow, "nntttttttttnnn", 13},
		{checkpointTable, selectAllCheckpoints, selectAllCheckpoints, insertCheckpoint, "tttnnnttt", 5},
		{cursorTable, selectAllCursors, selectAllCursors, insertCursor, "nnnnnnt", 5},
	}
}

// scan reads a row.
func (c copiedTable) scan(rows *sql.Rows) ([]any, error) {
	dest := make([]any, len(c.kinds))
	for i, kind := range c.kinds {
		switch kind {
		case 'n':
			dest[i] = new(int64)
		case 't':
			dest[i] = new(string)
		default:
			dest[i] = new([]byte)
		}
	}
	if err := rows.Scan(dest...); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", outbox.ErrDamaged, c.name, err)
	}
	for i := range dest {
		switch value := dest[i].(type) {
		case *int64:
			dest[i] = *value
		case *string:
			dest[i] = *value
		case *[]byte:
			dest[i] = *value
		}
	}
	return dest, nil
}

// insertRow inserts a row and adds its checksum to the digest.
func (c copiedTable) insertRow(t *tx, row []any) error {
	if c.checksum >= 0 {
		t.state.digest += row[c.checksum].(int64)
	}
	return t.execOne(c.insert, row...)
}

// readSum returns the sum of all rows of the table.
func (c copiedTable) readSum(t *tx) (tableSum, error) {
	var sum tableSum
	err := t.query(c.selectAll, func(rows *sql.Rows) error {
		row, err := c.scan(rows)
		sum.add(row)
		return err
	})
	return sum, err
}

// tableSum is the number of rows and the sum of their checksums over all columns.
type tableSum struct {
	rows int
	sum  int64
}

func (s *tableSum) add(row []any) {
	s.rows++
	s.sum += rowChecksum(row...)
}

// copying is a copy under way.
type copying struct {
	to   *Store
	sums map[string]tableSum
}

const (
	copyingDoing = "copying into the outbox"
	// copiedBytes and copiedRows limit a transaction to about 1 MB, see batchesPerTransaction.
	copiedBytes = 512 << 10
	copiedRows  = 100
)

func (c *copying) copy(ctx context.Context, source *tx) error {
	found, err := source.sourceState()
	if err != nil {
		return err
	}
	sites, err := source.sites()
	if err != nil {
		return err
	}
	for _, table := range largeTables() {
		if err := c.copyLarge(ctx, source, table); err != nil {
			return err
		}
	}
	err = c.to.snapshot(ctx, func(t *tx) error { return c.compare(t, largeTables()) })
	if err != nil {
		return err
	}
	rows := map[string][][]any{}
	for _, table := range smallTables() {
		if rows[table.name], err = c.readSmall(source, table); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return c.to.update(copyingDoing, func(t *tx) error {
		for _, table := range smallTables() {
			for _, row := range rows[table.name] {
				if err := table.insertRow(t, row); err != nil {
					return err
				}
			}
		}
		if t.state.digest != found.digest {
			return fmt.Errorf("source: %w: rows are missing, or older than others", outbox.ErrDamaged)
		}
		t.state.nextWindow, t.state.nextPosition = found.nextWindow, found.nextPosition
		if err := t.setSites(sites); err != nil {
			return err
		}
		return c.compare(t, smallTables())
	})
}

// copyLarge copies a table in transactions of bounded size.
func (c *copying) copyLarge(ctx context.Context, source *tx, table copiedTable) error {
	var sum tableSum
	var rows [][]any
	bytes := 0
	insertRows := func() error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := c.to.reserve(copyingDoing, bytes); err != nil {
			return err
		}
		err := c.to.update(copyingDoing, func(t *tx) error {
			for _, row := range rows {
				if err := table.insertRow(t, row); err != nil {
					return err
				}
			}
			return nil
		})
		rows, bytes = nil, 0
		return err
	}
	err := source.query(table.selectCommitted, func(result *sql.Rows) error {
		row, err := table.scan(result)
		if err != nil {
			return err
		}
		sum.add(row)
		body, _ := row[len(row)-1].([]byte)
		rows, bytes = append(rows, row), bytes+len(body)
		if bytes < copiedBytes && len(rows) < copiedRows {
			return nil
		}
		return insertRows()
	})
	if err == nil && len(rows) > 0 {
		err = insertRows()
	}
	c.sums[table.name] = sum
	return err
}

func (c *copying) readSmall(source *tx, table copiedTable) ([][]any, error) {
	var rows [][]any
	var sum tableSum
	err := source.query(table.selectCommitted, func(result *sql.Rows) error {
		row, err := table.scan(result)
		sum.add(row)
		rows = append(rows, row)
		return err
	})
	c.sums[table.name] = sum
	return rows, err
}

// compare returns an error if tables of the target differ from what was read.
func (c *copying) compare(t *tx, tables []copiedTable) error {
	for _, table := range tables {
		sum, err := table.readSum(t)
		if err != nil {
			return err
		}
		if want := c.sums[table.name]; sum != want {
			return fmt.Errorf("%s differs after the copy: %d rows with checksum %d instead of %d rows with checksum %d; repeat the copy",
				table.name, sum.rows, sum.sum, want.rows, want.sum)
		}
	}
	return nil
}

func (t *tx) sourceState() (state, error) {
	var found state
	_, err := t.queryOne(selectState, found.columns())
	return found, err
}

// prepareTarget returns an error if the outbox was used, and deletes the dead letters that an
// interrupted copy left. The rest of it was deleted when the outbox was opened.
func (s *Store) prepareTarget(ctx context.Context) error {
	return s.update(copyingDoing, func(t *tx) error {
		if t.state.nextPosition != 1 {
			return fmt.Errorf("%w: batches were stored in it", ErrNotEmpty)
		}
		for _, table := range smallTables() {
			sum, err := table.readSum(t)
			if err != nil {
				return err
			}
			if sum.rows > 0 {
				return fmt.Errorf("%w: table %s has %d rows", ErrNotEmpty, table.name, sum.rows)
			}
		}
		t.state.digest = 0
		if _, err := t.exec(deleteDeadLetters); err != nil {
			return err
		}
		return ctx.Err()
	})
}

// snapshot runs a transaction that reads for as long as ctx is not canceled. What other processes
// commit meanwhile is invisible to it.
func (s *Store) snapshot(ctx context.Context, read func(*tx) error) error {
	return s.errorf("reading the outbox", s.guard(func() error {
		sqlTx, err := s.begin(ctx, s.engine.readOptions())
		if err != nil {
			return err
		}
		defer func() { _ = sqlTx.Rollback() }()
		return read(&tx{ctx: ctx, store: s, sql: sqlTx})
	}))
}

// Exists reports whether the outbox exists. One that was opened for changes does.
func (s *Store) Exists() bool { return s.db != nil }
