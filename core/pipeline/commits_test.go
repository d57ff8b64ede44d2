package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/caso-project/caso/core/config"
	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/core/outbox/sqlstore"
	"github.com/caso-project/caso/core/plan"
	"github.com/caso-project/caso/core/report"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
	"github.com/caso-project/caso/sdk/plugintest"
)

// commitProject stores a window of a project of its own with some records.
func commitProject(t *testing.T, store *sqlstore.Store, project string, count int) {
	t.Helper()
	list := records(count)
	for i, record := range list {
		record.Id = fmt.Sprintf("%s-%d", project, i)
	}
	w, err := store.Begin(outbox.Origin{Key: outbox.Key{Extractor: "nova", ProjectID: project}, From: hour(0), To: hour(1)})
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

func messengerOf(t *testing.T, name string, m *fakeMessenger) *Messenger {
	t.Helper()
	return &Messenger{
		Messenger: plan.Messenger{Instance: config.Instance{Name: name, Ack: config.Timeout{Limit: time.Minute}}},
		Client:    plugintest.Messenger(t, m), Explain: func(err error) error { return err },
	}
}

func storeFor(t *testing.T, messengers ...string) *sqlstore.Store {
	t.Helper()
	store := openStore(t)
	if _, err := store.Register(messengers); err != nil {
		t.Fatal(err)
	}
	return store
}

// TestSmallWindowsAreDeliveredTogether checks that 100 windows of 10 records arrive as two batches,
// and that a batch that was not acknowledged comes again as it was, whatever is committed
// meanwhile.
func TestSmallWindowsAreDeliveredTogether(t *testing.T) {
	store := storeFor(t, "test")
	for i := range 95 {
		commitProject(t, store, fmt.Sprintf("project-%02d", i), 10)
	}
	var sizes []int
	down := true
	m := &fakeMessenger{deliver: func(_ context.Context, b *pluginv1.Batch) error {
		sizes = append(sizes, len(b.GetRecords()))
		if down && len(b.GetRecords()) < 500 {
			return errors.New("connection refused")
		}
		return nil
	}}
	got := deliver(t.Context(), t, store, map[string]*fakeMessenger{"test": m})["test"]
	if !slices.Equal(sizes, []int{500, 450}) || got.Batches != 50 || got.Records != 500 || got.PendingBatches != 45 {
		t.Errorf("sizes %v, %+v", sizes, got)
	}
	for i := range 5 {
		commitProject(t, store, fmt.Sprintf("later-%d", i), 10)
	}
	down = false
	got = deliver(t.Context(), t, store, map[string]*fakeMessenger{"test": m})["test"]
	if !slices.Equal(sizes, []int{500, 450, 450, 50}) || got.Records != 500 || got.PendingBatches != 0 {
		t.Errorf("sizes %v, %+v", sizes, got)
	}
	if m.batches[1] != m.batches[2] || !strings.HasSuffix(m.batches[1], "+44") || m.batches[0] == m.batches[1] {
		t.Errorf("batch ids %v", m.batches)
	}
}

// TestRejectedGroupIsDeliveredSingly checks that a batch that is rejected costs no other batch.
func TestRejectedGroupIsDeliveredSingly(t *testing.T) {
	store := storeFor(t, "test")
	for i := range 5 {
		commitProject(t, store, fmt.Sprintf("project-%d", i), 10)
	}
	var sizes []int
	m := &fakeMessenger{deliver: func(_ context.Context, b *pluginv1.Batch) error {
		sizes = append(sizes, len(b.GetRecords()))
		if slices.ContainsFunc(b.GetRecords(), func(r *pluginv1.Record) bool { return r.GetId() == "project-2-0" }) {
			return sdk.Rejected(errors.New("unknown site"))
		}
		return nil
	}}
	got := deliver(t.Context(), t, store, map[string]*fakeMessenger{"test": m})["test"]
	if !slices.Equal(sizes, []int{50, 10, 10, 10, 10, 10}) || got.Records != 40 || got.DeadLetters != 10 || got.PendingBatches != 0 {
		t.Errorf("sizes %v, %+v", sizes, got)
	}
	letters, err := store.DeadLetters()
	if err != nil || len(letters) != 1 || letters[0].ProjectID != "project-2" {
		t.Errorf("dead letters %+v, %v", letters, err)
	}
}

// TestDeliveryDuringExtraction checks that a full batch is delivered while the extraction of a
// further window goes on, and the rest after it.
func TestDeliveryDuringExtraction(t *testing.T) {
	store := storeFor(t, "test")
	commits := NewCommits()
	delivered := make(chan int, 10)
	m := &fakeMessenger{deliver: func(_ context.Context, b *pluginv1.Batch) error {
		delivered <- len(b.GetRecords())
		return nil
	}}
	results := make(chan []report.MessengerResult)
	delivery := Delivery{Queue: store, Logger: hclog.NewNullLogger(), Commits: commits}
	messengers := []*Messenger{messengerOf(t, "test", m)}
	go func() { results <- delivery.Run(t.Context(), messengers) }()

	extraction := extractionInto(store)
	extraction.Commits = commits
	extraction.Concurrency = 1
	waits := 0
	slow := &fakeExtractor{messages: []*pluginv1.ExtractResponse{batchOf(records(100)...), completeWith()}, beforeMessage: func() {
		if waits++; waits > 1 {
			return
		}
		if got := <-delivered; got != 500 {
			t.Errorf("%d records were delivered during the extraction", got)
		}
	}}
	commitProject(t, store, "a", 300)
	commitProject(t, store, "b", 200)
	commits.announce()
	windows := extraction.Run(t.Context(), extractors(slow, time.Minute), []plan.Job{job(window(0, 1))})
	commits.End()
	result := (<-results)[0]
	if windows[0].Failed || result.Records != 600 || result.PendingBatches != 0 || <-delivered != 100 {
		t.Errorf("got %+v, %+v", windows, result)
	}
}

// memoryQueue is a queue of one incomplete group.
type memoryQueue struct {
	countingQueue
	acked   atomic.Int32 // read while the delivery goes on
	empty   bool
	extents []outbox.Extent
}

func (q *memoryQueue) Ack(string, ...string) error {
	q.acked.Add(1)
	return nil
}

func (q *memoryQueue) NextGroup(_ string, extent outbox.Extent) (*outbox.Group, error) {
	q.extents = append(q.extents, extent)
	group := &outbox.Group{FirstID: "a"}
	switch {
	case q.empty:
		return nil, nil
	case extent == outbox.FullGroup:
		group.Incomplete = true
	default:
		group.Batches = []*outbox.Batch{{ID: "a"}}
		q.empty = true
	}
	return group, nil
}

// TestGroupWait checks that a part of a batch is delivered after some time although the extraction
// goes on. The messenger accepts none of its records, so that no call is made.
func TestGroupWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		queue, commits := &memoryQueue{}, NewCommits()
		delivery := Delivery{Queue: queue, Logger: hclog.NewNullLogger(), Commits: commits}
		begun := time.Now()
		go delivery.Run(t.Context(), []*Messenger{{Messenger: plan.Messenger{Instance: config.Instance{Name: "test"}}, Client: struct{ pluginv1.MessengerClient }{}}})
		time.Sleep(groupWait / 2)
		commits.announce()
		synctest.Wait()
		if queue.acked.Load() != 0 {
			t.Error("acknowledged before the time")
		}
		time.Sleep(groupWait)
		synctest.Wait()
		if acked := queue.acked.Load(); acked != 1 {
			t.Errorf("%d acks after %s", acked, time.Since(begun))
		}
		commits.End()
		synctest.Wait()
		want := []outbox.Extent{outbox.FullGroup, outbox.FullGroup, outbox.PendingGroup, outbox.FullGroup, outbox.PendingGroup}
		if !slices.Equal(queue.extents, want) {
			t.Errorf("extents %v, want %v", queue.extents, want)
		}
	})
}

