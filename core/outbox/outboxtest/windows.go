package outboxtest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/internal/contract"
)

func testNothingIsVisibleBeforeCommitAndAllIsAfter(t *testing.T, newPlace NewPlace) {
	place := newPlace(t)
	o := Open(t, place)
	Register(t, o, "ssm")
	w := Begin(t, o, Origin("p", 0, 5))
	Must(t, w.Append(Large("a")))
	Must(t, w.Append(Large("b")))
	Must(t, w.Append(Records("c", "d")))
	if _, ok, err := o.Next("ssm"); ok || err != nil {
		t.Fatalf("staged records are visible (%v, %v)", ok, err)
	}
	if _, ok, err := o.Checkpoint(Key("p")); ok || err != nil {
		t.Fatalf("there is a checkpoint before the commit (%v, %v)", ok, err)
	}
	Must(t, w.Commit(outbox.Change{MoveCheckpoint: true, State: []byte("remember")}))
	Must(t, w.Abort())
	Must(t, o.Close())

	o = Open(t, place)
	got, ok, err := o.Checkpoint(Key("p"))
	if err != nil || !ok || !got.To.Equal(Hours(5)) || string(got.State) != "remember" || got.StateBytes != 8 || got.ProjectName != "name of p" {
		t.Errorf("checkpoint %+v, %v, %v", got, ok, err)
	}
	batch, _, err := o.Next("ssm")
	Must(t, err)
	if batch.Extractor != "nova" || batch.ProjectID != "p" || !batch.From.Equal(Hours(0)) || !batch.Committed.Equal(Day()) {
		t.Errorf("batch comes from %+v, committed %s", batch.Origin, batch.Committed)
	}
	Equal(t, "delivered", Drain(t, o, "ssm"), [][]string{{"a"}, {"b"}, {"c", "d"}})
	Equal(t, "batches", CountBatches(t, o), 0)
}

func testSmallBatchesArePutTogether(t *testing.T, newPlace NewPlace) {
	o := Open(t, newPlace(t))
	Register(t, o, "ssm")
	w := Begin(t, o, Origin("p", 0, 1))
	const count = contract.FullBatchRecords + 1
	for i := range count {
		Must(t, w.Append(Records(fmt.Sprint(i))))
	}
	Must(t, w.Append(outbox.Records{}))
	Must(t, w.Commit(outbox.Change{}))
	got := Drain(t, o, "ssm")
	if len(got) != 2 || len(got[0]) != contract.FullBatchRecords || got[1][0] != fmt.Sprint(count-1) {
		t.Errorf("%d batches", len(got))
	}
}

func testWindowsBecomeVisibleInCommitOrder(t *testing.T, newPlace NewPlace) {
	o := Open(t, newPlace(t))
	Register(t, o, "ssm")
	first, second := Begin(t, o, Origin("p", 0, 1)), Begin(t, o, Origin("q", 0, 1))
	Must(t, first.Append(Large("p1")))
	Must(t, second.Append(Large("q1")))
	Must(t, first.Append(Large("p2")))
	Must(t, second.Append(Large("q2")))
	Must(t, second.Commit(outbox.Change{}))
	Must(t, first.Commit(outbox.Change{}))
	Equal(t, "order", Drain(t, o, "ssm"), [][]string{{"q1"}, {"q2"}, {"p1"}, {"p2"}})
}

func testAbortLeavesNothing(t *testing.T, newPlace NewPlace) {
	o := Open(t, newPlace(t))
	Register(t, o, "ssm")
	before := storedBytes(t, o)
	w := Begin(t, o, Origin("p", 0, 1))
	for _, id := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		Must(t, w.Append(Large(id)))
	}
	if staged := storedBytes(t, o) - before; staged < 6*contract.FullBatchBytes {
		t.Errorf("%d bytes are staged", staged)
	}
	Must(t, w.Abort())
	if left := storedBytes(t, o) - before; left > contract.FullBatchBytes {
		t.Errorf("%d bytes are left after Abort", left)
	}
	MustFail(t, w.Append(Records("c")), "already committed or aborted", "project \"p\"")
	MustFail(t, w.Commit(outbox.Change{}), "already committed or aborted")
	if _, ok, _ := o.Next("ssm"); ok {
		t.Error("a batch is visible")
	}
}

