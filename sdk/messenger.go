package sdk

import (
	"context"
	"errors"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Messenger hands records to an outside system.
type Messenger interface {
	Plugin
	// Deliver hands over one batch and returns nil once the outside system has it, as durably as can
	// be known. Any error means that the same batch comes again later, but for those that Rejected
	// and RejectedRecords make. A batch may come that was delivered before. One batch is under way
	// at a time.
	Deliver(ctx context.Context, batch *pluginv1.Batch) error
}

// Rejected marks an error as final: the outside system will never take this batch. It is set aside
// and the queue goes on.
func Rejected(err error) error {
	return &rejected{err: reasonOf(err)}
}

// RejectedRecords says that some records were refused for good and all others were delivered.
func RejectedRecords(records ...*pluginv1.RejectedRecord) error {
	return &rejectedRecords{records: records}
}

// RetryAfter marks an error as one that will pass, with the time after which it is worth trying again.
func RetryAfter(wait time.Duration, err error) error {
	return &retryAfter{wait: wait, err: reasonOf(err)}
}

// reasonOf keeps a forgotten reason from becoming a panic when the ack is made.
func reasonOf(err error) error {
	if err == nil {
		return errors.New("the messenger gave no reason")
	}
	return err
}

type rejected struct{ err error }

func (e *rejected) Error() string { return e.err.Error() }
func (e *rejected) Unwrap() error { return e.err }

type rejectedRecords struct{ records []*pluginv1.RejectedRecord }

func (e *rejectedRecords) Error() string { return "some records were rejected" }

type retryAfter struct {
	wait time.Duration
	err  error
}

func (e *retryAfter) Error() string { return e.err.Error() }
func (e *retryAfter) Unwrap() error { return e.err }

// RegisterMessenger puts a messenger on a gRPC server. ServeMessenger does it for a plugin's own
// process; tests use it to serve one in theirs.
func RegisterMessenger(registrar grpc.ServiceRegistrar, messenger Messenger) {
	pluginv1.RegisterPluginServer(registrar, &pluginServer{plugin: messenger, kind: pluginv1.Kind_KIND_MESSENGER})
	pluginv1.RegisterMessengerServer(registrar, &messengerServer{messenger: messenger})
}

type messengerServer struct {
	pluginv1.UnimplementedMessengerServer
	messenger Messenger
}

func (s *messengerServer) Deliver(stream grpc.BidiStreamingServer[pluginv1.DeliverRequest, pluginv1.DeliverResponse]) error {
	for {
		request, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		batch := request.GetBatch()
		err = guard(stream.Context(), "delivering", func() error {
			return s.messenger.Deliver(stream.Context(), batch)
		})
		if err := stream.Send(&pluginv1.DeliverResponse{Ack: ack(batch, err)}); err != nil {
			return err
		}
	}
}

// ack says in the contract's words what Deliver returned.
func ack(batch *pluginv1.Batch, err error) *pluginv1.Ack {
	var (
		final   *rejected
		partial *rejectedRecords
		later   *retryAfter
	)
	answer := &pluginv1.Ack{BatchId: batch.GetId()}
	switch {
	case err == nil:
		answer.Result = pluginv1.Ack_RESULT_DELIVERED
		return answer
	case errors.As(err, &partial):
		answer.Result = pluginv1.Ack_RESULT_DELIVERED
		answer.RejectedRecords = partial.records
		return answer
	case errors.As(err, &final):
		answer.Result = pluginv1.Ack_RESULT_REJECTED
	case errors.As(err, &later):
		answer.Result = pluginv1.Ack_RESULT_RETRY
		answer.RetryAfter = durationpb.New(later.wait)
	default:
		answer.Result = pluginv1.Ack_RESULT_RETRY
	}
	answer.Diagnostics = Diagnostics(err)
	return answer
}
