package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/caso-project/caso/bench/boltstore"
	"github.com/caso-project/caso/bench/records"
	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/core/outbox/sqlstore"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// messengerName is the only messenger of the outboxes.
const messengerName = "bench"

// queue is what both stores do with a batch.
type queue interface {
	// commit stores a window of one batch, with its checkpoint and state.
	commit(origin outbox.Origin, records outbox.Records, state []byte) error
	Next(messenger string) (*outbox.Batch, bool, error)
	Ack(messenger, batchID string) error
	Close() error
}

type boltQueue struct{ *boltstore.Store }

func (q boltQueue) commit(origin outbox.Origin, batch outbox.Records, state []byte) error {
	return q.Commit(origin, batch, state)
}

type sqlQueue struct{ *sqlstore.Store }

func (q sqlQueue) Ack(messenger, batchID string) error { return q.Store.Ack(messenger, batchID) }

func (q sqlQueue) commit(origin outbox.Origin, batch outbox.Records, state []byte) error {
	window, err := q.Begin(origin)
	if err != nil {
		return err
	}
	if err := window.Append(batch); err != nil {
		return errors.Join(err, window.Abort())
	}
	return window.Commit(outbox.Change{MoveCheckpoint: true, State: state})
}

func openBolt(dir string) (queue, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	store, err := boltstore.Open(filepath.Join(dir, "outbox.bolt"))
	return boltQueue{store}, err
}

func openSQLite(dir string) (queue, error) {
	store, err := sqlstore.Open(sqlstore.InDirectory(dir), sqlstore.Options{})
	if err != nil {
		return nil, err
	}
	_, err = store.Register([]string{messengerName})
	return sqlQueue{store}, err
}

// outboxWork is what the benchmarks store: batches of one size, windows of an hour.
type outboxWork struct {
	batch  outbox.Records
	origin outbox.Origin
	state  []byte
}

func newOutboxWork() *outboxWork {
	to := time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC)
	w := &outboxWork{
		origin: outbox.Origin{Key: outbox.Key{Extractor: "nova", ProjectID: "project-0000", Region: "RegionOne"}, ProjectName: "project", From: to.Add(-time.Hour), To: to},
		state:  make([]byte, 2<<10),
	}
	var list []*pluginv1.Record
	for number := range records.PerBatch() {
		list = append(list, records.Stored(w.origin.ProjectID, number, to))
	}
	var err error
	if w.batch, err = outbox.EncodeRecords(list, nil); err != nil {
		panic(err) // the records are those of package records
	}
	return w
}

// commit stores one more window.
func (w *outboxWork) commit(q queue) error {
	w.origin.From, w.origin.To = w.origin.To, w.origin.To.Add(time.Hour)
	return q.commit(w.origin, w.batch, w.state)
}

// fill stores windows until so many records are pending.
func (w *outboxWork) fill(q queue, count int) error {
	for stored := 0; stored < count; stored += w.batch.Count() {
		if err := w.commit(q); err != nil {
			return err
		}
	}
	return nil
}

// pass commits a batch, and delivers and deletes the oldest.
func (w *outboxWork) pass(q queue) error {
	if err := w.commit(q); err != nil {
		return err
	}
	batch, ok, err := q.Next(messengerName)
	if err != nil {
		return err
	}
	if !ok || batch.Records.Count() != w.batch.Count() {
		return errors.New("no batch is pending, or it has other records")
	}
	return q.Ack(messengerName, batch.ID)
}

// passesPerRound is how many batches a round measures in each store.
const passesPerRound = 100