func storedBytes(t TB, store Store) int64 {
	t.Helper()
	stats, err := store.Stats()
	Must(t, err)
	return stats.Bytes
}

func testUncommittedWindowsAreDeletedAtOpening(t *testing.T, newPlace NewPlace) {
	place := newPlace(t)
	o := Open(t, place)
	before := storedBytes(t, o)
	w := Begin(t, o, Origin("p", 0, 1))
	for _, id := range []string{"a", "b", "c"} {
		Must(t, w.Append(Large(id)))
	}
	Must(t, o.Close())
	MustFail(t, w.Commit(outbox.Change{}), "outbox is closed", o.Location())
	o = Open(t, place)
	if left := storedBytes(t, o) - before; left > contract.FullBatchBytes {
		t.Errorf("%d bytes are left", left)
	}
}

func testCheckpointMovesOnlyForwardAndWithoutGap(t *testing.T, newPlace NewPlace) {
	o := Open(t, newPlace(t))
	for _, step := range []struct {
		from, to int
		move     bool
		fails    string
		at       int
	}{
		{from: 0, to: 2, move: false, at: -1},
		{from: 3, to: 5, move: true, at: 5},
		{from: 1, to: 2, move: false, at: 5},
		{from: 1, to: 4, move: true, fails: "would move back", at: 5},
		{from: 6, to: 7, move: true, fails: "a gap would follow", at: 5},
		{from: 5, to: 6, move: true, at: 6},
		{from: 0, to: 8, move: true, at: 8},
	} {
		w := Begin(t, o, Origin("p", step.from, step.to))
		err := w.Commit(outbox.Change{MoveCheckpoint: step.move})
		if step.fails != "" {
			MustFail(t, err, step.fails)
			Must(t, w.Abort())
		} else {
			Must(t, err)
		}
		list, err := o.Checkpoints()
		Must(t, err)
		if step.at < 0 {
			Equal(t, "checkpoints", len(list), 0)
		} else if len(list) != 1 || !list[0].To.Equal(Hours(step.at)) {
			t.Errorf("after %+v: %+v", step, list)
		}
	}
}

