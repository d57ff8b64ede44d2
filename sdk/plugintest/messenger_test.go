package plugintest

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
)

func TestMessengerRules(t *testing.T) {
	type acks = []*pluginv1.Ack
	seen := &sync.Map{}
	// answer changes the ack of batches that match.
	answer := func(matches func(*pluginv1.Batch) bool, change func(batch *pluginv1.Batch, ack *pluginv1.Ack)) func(*pluginv1.Batch) acks {
		return func(batch *pluginv1.Batch) acks {
			ack := delivered(batch)
			if matches(batch) {
				change(batch, ack)
			}
			return acks{ack}
		}
	}
	all := func(*pluginv1.Batch) bool { return true }
	odd := func(batch *pluginv1.Batch) bool { return strings.HasPrefix(batch.GetId(), "plugintest-odd") }
	reject := func(_ *pluginv1.Batch, ack *pluginv1.Ack) {
		ack.Result, ack.Diagnostics = pluginv1.Ack_RESULT_REJECTED, []*pluginv1.Diagnostic{failure("no")}
	}
	retry := func(_ *pluginv1.Batch, ack *pluginv1.Ack) {
		ack.Result, ack.Diagnostics = pluginv1.Ack_RESULT_RETRY, []*pluginv1.Diagnostic{failure("no")}
	}
	rejectFirst := func(reasons ...string) func(*pluginv1.Batch, *pluginv1.Ack) {
		return func(batch *pluginv1.Batch, ack *pluginv1.Ack) {
			for _, reason := range reasons {
				ack.RejectedRecords = append(ack.RejectedRecords, &pluginv1.RejectedRecord{RecordId: batch.GetRecords()[0].GetId(), Reason: reason})
			}
		}
	}
	tests := map[string]struct {
		answers func(*pluginv1.Batch) acks
		err     error
		want    []string
	}{
		"good":             {answers: answer(all, func(*pluginv1.Batch, *pluginv1.Ack) {})},
		"rejects odd ones": {answers: answer(odd, reject)},
		"retries odd ones": {answers: answer(odd, retry), want: []string{"deliver_odd_records"}},
		"never delivers":   {answers: answer(all, retry), want: []string{"deliver_each_in_order"}},
		"rejects repeats": {answers: answer(func(b *pluginv1.Batch) bool {
			_, again := seen.LoadOrStore(b.GetId(), true)
			return again && b.GetId() == "plugintest-3"
		}, reject), want: []string{"deliver_again"}},
		"rejects large ones": {answers: answer(func(b *pluginv1.Batch) bool { return len(b.GetRecords()) > 500 }, reject), want: []string{"deliver_large_batch"}},
		"rejects a record of others": {answers: answer(all, func(_ *pluginv1.Batch, ack *pluginv1.Ack) {
			ack.RejectedRecords = []*pluginv1.RejectedRecord{{RecordId: "cloud-other-1", Reason: "no"}}
		}), want: []string{"deliver_each_in_order"}},
		"wrong id":      {answers: answer(all, func(_ *pluginv1.Batch, ack *pluginv1.Ack) { ack.BatchId = "other" }), want: []string{"deliver_each_in_order"}},
		"no answer":     {answers: func(*pluginv1.Batch) acks { return nil }, want: []string{"deliver_each_in_order"}},
		"answers twice": {answers: func(b *pluginv1.Batch) acks { return acks{delivered(b), delivered(b)} }, want: []string{"deliver_each_in_order"}},
		"fails at odd ones": {answers: func(b *pluginv1.Batch) acks {
			if odd(b) {
				return nil
			}
			return acks{delivered(b)}
		}, err: status.Error(codes.Unknown, "oops"), want: []string{"deliver_odd_records"}},
		"no result":               {answers: answer(odd, func(_ *pluginv1.Batch, ack *pluginv1.Ack) { ack.Result = 0 }), want: []string{"deliver_odd_records"}},
		"rejected without reason": {answers: answer(odd, func(_ *pluginv1.Batch, ack *pluginv1.Ack) { ack.Result = pluginv1.Ack_RESULT_REJECTED }), want: []string{"deliver_odd_records"}},
		"delivered, but later": {answers: answer(odd, func(_ *pluginv1.Batch, ack *pluginv1.Ack) { ack.RetryAfter = durationpb.New(time.Minute) }),
			want: []string{"deliver_odd_records"}},
		// The fake stores none of the other records.
		"a record rejected":                {answers: answer(odd, rejectFirst("odd")), want: []string{"deliver_odd_records"}},
		"a record rejected twice":          {answers: answer(odd, rejectFirst("odd", "odd")), want: []string{"deliver_odd_records"}},
		"a record rejected without reason": {answers: answer(odd, rejectFirst("")), want: []string{"deliver_odd_records"}},
		"records rejected with their batch": {answers: answer(odd, func(b *pluginv1.Batch, ack *pluginv1.Ack) {
			reject(b, ack)
			rejectFirst("odd")(b, ack)
		}), want: []string{"deliver_odd_records"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			messenger := newFakeMessenger(sdk.IP)
			messenger.deliver = func(_ context.Context, batch *pluginv1.Batch) ([]*pluginv1.Ack, error) {
				acks := test.answers(batch)
				if len(acks) == 0 {
					return nil, test.err
				}
				return acks, nil
			}
			settings := fakeSettings()
			settings.Arrived = messenger.hasArrived
			expect(t, verdict(t, serveFake(t, messenger), settings, nil), test.want...)
		})
	}
}

func TestStreamThatFailsAtItsEnd(t *testing.T) {
	messenger := newFakeMessenger()
	messenger.endDelivery = status.Error(codes.Unknown, "oops")
	expect(t, verdict(t, serveFake(t, messenger), fakeSettings(), nil), "deliver_each_in_order")
}

func TestAcknowledgedRecordsThatDoNotArrive(t *testing.T) {
	settings := fakeSettings()
	settings.Arrived = func(*pluginv1.Record) bool { return false }
	expect(t, verdict(t, serveFake(t, newFakeMessenger()), settings, nil), "deliver_each_in_order")
}

// A messenger that does not return when its call is cancelled.
func TestCancelledDeliveryThatGoesOn(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	defer close(release)
	messenger := newFakeMessenger()
	messenger.deliver = func(ctx context.Context, batch *pluginv1.Batch) ([]*pluginv1.Ack, error) {
		if batch.GetId() == "plugintest-cancelled" {
			<-ctx.Done()
			<-release
		}
		return []*pluginv1.Ack{delivered(batch)}, nil
	}
	settings := fakeSettings()
	settings.Patience = 5 * time.Second
	expect(t, verdict(t, serveFake(t, messenger), settings, nil), "deliver_cancelled")
}
