package sdk

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Messenger delivers records to an external system.
type Messenger interface {
	Plugin
	// Deliver delivers one batch and returns nil once the external system has it, as durably as can be
	// known. After an error the same batch comes again later, except after Rejected and
	// RejectedRecords. A batch that was delivered may come again. Deliver is called for one batch at a
	// time.
	Deliver(ctx context.Context, batch *pluginv1.Batch) error
}

// Rejected returns an error that rejects the batch for good: the external system will never accept
// any of its records. The batch becomes a dead letter, and delivery continues with the next one.
func Rejected(err error) error {
	return &rejectedError{err: reasonOr(err)}
}

// RejectedRecords returns an error that rejects some records for good, while all others were
// delivered. Without records it returns nil.
func RejectedRecords(records ...*pluginv1.RejectedRecord) error {
	if len(records) == 0 {
		return nil
	}
	return &rejectedRecordsError{records: records}
}

// RetryAfter returns an error that asks for the same batch again after a time.
func RetryAfter(wait time.Duration, err error) error {
	return &retryAfterError{wait: wait, err: reasonOr(err)}
}

func reasonOr(err error) error {
	if err == nil {
		return errors.New(contract.NoReason)
	}
	return err
}

type rejectedError struct{ err error }

func (e *rejectedError) Error() string { return e.err.Error() }
func (e *rejectedError) Unwrap() error { return e.err }

type rejectedRecordsError struct{ records []*pluginv1.RejectedRecord }

func (e *rejectedRecordsError) Error() string { return "some records were rejected" }

type retryAfterError struct {
	wait time.Duration
	err  error
}

func (e *retryAfterError) Error() string { return e.err.Error() }
func (e *retryAfterError) Unwrap() error { return e.err }

// RegisterMessenger registers a messenger on a gRPC server. ServeMessenger does it for a plugin
// process.
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
		err = callPlugin(stream.Context(), "delivering", func() error {
			return s.messenger.Deliver(stream.Context(), batch)
		})
		if err := stream.Send(&pluginv1.DeliverResponse{Ack: ackOf(batch.GetId(), err)}); err != nil {
			return err
		}
	}
}

// ackOf returns the ack for what Deliver returned. An error that is neither a rejection nor a
// warning means that the batch may not have arrived, whatever it is joined with: it comes again.
func ackOf(batchID string, err error) *pluginv1.Ack {
	var outcome deliveryOutcome
	outcome.add(err)
	ack := &pluginv1.Ack{BatchId: batchID, Diagnostics: encodeDiagnostics(outcome.diagnostics)}
	switch {
	case outcome.retry:
		ack.Result = pluginv1.Ack_RESULT_RETRY
		if outcome.wait > 0 {
			ack.RetryAfter = durationpb.New(outcome.wait)
		}
	case outcome.rejected:
		ack.Result = pluginv1.Ack_RESULT_REJECTED
	default:
		ack.Result = pluginv1.Ack_RESULT_DELIVERED
		for _, record := range outcome.records {
			reason := strings.TrimSpace(strings.ToValidUTF8(record.GetReason(), "\uFFFD"))
			if reason == "" {
				reason = contract.NoReason
			}
			ack.RejectedRecords = append(ack.RejectedRecords, &pluginv1.RejectedRecord{
				RecordId: strings.ToValidUTF8(record.GetRecordId(), "\uFFFD"), Reason: reason,
			})
		}
	}
	return ack
}

// deliveryOutcome collects what the errors of one delivery amount to.
type deliveryOutcome struct {
	retry, rejected bool
	wait            time.Duration
	records         []*pluginv1.RejectedRecord
	diagnostics     []*Diagnostic
}

func (o *deliveryOutcome) add(err error) {
	if joined := joinedErrors(err); joined != nil {
		for _, one := range joined {
			o.add(one)
		}
		return
	}
	var (
		later   *retryAfterError
		final   *rejectedError
		partial *rejectedRecordsError
	)
	switch {
	case err == nil:
	case errors.As(err, &later):
		o.retry, o.wait = true, max(o.wait, later.wait)
		o.diagnostics = append(o.diagnostics, asErrors(Diagnostics(err))...)
	case errors.As(err, &final):
		o.rejected = true
		o.diagnostics = append(o.diagnostics, asErrors(Diagnostics(err))...)
	case errors.As(err, &partial):
		o.records = append(o.records, partial.records...)
	default:
		diagnostics := Diagnostics(err)
		o.retry = o.retry || failed(diagnostics)
		o.diagnostics = append(o.diagnostics, diagnostics...)
	}
}

// asErrors makes sure that a failure has a diagnostic of severity error, as the contract requires.
func asErrors(diagnostics []*Diagnostic) []*Diagnostic {
	if !failed(diagnostics) {
		changed := *diagnostics[0]
		changed.Severity = SeverityError
		diagnostics[0] = &changed
	}
	return diagnostics
}
