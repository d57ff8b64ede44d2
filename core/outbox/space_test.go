package outbox

import (
	"os"
	"testing"
	"time"
)

func TestDeliveredBatchesFreeTheirSpace(t *testing.T) {
	o := open(t, t.TempDir())
	register(t, o, "ssm")
	cycle := func() {
		commit(t, o, large("a"), large("b"), records("c"))
		drain(t, o, "ssm")
	}
	size := func() int64 {
		info, err := os.Stat(o.Path())
		must(t, err)
		return info.Size()
	}
	for range 20 {
		cycle()
	}
	before := size()
	for range 1000 {
		cycle()
	}
	if after := size(); after > before {
		t.Errorf("the file grew from %d to %d bytes", before, after)
	}
}

// TestShrink checks that the file becomes small after a long backlog was delivered, and keeps
// checkpoints, cursors, pending batches, and unique numbers.
func TestShrink(t *testing.T) {
	dir := t.TempDir()
	o := open(t, dir)
	register(t, o, "ssm", "logstash")
	for range 120 {
		commit(t, o, large("a"))
	}
	w := begin(t, o, origin("q", 0, 1))
	must(t, w.Append(records("last")))
	must(t, w.Commit(Change{MoveCheckpoint: true, State: []byte("state")}))
	drain(t, o, "ssm")
	for range 120 {
		batch, _, err := o.Next("logstash")
		must(t, err)
		must(t, o.Ack("logstash", batch.ID))
	}
	last, _, err := o.Next("logstash")
	must(t, err)
	before, err := os.Stat(o.Path())
	must(t, err)

	// A process that waits for the lock meanwhile must open the new file.
	waited := make(chan *Outbox)
	go func() {
		other, err := Open(dir, Options{noSync: true, LockTimeout: time.Minute})
		if err != nil {
			t.Error(err)
		}
		waited <- other
	}()
	must(t, o.CloseAndShrink())
	again := <-waited
	defer func() { _ = again.Close() }()
	after, err := os.Stat(again.Path())
	must(t, err)
	if before.Size() < shrinkFrom || after.Size() > before.Size()/4 {
		t.Errorf("%d bytes became %d", before.Size(), after.Size())
	}
	next, ok, err := again.Next("logstash")
	if err != nil || !ok || next.ID != last.ID || len(next.Records) != 1 {
		t.Errorf("next is %+v, %v, %v", next, ok, err)
	}
	if _, ok, err := again.Next("ssm"); ok || err != nil {
		t.Errorf("ssm has had everything: %v, %v", ok, err)
	}
	if checkpoint, ok, err := again.Checkpoint("nova", "q"); err != nil || !ok || string(checkpoint.State) != "state" {
		t.Errorf("the checkpoint is %+v, %v, %v", checkpoint, ok, err)
	}
	commit(t, again, records("new"))
	if list, err := again.Pending(); err != nil || len(list) != 2 || list[0].ID == list[1].ID {
		t.Errorf("%+v, %v", list, err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("left in the folder: %v, %v", left, err)
	}
}
