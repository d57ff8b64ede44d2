package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/caso-project/caso/core/config"
	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/core/outbox/sqlstore"
	"github.com/caso-project/caso/core/plan"
	"github.com/caso-project/caso/core/report"
	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
	"github.com/caso-project/caso/sdk/plugintest"
)

// fakeMessenger calls a function for each batch and records their ids.
type fakeMessenger struct {
	deliver func(context.Context, *pluginv1.Batch) error

	mu      sync.Mutex
	batches []string
}

func (m *fakeMessenger) Describe() sdk.Description {
	return sdk.Description{Name: "test", Version: "1"}
}

func (m *fakeMessenger) Configure(context.Context, sdk.Config) error { return nil }

func (m *fakeMessenger) Deliver(ctx context.Context, batch *pluginv1.Batch) error {
	m.mu.Lock()
	m.batches = append(m.batches, batch.GetId())
	m.mu.Unlock()
	return m.deliver(ctx, batch)
}

func accept(context.Context, *pluginv1.Batch) error { return nil }

// storeWith returns an outbox with one window of cloud records for each number, for the messengers
// named.
func storeWith(t *testing.T, messengers []string, windows ...int) *sqlstore.Store {
	t.Helper()
	store := openStore(t)
	if _, err := store.Register(messengers); err != nil {
		t.Fatal(err)
	}
	for i, n := range windows {
		list := records(n)
		for j, record := range list {
			record.Id = fmt.Sprintf("record-%d-%d", i, j)
		}
		commitWindow(t, store, "nova", i, list)
	}
	return store
}

