package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/caso-project/caso/core/config"
	"github.com/caso-project/caso/core/pluginhost/process"
	"github.com/caso-project/caso/internal/contract"
	"github.com/caso-project/caso/internal/printable"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Plugin is a running plugin whose description was checked.
type Plugin struct {
	// Instance is what was started, File its executable.
	Instance config.Instance
	File     File
	// Description is the plugin's, without the values that only a newer contract has.
	Description *pluginv1.DescribeResponse
	// Warnings name what was removed from the description.
	Warnings []string

	starter *starter
	client  *plugin.Client
	conn    *grpc.ClientConn
	output  *process.Output
	// stdout and stderr are the output that comes through go-plugin's server.
	stdout, stderr *process.Lines
	// described is true after a successful Describe: only then is Close called.
	described bool
}

// Client returns the client of the service that every plugin serves.
func (p *Plugin) Client() pluginv1.PluginClient { return pluginv1.NewPluginClient(p.conn) }

// Extractor returns the client of the extractor service.
func (p *Plugin) Extractor() pluginv1.ExtractorClient { return pluginv1.NewExtractorClient(p.conn) }

// Messenger returns the client of the messenger service.
func (p *Plugin) Messenger() pluginv1.MessengerClient { return pluginv1.NewMessengerClient(p.conn) }

// PID returns the process ID.
func (p *Plugin) PID() int { return p.starter.process.PID }

// Done returns a channel that is closed once the process has ended.
func (p *Plugin) Done() <-chan struct{} { return p.starter.process.Done() }

// Configure sends the values of the plugin's options and returns the plugin's diagnostics about
// them. It is bounded by start_timeout.
func (p *Plugin) Configure(ctx context.Context, values []*pluginv1.OptionValue) ([]*pluginv1.Diagnostic, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, p.Instance.Start.Limit, errTimeout)
	defer cancel()
	request := &pluginv1.ConfigureRequest{Instance: p.Instance.Name, Values: values}
	response, err := p.Client().Configure(ctx, request)
	if err != nil {
		return nil, instanceError(p.Instance, p.callError(ctx, "Configure", p.Instance.Start, err))
	}
	return response.GetDiagnostics(), nil
}

// ErrNotSupported means that a plugin does not implement an optional part of the contract.
var ErrNotSupported = errors.New("not supported by the plugin")

// Check returns the plugin's diagnostics about the cloud or receiver that Configure named, or
// ErrNotSupported. It is bounded by start_timeout.
func (p *Plugin) Check(ctx context.Context) ([]*pluginv1.Diagnostic, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, p.Instance.Start.Limit, errTimeout)
	defer cancel()
	response, err := p.Client().Check(ctx, &pluginv1.CheckRequest{})
	switch {
	case status.Code(err) == codes.Unimplemented:
		return nil, ErrNotSupported
	case err != nil:
		return nil, instanceError(p.Instance, p.callError(ctx, "Check", p.Instance.Start, err))
	}
	return response.GetDiagnostics(), nil
}

const (
	// exitTime bounds the wait for a plugin to exit after Close; go-plugin's server needs
	// milliseconds.
	exitTime = time.Second
	// clientTime bounds go-plugin's clean-up after the end of the process.
	clientTime = 5 * time.Second
)

// stop calls Close, then ends the process: by go-plugin's request, or by SIGKILL.
func (p *Plugin) stop() error {
	var closeErr error
	if p.described && p.Exited() == nil {
		var answered bool
		if answered, closeErr = p.close(); answered {
			p.killClient(exitTime)
		}
	}
	return errors.Join(instanceError(p.Instance, closeErr), instanceError(p.Instance, p.end()))
}

