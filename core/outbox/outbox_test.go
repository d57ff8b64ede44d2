package outbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/caso-project/caso/internal/contract"
)

func TestCommitMakesAWindowVisible(t *testing.T) {
	dir := t.TempDir()
	o := open(t, dir)
	register(t, o, "ssm")
	w := begin(t, o, origin("p", 0, 5))
	must(t, w.Append(large("a")))
	must(t, w.Append(large("b")))
	must(t, w.Append(records("c", "d")))
	if _, ok, err := o.Next("ssm"); ok || err != nil {
		t.Fatalf("staged records are visible (%v, %v)", ok, err)
	}
	if _, ok, err := o.Checkpoint("nova", "p"); ok || err != nil {
		t.Fatalf("there is a checkpoint before the commit (%v, %v)", ok, err)
	}
	must(t, w.Commit(Change{MoveCheckpoint: true, State: []byte("remember")}))
	must(t, w.Abort())
	must(t, o.Close())

	o = open(t, dir)
	got, ok, err := o.Checkpoint("nova", "p")
	if err != nil || !ok || !got.To.Equal(hours(5)) || string(got.State) != "remember" || got.StateBytes != 8 || got.ProjectName != "name of p" {
		t.Errorf("checkpoint %+v, %v, %v", got, ok, err)
	}
	batch, _, err := o.Next("ssm")
	must(t, err)
	if batch.Extractor != "nova" || batch.ProjectID != "p" || !batch.From.Equal(hours(0)) || !batch.Committed.Equal(day) {
		t.Errorf("batch comes from %+v, committed %s", batch.Origin, batch.Committed)
	}
	same(t, "delivered", drain(t, o, "ssm"), [][]string{{"a"}, {"b"}, {"c", "d"}})
	same(t, "batches", batchCount(t, o), 0)
}

func TestSmallBatchesAreJoined(t *testing.T) {
	o := open(t, t.TempDir())
	register(t, o, "ssm")
	w := begin(t, o, origin("p", 0, 1))
	const count = contract.FullBatchRecords + 1
	for i := range count {
		must(t, w.Append(records(fmt.Sprint(i))))
	}
	must(t, w.Append(nil))
	must(t, w.Commit(Change{}))
	got := drain(t, o, "ssm")
	if len(got) != 2 || len(got[0]) != contract.FullBatchRecords || got[1][0] != fmt.Sprint(count-1) {
		t.Errorf("%d batches", len(got))
	}
}

func TestWindowsBecomeVisibleInCommitOrder(t *testing.T) {
	o := open(t, t.TempDir())
	register(t, o, "ssm")
	first, second := begin(t, o, origin("p", 0, 1)), begin(t, o, origin("q", 0, 1))
	must(t, first.Append(large("p1")))
	must(t, second.Append(large("q1")))
	must(t, first.Append(large("p2")))
	must(t, second.Append(large("q2")))
	must(t, second.Commit(Change{}))
	must(t, first.Commit(Change{}))
	same(t, "order", drain(t, o, "ssm"), [][]string{{"q1"}, {"q2"}, {"p1"}, {"p2"}})
}

func TestAbortLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	o := open(t, dir)
	register(t, o, "ssm")
	w := begin(t, o, origin("p", 0, 1))
	must(t, w.Append(large("a")))
	must(t, w.Append(large("b")))
	same(t, "entries in the file while staged", countKeys(t, o, batchesBucket), 1)
	must(t, w.Abort())
	same(t, "entries in the file after Abort", countKeys(t, o, batchesBucket)+countKeys(t, o, stagedBucket), 0)
	mustFail(t, w.Append(records("c")), "already committed or aborted", "project \"p\"")
	mustFail(t, w.Commit(Change{}), "already committed or aborted")
	if _, ok, _ := o.Next("ssm"); ok {
		t.Error("something is visible")
	}
}

func TestStagedBatchesOfAKilledRunAreDropped(t *testing.T) {
	dir := t.TempDir()
	o := open(t, dir)
	w := begin(t, o, origin("p", 0, 1))
	must(t, w.Append(large("a")))
	must(t, w.Append(large("b")))
	must(t, o.Close())
	mustFail(t, w.Commit(Change{}), "database not open", o.Path())
	o = open(t, dir)
	same(t, "entries left", countKeys(t, o, batchesBucket)+countKeys(t, o, stagedBucket), 0)
}

func TestCheckpointMovesOnlyForwardAndWithoutGap(t *testing.T) {
	o := open(t, t.TempDir())
	for _, step := range []struct {
		from, to int
		move     bool
		refused  string
		at       int
	}{
		{from: 0, to: 2, move: false, at: -1},
		{from: 3, to: 5, move: true, at: 5},
		{from: 1, to: 2, move: false, at: 5},
		{from: 1, to: 4, move: true, refused: "would move back", at: 5},
		{from: 6, to: 7, move: true, refused: "a gap would follow", at: 5},
		{from: 5, to: 6, move: true, at: 6},
		{from: 0, to: 8, move: true, at: 8},
	} {
		w := begin(t, o, origin("p", step.from, step.to))
		err := w.Commit(Change{MoveCheckpoint: step.move})
		if step.refused != "" {
			mustFail(t, err, step.refused)
			must(t, w.Abort())
		} else {
			must(t, err)
		}
		list, err := o.Checkpoints()
		must(t, err)
		if step.at < 0 {
			same(t, "checkpoints", len(list), 0)
		} else if len(list) != 1 || !list[0].To.Equal(hours(step.at)) {
			t.Errorf("after %+v: %+v", step, list)
		}
	}
}