func encode(t *testing.T, list []*pluginv1.Record) outbox.Records {
	t.Helper()
	encoded, err := outbox.EncodeRecords(list, nil)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

// commitWindow stores records as the i-th window of an extractor instance. The windows overlap, so
// that none are delivered together.
func commitWindow(t *testing.T, store *sqlstore.Store, extractor string, i int, list []*pluginv1.Record) {
	t.Helper()
	w, err := store.Begin(outbox.Origin{Key: outbox.Key{Extractor: extractor, ProjectID: projectID}, From: hour(0), To: hour(i + 1)})
	if err == nil {
		err = w.Append(encode(t, list))
	}
	if err == nil {
		err = w.Commit(outbox.Change{MoveCheckpoint: true})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// deliver delivers to the messengers and returns their results by name. The instances may be
// limited.
func deliver(ctx context.Context, t *testing.T, store Queue, messengers map[string]*fakeMessenger, instances ...config.Instance) map[string]report.MessengerResult {
	t.Helper()
	var running []*Messenger
	for name, m := range messengers {
		instance := config.Instance{Name: name, Ack: config.Timeout{Limit: time.Minute, Option: "[messenger_" + name + "] ack_timeout"}}
		for _, i := range instances {
			if i.Name == name {
				instance = i
			}
		}
		running = append(running, &Messenger{
			Messenger: plan.Messenger{Instance: instance, RecordTypes: []pluginv1.RecordType{cloudType}},
			Client:    plugintest.Messenger(t, m), Explain: func(err error) error { return err },
		})
	}
	delivery := Delivery{Queue: store, Logger: hclog.NewNullLogger()}
	results := map[string]report.MessengerResult{}
	for _, result := range delivery.Run(ctx, running) {
		results[result.Name] = result
	}
	return results
}

func TestDeliver(t *testing.T) {
	tests := map[string]struct {
		deliver func(context.Context, *pluginv1.Batch) error
		ack     time.Duration
		// want is the result without its problems, problem is a part of their summaries.
		want    report.MessengerResult
		problem string
	}{
		"delivered": {deliver: accept, want: report.MessengerResult{Batches: 2, Records: 5}},
		"retry": {
			deliver: func(context.Context, *pluginv1.Batch) error { return errors.New("connection refused") },
			want:    report.MessengerResult{PendingBatches: 2, PendingRecords: 5}, problem: "connection refused",
		},
		"a rejected batch": {
			deliver: func(_ context.Context, b *pluginv1.Batch) error {
				if len(b.GetRecords()) == 3 {
					return sdk.Rejected(errors.New("unknown site"))
				}
				return nil
			},
			want: report.MessengerResult{Batches: 1, Records: 2, DeadLetters: 3}, problem: "unknown site",
		},
		"a rejected record": {
			deliver: func(_ context.Context, b *pluginv1.Batch) error {
				return sdk.RejectedRecords(&pluginv1.RejectedRecord{RecordId: b.GetRecords()[0].GetId(), Reason: "too old"})
			},
			want: report.MessengerResult{Batches: 2, Records: 3, DeadLetters: 2}, problem: "too old",
		},
		"a rejected record and a lost connection": {
			deliver: func(_ context.Context, b *pluginv1.Batch) error {
				return errors.Join(sdk.RejectedRecords(&pluginv1.RejectedRecord{RecordId: b.GetRecords()[0].GetId(), Reason: "too old"}), errors.New("connection lost"))
			},
			want: report.MessengerResult{PendingBatches: 2, PendingRecords: 5}, problem: "connection lost",
		},
		"a panic": {
			deliver: func(context.Context, *pluginv1.Batch) error { panic("oh") },
			want:    report.MessengerResult{PendingBatches: 2, PendingRecords: 5}, problem: "panicked",
		},
		"no answer": {
			deliver: func(ctx context.Context, _ *pluginv1.Batch) error { <-ctx.Done(); return ctx.Err() },
			ack:     10 * time.Millisecond,
			want:    report.MessengerResult{PendingBatches: 2, PendingRecords: 5}, problem: "did not acknowledge a batch within 10ms ([messenger_bad] ack_timeout)",
		},
		"a retry soon, every time": {
			deliver: func(context.Context, *pluginv1.Batch) error {
				return sdk.RetryAfter(time.Millisecond, errors.New("busy"))
			},
			want: report.MessengerResult{PendingBatches: 2, PendingRecords: 5}, problem: "busy",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			store := storeWith(t, []string{"bad", "good"}, 3, 2)
			if test.ack == 0 {
				test.ack = time.Minute
			}
			got := deliver(t.Context(), t, store, map[string]*fakeMessenger{"bad": {deliver: test.deliver}, "good": {deliver: accept}},
				config.Instance{Name: "bad", Ack: config.Timeout{Limit: test.ack, Option: "[messenger_bad] ack_timeout"}})
			if good := got["good"]; good.Records != 5 || good.PendingBatches != 0 || len(good.Problems) != 0 {
				t.Errorf("the other messenger: %+v", good)
			}
			bad := got["bad"]
			if text := summaries(bad.Problems, report.Error); !strings.Contains(text, test.problem) || (test.problem == "") != (text == "") {
				t.Errorf("problems %q, want %q", text, test.problem)
			}
			if (bad.PendingBatches > 0) != (bad.OldestPending != nil) {
				t.Errorf("%d batches pending since %v", bad.PendingBatches, bad.OldestPending)
			}
			bad.Name, bad.Problems, bad.OldestPending = "", nil, nil
			if fmt.Sprint(bad) != fmt.Sprint(test.want) {
				t.Errorf("got %+v, want %+v", bad, test.want)
			}
		})
	}
}

// TestDeliverNextRun checks that a batch that was not delivered is the first one of the next run.
func TestDeliverNextRun(t *testing.T) {
	store := storeWith(t, []string{"test"}, 1, 2, 3)
	broken := &fakeMessenger{deliver: func(_ context.Context, b *pluginv1.Batch) error {
		if len(b.GetRecords()) == 2 {
			return errors.New("later")
		}
		return nil
	}}
	deliver(t.Context(), t, store, map[string]*fakeMessenger{"test": broken})
	repaired := &fakeMessenger{deliver: accept}
	deliver(t.Context(), t, store, map[string]*fakeMessenger{"test": repaired})
	if len(broken.batches) != 2 || len(repaired.batches) != 2 || broken.batches[1] != repaired.batches[0] {
		t.Errorf("first run %v, second %v", broken.batches, repaired.batches)
	}
	stats, err := store.Stats()
	if err != nil || stats.Batches != 0 {
		t.Errorf("%d batches are left in the outbox (%v)", stats.Batches, err)
	}
}

func TestDeliverRetriesSoon(t *testing.T) {
	store := storeWith(t, []string{"test"}, 1)
	tries := 0
	m := &fakeMessenger{deliver: func(context.Context, *pluginv1.Batch) error {
		if tries++; tries < maxTries {
			return sdk.RetryAfter(time.Millisecond, errors.New("busy"))
		}
		return nil
	}}
	got := deliver(t.Context(), t, store, map[string]*fakeMessenger{"test": m})
	if got["test"].Records != 1 || len(got["test"].Problems) != 0 {
		t.Errorf("got %+v", got["test"])
	}
}

// TestDeliverInterrupted checks that an interrupted run stores the ack of a batch under way and
// sends no other.
func TestDeliverInterrupted(t *testing.T) {
	store := storeWith(t, []string{"test"}, 1, 2)
	ctx, cancel := context.WithCancel(t.Context())
	m := &fakeMessenger{deliver: func(context.Context, *pluginv1.Batch) error { cancel(); return nil }}
	got := deliver(ctx, t, store, map[string]*fakeMessenger{"test": m})["test"]
	if got.Records != 1 || got.PendingRecords != 2 || !strings.Contains(summaries(got.Problems, report.Error), "interrupted") {
		t.Errorf("got %+v", got)
	}
}

// TestDeliverAcceptedRecords checks that a messenger receives only the record types and extractor
// instances that it accepts, and that no other batch stays pending.
func TestDeliverAcceptedRecords(t *testing.T) {
	mixed := slices.Concat(records(1), plugintest.Records(2, 3, ipType))
	for name, test := range map[string]struct {
		instance config.Instance
		batches  int
		records  int
	}{
		"record types": {config.Instance{}, 3, 4},
		"extractors":   {config.Instance{Extractors: []string{"nova@ifca", "cinder"}}, 1, 2},
		"no extractor": {config.Instance{Extractors: []string{"cinder"}}, 0, 0},
		"option":       {config.Instance{RecordTypes: []pluginv1.RecordType{ipType}}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			store := openStore(t)
			if _, err := store.Register([]string{"test"}); err != nil {
				t.Fatal(err)
			}
			commitWindow(t, store, "nova", 0, mixed)
			commitWindow(t, store, "nova", 1, plugintest.Records(3, 4, ipType))
			commitWindow(t, store, "nova@ifca", 0, records(2))
			commitWindow(t, store, "nova", 2, records(1))
			test.instance.Name, test.instance.Ack = "test", config.Timeout{Limit: time.Minute}
			got := deliver(t.Context(), t, store, map[string]*fakeMessenger{"test": {deliver: accept}}, test.instance)["test"]
			if got.Records != test.records || got.Batches != test.batches || got.PendingBatches != 0 || len(got.Problems) != 0 {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// TestRejectionReasons checks that an empty reason is replaced.
func TestRejectionReasons(t *testing.T) {
	got, unknown := (&Delivery{}).rejectionReasons([]string{"a", "b"}, []*pluginv1.RejectedRecord{{RecordId: "a"}, {RecordId: "b", Reason: "too old"}})
	if len(unknown) > 0 || got["a"] != contract.NoReason || got["b"] != "too old" {
		t.Errorf("got %v, %v", got, unknown)
	}
}

// A rejected record that is not in the batch is a warning: what it was meant for is unknown, and
// the batch was delivered.
func TestRejectedRecordNotInBatch(t *testing.T) {
	store := storeWith(t, []string{"bad"}, 3, 2)
	got := deliver(t.Context(), t, store, map[string]*fakeMessenger{"bad": {deliver: func(_ context.Context, b *pluginv1.Batch) error {
		return sdk.RejectedRecords(&pluginv1.RejectedRecord{RecordId: "another\xff", Reason: "too old"},
			&pluginv1.RejectedRecord{RecordId: b.GetRecords()[0].GetId(), Reason: "not \xff UTF-8"})
	}}})["bad"]
	if got.Batches != 2 || got.Records != 3 || got.DeadLetters != 2 || got.PendingBatches != 0 {
		t.Errorf("got %+v", got)
	}
	if text := summaries(got.Problems, report.Warning); text != "the messenger rejected 2 records, not in the batch: \"another\ufffd\"; ignored" {
		t.Errorf("warnings %q", text)
	}
	if text := summaries(got.Problems, report.Error); text != "rejected 2 records (dead letters): not \ufffd UTF-8 (the first is record-0-0)" {
		t.Errorf("errors %q", text)
	}
}

// A reason is masked before it is cut, and stored and reported once for all its records.
func TestRejectionReasonIsMaskedAndBounded(t *testing.T) {
	store := storeWith(t, []string{"bad"}, 3, 2)
	reason := strings.Repeat("x", maxReasonBytes-10) + "hunter22" + strings.Repeat("y", maxReasonBytes)
	m := &Messenger{
		Messenger: plan.Messenger{Instance: config.Instance{Name: "bad", Ack: config.Timeout{Limit: time.Minute}}},
		Client: plugintest.Messenger(t, &fakeMessenger{deliver: func(context.Context, *pluginv1.Batch) error {
			return sdk.Rejected(sdk.Errorf("no").WithDetail(reason))
		}}),
		Explain: func(err error) error { return err },
	}
	delivery := Delivery{Queue: store, Logger: hclog.NewNullLogger(), Mask: func(text string) string { return strings.ReplaceAll(text, "hunter22", "***") }}
	result := delivery.Run(t.Context(), []*Messenger{m})[0]
	if text := summaries(result.Problems, report.Error); len(result.Problems) != 1 || !strings.HasPrefix(text, "rejected 2 batches of 5 records (dead letters): no: xxx") {
		t.Errorf("%d problems: %.100q", len(result.Problems), text)
	}
	letters, err := store.DeadLetters()
	if err != nil || len(letters) != 2 {
		t.Fatalf("%d dead letters, %v", len(letters), err)
	}
	for _, letter := range letters {
		if len(letter.Reason) > maxReasonBytes || strings.Contains(letter.Reason, "hun") || !strings.HasSuffix(letter.Reason, "...") {
			t.Errorf("stored %q", letter.Reason[max(0, len(letter.Reason)-40):])
		}
	}
}
