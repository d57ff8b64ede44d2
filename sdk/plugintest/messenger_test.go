package plugintest

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
)

func isOdd(batch *pluginv1.Batch) bool { return strings.HasPrefix(batch.GetId(), "plugintest-odd") }

func TestConformBadMessengers(t *testing.T) {
	seen := &sync.Map{}
	tests := map[string]struct {
		deliver func(ctx context.Context, batch *pluginv1.Batch) error
		want    []string
	}{
		"refuses odd records for good": {func(_ context.Context, batch *pluginv1.Batch) error {
			if isOdd(batch) {
				return sdk.Rejected(errors.New("odd"))
			}
			return nil
		}, nil},
		"refuses an odd record": {func(_ context.Context, batch *pluginv1.Batch) error {
			if isOdd(batch) {
				return sdk.RejectedRecords(&pluginv1.RejectedRecord{RecordId: batch.GetRecords()[0].GetId(), Reason: "odd"})
			}
			return nil
		}, []string{"deliver_odd_records"}}, // only because the fake keeps none of a batch's others
		"retries odd records": {func(_ context.Context, batch *pluginv1.Batch) error {
			if isOdd(batch) {
				return errors.New("odd")
			}
			return nil
		}, []string{"deliver_odd_records"}},
		"panics at odd records": {func(_ context.Context, batch *pluginv1.Batch) error {
			if isOdd(batch) {
				panic("odd")
			}
			return nil
		}, []string{"deliver_odd_records"}},
		"never delivers": {func(context.Context, *pluginv1.Batch) error {
			return errors.New("no")
		}, []string{"deliver_each_in_order"}},
		"refuses repeats": {func(_ context.Context, batch *pluginv1.Batch) error {
			if _, again := seen.LoadOrStore(batch.GetId(), true); again && batch.GetId() == "plugintest-3" {
				return sdk.Rejected(errors.New("I had that"))
			}
			return nil
		}, []string{"deliver_again"}},
		"refuses large batches": {func(_ context.Context, batch *pluginv1.Batch) error {
			if len(batch.GetRecords()) > 500 {
				return sdk.Rejected(errors.New("too large"))
			}
			return nil
		}, []string{"deliver_large_batch"}},
		"rejects a record of others": {func(context.Context, *pluginv1.Batch) error {
			return sdk.RejectedRecords(&pluginv1.RejectedRecord{RecordId: "cloud-nobody-1", Reason: "no"})
		}, []string{"deliver_each_in_order"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			messenger := newMessenger()
			messenger.deliver = test.deliver
			settings := fakeSettings("fake")
			settings.Arrived = messenger.arrived
			expect(t, verdict(t, Messenger(t, messenger), settings), test.want...)
		})
	}
}

func TestConformForgetfulMessenger(t *testing.T) {
	settings := fakeSettings("fake")
	settings.Arrived = func(*pluginv1.Record) bool { return false }
	expect(t, verdict(t, Messenger(t, newMessenger()), settings), "deliver_each_in_order")
}

func TestConformDeafMessenger(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	defer close(release)
	messenger := newMessenger()
	messenger.deliver = func(ctx context.Context, batch *pluginv1.Batch) error {
		if batch.GetId() == "plugintest-cancelled" {
			<-ctx.Done()
			<-release
		}
		return nil
	}
	settings := fakeSettings("fake")
	settings.Patience = 5 * time.Second
	failures := verdict(t, Messenger(t, messenger), settings)
	expect(t, failures, "deliver_cancelled")
}

// rawMessenger speaks the contract without the SDK.
type rawMessenger struct {
	pluginv1.UnimplementedMessengerServer
	rawExtractor
	answers func(batch *pluginv1.Batch) []*pluginv1.Ack
	err     error
	end     error
}

func (r *rawMessenger) Deliver(stream grpc.BidiStreamingServer[pluginv1.DeliverRequest, pluginv1.DeliverResponse]) error {
	for {
		request, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return r.end
		}
		if err != nil {
			return err
		}
		answers := r.answers(request.GetBatch())
		if len(answers) == 0 {
			return r.err
		}
		for _, ack := range answers {
			if err := stream.Send(&pluginv1.DeliverResponse{Ack: ack}); err != nil {
				return err
			}
		}
	}
}

