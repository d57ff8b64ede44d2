package plugintest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"google.golang.org/grpc"

	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// delivery is one stream of Deliver.
type delivery struct {
	*suite
	stream grpc.BidiStreamingClient[pluginv1.DeliverRequest, pluginv1.DeliverResponse]
}

// openDelivery opens a stream of Deliver.
func (s *suite) openDelivery(ctx context.Context) (*delivery, error) {
	stream, err := s.Deliver(ctx)
	if err != nil {
		return nil, fmt.Errorf("calling Deliver: %w", err)
	}
	return &delivery{s, stream}, nil
}

// deliverBatch sends one batch and waits for its ack.
func (d *delivery) deliverBatch(batch *pluginv1.Batch) (*pluginv1.Ack, error) {
	if err := d.stream.Send(&pluginv1.DeliverRequest{Batch: batch}); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("sending batch %s: %w", batch.GetId(), err)
	}
	response, err := d.stream.Recv()
	if err != nil {
		return nil, fmt.Errorf("batch %s is not answered: %w", batch.GetId(), err)
	}
	return response.GetAck(), nil
}

// close ends the host's side; the messenger must end its own without another message.
func (d *delivery) close() error {
	if err := d.stream.CloseSend(); err != nil {
		return fmt.Errorf("ending the stream: %w", err)
	}
	response, err := d.stream.Recv()
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return fmt.Errorf("the stream must end cleanly once the host has ended it: %w", err)
	}
	return fmt.Errorf("an ack comes that answers nothing: %v", response.GetAck())
}

// deliverAll delivers batches over one stream, one after another, and checks each ack.
func (s *suite) deliverAll(t tb, batches ...*pluginv1.Batch) []*pluginv1.Ack {
	t.Helper()
	d, err := s.openDelivery(s.deadline(t))
	if err != nil {
		t.Fatalf("%v", err)
	}
	var acks []*pluginv1.Ack
	for _, batch := range batches {
		ack, err := d.deliverBatch(batch)
		if err != nil {
			t.Fatalf("%v", err)
		}
		s.checkAck(t, batch, ack)
		acks = append(acks, ack)
	}
	if err := d.close(); err != nil {
		t.Errorf("%v", err)
	}
	return acks
}

// checkAck tests what holds for every ack.
func (s *suite) checkAck(t tb, batch *pluginv1.Batch, ack *pluginv1.Ack) {
	t.Helper()
	if ack.GetBatchId() != batch.GetId() {
		t.Errorf("the ack of batch %q names batch %q", batch.GetId(), ack.GetBatchId())
	}
	s.checkDiagnostics(t, "Ack", ack.GetDiagnostics())
	delivered := ack.GetResult() == pluginv1.Ack_RESULT_DELIVERED
	switch ack.GetResult() {
	case pluginv1.Ack_RESULT_DELIVERED:
	case pluginv1.Ack_RESULT_RETRY, pluginv1.Ack_RESULT_REJECTED:
		if !slices.ContainsFunc(ack.GetDiagnostics(), contract.IsError) {
			t.Errorf("batch %s: %v without a diagnostic of severity ERROR", batch.GetId(), ack.GetResult())
		}
	default:
		t.Errorf("batch %s: the result is %v", batch.GetId(), ack.GetResult())
	}
	if wait := ack.GetRetryAfter(); wait != nil && (ack.GetResult() != pluginv1.Ack_RESULT_RETRY || wait.CheckValid() != nil || wait.AsDuration() < 0) {
		t.Errorf("batch %s: retry_after is %v with %v", batch.GetId(), wait, ack.GetResult())
	}
	var seen []string
	for _, rejected := range ack.GetRejectedRecords() {
		id := rejected.GetRecordId()
		if !slices.ContainsFunc(batch.GetRecords(), func(record *pluginv1.Record) bool { return record.GetId() == id }) {
			t.Errorf("batch %s: the rejected record %q is not in it", batch.GetId(), id)
		}
		if slices.Contains(seen, id) {
			t.Errorf("batch %s: the record %q is rejected twice", batch.GetId(), id)
		}
		if rejected.GetReason() == "" {
			t.Errorf("batch %s: the record %q is rejected without a reason", batch.GetId(), id)
		}
		seen = append(seen, id)
	}
	if len(seen) > 0 && !delivered {
		t.Errorf("batch %s: rejected_records are for batches whose other records were delivered, not for %v", batch.GetId(), ack.GetResult())
	}
}
