package outboxtest

import (
	"testing"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

func testRejectStoresADeadLetter(t *testing.T, newPlace NewPlace) {
	for name, test := range map[string]struct {
		reason  string
		reasons map[string]string
		kept    []string
	}{
		"whole batch":    {reason: "too old", kept: []string{"a", "b", "c"}},
		"some records":   {reasons: map[string]string{"a": "bad", "c": "worse"}, kept: []string{"a", "c"}},
		"unknown record": {reasons: map[string]string{"a": "bad", "z": "?"}, kept: []string{"a", "b", "c"}},
	} {
		t.Run(name, func(t *testing.T) {
			place := newPlace(t)
			o := Open(t, place)
			Register(t, o, "ssm", "logstash")
			Commit(t, o, Records("a", "b", "c"), Records("d"))
			batch, _, err := o.Next("ssm")
			Must(t, err)
			Must(t, o.Reject("ssm", []string{batch.ID}, test.reason, test.reasons))
			Must(t, o.Close())

			o = Open(t, place)
			Equal(t, "ssm goes on", Drain(t, o, "ssm"), [][]string{{"d"}})
			Equal(t, "logstash", Drain(t, o, "logstash"), [][]string{{"a", "b", "c"}, {"d"}})
			Equal(t, "batches", CountBatches(t, o), 0)
			list, err := o.DeadLetters()
			Must(t, err)
			if len(list) != 1 {
				t.Fatalf("%d dead letters", len(list))
			}
			one := list[0]
			Equal(t, "kept", LetterIDs(one.Records), test.kept)
			Equal(t, "record reasons", one.RecordReasons, test.reasons)
			if one.Messenger != "ssm" || one.BatchID != batch.ID || one.Reason != test.reason || !one.Time.Equal(Day()) || one.ProjectID != "p" {
				t.Errorf("%+v", one)
			}
		})
	}
}

func testRetryIsForTheMessengerThatRejected(t *testing.T, newPlace NewPlace) {
	o := Open(t, newPlace(t))
	Register(t, o, "ssm", "logstash")
	Commit(t, o, Records("a", "b"))
	batch, _, err := o.Next("ssm")
	Must(t, err)
	Must(t, o.Reject("ssm", []string{batch.ID}, "", map[string]string{"b": "bad"}))
	Drain(t, o, "logstash")
	MustFail(t, o.RetryDeadLetter("ssm", "other", nil), "not found")
	Must(t, o.RetryDeadLetter("ssm", batch.ID, nil))
	Equal(t, "logstash", len(Drain(t, o, "logstash")), 0)
	again, ok, err := o.Next("ssm")
	Must(t, err)
	if !ok || again.ID == batch.ID || again.ProjectID != "p" {
		t.Fatalf("retried as %+v", again)
	}
	Commit(t, o, Records("c"))
	Equal(t, "logstash does not get it", Drain(t, o, "logstash"), [][]string{{"c"}})
	Equal(t, "ssm", Drain(t, o, "ssm"), [][]string{{"b"}, {"c"}})
	Equal(t, "batches", CountBatches(t, o), 0)
	list, err := o.DeadLetters()
	Must(t, err)
	Equal(t, "dead letters", len(list), 0)
}

func testRetryOfSomeRecords(t *testing.T, newPlace NewPlace) {
	place := newPlace(t)
	o := Open(t, place)
	Register(t, o, "ssm")
	Commit(t, o, Records("a", "b", "c"))
	batch, _, err := o.Next("ssm")
	Must(t, err)
	Must(t, o.Reject("ssm", []string{batch.ID}, "no", nil))
	Must(t, o.RetryDeadLetter("ssm", batch.ID, func(records []*pluginv1.Record) (retry, keep []*pluginv1.Record) { return nil, records }))
	Equal(t, "batches", CountBatches(t, o), 0)
	Must(t, o.RetryDeadLetter("ssm", batch.ID, func(records []*pluginv1.Record) (retry, keep []*pluginv1.Record) {
		records[0].SiteName = "changed"
		return records[:1], records[1:]
	}))
	Must(t, o.Close())
	o = Open(t, place)
	again, ok, err := o.Next("ssm")
	Must(t, err)
	if !ok || again.Records.Count() != 1 || Decode(again.Records)[0].GetSiteName() != "changed" {
		t.Errorf("retried as %+v", again)
	}
	letters, err := o.DeadLetters()
	Must(t, err)
	Equal(t, "dead letters", len(letters), 1)
	Equal(t, "kept", LetterIDs(letters[0].Records), []string{"b", "c"})
	Equal(t, "reason", letters[0].Reason, "no")
}

func testRetryNeedsAConfiguredMessenger(t *testing.T, newPlace NewPlace) {
	o := Open(t, newPlace(t))
	Register(t, o, "ssm")
	Commit(t, o, Records("a"))
	batch, _, err := o.Next("ssm")
	Must(t, err)
	Must(t, o.Reject("ssm", []string{batch.ID}, "no", nil))
	Register(t, o, "logstash")
	MustFail(t, o.RetryDeadLetter("ssm", batch.ID, nil), "not registered")
	Must(t, o.DropDeadLetter("ssm", batch.ID))
	MustFail(t, o.DropDeadLetter("ssm", batch.ID), "not found")
}

func testDropMessengerDeletesItsRetries(t *testing.T, newPlace NewPlace) {
	o := Open(t, newPlace(t))
	Register(t, o, "ssm")
	Commit(t, o, Records("a"))
	batch, _, err := o.Next("ssm")
	Must(t, err)
	Must(t, o.Reject("ssm", []string{batch.ID}, "no", nil))
	Must(t, o.RetryDeadLetter("ssm", batch.ID, nil))
	Register(t, o, "logstash")
	Must(t, o.DropMessenger("ssm"))
	Equal(t, "batches", CountBatches(t, o), 0)
}
