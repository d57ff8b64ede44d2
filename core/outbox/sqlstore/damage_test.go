package sqlstore

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/core/outbox/outboxtest"
)

// open opens an outbox that does not sync, for a test.
func open(t testing.TB, dir string) *Store {
	t.Helper()
	o, err := Open(InDirectory(dir), Options{unsafe: true, Now: outboxtest.Day})
	outboxtest.Must(t, err)
	t.Cleanup(func() { _ = o.Close() })
	return o
}

// execute runs a statement of a test in a transaction.
func execute(t testing.TB, o *Store, text string, args ...any) {
	t.Helper()
	outboxtest.Must(t, o.update("testing", func(t *tx) error {
		_, err := t.sql.Exec(text, args...)
		return err
	}))
}

func listFiles(t testing.TB, dir string) []string {
	t.Helper()
	files, err := os.ReadDir(dir)
	outboxtest.Must(t, err)
	var names []string
	for _, file := range files {
		names = append(names, file.Name())
	}
	return names
}

func TestOpenCreatesPrivateFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "var", "spool")
	o := open(t, dir)
	outboxtest.Register(t, o, "ssm")
	info, err := os.Stat(dir)
	outboxtest.Must(t, err)
	outboxtest.Equal(t, "mode of the directory", info.Mode().Perm(), os.FileMode(0o700))
	outboxtest.Equal(t, "files while it is open", listFiles(t, dir), []string{"outbox.db", "outbox.db-shm", "outbox.db-wal", "outbox.db.lock"})
	for _, name := range listFiles(t, dir) {
		info, err := os.Stat(filepath.Join(dir, name))
		outboxtest.Must(t, err)
		outboxtest.Equal(t, "mode of "+name, info.Mode().Perm(), os.FileMode(0o600))
	}
	outboxtest.Must(t, o.Close())
	outboxtest.Equal(t, "files after Close", listFiles(t, dir), []string{"outbox.db", "outbox.db.lock"})
}

func TestCrashWhileTheFileIsCreated(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{".new-123", ".new-123-wal", ".new-123-shm"} {
		outboxtest.Must(t, os.WriteFile(filepath.Join(dir, outbox.FileName+name), []byte("half"), 0o600))
	}
	outboxtest.Must(t, open(t, dir).Close())
	outboxtest.Equal(t, "files", listFiles(t, dir), []string{"outbox.db", "outbox.db.lock"})
}

func TestOnlyOneWriter(t *testing.T) {
	dir := t.TempDir()
	o := open(t, dir)
	_, err := Open(InDirectory(dir), Options{LockTimeout: time.Millisecond})
	if !errors.Is(err, outbox.ErrLocked) {
		t.Errorf("got %v", err)
	}
	outboxtest.MustFail(t, err, o.Location(), "outbox is locked by another process")
}

func TestOpenLeavesOtherFilesUnchanged(t *testing.T) {
	good := t.TempDir()
	o := open(t, good)
	outboxtest.Register(t, o, "ssm")
	for range 20 {
		outboxtest.Commit(t, o, outboxtest.Large("a"))
	}
	outboxtest.Must(t, o.Close())
	whole, err := os.ReadFile(o.Location())
	outboxtest.Must(t, err)
	newer := t.TempDir()
	o = open(t, newer)
	execute(t, o, "INSERT INTO outbox_schema (version_id, is_applied) VALUES (99, 1)")
	outboxtest.Must(t, o.Close())
	future, err := os.ReadFile(o.Location())
	outboxtest.Must(t, err)
	foreign := filepath.Join(t.TempDir(), "other.db")
	db, err := sql.Open("sqlite", foreign)
	outboxtest.Must(t, err)
	_, err = db.Exec("CREATE TABLE other (id INTEGER)")
	outboxtest.Must(t, errors.Join(err, db.Close()))
	other, err := os.ReadFile(foreign)
	outboxtest.Must(t, err)
	for name, test := range map[string]struct {
		content []byte
		says    string
	}{
		"empty":         {nil, "empty"},
		"text":          {bytes.Repeat([]byte("lastrun "), 4000), "the file of another program"},
		"a few bytes":   {[]byte("x"), "the file of another program"},
		"truncated":     {whole[:len(whole)/2], "damaged"},
		"first page":    {whole[:pageSize], "damaged"},
		"zeros":         {make([]byte, len(whole)), "damaged"},
		"newer version": {future, "its schema has version 99 and this version of caso uses 1"},
		"other program": {other, "the file of another program"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, readOnly := range []bool{true, false} {
				dir := t.TempDir()
				path := filepath.Join(dir, outbox.FileName)
				outboxtest.Must(t, os.WriteFile(path, test.content, 0o600))
				_, err := Open(InDirectory(dir), Options{ReadOnly: readOnly})
				outboxtest.MustFail(t, err, path, test.says)
				after, err := os.ReadFile(path)
				outboxtest.Must(t, err)
				if !bytes.Equal(after, test.content) {
					t.Error("the file was changed")
				}
			}
		})
	}
}

