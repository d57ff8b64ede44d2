package sqlstore

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/core/outbox/outboxtest"
)

// fillForCopy stores something of everything: delivered and pending batches, a retired messenger, a
// dead letter, a retried one, and a state of several parts.
func fillForCopy(t *testing.T, store *Store) {
	t.Helper()
	outboxtest.Register(t, store, "ssm", "logstash", "old")
	outboxtest.Commit(t, store, outboxtest.Records("a", "b"))
	outboxtest.Commit(t, store, outboxtest.Large("c"), outboxtest.Large("d"), outboxtest.Large("e"))
	for range 2 {
		batch, _, err := store.Next("ssm")
		outboxtest.Must(t, err)
		outboxtest.Must(t, store.Reject("ssm", []string{batch.ID}, "unknown site é", map[string]string{"a": "bad"}))
	}
	letters, err := store.DeadLetters()
	outboxtest.Must(t, err)
	outboxtest.Must(t, store.RetryDeadLetter("ssm", letters[0].BatchID, nil))
	outboxtest.Register(t, store, "ssm", "logstash")
	w := outboxtest.Begin(t, store, outboxtest.Origin("q", 0, 1))
	outboxtest.Must(t, w.Append(outboxtest.Large("f")))
	outboxtest.Must(t, w.Append(outboxtest.Large("g")))
	outboxtest.Must(t, w.Commit(outbox.Change{MoveCheckpoint: true, State: make([]byte, statePartBytes+10)}))
}

// contentOf returns what a store contains, as its methods return it.
func contentOf(t *testing.T, store *Store) map[string]any {
	t.Helper()
	pending, err := store.Pending()
	outboxtest.Must(t, err)
	for i := range pending {
		batch, _, err := store.Batch(pending[i].ID)
		outboxtest.Must(t, err)
		for _, record := range outboxtest.Decode(batch.Records) {
			pending[i].Messengers = append(pending[i].Messengers, record.String())
		}
	}
	letters, err := store.DeadLetters()
	outboxtest.Must(t, err)
	var rejected []string
	for _, letter := range letters {
		rejected = append(rejected, letter.Messenger, letter.BatchID, letter.Reason, letter.Time.String(), letter.Records[0].String())
	}
	checkpoints, err := store.Checkpoints()
	outboxtest.Must(t, err)
	for i, c := range checkpoints {
		checkpoints[i], _, err = store.Checkpoint(c.Key)
		outboxtest.Must(t, err)
	}
	stats, err := store.Stats()
	outboxtest.Must(t, err)
	return map[string]any{
		"pending": pending, "dead letters": rejected, "checkpoints": checkpoints, "messengers": stats.Messengers,
		"next window": store.state.nextWindow, "next position": store.state.nextPosition, "digest": store.state.digest,
	}
}

func equalContent(t *testing.T, got, want map[string]any) {
	t.Helper()
	for what := range want {
		outboxtest.Equal(t, what, got[what], want[what])
	}
}

// testCopy copies an outbox, interrupted at every step, and compares.
func testCopy(t *testing.T, source, target outboxtest.Place) {
	from := openPlace(t, source)
	fillForCopy(t, from)
	staged := outboxtest.Begin(t, from, outboxtest.Origin("staged", 0, 1))
	outboxtest.Must(t, staged.Append(outboxtest.Large("x")))
	outboxtest.Must(t, staged.Append(outboxtest.Large("y")))
	want := contentOf(t, from)
	interruptions := 0
	for ; ; interruptions++ {
		to := openPlace(t, target)
		outboxtest.Equal(t, "target before the copy", to.state.nextPosition, 1)
		copied, err := Copy(interruptAfter(interruptions), from, to)
		if errors.Is(err, context.Canceled) {
			outboxtest.Must(t, to.Close())
			continue
		}
		outboxtest.Must(t, err)
		outboxtest.Equal(t, "counts", copied, Copied{Windows: 6, Batches: 7, Checkpoints: 1, Messengers: 3, DeadLetters: 1})
		equalContent(t, contentOf(t, to), want)
		outboxtest.Must(t, checkDigest(context.Background(), to.db))
		if _, err := Copy(context.Background(), from, to); !errors.Is(err, ErrNotEmpty) {
			t.Errorf("a second copy got %v", err)
		}
		outboxtest.Commit(t, to, outboxtest.Records("later"))
		outboxtest.Must(t, to.Close())
		break
	}
	if interruptions < 4 {
		t.Errorf("%d interruptions", interruptions)
	}
}