// TestDeliveryRetriedAfterExtraction checks that a messenger that fails during the extraction is
// tried again after it.
func TestDeliveryRetriedAfterExtraction(t *testing.T) {
	store := storeFor(t, "test")
	commitProject(t, store, "a", 500)
	commits := NewCommits()
	tries := 0
	failed := make(chan struct{})
	m := &fakeMessenger{deliver: func(context.Context, *pluginv1.Batch) error {
		if tries++; tries == 1 {
			close(failed)
			return errors.New("connection refused")
		}
		return nil
	}}
	results := make(chan []report.MessengerResult)
	delivery := Delivery{Queue: store, Logger: hclog.NewNullLogger(), Commits: commits}
	messengers := []*Messenger{messengerOf(t, "test", m)}
	go func() { results <- delivery.Run(t.Context(), messengers) }()
	<-failed
	commits.End()
	if got := (<-results)[0]; got.Records != 500 || tries != 2 || len(got.Problems) != 0 {
		t.Errorf("%d tries, %+v", tries, got)
	}
}

// TestBudgetAfterDelivery checks that space that a delivery frees can be used in the same run.
func TestBudgetAfterDelivery(t *testing.T) {
	stored := int64(900)
	budget := NewBudget(1000, func() (int64, error) { return stored, nil })
	if err := budget.reserve(50); err != nil {
		t.Fatal(err)
	}
	if err := budget.reserve(200); err == nil {
		t.Error("more than the limit")
	}
	stored = 100
	if err := budget.reserve(200); err == nil {
		t.Error("measured without a delivery")
	}
	budget.delivered()
	if err := budget.reserve(200); err != nil {
		t.Error(err)
	}
}