func testBeginRefusesInvalidOrigins(t *testing.T, newPlace NewPlace) {
	o := Open(t, newPlace(t))
	for name, bad := range map[string]outbox.Origin{
		"no project":   Origin("", 0, 1),
		"no extractor": {Key: outbox.Key{ProjectID: "p"}, From: Hours(0), To: Hours(1)},
		"NUL":          {Key: outbox.Key{Extractor: "a\x00b", ProjectID: "p"}, From: Hours(0), To: Hours(1)},
		"long region":  {Key: outbox.Key{Extractor: "nova", ProjectID: "p", Region: strings.Repeat("r", 256)}, From: Hours(0), To: Hours(1)},
		"no time":      Origin("p", 1, 1),
	} {
		if _, err := o.Begin(bad); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func testIDsAreUnique(t *testing.T, newPlace NewPlace) {
	seen := map[string]bool{}
	for range 3 {
		// As after the loss of the outbox: every new one counts from 1.
		o := Open(t, newPlace(t))
		Register(t, o, "ssm")
		Commit(t, o, Records("a"), Records("b"))
		for {
			batch, ok, err := o.Next("ssm")
			Must(t, err)
			if !ok {
				break
			}
			if seen[batch.ID] || len(batch.ID) > 64 || strings.ContainsAny(batch.ID, " \n") {
				t.Errorf("ID %q", batch.ID)
			}
			seen[batch.ID] = true
			Must(t, o.Ack("ssm", batch.ID))
		}
		Must(t, o.Close())
	}
	Equal(t, "IDs", len(seen), 6)
}

func testAckMustNameTheNextBatch(t *testing.T, newPlace NewPlace) {
	o := Open(t, newPlace(t))
	Register(t, o, "ssm")
	MustFail(t, o.Ack("ssm", "x"), "no batch is pending")
	Commit(t, o, Records("a"), Records("b"))
	MustFail(t, o.Ack("ssm", "x"), "the next batch is", `"x"`)
	MustFail(t, o.Ack("logstash", "x"), "not registered", `"logstash"`)
	if _, _, err := o.Next("logstash"); err == nil {
		t.Error("a messenger that is not registered got an answer")
	}
	batch, _, err := o.Next("ssm")
	Must(t, err)
	Must(t, o.Ack("ssm", batch.ID))
	MustFail(t, o.Ack("ssm", batch.ID), "the next batch is")
}

func testConcurrentWindowsAndMessengers(t *testing.T, newPlace NewPlace) {
	o := Open(t, newPlace(t))
	messengers := []string{"a", "b", "c"}
	Register(t, o, messengers...)
	const projects, batches = 8, 3
	var extracting, delivering sync.WaitGroup
	for p := range projects {
		extracting.Go(func() {
			w, err := o.Begin(Origin(fmt.Sprint(p), 0, 1))
			for b := range batches {
				if err == nil {
					err = w.Append(Large(fmt.Sprintf("%d/%d", p, b)))
				}
			}
			if err == nil {
				err = w.Commit(outbox.Change{MoveCheckpoint: true})
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
					got[i] = append(got[i], IDs(batch.Records)...)
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
		t.Fatalf("messengers got different batches: %v", got)
	}
	for i := 0; i < len(got[0]); i += batches {
		project, _, _ := strings.Cut(got[0][i], "/")
		for b := range batches {
			Equal(t, "batches of a window are adjacent", got[0][i+b], fmt.Sprintf("%s/%d", project, b))
		}
	}
	Equal(t, "batches", CountBatches(t, o), 0)
}

func testReadOnly(t *testing.T, newPlace NewPlace) {
	place := newPlace(t)
	empty, err := place.Open(true, nil)
	Must(t, err)
	if list, err := empty.Checkpoints(); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
	if stats, err := empty.Stats(); err != nil || stats.Batches != 0 {
		t.Errorf("%v, %v", stats, err)
	}
	Must(t, empty.Close())

	o := Open(t, place)
	Register(t, o, "ssm")
	w := Begin(t, o, Origin("p", 0, 1))
	Must(t, w.Append(Records("a")))
	Must(t, w.Commit(outbox.Change{MoveCheckpoint: true}))
	// It can be read while it is open for changes, and afterwards.
	for _, closed := range []bool{false, true} {
		if closed {
			Must(t, o.Close())
		}
		readOnly(t, place)
	}
}

func readOnly(t *testing.T, place Place) {
	t.Helper()
	reader, err := place.Open(true, nil)
	Must(t, err)
	defer func() { Must(t, reader.Close()) }()
	Equal(t, "batches", CountBatches(t, reader), 1)
	if _, ok, err := reader.Checkpoint(Key("p")); !ok || err != nil {
		t.Errorf("%v, %v", ok, err)
	}
	if _, err := reader.Begin(Origin("p", 0, 1)); !errors.Is(err, outbox.ErrReadOnly) {
		t.Error(err)
	}
	if _, err := reader.Register([]string{"x"}); !errors.Is(err, outbox.ErrReadOnly) {
		t.Error(err)
	}
}

// testLargeState moves a checkpoint several times with states of one and of several parts.
func testLargeState(t *testing.T, newPlace NewPlace) {
	place := newPlace(t)
	o := Open(t, place)
	before := storedBytes(t, o)
	for i, size := range []int{10, contract.MaxStateBytes, 3 << 20, 0, 600 << 10, 10, 0} {
		state := []byte(strings.Repeat(fmt.Sprint(i), size))
		w := Begin(t, o, Origin("p", i, i+1))
		Must(t, w.Commit(outbox.Change{MoveCheckpoint: true, State: state}))
		Must(t, o.Close())
		o = Open(t, place)
		got, ok, err := o.Checkpoint(Key("p"))
		if err != nil || !ok || string(got.State) != string(state) || got.StateBytes != size {
			t.Fatalf("state %d: %d bytes instead of %d, %v", i, len(got.State), size, err)
		}
	}
	if left := storedBytes(t, o) - before; left > 1<<20 {
		t.Errorf("%d bytes are left", left)
	}
}

// testCheckpointIsSetAndDeleted moves a checkpoint back and forth, with its state, and deletes it.
func testCheckpointIsSetAndDeleted(t *testing.T, newPlace NewPlace) {
	place := newPlace(t)
	o := Open(t, place)
	before := storedBytes(t, o)
	state := strings.Repeat("s", 3<<20)
	for _, project := range []string{"p", "q"} {
		Must(t, Begin(t, o, Origin(project, 0, 5)).Commit(outbox.Change{MoveCheckpoint: true, State: []byte(state)}))
	}
	for _, hour := range []int{2, 9} {
		Must(t, o.SetCheckpoint(Key("p"), Hours(hour)))
		Must(t, o.Close())
		o = Open(t, place)
		got, ok, err := o.Checkpoint(Key("p"))
		if err != nil || !ok || !got.To.Equal(Hours(hour)) || string(got.State) != state || got.ProjectName != Origin("p", 0, 5).ProjectName {
			t.Fatalf("hour %d: %v, %d bytes, %v", hour, got.To, len(got.State), err)
		}
		Must(t, Begin(t, o, Origin("p", hour, hour+1)).Commit(outbox.Change{MoveCheckpoint: true, State: []byte(state)}))
	}
	MustFail(t, o.SetCheckpoint(Key("r"), Hours(1)), "not found", `"r"`)
	MustFail(t, o.DeleteCheckpoint(outbox.Key{Extractor: "other", ProjectID: "p"}), "not found", `"other"`)
	Must(t, o.DeleteCheckpoint(Key("p")))
	Must(t, o.Close())
	o = Open(t, place)
	if _, ok, err := o.Checkpoint(Key("p")); ok || err != nil {
		t.Errorf("the deleted checkpoint: %t, %v", ok, err)
	}
	if _, ok, err := o.Checkpoint(Key("q")); !ok || err != nil {
		t.Errorf("the other checkpoint: %t, %v", ok, err)
	}
	if left := storedBytes(t, o) - before; left > 4<<20 {
		t.Errorf("%d bytes are left", left)
	}
}

// testUnusualTexts stores what a cloud or a receiver may send as a name or a reason.
func testUnusualTexts(t *testing.T, newPlace NewPlace) {
	place := newPlace(t)
	o := Open(t, place)
	Register(t, o, "ssm", "Ssm", "ssm ")
	for i, name := range []string{"p", "P", "p ", "josé", "李雷 \U0001f600", "%_'\"\\;--"} {
		window := Origin(name, i, i+1)
		window.ProjectName = "nul \x00, broken \xff, " + name
		w := Begin(t, o, window)
		Must(t, w.Append(Records(name)))
		Must(t, w.Commit(outbox.Change{MoveCheckpoint: true}))
		got, ok, err := o.Checkpoint(Key(name))
		if err != nil || !ok || !got.To.Equal(Hours(i+1)) || got.ProjectID != name {
			t.Errorf("checkpoint of %q: %+v, %v, %v", name, got, ok, err)
		}
		batch, _, err := o.Next("ssm")
		Must(t, err)
		Must(t, o.Reject("ssm", []string{batch.ID}, "reason \x00\xff "+name, map[string]string{name: "\x00\xff \u2028"}))
	}
	Equal(t, "backlog of another messenger", len(Drain(t, o, "ssm ")), 6)
	list, err := o.DeadLetters()
	Must(t, err)
	Equal(t, "dead letters", len(list), 6)
	for _, letter := range list {
		Equal(t, "records", LetterIDs(letter.Records), []string{letter.ProjectID})
		if !strings.HasPrefix(letter.ProjectName, "nul \ufffd, broken \ufffd, ") {
			t.Errorf("project name %q", letter.ProjectName)
		}
	}
}
