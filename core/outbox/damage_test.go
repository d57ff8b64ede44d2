package outbox

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"
)

func countKeys(t testing.TB, o *Outbox, bucket string) int {
	t.Helper()
	count := 0
	must(t, o.view("counting", func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(bucket)).ForEach(func(_, _ []byte) error { count++; return nil })
	}))
	return count
}

func TestOpenCreatesPrivateFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "var", "spool")
	o := open(t, dir)
	for path, want := range map[string]os.FileMode{dir: 0o700, o.Path(): 0o600} {
		info, err := os.Stat(path)
		must(t, err)
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
	}
	files, err := os.ReadDir(dir)
	must(t, err)
	same(t, "files in the spool directory", len(files), 1)
}

func TestACrashDuringCreationIsHarmless(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, FileName+".new-123"), []byte("half"), 0o600))
	open(t, dir)
	files, err := os.ReadDir(dir)
	must(t, err)
	same(t, "files in the spool directory", len(files), 1)
}

func TestOpenReportsALockedOutbox(t *testing.T) {
	dir := t.TempDir()
	o := open(t, dir)
	for _, readOnly := range []bool{false, true} {
		_, err := Open(dir, Options{LockTimeout: time.Millisecond, ReadOnly: readOnly})
		if !errors.Is(err, ErrLocked) {
			t.Errorf("got %v", err)
		}
		mustFail(t, err, o.Path(), "outbox is locked by another process")
	}
}

func TestOpenLeavesOtherFilesUnchanged(t *testing.T) {
	good := t.TempDir()
	o := open(t, good)
	register(t, o, "ssm")
	for range 20 {
		commit(t, o, large("a"))
	}
	must(t, o.Close())
	whole, err := os.ReadFile(o.Path())
	must(t, err)
	newer := t.TempDir()
	o = open(t, newer)
	must(t, o.update("pretending", func(tx *bbolt.Tx) error {
		return put(tx, metaBucket, []byte("format"), format{Version: formatVersion + 1}, nil)
	}))
	must(t, o.Close())
	future, err := os.ReadFile(o.Path())
	must(t, err)
	foreign := filepath.Join(t.TempDir(), "other.db")
	db, err := bbolt.Open(foreign, 0o600, nil)
	must(t, err)
	must(t, db.Close())
	other, err := os.ReadFile(foreign)
	must(t, err)
	for name, test := range map[string]struct {
		content []byte
		says    string
	}{
		"empty":         {nil, "empty"},
		"text":          {bytes.Repeat([]byte("lastrun "), 4000), "is not an outbox"},
		"a few bytes":   {[]byte("x"), "is not an outbox"},
		"truncated":     {whole[:len(whole)/2], "damaged"},
		"first page":    {whole[:4096], "damaged"},
		"zeros":         {make([]byte, len(whole)), "damaged"},
		"newer version": {future, "format 2 and this version of caso reads format 1"},
		"other program": {other, "belongs to another program"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, readOnly := range []bool{true, false} {
				dir := t.TempDir()
				path := filepath.Join(dir, FileName)
				must(t, os.WriteFile(path, test.content, 0o600))
				_, err := Open(dir, Options{ReadOnly: readOnly})
				mustFail(t, err, path, test.says)
				after, err := os.ReadFile(path)
				must(t, err)
				if !bytes.Equal(after, test.content) {
					t.Error("the file was changed")
				}
			}
		})
	}
}

func TestADamagedBatchIsNamedAndCanBeRejected(t *testing.T) {
	for name, damage := range map[string]func(tx *bbolt.Tx, key, value []byte) error{
		"records": func(tx *bbolt.Tx, _, _ []byte) error {
			batches := tx.Bucket([]byte(batchesBucket))
			key, value := batches.Cursor().First()
			value = bytes.Clone(value)
			value[len(value)-1] ^= 1
			return batches.Put(bytes.Clone(key), value)
		},
		"missing records": func(tx *bbolt.Tx, _, _ []byte) error {
			return tx.Bucket([]byte(batchesBucket)).Delete(numberKey(1))
		},
		"entry": func(tx *bbolt.Tx, key, value []byte) error {
			return tx.Bucket([]byte(queueBucket)).Put(key, value[:len(value)-1])
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := open(t, t.TempDir())
			register(t, o, "ssm")
			commit(t, o, records("a"), records("b"))
			must(t, o.update("damaging", func(tx *bbolt.Tx) error {
				key, value := tx.Bucket([]byte(queueBucket)).Cursor().First()
				return damage(tx, bytes.Clone(key), bytes.Clone(value))
			}))
			_, _, err := o.Next("ssm")
			var damaged *DamagedBatchError
			if !errors.As(err, &damaged) || !errors.Is(err, ErrDamaged) {
				t.Fatalf("got %v", err)
			}
			mustFail(t, err, o.Path(), damaged.ID)
			must(t, o.Reject("ssm", damaged.ID, "unreadable", nil))
			same(t, "the queue goes on", drain(t, o, "ssm"), [][]string{{"b"}})
			list, err := o.DeadLetters()
			must(t, err)
			if len(list) != 1 || len(list[0].Records) != 0 {
				t.Fatalf("%+v", list)
			}
			mustFail(t, errors.New(list[0].Reason), "unreadable (the batch is damaged: ")
			mustFail(t, o.RetryDeadLetter("ssm", damaged.ID), "republish")
		})
	}
}

func TestADamagedCheckpointIsAnError(t *testing.T) {
	o := open(t, t.TempDir())
	w := begin(t, o, origin("p", 0, 1))
	must(t, w.Commit(Change{MoveCheckpoint: true}))
	must(t, o.update("damaging", func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(checkpointsBucket)).Put(pairKey("nova", "p"), []byte("??????????"))
	}))
	_, _, err := o.Checkpoint("nova", "p")
	mustFail(t, err, o.Path(), `"p"`, `"nova"`)
	_, err = o.Checkpoints()
	mustFail(t, err, o.Path(), `"p"`)
	w = begin(t, o, origin("p", 1, 2))
	mustFail(t, w.Commit(Change{MoveCheckpoint: true}), "damaged")
}

// TestDamagedPages flips bytes all over the file: reading must return a result or an error, and
// must not panic or crash.
func TestDamagedPages(t *testing.T) {
	dir := t.TempDir()
	o := open(t, dir)
	register(t, o, "ssm")
	commit(t, o, records("a"), records("b"))
	must(t, o.Close())
	whole, err := os.ReadFile(o.Path())
	must(t, err)
	refused := 0
	for page := 0; page < len(whole); page += 4096 {
		for _, offset := range []int{0, 8, 10, 12, 16, 24, 40, 100} {
			bad := bytes.Clone(whole)
			for i := range 4 {
				bad[page+offset+i] ^= 0xff
			}
			dir := t.TempDir()
			must(t, os.WriteFile(filepath.Join(dir, FileName), bad, 0o600))
			o, err := Open(dir, Options{ReadOnly: true, noSync: true})
			if err == nil {
				_, _, err = o.Next("ssm")
				_, serr := o.Stats()
				err = errors.Join(err, serr, o.Close())
			}
			if err != nil {
				refused++
			}
		}
	}
	if refused == 0 {
		t.Error("no damage was noticed")
	}
}
