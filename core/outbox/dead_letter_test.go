package outbox

import "testing"

func TestRejectStoresADeadLetterAndContinues(t *testing.T) {
	for name, test := range map[string]struct {
		reason string
		faults map[string]string
		kept   []string
	}{
		"whole batch":    {reason: "too old", kept: []string{"a", "b", "c"}},
		"some records":   {faults: map[string]string{"a": "bad", "c": "worse"}, kept: []string{"a", "c"}},
		"unknown record": {faults: map[string]string{"a": "bad", "z": "?"}, kept: []string{"a", "b", "c"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			o := open(t, dir)
			register(t, o, "ssm", "logstash")
			commit(t, o, records("a", "b", "c"), records("d"))
			batch, _, err := o.Next("ssm")
			must(t, err)
			must(t, o.Reject("ssm", batch.ID, test.reason, test.faults))
			must(t, o.Close())

			o = open(t, dir)
			same(t, "the queue goes on", drain(t, o, "ssm"), [][]string{{"d"}})
			same(t, "others are not concerned", drain(t, o, "logstash"), [][]string{{"a", "b", "c"}, {"d"}})
			same(t, "batches", batchCount(t, o), 0)
			list, err := o.DeadLetters()
			must(t, err)
			if len(list) != 1 {
				t.Fatalf("%d dead letters", len(list))
			}
			one := list[0]
			same(t, "kept", ids(one.Records), test.kept)
			same(t, "record reasons", one.RecordReasons, test.faults)
			if one.Messenger != "ssm" || one.BatchID != batch.ID || one.Reason != test.reason || !one.Time.Equal(day) || one.ProjectID != "p" {
				t.Errorf("%+v", one)
			}
		})
	}
}

func TestRetryIsForTheMessengerThatRejected(t *testing.T) {
	o := open(t, t.TempDir())
	register(t, o, "ssm", "logstash")
	commit(t, o, records("a", "b"))
	batch, _, err := o.Next("ssm")
	must(t, err)
	must(t, o.Reject("ssm", batch.ID, "", map[string]string{"b": "bad"}))
	drain(t, o, "logstash")
	mustFail(t, o.RetryDeadLetter("ssm", "other"), "not found")
	must(t, o.RetryDeadLetter("ssm", batch.ID))
	same(t, "logstash", len(drain(t, o, "logstash")), 0)
	again, ok, err := o.Next("ssm")
	must(t, err)
	if !ok || again.ID == batch.ID || again.ProjectID != "p" {
		t.Fatalf("retried as %+v", again)
	}
	commit(t, o, records("c"))
	same(t, "logstash passes over it", drain(t, o, "logstash"), [][]string{{"c"}})
	same(t, "ssm", drain(t, o, "ssm"), [][]string{{"b"}, {"c"}})
	same(t, "batches", batchCount(t, o), 0)
	list, err := o.DeadLetters()
	must(t, err)
	same(t, "reject", len(list), 0)
}

func TestRetryNeedsAConfiguredMessenger(t *testing.T) {
	o := open(t, t.TempDir())
	register(t, o, "ssm")
	commit(t, o, records("a"))
	batch, _, err := o.Next("ssm")
	must(t, err)
	must(t, o.Reject("ssm", batch.ID, "no", nil))
	register(t, o, "logstash")
	mustFail(t, o.RetryDeadLetter("ssm", batch.ID), "not registered")
	must(t, o.DropDeadLetter("ssm", batch.ID))
	mustFail(t, o.DropDeadLetter("ssm", batch.ID), "not found")
}

func TestDropDeletesRetriesToo(t *testing.T) {
	o := open(t, t.TempDir())
	register(t, o, "ssm")
	commit(t, o, records("a"))
	batch, _, err := o.Next("ssm")
	must(t, err)
	must(t, o.Reject("ssm", batch.ID, "no", nil))
	must(t, o.RetryDeadLetter("ssm", batch.ID))
	register(t, o, "logstash")
	must(t, o.DropMessenger("ssm"))
	same(t, "batches", batchCount(t, o), 0)
}
