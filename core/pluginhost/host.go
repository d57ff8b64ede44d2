package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

// Options are what a Host needs to know.
type Options struct {
	// Dirs are the directories in which plugins are looked for, in order; see SearchPath.
	Dirs []string
	// Logger gets what the plugins log, each under its kind and name (messenger.ssm). Nil for none.
	Logger hclog.Logger
	// LogLevel is the level at which plugins log; not set: the Logger's.
	LogLevel hclog.Level
	// StartTimeout bounds the start of a plugin with its Describe, and Configure; 0 for 30 s.
	StartTimeout time.Duration
	// CloseTimeout is how long a plugin may take to finish when it is stopped; 0 for 5 s.
	CloseTimeout time.Duration
	// Environ is the environment of which plugins are given the harmless part; nil for the host's own.
	Environ []string
	// TempDir is where the private directory for the plugins' sockets is made; empty for os.TempDir().
	TempDir string
}

// Host runs plugin processes.
type Host struct {
	options Options

	mu      sync.Mutex
	closed  bool
	run     *run
	plugins []*Plugin
}

// run is what all plugin processes of a host share.
type run struct {
	dir    *runDir
	thread *thread
	// The plugins hold the end of the lifeline that reads, the host alone the one that writes.
	lifeline, held *os.File
	// open ends when the host is closed; starts are those under way.
	open   context.Context
	shut   context.CancelFunc
	starts sync.WaitGroup
}

// New makes a Host. It touches nothing until a plugin is looked for or started.
func New(options Options) *Host {
	if options.Logger == nil {
		options.Logger = hclog.NewNullLogger()
	}
	if options.LogLevel == hclog.NoLevel {
		options.LogLevel = options.Logger.GetLevel()
	}
	if options.StartTimeout <= 0 {
		options.StartTimeout = 30 * time.Second
	}
	if options.CloseTimeout <= 0 {
		options.CloseTimeout = 5 * time.Second
	}
	if options.Environ == nil {
		options.Environ = os.Environ()
	}
	if options.TempDir == "" {
		options.TempDir = os.TempDir()
	}
	return &Host{options: options}
}

// Start starts all plugins at once, and asks each what it is. Either all of them run afterwards, in the
// order of the Refs, or none does: then the error holds one line for each that could not be started.
func (h *Host) Start(ctx context.Context, refs []Ref) ([]*Plugin, error) {
	shared, err := h.begin()
	if err != nil {
		return nil, err
	}
	defer shared.starts.Done()
	// Close does not wait for a start to time out.
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(shared.open, func() { cancel(errClosed) })()
	plugins, errs := make([]*Plugin, len(refs)), make([]error, len(refs))
	var starts sync.WaitGroup
	for i, ref := range refs {
		starts.Go(func() { plugins[i], errs[i] = h.start(ctx, shared, ref) })
	}
	starts.Wait()
	if err := errors.Join(errs...); err != nil {
		// They have nothing in hand yet; what goes wrong at their end is not what was asked.
		_ = stopAll(plugins)
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.plugins = append(h.plugins, plugins...)
	return plugins, nil
}

func (h *Host) start(ctx context.Context, shared *run, ref Ref) (*Plugin, error) {
	found, err := h.open(ref)
	if err != nil {
		return nil, err
	}
	defer func() { _ = found.close() }()
	return h.launch(ctx, shared, ref, found)
}

// begin makes what the plugins share, once, and counts one more start that Close has to wait for.
func (h *Host) begin() (*run, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, errClosed
	}
	if h.run == nil {
		dir, err := newRunDir(h.options.TempDir)
		if err != nil {
			return nil, err
		}
		lifeline, held, err := os.Pipe()
		if err != nil {
			return nil, errors.Join(fmt.Errorf("cannot make a pipe for the plugins: %w", err), dir.remove())
		}
		open, shut := context.WithCancel(context.Background())
		h.run = &run{dir: dir, thread: newThread(), lifeline: lifeline, held: held, open: open, shut: shut}
	}
	h.run.starts.Add(1)
	return h.run, nil
}

var errClosed = errors.New("the plugins were already stopped")

// Close lets every plugin finish and ends it, all at the same time and in bounded time, whatever they do.
// It says what they could not finish.
func (h *Host) Close() error {
	h.mu.Lock()
	shared := h.run
	h.closed, h.run = true, nil
	h.mu.Unlock()
	if shared == nil {
		return nil
	}
	shared.shut()
	shared.starts.Wait()
	err := stopAll(h.plugins)
	shared.thread.end()
	return errors.Join(err, shared.held.Close(), shared.lifeline.Close(), shared.dir.remove())
}

func stopAll(plugins []*Plugin) error {
	errs := make([]error, len(plugins))
	var stops sync.WaitGroup
	for i, p := range plugins {
		if p != nil {
			stops.Go(func() { errs[i] = p.stop() })
		}
	}
	stops.Wait()
	return errors.Join(errs...)
}