// close calls Close, bounded by stop_timeout, and reports whether the plugin answered.
func (p *Plugin) close() (answered bool, _ error) {
	ctx, cancel := context.WithTimeoutCause(context.Background(), p.Instance.Stop.Limit, errTimeout)
	defer cancel()
	response, err := p.Client().Close(ctx, &pluginv1.CloseRequest{})
	if err != nil {
		return false, p.callError(ctx, "Close", p.Instance.Stop, err)
	}
	var failures []string
	for _, diagnostic := range response.GetDiagnostics() {
		if contract.IsError(diagnostic) {
			failures = append(failures, printable.Escape(diagnostic.GetSummary()))
			continue
		}
		p.output.Warn(diagnostic.GetSummary(), "during", "Close")
	}
	if len(failures) > 0 {
		return true, fmt.Errorf("closing: %s", strings.Join(failures, "; "))
	}
	return true, nil
}

// killClient calls go-plugin's Kill, which asks the process to end and blocks while it does not.
func (p *Plugin) killClient(limit time.Duration) {
	killed := make(chan struct{})
	go func() {
		p.client.Kill()
		close(killed)
	}()
	select {
	case <-killed:
	case <-p.Done():
	case <-time.After(limit):
	}
}

// end kills what is left of the process and releases what belongs to it.
func (p *Plugin) end() error {
	if p.starter.process == nil {
		return nil
	}
	if err := p.starter.process.End(); err != nil {
		return err
	}
	// It returns at once after the end of the process, closes the connection and removes the
	// socket.
	p.killClient(clientTime)
	p.stdout.Flush()
	p.stderr.Flush()
	p.output.Close()
	return nil
}

// Exited returns an error with the exit status and the last output of the process; nil while it
// runs.
func (p *Plugin) Exited() error {
	exitStatus := p.starter.process.ExitStatus()
	if exitStatus == "" {
		return nil
	}
	return fmt.Errorf("plugin process %s%s", exitStatus, p.starter.process.LastOutput())
}

// errTimeout is the cause of a context whose timeout is one of the instance's.
var errTimeout = errors.New("timeout")

// callError explains the error of a call that this package made.
func (p *Plugin) callError(ctx context.Context, call string, limit config.Timeout, err error) error {
	if status.Code(err) == codes.DeadlineExceeded {
		// The plugin's server may report the deadline a moment before the context ends.
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
		if errors.Is(context.Cause(ctx), errTimeout) {
			return fmt.Errorf("no answer to %s within %s", call, limit)
		}
	}
	return fmt.Errorf("calling %s: %w", call, p.Explain(err))
}

// Explain returns an error of a call in plain words: the end of the process where that ended the
// call, or else gRPC's message. The result wraps err unless the process has ended.
func (p *Plugin) Explain(err error) error {
	if err == nil {
		return nil
	}
	if isConnectionLost(err) && p.starter.process.DoneWithin(exitGrace) {
		return p.Exited()
	}
	if errors.Is(err, io.EOF) {
		return &explainedError{"plugin ended the call early", err}
	}
	s, ok := status.FromError(err)
	if !ok {
		return err
	}
	switch s.Code() {
	case codes.DeadlineExceeded:
		return &explainedError{"no answer in time", err}
	case codes.Canceled:
		return &explainedError{"call canceled", err}
	case codes.Unimplemented:
		return &explainedError{"call not implemented by the plugin", err}
	case codes.Unavailable:
		return &explainedError{"plugin cannot be reached: " + printable.Escape(s.Message()), err}
	}
	return &explainedError{printable.Escape(s.Message()), err}
}

// isConnectionLost reports whether the end of the process may have caused the error. The Send of a
// stream returns io.EOF then.
func isConnectionLost(err error) bool {
	return status.Code(err) == codes.Unavailable || errors.Is(err, io.EOF)
}

// explainedError is an error with another text.
type explainedError struct {
	text string
	err  error
}

func (e *explainedError) Error() string { return e.text }
func (e *explainedError) Unwrap() error { return e.err }

// instanceError names the instance in an error; nil stays nil.
func instanceError(instance config.Instance, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", instance, err)
}
