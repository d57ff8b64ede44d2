package sqlstore

import (
	"os"
	"testing"

	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/core/outbox/outboxtest"
)

func TestDeliveredBatchesFreeTheirSpace(t *testing.T) {
	o := open(t, t.TempDir())
	outboxtest.Register(t, o, "ssm")
	cycle := func() {
		outboxtest.Commit(t, o, outboxtest.Large("a"), outboxtest.Large("b"), outboxtest.Records("c"))
		outboxtest.Drain(t, o, "ssm")
	}
	size := func() int64 {
		info, err := os.Stat(o.Location())
		outboxtest.Must(t, err)
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

// TestShrink checks that the file becomes small again after a messenger was down for long and has
// caught up, and is the same outbox.
func TestShrink(t *testing.T) {
	dir := t.TempDir()
	o := open(t, dir)
	outboxtest.Register(t, o, "ssm", "logstash")
	for range 120 {
		outboxtest.Commit(t, o, outboxtest.Large("a"))
	}
	w := outboxtest.Begin(t, o, outboxtest.Origin("q", 0, 1))
	outboxtest.Must(t, w.Append(outboxtest.Records("last")))
	outboxtest.Must(t, w.Commit(outbox.Change{MoveCheckpoint: true, State: []byte("state")}))
	outboxtest.Drain(t, o, "ssm")
	for range 120 {
		batch, _, err := o.Next("logstash")
		outboxtest.Must(t, err)
		outboxtest.Must(t, o.Ack("logstash", batch.ID))
	}
	last, _, err := o.Next("logstash")
	outboxtest.Must(t, err)
	before, err := os.Stat(o.Location())
	outboxtest.Must(t, err)
	if stored := statsBytes(t, o); stored > 1<<20 {
		t.Errorf("%d bytes are stored", stored)
	}
	outboxtest.Must(t, o.Close())
	after, err := os.Stat(o.Location())
	outboxtest.Must(t, err)
	if before.Size() < shrinkFrom || after.Size() > before.Size()/4 {
		t.Errorf("%d bytes became %d", before.Size(), after.Size())
	}
	again := open(t, dir)
	next, ok, err := again.Next("logstash")
	if err != nil || !ok || next.ID != last.ID || next.Records.Count() != 1 {
		t.Errorf("next is %+v, %v, %v", next, ok, err)
	}
	if _, ok, err := again.Next("ssm"); ok || err != nil {
		t.Errorf("ssm has a backlog: %v, %v", ok, err)
	}
	if checkpoint, ok, err := again.Checkpoint(outboxtest.Key("q")); err != nil || !ok || string(checkpoint.State) != "state" {
		t.Errorf("the checkpoint is %+v, %v, %v", checkpoint, ok, err)
	}
	outboxtest.Commit(t, again, outboxtest.Records("new"))
	if list, err := again.Pending(); err != nil || len(list) != 2 || list[0].ID == list[1].ID {
		t.Errorf("%+v, %v", list, err)
	}
}

func statsBytes(t *testing.T, o *Store) int64 {
	t.Helper()
	stats, err := o.Stats()
	outboxtest.Must(t, err)
	return stats.Bytes
}
