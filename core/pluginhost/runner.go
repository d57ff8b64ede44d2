package pluginhost

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// runner is a plugin's process as go-plugin wants to have it (its runner.Runner). By its being the one
// that starts the process and reads the handshake, go-plugin sees but one correct line, and its own
// errors, of several lines each, never come up.
type runner struct {
	// ctx ends with the time for the start.
	ctx     context.Context
	thread  *thread
	spawn   spawn
	journal *journal
	name    string

	process   *process
	handshake string
	// started says that the handshake was a correct one.
	started bool
}

// Start starts the process and waits for its handshake. The context is go-plugin's own, which knows
// nothing of the caller's.
func (r *runner) Start(context.Context) error {
	if r.ctx.Err() != nil {
		return r.late()
	}
	first := make(chan string, 1)
	r.spawn.stdout = func(pipe io.Reader) { r.readStdout(pipe, first) }
	r.spawn.stderr = func(pipe io.Reader) {
		stderr := r.journal.lines()
		// Read errors mean what the end means.
		_, _ = io.Copy(stderr, pipe)
		stderr.flush()
	}
	var err error
	r.thread.do(func() { r.process, err = r.spawn.start() })
	if err != nil {
		return err
	}
	if err := r.shakeHands(first); err != nil {
		r.process.kill()
		return err
	}
	r.started = true
	return nil
}

func (r *runner) shakeHands(first <-chan string) error {
	select {
	case line, ok := <-first:
		if !ok {
			return r.silent()
		}
		r.handshake = line
		return checkHandshake(line, r.spawn.links)
	case <-r.ctx.Done():
		return r.late()
	}
}

// readStdout takes the first line for the handshake. Whatever comes later is text for the log, for
// a process that is not read from stops.
func (r *runner) readStdout(pipe io.Reader, first chan<- string) {
	defer close(first)
	reader := bufio.NewReaderSize(pipe, longestLine)
	line, err := reader.ReadSlice('\n')
	if len(line) > 0 {
		first <- string(line)
	}
	if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
		return
	}
	rest := r.journal.lines()
	_, _ = io.Copy(rest, reader)
	rest.flush()
}

// exitGrace is how long the end of a process is waited for whose pipe or connection has ended.
const exitGrace = time.Second

func (r *runner) silent() error {
	if !r.process.goneWithin(exitGrace) {
		return errors.New("it closed its standard output without a handshake: it is no plugin of caso")
	}
	return fmt.Errorf("it %s before it served%s", r.process.ending(), r.said())
}

func (r *runner) late() error {
	if errors.Is(context.Cause(r.ctx), context.DeadlineExceeded) {
		return errors.New("it did not serve in time: it is no plugin of caso, or hangs at its start, or needs a longer timeout")
	}
	return fmt.Errorf("its start was stopped: %w", context.Cause(r.ctx))
}

// said is what the process said last, as the end of a sentence.
func (r *runner) said() string {
	words := r.journal.lastWords()
	if words == "" {
		return " and said nothing"
	}
	return "; its last words: " + quote(words)
}

// Diagnose has nothing to add.
func (r *runner) Diagnose(context.Context) string { return "" }

// Stdout is the handshake and no more.
func (r *runner) Stdout() io.ReadCloser { return io.NopCloser(strings.NewReader(r.handshake + "\n")) }

// Stderr is empty: the journal reads it.
func (r *runner) Stderr() io.ReadCloser { return io.NopCloser(strings.NewReader("")) }

// Name is the path.
func (r *runner) Name() string { return r.name }

// Wait waits for the end of the process.
func (r *runner) Wait(context.Context) error {
	<-r.process.exited
	return nil
}

// Kill ends the process group.
func (r *runner) Kill(context.Context) error {
	if r.process != nil {
		r.process.kill()
	}
	return nil
}

// ID is the process ID; empty before the start.
func (r *runner) ID() string {
	if r.process == nil {
		return ""
	}
	return strconv.Itoa(r.process.pid)
}

// PluginToHost leaves addresses as they are.
func (r *runner) PluginToHost(network, address string) (string, string, error) {
	return network, address, nil
}

// HostToPlugin leaves addresses as they are.
func (r *runner) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}