func TestDamagedBatchCanBeRejected(t *testing.T) {
	for name, damage := range map[string]string{
		"records":         "UPDATE outbox_batches SET body = zeroblob(length(body)) WHERE window_id = 1",
		"missing records": "DELETE FROM outbox_batches WHERE window_id = 1",
		"window":          "UPDATE outbox_windows SET to_time = from_time WHERE position = 1",
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			o := open(t, dir)
			outboxtest.Register(t, o, "ssm")
			outboxtest.Commit(t, o, outboxtest.Records("a"), outboxtest.Records("b"))
			execute(t, o, damage)
			outboxtest.Must(t, o.Close())
			o = open(t, dir)
			outboxtest.Equal(t, "batches", outboxtest.CountBatches(t, o), 2)
			_, _, err := o.Next("ssm")
			var damaged *outbox.DamagedBatchError
			if !errors.As(err, &damaged) || !errors.Is(err, outbox.ErrDamaged) {
				t.Fatalf("got %v", err)
			}
			outboxtest.MustFail(t, err, o.Location(), damaged.ID)
			outboxtest.Must(t, o.Reject("ssm", []string{damaged.ID}, "unreadable", nil))
			outboxtest.Equal(t, "the others go on", outboxtest.Drain(t, o, "ssm"), [][]string{{"b"}})
			list, err := o.DeadLetters()
			outboxtest.Must(t, err)
			if len(list) != 1 || len(list[0].Records) != 0 {
				t.Fatalf("%+v", list)
			}
			outboxtest.MustFail(t, errors.New(list[0].Reason), "unreadable (the batch is damaged: ")
			outboxtest.MustFail(t, o.RetryDeadLetter("ssm", damaged.ID, nil), "republish")
			outboxtest.Must(t, o.Close())
			o = open(t, dir)
			outboxtest.Equal(t, "batches", outboxtest.CountBatches(t, o), 0)
		})
	}
}

func TestDamagedDeadLetterCanBeDropped(t *testing.T) {
	o := open(t, t.TempDir())
	outboxtest.Register(t, o, "ssm")
	outboxtest.Commit(t, o, outboxtest.Records("a"))
	batch, _, err := o.Next("ssm")
	outboxtest.Must(t, err)
	outboxtest.Must(t, o.Reject("ssm", []string{batch.ID}, "no", nil))
	execute(t, o, "UPDATE outbox_dead_letters SET record_reasons = '?'")
	list, err := o.DeadLetters()
	if err != nil || len(list) != 1 || list[0].BatchID != batch.ID || !strings.Contains(list[0].Reason, "outbox is damaged") {
		t.Errorf("%+v, %v", list, err)
	}
	outboxtest.MustFail(t, o.RetryDeadLetter("ssm", batch.ID, nil), "damaged")
	outboxtest.Must(t, o.DropDeadLetter("ssm", batch.ID))
}

func TestDamagedCheckpointIsAnError(t *testing.T) {
	o := open(t, t.TempDir())
	w := outboxtest.Begin(t, o, outboxtest.Origin("p", 0, 1))
	outboxtest.Must(t, w.Commit(outbox.Change{MoveCheckpoint: true, State: []byte("state")}))
	execute(t, o, "UPDATE outbox_states SET body = x'00'")
	_, _, err := o.Checkpoint(outboxtest.Key("p"))
	outboxtest.MustFail(t, err, o.Location(), "outbox is damaged", "state")
	execute(t, o, "UPDATE outbox_checkpoints SET to_time = moved_at")
	_, _, err = o.Checkpoint(outboxtest.Key("p"))
	outboxtest.MustFail(t, err, o.Location(), `"p"`, `"nova"`)
	_, err = o.Checkpoints()
	outboxtest.MustFail(t, err, o.Location(), `"p"`)
	w = outboxtest.Begin(t, o, outboxtest.Origin("p", 1, 2))
	outboxtest.MustFail(t, w.Commit(outbox.Change{MoveCheckpoint: true}), "damaged")
}

