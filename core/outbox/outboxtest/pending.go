package outboxtest

import (
	"fmt"
	"testing"
)

func testPending(t *testing.T, newPlace NewPlace) {
	o := Open(t, newPlace(t))
	Register(t, o, "b", "a")
	Commit(t, o, Records("1", "2"), Records("3"))
	first, _, err := o.Next("a")
	Must(t, err)
	Must(t, o.Ack("a", first.ID))
	list, err := o.Pending()
	if err != nil || len(list) != 2 {
		t.Fatalf("%d batches, %v", len(list), err)
	}
	if fmt.Sprint(list[0].Messengers, list[1].Messengers) != "[b] [a b]" || list[0].ID != first.ID || list[0].RecordCount == 0 || list[0].Bytes == 0 {
		t.Errorf("got %+v", list)
	}
	batch, ok, err := o.Batch(list[1].ID)
	if err != nil || !ok || batch.Records.Count() != list[1].RecordCount {
		t.Errorf("read %+v, %v, %v", batch, ok, err)
	}
	if _, ok, err := o.Batch("another"); ok || err != nil {
		t.Errorf("read a batch that is not there: %v", err)
	}
}