// interruptedContext is canceled after a number of steps. database/sql asks it from a goroutine of
// its own.
type interruptedContext struct {
	context.Context
	steps atomic.Int64
}

func interruptAfter(steps int) *interruptedContext {
	interrupted := &interruptedContext{Context: context.Background()}
	interrupted.steps.Store(int64(steps))
	return interrupted
}

func (c *interruptedContext) Err() error {
	if c.steps.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}

func TestCopySQLite(t *testing.T) { testCopy(t, newDirectory(t), newDirectory(t)) }

func TestCopyBetweenServerAndSQLite(t *testing.T) {
	eachServer(t, func(t *testing.T, newPlace outboxtest.NewPlace) {
		t.Run("into the server", func(t *testing.T) { testCopy(t, newDirectory(t), newPlace(t)) })
		t.Run("out of the server", func(t *testing.T) { testCopy(t, newPlace(t), newDirectory(t)) })
	})
}

func TestCopyBetweenServers(t *testing.T) {
	mariaDB, postgreSQL := servers.MariaDB(t), servers.PostgreSQL(t)
	testCopy(t, serverPlace{mariaDB.NewDatabase(t)}, serverPlace{postgreSQL.NewDatabase(t)})
	testCopy(t, serverPlace{postgreSQL.NewDatabase(t)}, serverPlace{mariaDB.NewDatabase(t)})
}

// testBackup makes a backup while another process writes.
func testBackup(t *testing.T, place outboxtest.Place) {
	writer := openPlace(t, place)
	fillForCopy(t, writer)
	want := contentOf(t, writer)
	staged := outboxtest.Begin(t, writer, outboxtest.Origin("staged", 0, 1))
	outboxtest.Must(t, staged.Append(outboxtest.Large("x")))
	outboxtest.Must(t, staged.Append(outboxtest.Large("y")))
	opened, err := place.Open(true, nil)
	outboxtest.Must(t, err)
	reader := opened.(*Store)
	dir := t.TempDir()
	path := filepath.Join(dir, "backup.db")
	_, err = Backup(context.Background(), reader, path)
	outboxtest.Must(t, err)
	outboxtest.Must(t, staged.Commit(outbox.Change{}))
	info, err := os.Stat(path)
	outboxtest.Must(t, err)
	outboxtest.Equal(t, "mode", info.Mode(), fs.FileMode(0o600))
	if _, err := Backup(context.Background(), reader, path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second backup got %v", err)
	}
	if _, err := Backup(interruptAfter(2), reader, path+"2"); !errors.Is(err, context.Canceled) {
		t.Errorf("an interrupted backup got %v", err)
	}
	outboxtest.Must(t, reader.Close())
	files, err := os.ReadDir(dir)
	outboxtest.Must(t, err)
	outboxtest.Equal(t, "files", len(files), 1)
	restored, err := Open(Location{path: path}, Options{})
	outboxtest.Must(t, err)
	got := contentOf(t, restored)
	outboxtest.Must(t, restored.Close())
	delete(want, "next window") // the staged window has the next one
	equalContent(t, got, want)
}

func TestBackupDuringARun(t *testing.T) { testBackup(t, newDirectory(t)) }

func TestBackupOfAServerDuringARun(t *testing.T) {
	eachServer(t, func(t *testing.T, newPlace outboxtest.NewPlace) { testBackup(t, newPlace(t)) })
}

func TestBackupOfADamagedBatch(t *testing.T) {
	place := newDirectory(t)
	store := openPlace(t, place)
	outboxtest.Register(t, store, "ssm")
	outboxtest.Commit(t, store, outboxtest.Records("a"))
	_, err := store.db.Exec("UPDATE outbox_batches SET checksum = checksum + 1")
	outboxtest.Must(t, err)
	path := filepath.Join(t.TempDir(), "backup.db")
	_, err = Backup(context.Background(), store, path)
	outboxtest.Must(t, err)
	restored, err := Open(Location{path: path}, Options{})
	outboxtest.Must(t, err)
	defer func() { outboxtest.Must(t, restored.Close()) }()
	var damaged *outbox.DamagedBatchError
	if _, _, err := restored.Next("ssm"); !errors.As(err, &damaged) {
		t.Errorf("the next batch got %v", err)
	}
}