func TestBeginRejectsInvalidWindows(t *testing.T) {
	o := open(t, t.TempDir())
	for name, bad := range map[string]Origin{
		"no project":   origin("", 0, 1),
		"no extractor": {ProjectID: "p", From: hours(0), To: hours(1)},
		"NUL":          {Extractor: "a\x00b", ProjectID: "p", From: hours(0), To: hours(1)},
		"no time":      origin("p", 1, 1),
	} {
		if _, err := o.Begin(bad); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestIDsAreUnique(t *testing.T) {
	dir := t.TempDir()
	seen := map[string]bool{}
	for range 3 {
		o := open(t, dir)
		register(t, o, "ssm")
		commit(t, o, records("a"), records("b"))
		for {
			batch, ok, err := o.Next("ssm")
			must(t, err)
			if !ok {
				break
			}
			if seen[batch.ID] || len(batch.ID) > 64 || strings.ContainsAny(batch.ID, " \n") {
				t.Errorf("id %q", batch.ID)
			}
			seen[batch.ID] = true
			must(t, o.Ack("ssm", batch.ID))
		}
		must(t, o.Close())
		must(t, os.Remove(filepath.Join(dir, FileName)))
	}
	same(t, "ids", len(seen), 6)
}

func TestAcknowledgementsMustBeForTheNextBatch(t *testing.T) {
	o := open(t, t.TempDir())
	register(t, o, "ssm")
	mustFail(t, o.Ack("ssm", "x"), "no batch is pending")
	commit(t, o, records("a"), records("b"))
	mustFail(t, o.Ack("ssm", "x"), "the next batch is", `"x"`)
	mustFail(t, o.Ack("logstash", "x"), "not registered", `"logstash"`)
	if _, _, err := o.Next("logstash"); err == nil {
		t.Error("a messenger that nobody registered got an answer")
	}
	batch, _, err := o.Next("ssm")
	must(t, err)
	must(t, o.Ack("ssm", batch.ID))
	mustFail(t, o.Ack("ssm", batch.ID), "the next batch is")
}

func TestConcurrentWindowsAndMessengers(t *testing.T) {
	o := open(t, t.TempDir())
	messengers := []string{"a", "b", "c"}
	register(t, o, messengers...)
	const projects, batches = 8, 3
	var extracting, delivering sync.WaitGroup
	for p := range projects {
		extracting.Go(func() {
			w, err := o.Begin(origin(fmt.Sprint(p), 0, 1))
			for b := range batches {
				if err == nil {
					err = w.Append(large(fmt.Sprintf("%d/%d", p, b)))
				}
			}
			if err == nil {
				err = w.Commit(Change{MoveCheckpoint: true})
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	done := make(chan struct{})
	got := make([][]string, len(messengers))
	for i, messenger := range messengers {
		delivering.Go(func() {
			for finished := false; ; {
				batch, ok, err := o.Next(messenger)
				switch {
				case err != nil:
					t.Error(err)
					return
				case ok:
					got[i] = append(got[i], ids(batch.Records)...)
					if err := o.Ack(messenger, batch.ID); err != nil {
						t.Error(err)
						return
					}
				case finished:
					return
				default:
					<-done
					finished = true
				}
			}
		})
	}
	extracting.Wait()
	close(done)
	delivering.Wait()
	if len(got[0]) != projects*batches || !slices.Equal(got[0], got[1]) || !slices.Equal(got[0], got[2]) {
		t.Fatalf("messengers saw different things: %v", got)
	}
	for i := 0; i < len(got[0]); i += batches {
		project, _, _ := strings.Cut(got[0][i], "/")
		for b := range batches {
			same(t, "a window's batches lie side by side", got[0][i+b], fmt.Sprintf("%s/%d", project, b))
		}
	}
	same(t, "batches", batchCount(t, o), 0)
}

func TestReadOnly(t *testing.T) {
	dir := t.TempDir()
	empty, err := Open(filepath.Join(dir, "nowhere"), Options{ReadOnly: true})
	must(t, err)
	if list, err := empty.Checkpoints(); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
	if stats, err := empty.Stats(); err != nil || stats.Batches != 0 {
		t.Errorf("%v, %v", stats, err)
	}
	must(t, empty.Close())
	if _, err := os.Stat(filepath.Join(dir, "nowhere")); !errors.Is(err, os.ErrNotExist) {
		t.Error("reading made a directory")
	}

	o := open(t, dir)
	register(t, o, "ssm")
	w := begin(t, o, origin("p", 0, 1))
	must(t, w.Append(records("a")))
	must(t, w.Commit(Change{MoveCheckpoint: true}))
	must(t, o.Close())
	reader, err := Open(dir, Options{ReadOnly: true})
	must(t, err)
	defer func() { must(t, reader.Close()) }()
	same(t, "batches", batchCount(t, reader), 1)
	if _, ok, err := reader.Checkpoint("nova", "p"); !ok || err != nil {
		t.Errorf("%v, %v", ok, err)
	}
	if _, err := reader.Begin(origin("p", 0, 1)); !errors.Is(err, ErrReadOnly) {
		t.Error(err)
	}
	if _, err := reader.Register([]string{"x"}); !errors.Is(err, ErrReadOnly) {
		t.Error(err)
	}
}
