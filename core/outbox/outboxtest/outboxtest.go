// Package outboxtest is the suite that every store of the outbox has to pass: what package outbox
// promises, tested from outside, with a model that is compared with the store after every step of a
// random sequence.
package outboxtest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Store is an open outbox.
type Store interface {
	Begin(origin outbox.Origin) (outbox.WindowWriter, error)
	Checkpoint(key outbox.Key) (outbox.Checkpoint, bool, error)
	Checkpoints() ([]outbox.Checkpoint, error)
	SetCheckpoint(key outbox.Key, to time.Time) error
	DeleteCheckpoint(key outbox.Key) error
	Register(messengers []string) ([]outbox.RetiredMessenger, error)
	DropMessenger(messenger string) error
	Next(messenger string) (*outbox.Batch, bool, error)
	NextGroup(messenger string, extent outbox.Extent) (*outbox.Group, error)
	Ack(messenger string, batchIDs ...string) error
	Reject(messenger string, batchIDs []string, reason string, recordReasons map[string]string) error
	DeadLetters() ([]outbox.DeadLetter, error)
	RetryDeadLetter(messenger, batchID string, edit func([]*pluginv1.Record) (retry, keep []*pluginv1.Record)) error
	DropDeadLetter(messenger, batchID string) error
	Pending() ([]outbox.PendingBatch, error)
	Batch(id string) (*outbox.Batch, bool, error)
	Stats() (outbox.Stats, error)
	Location() string
	Close() error
}

// Place is where an outbox is, open or not.
type Place interface {
	// Open opens the outbox with a clock; now may be nil.
	Open(readOnly bool, now func() time.Time) (Store, error)
	// Crash returns the place as a process that is killed now leaves it, while the outbox is open
	// as store. The store is not used for changes afterwards.
	Crash(t TB, store Store) Place
}

// TB is the part of testing.TB that rapid.T has too.
type TB interface {
	Helper()
	Errorf(format string, args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// Day is the time of the clock in the suite.
func Day() time.Time { return time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC) }

// Hours returns the time so many hours after Day.
func Hours(n int) time.Time { return Day().Add(time.Duration(n) * time.Hour) }

func hoursOf(t time.Time) int { return int(t.Sub(Day()).Hours()) }

// Open opens an outbox for a test and closes it at its end.
func Open(t testing.TB, place Place) Store {
	t.Helper()
	store, err := place.Open(false, Day)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

// Records returns a record for each ID.
func Records(ids ...string) outbox.Records {
	var list []*pluginv1.Record
	for _, id := range ids {
		list = append(list, newRecord(id, ""))
	}
	return encode(list)
}

// Large returns a record that fills a batch.
func Large(id string) outbox.Records {
	return encode([]*pluginv1.Record{newRecord(id, strings.Repeat("x", contract.FullBatchBytes))})
}

func newRecord(id, machineName string) *pluginv1.Record {
	return &pluginv1.Record{Id: id, Kind: &pluginv1.Record_Cloud{Cloud: &pluginv1.CloudRecord{VmUuid: id, MachineName: machineName}}}
}

func encode(list []*pluginv1.Record) outbox.Records {
	records, err := outbox.EncodeRecords(list, nil)
	if err != nil {
		panic(err) // only of texts that are not UTF-8
	}
	return records
}

// Decode returns the records of a batch.
func Decode(records outbox.Records) []*pluginv1.Record {
	list, err := records.Decode()
	if err != nil {
		panic(err)
	}
	return list
}

// IDs returns the IDs of the records of a batch.
func IDs(records outbox.Records) []string { return LetterIDs(Decode(records)) }

// LetterIDs returns the IDs of the records of a dead letter.
func LetterIDs(records []*pluginv1.Record) []string {
	var ids []string
	for _, record := range records {
		ids = append(ids, record.GetId())
	}
	return ids
}

// Key returns the key of a project by extractor nova, without a region.
func Key(project string) outbox.Key { return outbox.Key{Extractor: "nova", ProjectID: project} }

// Origin returns a window of extractor nova, in hours.
func Origin(project string, from, to int) outbox.Origin {
	return outbox.Origin{Key: Key(project), ProjectName: "name of " + project, From: Hours(from), To: Hours(to)}
}

// Begin begins a window.
func Begin(t TB, store Store, origin outbox.Origin) outbox.WindowWriter {
	t.Helper()
	w, err := store.Begin(origin)
	Must(t, err)
	return w
}

// Commit commits a window for each batch.
func Commit(t TB, store Store, batches ...outbox.Records) {
	t.Helper()
	for _, batch := range batches {
		w := Begin(t, store, Origin("p", 0, 1))
		Must(t, w.Append(batch))
		Must(t, w.Commit(outbox.Change{}))
	}
}

// Register registers messengers.
func Register(t TB, store Store, messengers ...string) []outbox.RetiredMessenger {
	t.Helper()
	retired, err := store.Register(messengers)
	Must(t, err)
	return retired
}

// Drain acknowledges the backlog of a messenger and returns the IDs of its records by batch.
func Drain(t TB, store Store, messenger string) [][]string {
	t.Helper()
	var got [][]string
	for {
		batch, ok, err := store.Next(messenger)
		Must(t, err)
		if !ok {
			return got
		}
		got = append(got, IDs(batch.Records))
		Must(t, store.Ack(messenger, batch.ID))
	}
}

// CountBatches returns the number of pending batches.
func CountBatches(t TB, store Store) int {
	t.Helper()
	stats, err := store.Stats()
	Must(t, err)
	return stats.Batches
}

// Must ends the test on an error.
func Must(t TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// MustFail checks that there is an error that contains all parts.
func MustFail(t TB, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; want one with %q", parts)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not contain %q", err, part)
		}
	}
}

// Equal compares two values by their text.
func Equal(t TB, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