// benchOutbox measures the SQLite outbox against the bbolt store.
func (b *bench) benchOutbox(context.Context) ([]row, error) {
	var rows []row
	perBatch := map[int]series{}
	backlogs := []int{1000, b.scaled(1_000_000)}
	for _, backlog := range backlogs {
		queues, works := map[string]queue{}, map[string]*outboxWork{}
		for name, open := range map[string]func(string) (queue, error){"SQLite": openSQLite, "bbolt": openBolt} {
			opened, err := open(filepath.Join(b.dir, fmt.Sprintf("outbox-%s-%d", name, backlog)))
			if err != nil {
				return nil, err
			}
			defer func() { _ = opened.Close() }()
			queues[name], works[name] = opened, newOutboxWork()
			if err := works[name].fill(opened, backlog); err != nil {
				return nil, err
			}
		}
		times := map[string]series{}
		for range b.rounds {
			for _, name := range []string{"bbolt", "SQLite"} {
				begun := time.Now()
				for range passesPerRound {
					if err := works[name].pass(queues[name]); err != nil {
						return nil, err
					}
				}
				times[name] = append(times[name], float64(time.Since(begun))/1e6/passesPerRound)
			}
		}
		perBatch[backlog] = times["SQLite"]
		rows = append(rows, row{
			fmt.Sprintf("outbox, a batch of %d records through commit, delivery and deletion, %d records pending: SQLite / bbolt", records.PerBatch(), backlog),
			"1.5", ratios(times["SQLite"], times["bbolt"]).format("%.2f"),
			fmt.Sprintf("SQLite %s ms, bbolt %s ms", times["SQLite"].format("%.2f"), times["bbolt"].format("%.2f"))})
	}
	rows = append(rows, row{fmt.Sprintf("the same in SQLite, %d / %d records pending", backlogs[1], backlogs[0]), "1",
		ratios(perBatch[backlogs[1]], perBatch[backlogs[0]]).format("%.2f"), ""})
	return rows, nil
}

// benchOpen measures how long it takes to open a large outbox, after it was closed and after a
// crash.
func (b *bench) benchOpen(ctx context.Context) ([]row, error) {
	dir := filepath.Join(b.dir, "outbox-large")
	size := int64(b.scaled(1 << 30))
	work := newOutboxWork()
	q, err := openSQLite(dir)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, outbox.FileName)
	for stored := int64(0); stored < size; {
		if err := work.commit(q); err != nil {
			return nil, err
		}
		info, err := os.Stat(file)
		if err != nil {
			return nil, err
		}
		stored = info.Size()
	}
	if err := q.Close(); err != nil {
		return nil, err
	}
	times := map[bool]*series{false: {}, true: {}}
	for range b.rounds {
		for _, crash := range []bool{false, true} {
			if crash {
				if err := b.crashWriter(ctx, dir); err != nil {
					return nil, err
				}
			}
			begun := time.Now()
			q, err := openSQLite(dir)
			if err != nil {
				return nil, err
			}
			times[crash].addMilliseconds(time.Since(begun))
			if err := q.Close(); err != nil {
				return nil, err
			}
		}
	}
	megabytes := size / 1e6
	return []row{
		{fmt.Sprintf("opening an outbox of %d MB", megabytes), "200 ms", times[false].format("%.1f ms"), "page cache warm"},
		{fmt.Sprintf("opening an outbox of %d MB after its writer was killed", megabytes), "200 ms", times[true].format("%.1f ms"),
			"with a write-ahead log, and a staged batch to delete"},
	}, nil
}

// crashRole is the argument with which the driver starts itself as a writer that is killed.
const crashRole = "crash-writer"

// crashWriter lets a process commit to an outbox and end by SIGKILL.
func (b *bench) crashWriter(ctx context.Context, dir string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	command := exec.CommandContext(ctx, self)
	command.Env = append(os.Environ(), crashRole+"="+dir)
	command.Stderr = os.Stderr
	err = command.Run()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
		return nil
	}
	return fmt.Errorf("the writer was not killed: %w", err)
}

// commitAndCrash commits a few batches, stages some and kills the process.
func commitAndCrash(dir string) error {
	q, err := openSQLite(dir)
	if err != nil {
		return err
	}
	work := newOutboxWork()
	work.origin.ProjectID = fmt.Sprint("project-of-process-", os.Getpid())
	for range 3 {
		if err := work.commit(q); err != nil {
			return err
		}
	}
	window, err := q.(sqlQueue).Begin(work.origin)
	if err != nil {
		return err
	}
	for range 3 {
		if err := window.Append(work.batch); err != nil {
			return err
		}
	}
	return syscall.Kill(os.Getpid(), syscall.SIGKILL)
}
