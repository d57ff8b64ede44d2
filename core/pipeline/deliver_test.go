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

	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/core/report"
	sdk "github.com/caso-project/caso/internal/oldsdk"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk/plugintest"
)

// messenger calls a function for each batch and remembers which it was given.
type messenger struct {
	deliver func(context.Context, *pluginv1.Batch) error

	mu  sync.Mutex
	had []string
}

func (m *messenger) Describe() sdk.Description { return sdk.Description{Name: "test", Version: "1"} }

func (m *messenger) Configure(context.Context, sdk.Config) []*pluginv1.Diagnostic { return nil }

func (m *messenger) Deliver(ctx context.Context, batch *pluginv1.Batch) error {
	m.mu.Lock()
	m.had = append(m.had, batch.GetId())
	m.mu.Unlock()
	return m.deliver(ctx, batch)
}

func fine(context.Context, *pluginv1.Batch) error { return nil }

// filled is an outbox with one window for each number of records, for the messengers named.
func filled(t *testing.T, messengers []string, windows ...int) *outbox.Outbox {
	t.Helper()
	store := openStore(t)
	if _, err := store.Register(messengers); err != nil {
		t.Fatal(err)
	}
	for i, n := range windows {
		all := records(n)
		for j, record := range all {
			record.Id = fmt.Sprintf("record-%d-%d", i, j)
		}
		w, err := store.Begin(outbox.Origin{Extractor: "nova", ProjectID: project, From: time.Unix(0, 0), To: time.Unix(int64(i)+1, 0)})
		if err == nil {
			err = w.Append(all)
		}
		if err == nil {
			err = w.Commit(outbox.Change{MoveCheckpoint: true})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return store
}

func deliver(ctx context.Context, t *testing.T, store *outbox.Outbox, timeout time.Duration, messengers map[string]*messenger) map[string]report.MessengerResult {
	t.Helper()
	var running []*Messenger
	for name, m := range messengers {
		running = append(running, &Messenger{
			Name: name, Client: plugintest.Messenger(t, sdk.NewMessenger(m)), Types: []pluginv1.RecordType{pluginv1.RecordType_RECORD_TYPE_CLOUD},
			Timeout: timeout, Explain: func(err error) error { return err },
		})
	}
	delivery := Delivery{Queue: store, Logger: hclog.NewNullLogger()}
	reports := map[string]report.MessengerResult{}
	for _, r := range delivery.Run(ctx, running) {
		reports[r.Name] = r
	}
	return reports
}

func TestDeliver(t *testing.T) {
	tests := map[string]struct {
		deliver func(context.Context, *pluginv1.Batch) error
		timeout time.Duration
		// want is the report without its problems, problem a part of their text.
		want    report.MessengerResult
		problem string
	}{
		"all is well": {deliver: fine, want: report.MessengerResult{Batches: 2, Records: 5}},
		"later": {
			deliver: func(context.Context, *pluginv1.Batch) error { return errors.New("connection refused") },
			want:    report.MessengerResult{PendingBatches: 2, PendingRecords: 5}, problem: "connection refused",
		},
		"a batch is refused for good": {
			deliver: func(_ context.Context, b *pluginv1.Batch) error {
				if len(b.GetRecords()) == 3 {
					return sdk.Rejected(errors.New("nobody wants that"))
				}
				return nil
			},
			want: report.MessengerResult{Batches: 1, Records: 2, DeadLetters: 3}, problem: "nobody wants that",
		},
		"a record is refused for good": {
			deliver: func(_ context.Context, b *pluginv1.Batch) error {
				return sdk.RejectedRecords(&pluginv1.RejectedRecord{RecordId: b.GetRecords()[0].GetId(), Reason: "too odd"})
			},
			want: report.MessengerResult{Batches: 2, Records: 3, DeadLetters: 2}, problem: "too odd",
		},
		"a record that is not in the batch": {
			deliver: func(context.Context, *pluginv1.Batch) error {
				return sdk.RejectedRecords(&pluginv1.RejectedRecord{RecordId: "another", Reason: "too odd"})
			},
			want: report.MessengerResult{PendingBatches: 2, PendingRecords: 5}, problem: `"another", which is not in the batch`,
		},
		"a panic": {
			deliver: func(context.Context, *pluginv1.Batch) error { panic("oh") },
			want:    report.MessengerResult{PendingBatches: 2, PendingRecords: 5}, problem: "panicked",
		},
		"it hangs": {
			deliver: func(ctx context.Context, _ *pluginv1.Batch) error { <-ctx.Done(); return ctx.Err() },
			timeout: 10 * time.Millisecond,
			want:    report.MessengerResult{PendingBatches: 2, PendingRecords: 5}, problem: "did not acknowledge",
		},
		"it asks to be tried again, for ever": {
			deliver: func(context.Context, *pluginv1.Batch) error {
				return sdk.RetryAfter(time.Millisecond, errors.New("busy"))
			},
			want: report.MessengerResult{PendingBatches: 2, PendingRecords: 5}, problem: "busy",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			store := filled(t, []string{"bad", "good"}, 3, 2)
			good := &messenger{deliver: fine}
			if test.timeout == 0 {
				test.timeout = time.Minute
			}
			got := deliver(t.Context(), t, store, test.timeout, map[string]*messenger{"bad": {deliver: test.deliver}, "good": good})
			if got["good"].Records != 5 || got["good"].PendingBatches != 0 || len(got["good"].Problems) != 0 {
				t.Errorf("the other messenger: %+v", got["good"])
			}
			bad := got["bad"]
			if text := errorsOf(bad.Problems); !strings.Contains(text, test.problem) || (test.problem == "") != (text == "") {
				t.Errorf("problems %q, want %q", text, test.problem)
			}
			if (bad.PendingBatches > 0) != (bad.OldestPending != nil) {
				t.Errorf("%d batches wait since %v", bad.PendingBatches, bad.OldestPending)
			}
			bad.Name, bad.Problems, bad.OldestPending = "", nil, nil
			if fmt.Sprint(bad) != fmt.Sprint(test.want) {
				t.Errorf("got %+v, want %+v", bad, test.want)
			}
		})
	}
}

// What a messenger could not take it is given again, the same batch first.
func TestDeliverCatchesUp(t *testing.T) {
	store := filled(t, []string{"test"}, 1, 2, 3)
	broken := &messenger{deliver: func(_ context.Context, b *pluginv1.Batch) error {
		if len(b.GetRecords()) == 2 {
			return errors.New("later")
		}
		return nil
	}}
	deliver(t.Context(), t, store, time.Minute, map[string]*messenger{"test": broken})
	mended := &messenger{deliver: fine}
	deliver(t.Context(), t, store, time.Minute, map[string]*messenger{"test": mended})
	if len(broken.had) != 2 || len(mended.had) != 2 || broken.had[1] != mended.had[0] {
		t.Errorf("first run %v, second %v", broken.had, mended.had)
	}
	stats, err := store.Stats()
	if err != nil || stats.Batches != 0 {
		t.Errorf("the outbox still holds %d batches (%v)", stats.Batches, err)
	}
}

func TestDeliverRetriesSoon(t *testing.T) {
	store := filled(t, []string{"test"}, 1)
	tries := 0
	m := &messenger{deliver: func(context.Context, *pluginv1.Batch) error {
		if tries++; tries < maxTries {
			return sdk.RetryAfter(time.Millisecond, errors.New("busy"))
		}
		return nil
	}}
	got := deliver(t.Context(), t, store, time.Minute, map[string]*messenger{"test": m})
	if got["test"].Records != 1 || len(got["test"].Problems) != 0 {
		t.Errorf("got %+v", got["test"])
	}
}

// A batch in flight when the run is told to stop is still acknowledged; the next one is not begun.
func TestDeliverInterrupted(t *testing.T) {
	store := filled(t, []string{"test"}, 1, 2)
	ctx, cancel := context.WithCancel(t.Context())
	m := &messenger{deliver: func(context.Context, *pluginv1.Batch) error { cancel(); return nil }}
	got := deliver(ctx, t, store, time.Minute, map[string]*messenger{"test": m})["test"]
	if got.Records != 1 || got.PendingRecords != 2 || !strings.Contains(errorsOf(got.Problems), "interrupted") {
		t.Errorf("got %+v", got)
	}
}

func TestDeliverOnlyWantedTypes(t *testing.T) {
	store := openStore(t)
	if _, err := store.Register([]string{"test"}); err != nil {
		t.Fatal(err)
	}
	cloud, ip := pluginv1.RecordType_RECORD_TYPE_CLOUD, pluginv1.RecordType_RECORD_TYPE_IP
	mixed := slices.Concat(plugintest.Records(1, 2, cloud), plugintest.Records(2, 3, ip))
	for _, batch := range [][]*pluginv1.Record{mixed, plugintest.Records(3, 4, ip)} {
		w, err := store.Begin(outbox.Origin{Extractor: "nova", ProjectID: project, From: time.Unix(0, 0), To: time.Unix(1, 0)})
		if err == nil {
			err = w.Append(batch)
		}
		if err == nil {
			err = w.Commit(outbox.Change{MoveCheckpoint: true})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	got := deliver(t.Context(), t, store, time.Minute, map[string]*messenger{"test": {deliver: fine}})["test"]
	if got.Records != 2 || got.Batches != 1 || got.PendingBatches != 0 {
		t.Errorf("got %+v", got)
	}
}