// TestMissingRowsAreNoticed deletes rows as a lost page would, without a trace in the structure of
// the file.
func TestMissingRowsAreNoticed(t *testing.T) {
	for _, table := range []string{"outbox_windows", "outbox_checkpoints", "outbox_cursors", "outbox_dead_letters"} {
		dir := t.TempDir()
		o := open(t, dir)
		outboxtest.Register(t, o, "ssm")
		outboxtest.Commit(t, o, outboxtest.Records("a"), outboxtest.Records("b"))
		w := outboxtest.Begin(t, o, outboxtest.Origin("p", 0, 1))
		outboxtest.Must(t, w.Commit(outbox.Change{MoveCheckpoint: true}))
		batch, _, err := o.Next("ssm")
		outboxtest.Must(t, err)
		outboxtest.Must(t, o.Reject("ssm", []string{batch.ID}, "no", nil))
		execute(t, o, "DELETE FROM "+table)
		outboxtest.Must(t, o.Close())
		for _, readOnly := range []bool{true, false} {
			_, err = Open(InDirectory(dir), Options{ReadOnly: readOnly})
			outboxtest.MustFail(t, err, "outbox is damaged: rows are missing", "restore it from a backup")
		}
	}
}

// TestDamagedPages changes bytes all over the file and writes to what still opens. Every record
// comes out as it went in or not at all, and what was there is delivered, rejected as damaged, or
// the whole file is refused.
func TestDamagedPages(t *testing.T) {
	dir := t.TempDir()
	o := open(t, dir)
	outboxtest.Register(t, o, "slow", "fast")
	const windows = 8
	for i := range windows {
		w := outboxtest.Begin(t, o, outboxtest.Origin("p", i, i+1))
		outboxtest.Must(t, w.Append(outboxtest.Records(fmt.Sprintf("small-%d", i))))
		if i == 2 {
			outboxtest.Must(t, w.Append(outboxtest.Large("large")))
		}
		outboxtest.Must(t, w.Commit(outbox.Change{MoveCheckpoint: true, State: []byte("state")}))
	}
	outboxtest.Drain(t, o, "fast")
	outboxtest.Must(t, o.Close())
	whole, err := os.ReadFile(o.Location())
	outboxtest.Must(t, err)
	truth := outboxtest.Drain(t, open(t, dir), "slow")
	random := rand.New(rand.NewPCG(5, 5))
	refused, damaged := 0, 0
	for page := 0; page < len(whole); page += pageSize {
		for try := range 30 {
			bad := bytes.Clone(whole)
			// Mostly the head of the page and the list of its cells, else anywhere.
			offset := random.IntN(64)
			if try%3 == 0 {
				offset = random.IntN(pageSize - 4)
			}
			for i := range 1 + random.IntN(4) {
				bad[page+offset+i] ^= byte(1 + random.IntN(255))
			}
			switch got, err := useDamaged(t, bad); {
			case err != nil:
				refused++
			case len(got) != len(truth):
				t.Fatalf("page %d, offset %d: %d batches instead of %d", page/pageSize, offset, len(got), len(truth))
			default:
				for i := range got {
					if len(got[i]) == 0 {
						damaged++
					} else {
						outboxtest.Equal(t, "batch", got[i], truth[i])
					}
				}
			}
		}
	}
	t.Logf("%d files of %d bytes: %d refused, %d batches rejected as damaged", len(whole)/pageSize*30, len(whole), refused, damaged)
	if refused == 0 || damaged == 0 {
		t.Errorf("%d files were refused, %d batches rejected", refused, damaged)
	}
}

// useDamaged opens a file, commits to it and delivers all. A damaged batch has no IDs.
func useDamaged(t *testing.T, content []byte) (got [][]string, err error) {
	t.Helper()
	dir := t.TempDir()
	outboxtest.Must(t, os.WriteFile(filepath.Join(dir, outbox.FileName), content, 0o600))
	o, err := Open(InDirectory(dir), Options{unsafe: true})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	if _, err := o.Register([]string{"slow", "fast"}); err != nil {
		return nil, err
	}
	w := outboxtest.Begin(t, o, outboxtest.Origin("p", 8, 9))
	if err := errors.Join(w.Append(outboxtest.Large("new")), w.Commit(outbox.Change{})); err != nil {
		return nil, err
	}
	for {
		batch, ok, err := o.Next("slow")
		var damage *outbox.DamagedBatchError
		switch {
		case errors.As(err, &damage):
			got = append(got, nil)
			if err := o.Reject("slow", []string{damage.ID}, "damaged", nil); err != nil {
				return nil, err
			}
			continue
		case err != nil:
			return nil, err
		case !ok:
			return got, nil
		}
		if ids := outboxtest.IDs(batch.Records); ids[0] != "new" {
			got = append(got, ids)
		}
		if err := o.Ack("slow", batch.ID); err != nil {
			return nil, err
		}
	}
}
