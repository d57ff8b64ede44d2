package outbox

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

var day = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// hours returns the time n hours after the start of the tests' first day.
func hours(n int) time.Time { return day.Add(time.Duration(n) * time.Hour) }

func open(t testing.TB, dir string) *Outbox {
	t.Helper()
	o, err := Open(dir, Options{noSync: true, Now: func() time.Time { return day }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.Close() })
	return o
}

func records(ids ...string) []*pluginv1.Record {
	var list []*pluginv1.Record
	for _, id := range ids {
		list = append(list, &pluginv1.Record{Id: id, Kind: &pluginv1.Record_Cloud{Cloud: &pluginv1.CloudRecord{VmUuid: id}}})
	}
	return list
}

// large returns a record that fills a batch.
func large(id string) []*pluginv1.Record {
	list := records(id)
	list[0].GetCloud().MachineName = strings.Repeat("x", contract.FullBatchBytes)
	return list
}

func ids(list []*pluginv1.Record) []string {
	var names []string
	for _, record := range list {
		names = append(names, record.GetId())
	}
	return names
}

func origin(project string, from, to int) Origin {
	return Origin{Extractor: "nova", ProjectID: project, ProjectName: "name of " + project, From: hours(from), To: hours(to)}
}

func begin(t testing.TB, o *Outbox, from Origin) *WindowWriter {
	t.Helper()
	w, err := o.Begin(from)
	must(t, err)
	return w
}

// commit commits one window per batch.
func commit(t testing.TB, o *Outbox, batches ...[]*pluginv1.Record) {
	t.Helper()
	for _, batch := range batches {
		w := begin(t, o, origin("p", 0, 1))
		must(t, w.Append(batch))
		must(t, w.Commit(Change{}))
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func register(t testing.TB, o *Outbox, messengers ...string) []RetiredMessenger {
	t.Helper()
	retired, err := o.Register(messengers)
	must(t, err)
	return retired
}

// drain acknowledges the backlog of a messenger and returns the records' ids, batch by batch.
func drain(t testing.TB, o *Outbox, messenger string) [][]string {
	t.Helper()
	var got [][]string
	for {
		batch, ok, err := o.Next(messenger)
		must(t, err)
		if !ok {
			return got
		}
		got = append(got, ids(batch.Records))
		must(t, o.Ack(messenger, batch.ID))
	}
}

func same(t testing.TB, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func mustFail(t testing.TB, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; wanted one with %q", parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not contain %q", err, part)
		}
	}
}

func batchCount(t testing.TB, o *Outbox) int {
	t.Helper()
	stats, err := o.Stats()
	must(t, err)
	return stats.Batches
}
