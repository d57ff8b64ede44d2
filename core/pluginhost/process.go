package pluginhost

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// drainTime is how long output is waited for after the process has ended. A process that it left behind
// outside its group may hold the pipes open for ever.
const drainTime = 500 * time.Millisecond

// process is a running plugin, in a process group of its own.
type process struct {
	pid int
	// exited is closed once the process has ended, nothing of its group is left, and its output was read.
	exited chan struct{}
	// state is how it ended; only after exited, and nil where that cannot be known.
	state *os.ProcessState

	mu     sync.Mutex
	reaped bool
}

// spawn is how a process is started.
type spawn struct {
	executable *executable
	env        []string
	// lifeline is the end of a pipe that reads as ended once the host is gone.
	lifeline *os.File
	// links is a private directory.
	links string
	// stdout and stderr read what the process prints until its end; they are called on goroutines of
	// their own.
	stdout, stderr func(io.Reader)
}

// start starts the process; it must be called on the host's thread.
func (s *spawn) start() (*process, error) {
	path, err := s.path()
	if err != nil {
		return nil, err
	}
	outRead, outWrite, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("it cannot be started: %w", err)
	}
	defer func() { _ = outWrite.Close() }()
	errRead, errWrite, err := os.Pipe()
	if err != nil {
		_ = outRead.Close()
		return nil, fmt.Errorf("it cannot be started: %w", err)
	}
	defer func() { _ = errWrite.Close() }()
	cmd := &exec.Cmd{
		Path: path,
		// Without arguments, and with the name that people know.
		Args:       []string{s.executable.Path},
		Env:        s.env,
		Dir:        "/",
		Stdout:     outWrite,
		Stderr:     errWrite,
		ExtraFiles: []*os.File{s.lifeline},
		SysProcAttr: &syscall.SysProcAttr{
			// A signal from the terminal is for the host, and whatever a plugin starts ends with it.
			Setpgid: true,
			// For plugins that do not watch the lifeline.
			Pdeathsig: syscall.SIGKILL,
		},
	}
	err = cmd.Start()
	if path != s.executable.Resolved {
		_ = os.Remove(path)
	}
	if err != nil {
		_ = outRead.Close()
		_ = errRead.Close()
		return nil, s.explain(err)
	}
	p := &process{pid: cmd.Process.Pid, exited: make(chan struct{})}
	var output sync.WaitGroup
	output.Go(func() { s.stdout(outRead) })
	output.Go(func() { s.stderr(errRead) })
	go p.wait(cmd, &output, outRead, errRead)
	return p, nil
}

// path is what is executed: a link to the open file that was verified, so that nothing that happens to
// its name in between is followed. The link has the name of the plugin because the kernel calls the process by it.
//
// The interpreter of a script opens it by name, and scripts look for what belongs to them beside it; so
// they are started from where they are, after one more look. The directories above were found to be
// nobody else's.
func (s *spawn) path() (string, error) {
	if s.executable.script {
		if !s.executable.unchanged() {
			return "", errors.New("it was replaced while it was checked: run the command again")
		}
		return s.executable.Resolved, nil
	}
	link := filepath.Join(s.links, filepath.Base(s.executable.Path))
	// By the host's process ID: in the new process the descriptor's number may be another file's.
	target := fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), s.executable.opened.Fd())
	if err := os.Symlink(target, link); err != nil {
		return "", fmt.Errorf("it cannot be started: %w", err)
	}
	return link, nil
}

// explain says in a reader's words why the kernel did not execute the file.
func (s *spawn) explain(err error) error {
	switch {
	case errors.Is(err, unix.ETXTBSY):
		return errors.New("it is being written to: install plugins by renaming a finished file")
	case errors.Is(err, unix.ENOEXEC):
		return errors.New("it is no program for this machine: install a build for its architecture (a script must start with #!)")
	case errors.Is(err, unix.EACCES):
		return errors.New("the system does not allow to execute it: is it on a file system mounted with noexec?")
	case errors.Is(err, fs.ErrNotExist) && s.executable.script:
		return errors.New("the interpreter that its first line names does not exist: install it, or correct the line")
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("the loader it needs does not exist, or /proc is not mounted: install a build for this system")
	}
	return fmt.Errorf("it cannot be started: %w", reason(err))
}

// wait waits for the end. The group is killed before the process is reaped: only so long is it sure that
// the number of the group is still this one's.
func (p *process) wait(cmd *exec.Cmd, output *sync.WaitGroup, pipes ...*os.File) {
	for {
		err := unix.Waitid(unix.P_PID, p.pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	p.kill()
	read := make(chan struct{})
	go func() {
		output.Wait()
		close(read)
	}()
	select {
	case <-read:
	case <-time.After(drainTime):
	}
	for _, pipe := range pipes {
		_ = pipe.Close()
	}
	<-read
	p.mu.Lock()
	p.reaped = true
	// How it ended is in the state; an error says no more.
	_ = cmd.Wait()
	p.state = cmd.ProcessState
	p.mu.Unlock()
	close(p.exited)
}

// kill ends the process and everything in its group at once, a frozen one too.
func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.reaped {
		_ = unix.Kill(-p.pid, unix.SIGKILL)
	}
}

// ending is how the process ended: "exited with status 2"; empty while it lives.
func (p *process) ending() string {
	select {
	case <-p.exited:
	default:
		return ""
	}
	if p.state == nil {
		return "ended in a way that the system does not tell"
	}
	if status, ok := p.state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return fmt.Sprintf("was killed by signal %d (%s)", int(status.Signal()), unix.SignalName(status.Signal()))
	}
	return fmt.Sprintf("exited with status %d", p.state.ExitCode())
}

// goneWithin waits a bounded time for the end.
func (p *process) goneWithin(limit time.Duration) bool {
	select {
	case <-p.exited:
		return true
	case <-time.After(limit):
		return false
	}
}
