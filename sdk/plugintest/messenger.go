package plugintest

import (
	"context"
	"fmt"
	"slices"

	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Seeds that keep the records of the rules apart: a receiver may recognise a repeat.
const (
	seedPlain = iota + 1
	seedLarge
	seedCancel
	seedOdd
)

// testMessenger tests a configured messenger.
func (s *suite) testMessenger(run runRule) {
	types := s.recordTypes()
	plain := []*pluginv1.Batch{
		newBatch("plugintest-1", Records(seedPlain, 1, types...)),
		newBatch("plugintest-2", Records(seedPlain+100, 10, types...)),
		newBatch("plugintest-3", Records(seedPlain+200, 101, types...)),
	}
	if !run("deliver_each_in_order", func(t tb) {
		s.mustDeliver(t, plain...)
	}) {
		return
	}
	run("deliver_again", func(t tb) {
		// As after a crash of the host: the last batch comes again, in another stream, even twice.
		s.mustDeliver(t, plain[2], plain[2], plain[0])
	})
	run("deliver_nothing", func(t tb) {
		s.deliverAll(t)
	})
	run("deliver_large_batch", func(t tb) {
		s.mustDeliver(t, newBatch("plugintest-large", Records(seedLarge, contract.MaxBatchRecords, types...)))
	})
	run("deliver_cancelled", func(t tb) {
		batch := newBatch("plugintest-cancelled", Records(seedCancel, 200, types...))
		ctx, cancel := context.WithCancel(s.deadline(t))
		d, err := s.openDelivery(ctx)
		if err == nil {
			err = d.stream.Send(&pluginv1.DeliverRequest{Batch: batch})
		}
		cancel()
		if err != nil {
			t.Fatalf("sending a batch: %v", err)
		}
		s.waitIdle(t, "its stream was cancelled")
		s.mustDeliver(t, batch)
	})
	run("deliver_odd_records", func(t tb) {
		s.deliverOdd(t, types)
	})
	run("deliver_after_odd_records", func(t tb) {
		s.mustDeliver(t, plain[1])
	})
}

// mustDeliver delivers batches of ordinary records, which must arrive.
func (s *suite) mustDeliver(t tb, batches ...*pluginv1.Batch) {
	t.Helper()
	for i, ack := range s.deliverAll(t, batches...) {
		if ack.GetResult() != pluginv1.Ack_RESULT_DELIVERED || len(ack.GetRejectedRecords()) > 0 {
			t.Errorf("batch %s has ordinary records, but its ack is %v", ack.GetBatchId(), ack)
			continue
		}
		s.checkArrived(t, batches[i], ack) //nolint:gosec // deliverAll returns one ack per batch
	}
}

// deliverOdd delivers odd records, each alone and then all together. The messenger may reject them,
// but not ask for a retry: such a batch would come again in every run and block all later ones.
func (s *suite) deliverOdd(t tb, types []pluginv1.RecordType) {
	t.Helper()
	odd := oddRecords(seedOdd, types)
	batches := []*pluginv1.Batch{}
	for i, record := range odd {
		batches = append(batches, newBatch(fmt.Sprintf("plugintest-odd-%d", i), []*pluginv1.Record{record}))
	}
	batches = append(batches, newBatch("plugintest-odd-all", smallRecords(odd)))
	for i, ack := range s.deliverAll(t, batches...) {
		if ack.GetResult() == pluginv1.Ack_RESULT_RETRY {
			t.Errorf("batch %s of odd records is to be retried, which blocks all later batches: deliver or reject it: %v", ack.GetBatchId(), ack)
			continue
		}
		s.checkArrived(t, batches[i], ack)
	}
}

// checkArrived tests whether acknowledged records are in the external system.
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

func newBatch(id string, records []*pluginv1.Record) *pluginv1.Batch {
	return &pluginv1.Batch{Id: id, Records: records}
}
