package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/caso-project/caso/core/config"
	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// stopGrace is the time that a messenger has to acknowledge a batch after the run was interrupted.
const stopGrace = 10 * time.Second

// deliverStream is an open Deliver call.
type deliverStream struct {
	messenger *Messenger
	// run ends when the run is interrupted.
	run    context.Context
	stream pluginv1.Messenger_DeliverClient
	cancel context.CancelFunc
}

// openStream starts a Deliver call. It outlives ctx, so that a batch under way can be acknowledged.
func (m *Messenger) openStream(ctx context.Context) (*deliverStream, error) {
	call, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stream, err := m.Client.Deliver(call)
	if err != nil {
		cancel()
		return nil, m.Explain(err)
	}
	return &deliverStream{messenger: m, run: ctx, stream: stream, cancel: cancel}, nil
}

// deliver sends one batch and returns its ack. It waits for the ack timeout, and after the run was
// interrupted no longer than stopGrace.
func (s *deliverStream) deliver(batch *pluginv1.Batch) (*pluginv1.Ack, error) {
	answers := make(chan answer, 1)
	go func() {
		if err := s.stream.Send(&pluginv1.DeliverRequest{Batch: batch}); err != nil && !errors.Is(err, io.EOF) {
			answers <- answer{err: err}
			return
		}
		response, err := s.stream.Recv() // has the cause where Send only returns EOF
		answers <- answer{ack: response.GetAck(), err: err}
	}()
	limit := s.messenger.Instance.Ack
	timer := time.NewTimer(limit.Limit)
	defer timer.Stop()
	interrupted := s.run.Done()
	for {
		select {
		case a := <-answers:
			return s.checkAnswer(batch, a)
		case <-timer.C:
			s.cancel()
			<-answers // the cancelled call returns at once; close must not run beside it
			return nil, fmt.Errorf("the messenger did not acknowledge a batch within %s", limit)
		case <-interrupted:
			interrupted = nil
			if stopGrace < limit.Limit {
				limit = config.Timeout{Limit: stopGrace, Option: "the run was interrupted"}
			}
			timer.Reset(limit.Limit)
		}
	}
}

// answer is the outcome of sending a batch.
type answer struct {
	ack *pluginv1.Ack
	err error
}

// errBatchTooLarge means that a messenger cannot receive a batch of this size, now or later.
var errBatchTooLarge = errors.New("the messenger cannot receive a batch of this size")

// isTooLarge reports whether a call failed because a batch exceeds a limit: of grpc-go, gRPC for
// Python and C++, or tonic. Within the limit of the contract it was the answer.
func isTooLarge(err error, batch *pluginv1.Batch) bool {
	if proto.Size(batch) <= contract.MaxBatchBytes {
		return false
	}
	switch status.Code(err) {
	case codes.ResourceExhausted:
		return strings.Contains(err.Error(), "larger than max")
	case codes.OutOfRange:
		return strings.Contains(err.Error(), "message length too large")
	}
	return false
}

func (s *deliverStream) checkAnswer(batch *pluginv1.Batch, a answer) (*pluginv1.Ack, error) {
	switch {
	case isTooLarge(a.err, batch):
		return nil, fmt.Errorf("%w (%d bytes): %w", errBatchTooLarge, proto.Size(batch), a.err)
	case errors.Is(a.err, io.EOF):
		return nil, errors.New("the messenger ended the stream before it acknowledged the last batch")
	case a.err != nil:
		return nil, s.messenger.Explain(a.err)
	case a.ack.GetBatchId() != batch.GetId():
		return nil, fmt.Errorf("the messenger acknowledged batch %q instead of %q", a.ack.GetBatchId(), batch.GetId())
	}
	return a.ack, nil
}

// close ends the call. Every batch was acknowledged, so there is nothing to wait for; the plugin's
// Close call gives it time to finish.
func (s *deliverStream) close() {
	_ = s.stream.CloseSend()
	s.cancel()
}
