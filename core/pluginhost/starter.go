package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/caso-project/caso/core/config"
	"github.com/caso-project/caso/core/pluginhost/process"
)

// exitGrace bounds the wait for the end of a process whose pipe or connection has ended.
const exitGrace = time.Second

// starter starts the process for go-plugin, as its runner.Runner. It reads the handshake itself, so
// that go-plugin gets a correct one only and reports none of its errors of several lines.
type starter struct {
	// ctx is canceled at the end of the time for the start.
	ctx        context.Context
	limit      config.Timeout
	supervisor *process.Supervisor
	command    process.Command

	process *process.Process
	// handshake is set once it was checked.
	handshake string
}

// Start starts the process and waits for its handshake. The argument is go-plugin's own context,
// which does not depend on the caller's.
func (s *starter) Start(context.Context) error {
	if s.ctx.Err() != nil {
		return s.canceled()
	}
	var err error
	if s.process, err = s.supervisor.Start(s.command); err != nil {
		return err
	}
	if err := s.readHandshake(); err != nil {
		s.process.Kill()
		return err
	}
	return nil
}

func (s *starter) readHandshake() error {
	select {
	case line, ok := <-s.process.FirstLine:
		if !ok {
			return s.noHandshake()
		}
		if err := checkHandshake(line, s.command.LinkDir); err != nil {
			return err
		}
		s.handshake = line
		return nil
	case <-s.ctx.Done():
		return s.canceled()
	}
}

func (s *starter) noHandshake() error {
	if !s.process.DoneWithin(exitGrace) {
		return errors.New("closed its standard output without a handshake: the file is not a caso plugin")
	}
	return fmt.Errorf("%s before the handshake%s", s.process.ExitStatus(), s.process.LastOutput())
}

// canceled returns the error of a start whose context has ended.
func (s *starter) canceled() error {
	if errors.Is(context.Cause(s.ctx), errTimeout) {
		return fmt.Errorf("did not start within %s: check that the file is a caso plugin, or raise the timeout", s.limit)
	}
	return fmt.Errorf("start canceled: %w", context.Cause(s.ctx))
}

// Stdout returns the handshake only.
func (s *starter) Stdout() io.ReadCloser { return io.NopCloser(strings.NewReader(s.handshake + "\n")) }

// Stderr returns an empty reader: the process's Output reads the standard error.
func (s *starter) Stderr() io.ReadCloser { return io.NopCloser(strings.NewReader("")) }

// Name returns the path of the executable.
func (s *starter) Name() string { return s.command.Executable.Path }

// Diagnose returns nothing: the errors of Start are complete.
func (s *starter) Diagnose(context.Context) string { return "" }

// Wait waits for the end of the process.
func (s *starter) Wait(context.Context) error {
	<-s.process.Done()
	return nil
}

// Kill kills the process group.
func (s *starter) Kill(context.Context) error {
	if s.process != nil {
		s.process.Kill()
	}
	return nil
}

// ID returns the process ID; "" before the start.
func (s *starter) ID() string {
	if s.process == nil {
		return ""
	}
	return strconv.Itoa(s.process.PID)
}

// PluginToHost returns the address unchanged: both sides see the same file system.
func (s *starter) PluginToHost(network, address string) (string, string, error) {
	return network, address, nil
}

// HostToPlugin returns the address unchanged, as PluginToHost does.
func (s *starter) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}
