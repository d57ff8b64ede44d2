// Package pluginhost finds, verifies, starts and stops plugin processes.
//
// It returns a gRPC connection for every plugin that starts, and an error that names the remedy for
// every other one. A plugin process sees an allow-list of the host's environment, cannot block or
// outlive the host, and runs the very file that was verified.
//
// HashiCorp's go-plugin provides handshake and connection. Package process supervises the process,
// because go-plugin inherits the environment, leaves plugins behind when the host is killed, blocks
// on a frozen plugin, and panics on a malformed log line.
//
// Package config interprets the values of options, and package pipeline calls a running plugin.
package pluginhost

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/caso-project/caso/core/config"
	"github.com/caso-project/caso/core/pluginhost/process"
	"github.com/caso-project/caso/internal/contract"
)

// Options configure a Host.
type Options struct {
	// Dirs are the plugin directories in the order of search; see SearchPath.
	Dirs []string
	// Logger gets the plugins' logs, each named by kind and instance (messenger.ssm); nil for none.
	Logger hclog.Logger
	// LogLevel is the level at which plugins log; hclog.NoLevel for the Logger's.
	LogLevel hclog.Level
	// Environ is the environment from which plugins get the allowed variables; nil for the host's
	// own.
	Environ []string
	// TempDir is the parent of the private directory for the plugins' sockets; "" for os.TempDir().
	TempDir string
}

// Host starts plugin processes and stops them.
type Host struct {
	options Options

	mu      sync.Mutex
	closed  bool
	session *session
	plugins []*Plugin
}

// session is what the plugin processes of a host share, from the first Start until Close.
type session struct {
	supervisor *process.Supervisor
	// open is canceled by Close; starts counts the starts in progress.
	open   context.Context
	cancel context.CancelFunc
	starts sync.WaitGroup
}

// New returns a Host. Files and processes are touched by its methods only.
func New(options Options) *Host {
	if options.Logger == nil {
		options.Logger = hclog.NewNullLogger()
	}
	if options.LogLevel == hclog.NoLevel {
		options.LogLevel = options.Logger.GetLevel()
	}
	if options.Environ == nil {
		options.Environ = os.Environ()
	}
	if options.TempDir == "" {
		options.TempDir = os.TempDir()
	}
	return &Host{options: options}
}

// Start starts all instances at once and calls Describe. Both results have the length and order of
// instances: a plugin that did not start is nil and has an error, and the others run.
func (h *Host) Start(ctx context.Context, instances []config.Instance) ([]*Plugin, []error) {
	plugins, errs := make([]*Plugin, len(instances)), make([]error, len(instances))
	shared, err := h.beginStart()
	if err != nil {
		for i, instance := range instances {
			errs[i] = instanceError(instance, err)
		}
		return plugins, errs
	}
	defer shared.starts.Done()
	// Close cancels the starts in progress.
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(shared.open, func() { cancel(errClosed) })()
	var starts sync.WaitGroup
	for i, instance := range instances {
		starts.Go(func() {
			plugins[i], errs[i] = h.startInstance(ctx, shared, instance)
			errs[i] = instanceError(instance, errs[i])
		})
	}
	starts.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range plugins {
		if p != nil {
			h.plugins = append(h.plugins, p)
		}
	}
	return plugins, errs
}

func (h *Host) startInstance(ctx context.Context, shared *session, instance config.Instance) (*Plugin, error) {
	found, err := h.openVerified(instance)
	if err != nil {
		return nil, err
	}
	defer func() { _ = found.close() }()
	return h.launch(ctx, shared, instance, found)
}

// beginStart creates the session at the first call, and counts a start for which Close waits.
func (h *Host) beginStart() (*session, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, errClosed
	}
	if h.session == nil {
		supervisor, err := process.NewSupervisor(h.options.TempDir)
		if err != nil {
			return nil, err
		}
		open, cancel := context.WithCancel(context.Background())
		h.session = &session{supervisor: supervisor, open: open, cancel: cancel}
	}
	h.session.starts.Add(1)
	return h.session, nil
}

var errClosed = errors.New("plugin host is closed")

// Close stops all plugins at the same time, each within its stop_timeout and a few seconds. The
// error has one line for each plugin that failed to finish.
func (h *Host) Close() error {
	h.mu.Lock()
	shared := h.session
	h.closed, h.session = true, nil
	h.mu.Unlock()
	if shared == nil {
		return nil
	}
	shared.cancel()
	shared.starts.Wait()
	errs := make([]error, len(h.plugins))
	var stops sync.WaitGroup
	for i, p := range h.plugins {
		stops.Go(func() { errs[i] = p.stop() })
	}
	stops.Wait()
	return errors.Join(errors.Join(errs...), shared.supervisor.Close())
}

const (
	defaultStart = 30 * time.Second
	defaultStop  = 5 * time.Second
)

// withDefaults sets the timeouts that an instance does not have.
func withDefaults(i config.Instance) config.Instance {
	section := "[" + contract.KindName(i.Kind) + "_" + i.Name + "] "
	if i.Start.Limit <= 0 {
		i.Start = config.Timeout{Limit: defaultStart, Option: section + "start_timeout"}
	}
	if i.Stop.Limit <= 0 {
		i.Stop = config.Timeout{Limit: defaultStop, Option: section + "stop_timeout"}
	}
	return i
}
