// Package process starts and supervises child processes. A child is started from an open, verified
// file, runs in a process group of its own, cannot outlive its parent, and has its output logged at
// a bounded rate. What a child is and how it is called is left to package pluginhost.
package process

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
)

// LifelineFD is the file descriptor of the lifeline in a child: a pipe that reads as ended once the
// parent process has ended. It is the first of exec.Cmd's ExtraFiles.
const LifelineFD = 3

// Supervisor holds what the children of this process share: the thread that starts them, the
// lifeline and the run directory.
type Supervisor struct {
	thread thread
	runDir *runDir
	// The children inherit the reading end; only the parent has the writing end.
	lifelineRead, lifelineWrite *os.File

	mu       sync.Mutex
	children []*Process
}

// NewSupervisor creates a run directory below tempDir and prepares to start children.
func NewSupervisor(tempDir string) (*Supervisor, error) {
	dir, err := newRunDir(tempDir)
	if err != nil {
		return nil, err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("creating the lifeline of the plugins: %w", err), dir.remove())
	}
	return &Supervisor{thread: newThread(), runDir: dir, lifelineRead: read, lifelineWrite: write}, nil
}

// RunDir returns the path of a directory that only this user can enter. Close removes it.
func (s *Supervisor) RunDir() string { return s.runDir.path }

// Start starts a child process.
func (s *Supervisor) Start(command Command) (*Process, error) {
	var p *Process
	var err error
	s.thread.do(func() { p, err = command.start(s.lifelineRead) })
	if err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.children = append(s.children, p)
	}
	return p, err
}

// Close ends every child that still runs and removes the run directory. Start must not be called
// afterwards.
func (s *Supervisor) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, child := range s.children {
		child.Kill()
	}
	s.thread.end()
	return errors.Join(s.lifelineWrite.Close(), s.lifelineRead.Close(), s.runDir.remove())
}

// thread is an operating system thread for starting children: the kernel sends a child its
// parent-death signal when the thread that started it ends (prctl(2), PR_SET_PDEATHSIG), and the Go
// runtime ends threads at any time, except the main thread.
type thread chan func()

func newThread() thread {
	t := make(thread)
	go func() {
		// Never unlocked, so that the thread ends with this function.
		runtime.LockOSThread()
		for call := range t {
			call()
		}
	}()
	return t
}

// do runs a function on the thread and waits for it.
func (t thread) do(call func()) {
	done := make(chan struct{})
	t <- func() {
		defer close(done)
		call()
	}
	<-done
}

// end ends the thread.
func (t thread) end() { close(t) }
