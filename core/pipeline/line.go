package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// grace is how long a batch in flight may take to be acknowledged after the run was told to stop.
const grace = 10 * time.Second

// line is an open stream to a messenger.
type line struct {
	messenger *Messenger
	run       context.Context // ends when the run is told to stop
	stream    pluginv1.Messenger_DeliverClient
	cancel    context.CancelFunc
}

// open starts a stream. It outlives the run's context, so that a batch in flight can still be
// acknowledged.
func (m *Messenger) open(ctx context.Context) (*line, error) {
	stay, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stream, err := m.Client.Deliver(stay)
	if err != nil {
		cancel()
		return nil, m.Explain(err)
	}
	return &line{messenger: m, run: ctx, stream: stream, cancel: cancel}, nil
}

// deliver sends one batch and waits for its ack: as long as the messenger may take, but no longer than
// the grace once the run is to stop.
func (l *line) deliver(batch *pluginv1.Batch) (*pluginv1.Ack, error) {
	answers := make(chan answer, 1)
	go func() {
		if err := l.stream.Send(&pluginv1.DeliverRequest{Batch: batch}); err != nil && !errors.Is(err, io.EOF) {
			answers <- answer{err: err}
			return
		}
		response, err := l.stream.Recv() // tells what ended the stream where Send only says EOF
		answers <- answer{ack: response.GetAck(), err: err}
	}()
	timeout := time.NewTimer(l.messenger.Timeout)
	defer timeout.Stop()
	stopping := l.run.Done()
	for {
		select {
		case a := <-answers:
			switch {
			case errors.Is(a.err, io.EOF):
				return nil, errors.New("the messenger ended its answers before the last batch was acknowledged")
			case a.err != nil:
				return nil, l.messenger.Explain(a.err)
			case a.ack.GetBatchId() != batch.GetId():
				return nil, fmt.Errorf("the messenger answered for batch %q instead of %q", a.ack.GetBatchId(), batch.GetId())
			}
			return a.ack, nil
		case <-timeout.C:
			l.cancel()
			<-answers // gives up at once now; the stream is not closed under its hands
			return nil, fmt.Errorf("the messenger did not acknowledge a batch within %s; [messenger_%s] timeout sets how long it may take",
				l.messenger.Timeout, l.messenger.Name)
		case <-stopping:
			stopping = nil
			timeout.Reset(min(grace, l.messenger.Timeout))
		}
	}
}

type answer struct {
	ack *pluginv1.Ack
	err error
}

// close ends the stream. The messenger has acknowledged all it was sent, so there is nothing to wait for;
// its Close call gives it time to finish.
func (l *line) close() {
	_ = l.stream.CloseSend()
	l.cancel()
}
