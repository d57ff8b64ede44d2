package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Plugin is a running plugin that said what it is.
type Plugin struct {
	// Ref is what was asked for, File the executable it led to.
	Ref  Ref
	File File
	// Description is what the plugin says of itself, checked.
	Description *pluginv1.DescribeResponse

	startTimeout, closeTimeout time.Duration

	runner  *runner
	client  *plugin.Client
	conn    *grpc.ClientConn
	journal *journal
	// stdout and stderr are what comes by way of go-plugin's server.
	stdout, stderr *lines
	// serving says that Describe was answered, so that Close is worth a call.
	serving bool
}

// Client speaks what every plugin serves.
func (p *Plugin) Client() pluginv1.PluginClient { return pluginv1.NewPluginClient(p.conn) }

// Extractor speaks what an extractor serves.
func (p *Plugin) Extractor() pluginv1.ExtractorClient { return pluginv1.NewExtractorClient(p.conn) }

// Messenger speaks what a messenger serves.
func (p *Plugin) Messenger() pluginv1.MessengerClient { return pluginv1.NewMessengerClient(p.conn) }

// Configure hands over the settings and returns what the plugin says of them, in bounded time.
func (p *Plugin) Configure(ctx context.Context, values []*pluginv1.OptionValue) ([]*pluginv1.Diagnostic, error) {
	ctx, cancel := context.WithTimeout(ctx, p.startTimeout)
	defer cancel()
	response, err := p.Client().Configure(ctx, &pluginv1.ConfigureRequest{Instance: p.Ref.instance(), Values: values})
	if err != nil {
		return nil, fmt.Errorf("%s: %s: configuring it: %w", p.Ref, p.File.Path, p.Explain(err))
	}
	return response.GetDiagnostics(), nil
}

// PID is the process ID.
func (p *Plugin) PID() int { return p.runner.process.pid }

// Done is closed once the process has ended, for whatever reason.
func (p *Plugin) Done() <-chan struct{} { return p.runner.process.exited }

// Exited says how the process ended, with the last that it printed; nil while it lives.
func (p *Plugin) Exited() error {
	ending := p.runner.process.ending()
	if ending == "" {
		return nil
	}
	return fmt.Errorf("the plugin process %s%s", ending, p.runner.said())
}

// Explain puts an error of a call into words for people: the end of the process, where that is what cut
// the call off, or else what gRPC says. The status of the call stays in the error's chain unless the
// process has ended.
func (p *Plugin) Explain(err error) error {
	if err == nil {
		return nil
	}
	if connectionLost(err) && p.runner.process.goneWithin(exitGrace) {
		return p.Exited()
	}
	if errors.Is(err, io.EOF) {
		return &callError{"the plugin ended the call", err}
	}
	s, ok := status.FromError(err)
	if !ok {
		return err
	}
	switch s.Code() {
	case codes.DeadlineExceeded:
		return &callError{"the plugin did not answer in time", err}
	case codes.Canceled:
		return &callError{"the call was stopped", err}
	case codes.Unimplemented:
		return &callError{"the plugin does not serve this call of the contract", err}
	case codes.Unavailable:
		return &callError{"the plugin cannot be reached: " + printable(s.Message()), err}
	}
	return &callError{printable(s.Message()), err}
}

// connectionLost says whether a call may have failed because the process is gone. A stream's Send gives
// io.EOF then.
func connectionLost(err error) bool {
	return status.Code(err) == codes.Unavailable || errors.Is(err, io.EOF)
}

// callError is the failure of a call, in words.
type callError struct {
	text string
	err  error
}

func (e *callError) Error() string { return e.text }
func (e *callError) Unwrap() error { return e.err }
