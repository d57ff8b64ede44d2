package plugintest

import (
	"context"
	"fmt"
	"slices"

	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// seedOf keeps the records of the suite's rules apart: a sink may know a batch again.
const (
	seedPlain = iota + 1
	seedLarge
	seedCancel
	seedOdd
)

// deliver checks a messenger that has its settings.
func (s *suite) deliver(run run) {
	types := s.recordTypes()
	plain := []*pluginv1.Batch{
		batchOf("plugintest-1", Records(seedPlain, 1, types...)),
		batchOf("plugintest-2", Records(seedPlain+100, 10, types...)),
		batchOf("plugintest-3", Records(seedPlain+200, 101, types...)),
	}
	if !run("deliver_each_in_order", func(t tb) {
		s.mustDeliver(t, plain...)
	}) {
		return
	}
	run("deliver_again", func(t tb) {
		// As after a crash of the host: the last batch comes again, in another stream, and even twice.
		s.mustDeliver(t, plain[2], plain[2], plain[0])
	})
	run("deliver_nothing", func(t tb) {
		s.deliverAll(t)
	})
	run("deliver_large_batch", func(t tb) {
		s.mustDeliver(t, batchOf("plugintest-large", Records(seedLarge, contract.MaxBatchRecords, types...)))
	})
	run("deliver_cancelled", func(t tb) {
		batch := batchOf("plugintest-cancelled", Records(seedCancel, 200, types...))
		ctx, cancel := context.WithCancel(s.patience(t))
		d, err := s.open(ctx)
		if err == nil {
			err = d.stream.Send(&pluginv1.DeliverRequest{Batch: batch})
		}
		cancel()
		if err != nil {
			t.Fatalf("sending a batch: %v", err)
		}
		s.idle(t, "its stream was cancelled")
		s.mustDeliver(t, batch)
	})
	run("deliver_odd_records", func(t tb) {
		s.deliverOdd(t, types)
	})
	run("deliver_after_odd_records", func(t tb) {
		s.mustDeliver(t, plain[1])
	})
}

// mustDeliver delivers batches that nothing is wrong with.
func (s *suite) mustDeliver(t tb, batches ...*pluginv1.Batch) {
	t.Helper()
	for i, ack := range s.deliverAll(t, batches...) {
		if ack.GetResult() != pluginv1.Ack_RESULT_DELIVERED || len(ack.GetRejectedRecords()) > 0 {
			t.Errorf("batch %s has nothing wrong, but its ack is %v", ack.GetBatchId(), ack)
			continue
		}
		s.checkArrived(t, batches[i], ack)
	}
}

// deliverOdd delivers odd records, each alone and then all together. They may be refused for good, but never
// for now: such a batch would come again for ever, and everything behind it would wait.
func (s *suite) deliverOdd(t tb, types []pluginv1.RecordType) {
	t.Helper()
	odd := oddRecords(seedOdd, types)
	batches := []*pluginv1.Batch{}
	for i, record := range odd {
		batches = append(batches, batchOf(fmt.Sprintf("plugintest-odd-%d", i), []*pluginv1.Record{record}))
	}
	batches = append(batches, batchOf("plugintest-odd-all", smallOnes(odd)))
	for i, ack := range s.deliverAll(t, batches...) {
		if ack.GetResult() == pluginv1.Ack_RESULT_RETRY {
			t.Errorf("batch %s of odd records is to be tried again: it would block the queue for ever; deliver what can be, reject the rest: %v", ack.GetBatchId(), ack)
			continue
		}
		s.checkArrived(t, batches[i], ack)
	}
}

// checkArrived asks the author whether what was acknowledged is there.
func (s *suite) checkArrived(t tb, batch *pluginv1.Batch, ack *pluginv1.Ack) {
	t.Helper()
	if s.settings.Arrived == nil || ack.GetResult() != pluginv1.Ack_RESULT_DELIVERED {
		return
	}
	for _, record := range batch.GetRecords() {
		if slices.ContainsFunc(ack.GetRejectedRecords(), func(r *pluginv1.RejectedRecord) bool { return r.GetRecordId() == record.GetId() }) {
			continue
		}
		if !s.settings.Arrived(record) {
			t.Errorf("batch %s was acknowledged, but its record %s has not arrived", batch.GetId(), record.GetId())
		}
	}
}

func batchOf(id string, records []*pluginv1.Record) *pluginv1.Batch {
	return &pluginv1.Batch{Id: id, Records: records}
}
