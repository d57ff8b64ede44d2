package outboxtest

import (
	"testing"

	"github.com/caso-project/caso/core/outbox"
)

func testBatchIsKeptUntilAllMessengersAcknowledge(t *testing.T, newPlace NewPlace) {
	o := Open(t, newPlace(t))
	Register(t, o, "ssm", "logstash")
	Commit(t, o, Records("1"), Records("2"))
	Equal(t, "ssm", Drain(t, o, "ssm"), [][]string{{"1"}, {"2"}})
	Equal(t, "batches", CountBatches(t, o), 2)
	Equal(t, "logstash", Drain(t, o, "logstash"), [][]string{{"1"}, {"2"}})
	Equal(t, "batches", CountBatches(t, o), 0)
}

func testNewMessengerStartsAtOldestBatch(t *testing.T, newPlace NewPlace) {
	o := Open(t, newPlace(t))
	Register(t, o, "ssm", "slow")
	Commit(t, o, Records("1"), Records("2"))
	batch, _, err := o.Next("slow")
	Must(t, err)
	Must(t, o.Ack("slow", batch.ID))
	Drain(t, o, "ssm")
	Register(t, o, "ssm", "slow", "new")
	Equal(t, "new", Drain(t, o, "new"), [][]string{{"2"}})
	Equal(t, "slow", Drain(t, o, "slow"), [][]string{{"2"}})

	Register(t, o, "ssm", "slow", "new", "newer")
	Commit(t, o, Records("3"))
	Equal(t, "newer, registered with an empty outbox", Drain(t, o, "newer"), [][]string{{"3"}})
}

func testRetiredMessengerKeepsItsBacklog(t *testing.T, newPlace NewPlace) {
	place := newPlace(t)
	o := Open(t, place)
	Register(t, o, "ssm", "logstash")
	Commit(t, o, Records("1"), Records("2"))
	Equal(t, "retired", Register(t, o, "ssm"), []outbox.RetiredMessenger{{Name: "logstash", PendingBatches: 2}})
	Commit(t, o, Records("3"))
	Drain(t, o, "ssm")
	Equal(t, "batches", CountBatches(t, o), 2)
	if _, _, err := o.Next("logstash"); err == nil {
		t.Error("a retired messenger got a batch")
	}
	Must(t, o.Close())

	// The end of the backlog stays where the first run without the messenger set it.
	o = Open(t, place)
	Equal(t, "retired still", Register(t, o, "ssm"), []outbox.RetiredMessenger{{Name: "logstash", PendingBatches: 2}})
	Commit(t, o, Records("4"))
	Equal(t, "back", len(Register(t, o, "ssm", "logstash")), 0)
	Commit(t, o, Records("5"))
	Equal(t, "batches after the return", Drain(t, o, "logstash"), [][]string{{"1"}, {"2"}, {"4"}, {"5"}})
	Equal(t, "ssm", Drain(t, o, "ssm"), [][]string{{"4"}, {"5"}})
	Equal(t, "batches", CountBatches(t, o), 0)

	Equal(t, "retired with an empty backlog", len(Register(t, o, "ssm")), 0)
}

func testDropMessenger(t *testing.T, newPlace NewPlace) {
	o := Open(t, newPlace(t))
	Register(t, o, "ssm", "logstash")
	Commit(t, o, Records("1"), Records("2"))
	MustFail(t, o.DropMessenger("logstash"), "messenger is configured")
	MustFail(t, o.DropMessenger("nobody"), "not found", `"nobody"`)
	Register(t, o, "ssm")
	batch, _, err := o.Next("ssm")
	Must(t, err)
	Must(t, o.Ack("ssm", batch.ID))
	Equal(t, "batches", CountBatches(t, o), 2)
	Must(t, o.DropMessenger("logstash"))
	Equal(t, "batches for ssm", CountBatches(t, o), 1)
	Equal(t, "ssm", Drain(t, o, "ssm"), [][]string{{"2"}})
}

func testNothingIsDeletedWithoutMessengers(t *testing.T, newPlace NewPlace) {
	o := Open(t, newPlace(t))
	Register(t, o, "ssm")
	Commit(t, o, Records("1"))
	Register(t, o)
	Commit(t, o, Records("2"))
	Must(t, o.DropMessenger("ssm"))
	Register(t, o, "other")
	Equal(t, "other", Drain(t, o, "other"), [][]string{{"1"}, {"2"}})
}

func testStats(t *testing.T, newPlace NewPlace) {
	o := Open(t, newPlace(t))
	Register(t, o, "ssm", "old")
	for _, window := range []outbox.Origin{Origin("q", 4, 5), Origin("p", 0, 1), Origin("p", 1, 2)} {
		w := Begin(t, o, window)
		Must(t, w.Append(Records("a", "b")))
		Must(t, w.Commit(outbox.Change{}))
	}
	Register(t, o, "ssm")
	batch, _, err := o.Next("ssm")
	Must(t, err)
	Must(t, o.Reject("ssm", []string{batch.ID}, "no", nil))
	stats, err := o.Stats()
	Must(t, err)
	if stats.Batches != 3 || stats.Records != 6 || stats.Bytes == 0 || len(stats.Messengers) != 2 {
		t.Fatalf("%+v", stats)
	}
	Equal(t, "old", stats.Messengers[0], outbox.MessengerStats{Name: "old", Retired: true, PendingBatches: 3, PendingRecords: 6, OldestPending: Day(),
		PendingProjects: []outbox.PendingProject{{Key: Key("p"), ProjectName: "name of p", From: Hours(0)}, {Key: Key("q"), ProjectName: "name of q", From: Hours(4)}}})
	Equal(t, "ssm", stats.Messengers[1], outbox.MessengerStats{Name: "ssm", PendingBatches: 2, PendingRecords: 4, OldestPending: Day(), DeadLetters: 1,
		PendingProjects: []outbox.PendingProject{{Key: Key("p"), ProjectName: "name of p", From: Hours(0)}}})
}

// testMessengerReturnsInTheMiddleOfAWindow registers a messenger again after another one has got
// the first batch of a window that was committed meanwhile.
func testMessengerReturnsInTheMiddleOfAWindow(t *testing.T, newPlace NewPlace) {
	o := Open(t, newPlace(t))
	Register(t, o, "ssm", "logstash")
	Commit(t, o, Records("1"))
	Register(t, o, "ssm")
	w := Begin(t, o, Origin("p", 0, 1))
	for _, id := range []string{"2", "3", "4"} {
		Must(t, w.Append(Large(id)))
	}
	Must(t, w.Commit(outbox.Change{}))
	for range 2 {
		batch, _, err := o.Next("ssm")
		Must(t, err)
		Must(t, o.Ack("ssm", batch.ID))
	}
	Register(t, o, "ssm", "logstash", "new")
	Equal(t, "batches", CountBatches(t, o), 3)
	Equal(t, "logstash", Drain(t, o, "logstash"), [][]string{{"1"}, {"3"}, {"4"}})
	Equal(t, "new", Drain(t, o, "new"), [][]string{{"1"}, {"3"}, {"4"}})
	Equal(t, "ssm", Drain(t, o, "ssm"), [][]string{{"3"}, {"4"}})
	Equal(t, "batches", CountBatches(t, o), 0)
}
