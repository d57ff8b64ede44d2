// Package guardian runs the processes of one server below a process that ends them all and removes
// their directory as soon as the process that started it has ended, however it ended.
//
// The guardian is the same executable again. It becomes the parent of every orphan among its
// descendants (PR_SET_CHILD_SUBREAPER in prctl(2)), and notices the end of its own parent by the
// end of its standard input.
package guardian

import (
	"errors"
	"fmt"
	"io"
	"net/rpc"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// variable holds the directory of a guardian.
const variable = "CASO_ENGINES_GUARDIAN"

// endTime is how long the kernel may take to end killed processes, and the guardian to remove the
// directory.
const endTime = 30 * time.Second

// Guardian is a running guardian.
type Guardian struct {
	command *exec.Cmd
	client  *rpc.Client
}

// Command describes a process.
type Command struct {
	Args []string
	// Output is the file to which standard output and standard error are appended.
	Output string
	// UID and GID are the process's user and group, if the guardian runs as root.
	UID, GID uint32
	// Dir is the working directory, and that of temporary files.
	Dir string
}

// Start starts the guardian of a directory. The executable must call ServeIfGuardian.
func Start(dir string) (*Guardian, error) {
	command := exec.Command("/proc/self/exe", "-test.run=^$")
	command.Args[0] = "guardian of " + dir
	command.Env = []string{variable + "=" + dir, "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"}
	command.Dir = "/"
	command.Stderr = os.Stderr
	// Signals from the terminal reach the parent only.
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	stdin, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	g := &Guardian{command: command, client: rpc.NewClient(connection{stdout, stdin})}
	if err := g.call("Ping", 0, endTime); err != nil {
		return nil, errors.Join(fmt.Errorf("starting the guardian of a server: %w "+
			"(TestMain must call engines.Shared.Main)", err), g.Close())
	}
	return g, nil
}

// Run runs a command and waits for its end.
func (g *Guardian) Run(command Command, timeout time.Duration) error {
	return g.call("Run", command, timeout)
}

// Launch starts the server.
func (g *Guardian) Launch(command Command) error { return g.call("Launch", command, endTime) }

// Signal sends a signal to the server.
func (g *Guardian) Signal(signal syscall.Signal) error {
	return g.call("Signal", int(signal), endTime)
}

// SignalAll sends SIGSTOP, SIGCONT or SIGKILL to the server and all its descendants, and returns
// when they are stopped, continued or gone.
func (g *Guardian) SignalAll(signal syscall.Signal) error {
	return g.call("SignalAll", int(signal), endTime)
}

// Running reports whether the server or one of its descendants runs.
func (g *Guardian) Running() (bool, error) {
	var running bool
	err := g.client.Call("Guardian.Running", 0, &running)
	return running, err
}

// Wait waits until the server and all its descendants have ended.
func (g *Guardian) Wait(timeout time.Duration) error { return g.call("Wait", 0, timeout) }

// Close kills all processes, removes the directory and ends the guardian.
func (g *Guardian) Close() error {
	err := g.client.Close()
	ended := make(chan error, 1)
	go func() { ended <- g.command.Wait() }()
	select {
	case waitErr := <-ended:
		return errors.Join(err, waitErr)
	case <-time.After(endTime):
		return errors.Join(err, g.command.Process.Kill(), fmt.Errorf("guardian did not end within %s", endTime))
	}
}

func (g *Guardian) call(method string, argument any, timeout time.Duration) error {
	var reply bool
	call := g.client.Go("Guardian."+method, argument, &reply, make(chan *rpc.Call, 1))
	select {
	case <-call.Done:
		return call.Error
	case <-time.After(timeout):
		return fmt.Errorf("no answer from the guardian of a server within %s", timeout)
	}
}

// connection is a pair of pipes.
type connection struct {
	io.ReadCloser
	writer io.WriteCloser
}

func (c connection) Write(p []byte) (int, error) { return c.writer.Write(p) }

func (c connection) Close() error { return errors.Join(c.writer.Close(), c.ReadCloser.Close()) }
