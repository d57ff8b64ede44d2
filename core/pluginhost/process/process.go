package process

import (
	"bufio"
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

	"github.com/caso-project/caso/internal/printable"
)

const (
	// drainTime bounds the reading of output after the process has ended: a process that it left
	// outside its group may keep the pipes open.
	drainTime = 500 * time.Millisecond
	// killTime is how long the kernel may take to end a killed process.
	killTime = 5 * time.Second
)

// Executable is an open file that was verified. The open file is what is started, whatever happens
// to its name after the verification.
type Executable struct {
	File *os.File
	// Info is of the time of the verification.
	Info fs.FileInfo
	// Path is the file's name, Resolved the same without symbolic links.
	Path, Resolved string
	// Script is true for a file that starts with #!.
	Script bool
}

// Command describes a child process.
type Command struct {
	Executable *Executable
	// Env is its whole environment.
	Env []string
	// LinkDir is a private directory for a link to the executable.
	LinkDir string
	// Output gets the standard error of the process, and its standard output after the first line.
	Output *Output
}

// Process is a child process in a process group of its own.
type Process struct {
	// PID is the process ID.
	PID int
	// FirstLine gets the first line of the standard output. It is closed at the end of that output.
	FirstLine <-chan string

	output *Output
	// done is closed once the process has ended, its group was killed, and its output was read.
	done chan struct{}
	// state is set before done is closed; nil where it cannot be known.
	state *os.ProcessState

	mu     sync.Mutex
	reaped bool
}

// start must be called on the supervisor's thread.
func (c *Command) start(lifeline *os.File) (*Process, error) {
	path, err := c.executablePath()
	if err != nil {
		return nil, err
	}
	stdout, stdoutWrite, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("cannot be started: %w", err)
	}
	defer func() { _ = stdoutWrite.Close() }()
	stderr, stderrWrite, err := os.Pipe()
	if err != nil {
		_ = stdout.Close()
		return nil, fmt.Errorf("cannot be started: %w", err)
	}
	defer func() { _ = stderrWrite.Close() }()
	cmd := &exec.Cmd{
		Path: path,
		// No arguments; the name is the installed one.
		Args:       []string{c.Executable.Path},
		Env:        c.Env,
		Dir:        "/",
		Stdout:     stdoutWrite,
		Stderr:     stderrWrite,
		ExtraFiles: []*os.File{lifeline},
		SysProcAttr: &syscall.SysProcAttr{
			// A signal from the terminal reaches the parent only, and grandchildren can be killed.
			Setpgid: true,
			// For children that do not watch the lifeline.
			Pdeathsig: syscall.SIGKILL,
		},
	}
	err = cmd.Start()
	if path != c.Executable.Resolved {
		_ = os.Remove(path)
	}
	if err != nil {
		_ = stdout.Close()
		_ = stderr.Close()
		return nil, c.explainStart(err)
	}
	firstLine := make(chan string, 1)
	p := &Process{PID: cmd.Process.Pid, FirstLine: firstLine, output: c.Output, done: make(chan struct{})}
	var readers sync.WaitGroup
	readers.Go(func() { readStdout(stdout, firstLine, c.Output.Lines()) })
	readers.Go(func() { copyLines(c.Output.Lines(), stderr) })
	go p.wait(cmd, &readers, stdout, stderr)
	return p, nil
}

// executablePath returns what is executed: a link to the open file that was verified, so that a
// change of its name in between has no effect. The link has the plugin's name because the kernel
// names the process by it.
//
// The interpreter of a script opens it by name, and scripts look for their files beside them; so a
// script is started by its own path, after it was compared with the verified file. The directories
// above it were found to be writable by trusted users only.
func (c *Command) executablePath() (string, error) {
	if c.Executable.Script {
		if !c.Executable.unchanged() {
			return "", errors.New("file was replaced during its verification: run the command again")
		}
		return c.Executable.Resolved, nil
	}
	link := filepath.Join(c.LinkDir, filepath.Base(c.Executable.Path))
	// By the parent's process ID: in the child the descriptor's number may be another file's.
	target := fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), c.Executable.File.Fd())
	if err := os.Symlink(target, link); err != nil {
		return "", fmt.Errorf("cannot be started: %w", err)
	}
	return link, nil
}

