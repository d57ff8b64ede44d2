package plugintest

import (
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/go-plugin"
)

// process is the process of a plugin that Binary started.
type process struct {
	client  *plugin.Client
	cmd     *exec.Cmd
	path    string
	options []BinaryOption
	// lifeline is the write end of the pipe, which only the host holds.
	lifeline *os.File
	stopping sync.Once
}

// stop ends the plugin, then kills its process group.
func (p *process) stop() {
	p.stopping.Do(func() {
		killed := make(chan struct{})
		go func() {
			// It does not return while the process is stopped (SIGSTOP).
			p.client.Kill()
			close(killed)
		}()
		select {
		case <-killed:
		case <-time.After(stopTimeout):
		}
		if p.cmd.Process != nil {
			_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		}
		_ = p.lifeline.Close()
	})
}

// exited waits for the process to end and reports whether it did.
func (p *process) exited(patience time.Duration) bool {
	return eventually(patience, p.client.Exited)
}

// eventually waits until a condition holds, and reports whether it does in time.
func eventually(patience time.Duration, holds func() bool) bool {
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline.C:
			return holds()
		}
	}
	return true
}