func TestConformBadAcks(t *testing.T) {
	type acks = []*pluginv1.Ack
	delivered := func(batch *pluginv1.Batch) *pluginv1.Ack {
		return &pluginv1.Ack{BatchId: batch.GetId(), Result: pluginv1.Ack_RESULT_DELIVERED}
	}
	// odd answers odd batches so, and all others well.
	odd := func(change func(batch *pluginv1.Batch, ack *pluginv1.Ack)) func(*pluginv1.Batch) acks {
		return func(batch *pluginv1.Batch) acks {
			ack := delivered(batch)
			if isOdd(batch) {
				change(batch, ack)
			}
			return acks{ack}
		}
	}
	tests := map[string]struct {
		raw  rawMessenger
		want []string
	}{
		"good": {rawMessenger{answers: func(b *pluginv1.Batch) acks { return acks{delivered(b)} }}, nil},
		"wrong id": {rawMessenger{answers: func(*pluginv1.Batch) acks {
			return acks{{BatchId: "other", Result: pluginv1.Ack_RESULT_DELIVERED}}
		}}, []string{"deliver_each_in_order"}},
		"no answer": {rawMessenger{answers: func(*pluginv1.Batch) acks { return nil }}, []string{"deliver_each_in_order"}},
		"answers twice": {rawMessenger{answers: func(b *pluginv1.Batch) acks {
			return acks{delivered(b), delivered(b)}
		}}, []string{"deliver_each_in_order"}},
		"breaks off at the end": {rawMessenger{answers: func(b *pluginv1.Batch) acks {
			return acks{delivered(b)}
		}, end: status.Error(codes.Unknown, "oops")}, []string{"deliver_each_in_order"}},
		"breaks off at odd records": {rawMessenger{answers: func(b *pluginv1.Batch) acks {
			if isOdd(b) {
				return nil
			}
			return acks{delivered(b)}
		}, err: status.Error(codes.Unknown, "oops")}, []string{"deliver_odd_records"}},
		"no result": {rawMessenger{answers: odd(func(_ *pluginv1.Batch, ack *pluginv1.Ack) {
			ack.Result = 0
		})}, []string{"deliver_odd_records"}},
		"rejected without reason": {rawMessenger{answers: odd(func(_ *pluginv1.Batch, ack *pluginv1.Ack) {
			ack.Result = pluginv1.Ack_RESULT_REJECTED
		})}, []string{"deliver_odd_records"}},
		"delivered, but later": {rawMessenger{answers: odd(func(_ *pluginv1.Batch, ack *pluginv1.Ack) {
			ack.RetryAfter = durationpb.New(time.Minute)
		})}, []string{"deliver_odd_records"}},
		"a record rejected twice": {rawMessenger{answers: odd(func(batch *pluginv1.Batch, ack *pluginv1.Ack) {
			rejected := &pluginv1.RejectedRecord{RecordId: batch.GetRecords()[0].GetId(), Reason: "odd"}
			ack.RejectedRecords = []*pluginv1.RejectedRecord{rejected, rejected}
		})}, []string{"deliver_odd_records"}},
		"a record rejected without reason": {rawMessenger{answers: odd(func(batch *pluginv1.Batch, ack *pluginv1.Ack) {
			ack.RejectedRecords = []*pluginv1.RejectedRecord{{RecordId: batch.GetRecords()[0].GetId()}}
		})}, []string{"deliver_odd_records"}},
		"records rejected with their batch": {rawMessenger{answers: odd(func(batch *pluginv1.Batch, ack *pluginv1.Ack) {
			ack.Result = pluginv1.Ack_RESULT_REJECTED
			ack.Diagnostics = []*pluginv1.Diagnostic{sdk.Errorf("odd")}
			ack.RejectedRecords = []*pluginv1.RejectedRecord{{RecordId: batch.GetRecords()[0].GetId(), Reason: "odd"}}
		})}, []string{"deliver_odd_records"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			raw := &test.raw
			raw.description = &pluginv1.DescribeResponse{
				Name: "raw", Version: "1", Kind: pluginv1.Kind_KIND_MESSENGER, RecordTypes: []pluginv1.RecordType{pluginv1.RecordType_RECORD_TYPE_CLOUD},
			}
			plugin := serve(t, func(server *grpc.Server) {
				pluginv1.RegisterPluginServer(server, raw)
				pluginv1.RegisterMessengerServer(server, raw)
			})
			expect(t, verdict(t, plugin, Settings{}), test.want...)
		})
	}
}
