package outbox

import "testing"

func TestABatchIsKeptUntilEveryMessengerHasAcknowledgedIt(t *testing.T) {
	o := open(t, t.TempDir())
	register(t, o, "ssm", "logstash")
	commit(t, o, records("1"), records("2"))
	same(t, "ssm", drain(t, o, "ssm"), [][]string{{"1"}, {"2"}})
	same(t, "batches", batchCount(t, o), 2)
	same(t, "logstash", drain(t, o, "logstash"), [][]string{{"1"}, {"2"}})
	same(t, "batches", batchCount(t, o), 0)
}

func TestANewMessengerStartsAtTheOldestBatch(t *testing.T) {
	o := open(t, t.TempDir())
	register(t, o, "ssm", "slow")
	commit(t, o, records("1"), records("2"))
	batch, _, err := o.Next("slow")
	must(t, err)
	must(t, o.Ack("slow", batch.ID))
	drain(t, o, "ssm")
	register(t, o, "ssm", "slow", "new")
	same(t, "new", drain(t, o, "new"), [][]string{{"2"}})
	same(t, "slow", drain(t, o, "slow"), [][]string{{"2"}})

	register(t, o, "ssm", "slow", "new", "newer")
	commit(t, o, records("3"))
	same(t, "newer, begun on an empty queue", drain(t, o, "newer"), [][]string{{"3"}})
}

func TestARetiredMessengerKeepsItsBacklogOnly(t *testing.T) {
	dir := t.TempDir()
	o := open(t, dir)
	register(t, o, "ssm", "logstash")
	commit(t, o, records("1"), records("2"))
	same(t, "retired", register(t, o, "ssm"), []RetiredMessenger{{"logstash", 2}})
	commit(t, o, records("3"))
	drain(t, o, "ssm")
	same(t, "batches", batchCount(t, o), 2)
	if _, _, err := o.Next("logstash"); err == nil {
		t.Error("a retired messenger got a batch")
	}
	must(t, o.Close())

	// The end of the backlog stays at its first position.
	o = open(t, dir)
	same(t, "retired still", register(t, o, "ssm"), []RetiredMessenger{{"logstash", 2}})
	commit(t, o, records("4"))
	same(t, "back", len(register(t, o, "ssm", "logstash")), 0)
	commit(t, o, records("5"))
	same(t, "what comes after the return is kept too", drain(t, o, "logstash"), [][]string{{"1"}, {"2"}, {"4"}, {"5"}})
	same(t, "ssm", drain(t, o, "ssm"), [][]string{{"4"}, {"5"}})
	same(t, "batches", batchCount(t, o), 0)

	same(t, "one with nothing left is not worth a warning", len(register(t, o, "ssm")), 0)
}

func TestDropDeletesARetiredMessenger(t *testing.T) {
	o := open(t, t.TempDir())
	register(t, o, "ssm", "logstash")
	commit(t, o, records("1"), records("2"))
	mustFail(t, o.DropMessenger("logstash"), "messenger is configured")
	mustFail(t, o.DropMessenger("nobody"), "not found", `"nobody"`)
	register(t, o, "ssm")
	batch, _, err := o.Next("ssm")
	must(t, err)
	must(t, o.Ack("ssm", batch.ID))
	same(t, "batches", batchCount(t, o), 2)
	must(t, o.DropMessenger("logstash"))
	same(t, "batches for ssm", batchCount(t, o), 1)
	same(t, "ssm", drain(t, o, "ssm"), [][]string{{"2"}})
}

func TestWithoutAnyMessengerNothingIsDeleted(t *testing.T) {
	o := open(t, t.TempDir())
	register(t, o, "ssm")
	commit(t, o, records("1"))
	register(t, o)
	commit(t, o, records("2"))
	must(t, o.DropMessenger("ssm"))
	register(t, o, "other")
	same(t, "other", drain(t, o, "other"), [][]string{{"1"}, {"2"}})
}

func TestStats(t *testing.T) {
	o := open(t, t.TempDir())
	register(t, o, "ssm", "old")
	for _, from := range []Origin{origin("q", 4, 5), origin("p", 0, 1), origin("p", 1, 2)} {
		w := begin(t, o, from)
		must(t, w.Append(records("a", "b")))
		must(t, w.Commit(Change{}))
	}
	register(t, o, "ssm")
	batch, _, err := o.Next("ssm")
	must(t, err)
	must(t, o.Reject("ssm", batch.ID, "no", nil))
	stats, err := o.Stats()
	must(t, err)
	if stats.Batches != 3 || stats.Records != 6 || stats.Bytes == 0 || stats.FileBytes < stats.Bytes || len(stats.Messengers) != 2 {
		t.Fatalf("%+v", stats)
	}
	same(t, "old", stats.Messengers[0], MessengerStats{Name: "old", Retired: true, PendingBatches: 3, PendingRecords: 6, OldestPending: day,
		PendingProjects: []PendingProject{{"nova", "p", "name of p", hours(0)}, {"nova", "q", "name of q", hours(4)}}})
	same(t, "ssm", stats.Messengers[1], MessengerStats{Name: "ssm", PendingBatches: 2, PendingRecords: 4, OldestPending: day, DeadLetters: 1,
		PendingProjects: []PendingProject{{"nova", "p", "name of p", hours(0)}}})
}