// unchanged reports whether the path still leads to the file that was verified.
func (e *Executable) unchanged() bool {
	now, err := os.Lstat(e.Resolved)
	return err == nil && os.SameFile(now, e.Info) && now.Size() == e.Info.Size() &&
		now.ModTime().Equal(e.Info.ModTime())
}

// explainStart returns the reason why the kernel did not execute the file (execve(2), ERRORS).
func (c *Command) explainStart(err error) error {
	switch {
	case errors.Is(err, unix.ETXTBSY):
		return errors.New("file is being written: install plugins by renaming a complete file")
	case errors.Is(err, unix.ENOEXEC):
		return errors.New("not an executable for this machine: install a build for its architecture " +
			"(a script must start with #!)")
	case errors.Is(err, unix.EACCES):
		return errors.New("permission to execute denied: check whether its file system is mounted with noexec")
	case errors.Is(err, fs.ErrNotExist) && c.Executable.Script:
		return errors.New("missing interpreter: install the one in the script's first line, or correct that line")
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("missing loader, or /proc is not mounted: install a build for this system")
	}
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		err = pathError.Err
	}
	return fmt.Errorf("cannot be started: %w", err)
}

// readStdout sends the first line to firstLine and copies the others: a process whose output is not
// read blocks.
func readStdout(stdout io.Reader, firstLine chan<- string, others *Lines) {
	defer close(firstLine)
	reader := bufio.NewReaderSize(stdout, maxLine)
	line, err := reader.ReadSlice('\n')
	if len(line) > 0 {
		firstLine <- string(line)
	}
	if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
		return
	}
	copyLines(others, reader)
}

// copyLines copies until the end; a read error means that too.
func copyLines(lines *Lines, pipe io.Reader) {
	_, _ = io.Copy(lines, pipe)
	lines.Flush()
}

// wait waits for the end. It kills the group before it reaps the process: only until then is the
// number of the group certainly its own.
func (p *Process) wait(cmd *exec.Cmd, readers *sync.WaitGroup, pipes ...*os.File) {
	for {
		err := unix.Waitid(unix.P_PID, p.PID, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	p.Kill()
	drained := make(chan struct{})
	go func() {
		readers.Wait()
		close(drained)
	}()
	select {
	case <-drained:
	case <-time.After(drainTime):
	}
	for _, pipe := range pipes {
		_ = pipe.Close()
	}
	<-drained
	p.mu.Lock()
	p.reaped = true
	// The state has the same information as the error.
	_ = cmd.Wait()
	p.state = cmd.ProcessState
	p.mu.Unlock()
	close(p.done)
}

// Done returns a channel that is closed once the process has ended and its output was read.
func (p *Process) Done() <-chan struct{} { return p.done }

// DoneWithin waits for the end for a bounded time and reports whether it came.
func (p *Process) DoneWithin(limit time.Duration) bool {
	select {
	case <-p.done:
		return true
	case <-time.After(limit):
		return false
	}
}

// Kill kills the process and its group, frozen ones too. It does not wait.
func (p *Process) Kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.reaped {
		_ = unix.Kill(-p.PID, unix.SIGKILL)
	}
}

// End kills the process and its group and waits for the end, for a bounded time.
func (p *Process) End() error {
	p.Kill()
	if !p.DoneWithin(killTime) {
		return fmt.Errorf("process %d has not ended %s after SIGKILL: see its state with \"ps %d\"",
			p.PID, killTime, p.PID)
	}
	return nil
}

// ExitStatus returns how the process ended, such as "exited with status 2"; "" while it runs.
func (p *Process) ExitStatus() string {
	select {
	case <-p.done:
	default:
		return ""
	}
	if p.state == nil {
		return "ended with an unknown status"
	}
	if status, ok := p.state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return fmt.Sprintf("was killed by signal %d (%s)", int(status.Signal()), unix.SignalName(status.Signal()))
	}
	return fmt.Sprintf("exited with status %d", p.state.ExitCode())
}

// LastOutput returns the most likely reason of the end in the output, as the end of a sentence.
func (p *Process) LastOutput() string {
	if cause := p.output.Cause(); cause != "" {
		return "; last output: " + printable.Quote(cause)
	}
	return "; no output"
}
