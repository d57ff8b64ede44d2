package plugintest

import (
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/go-plugin"
)

// process is a plugin that was started as one.
type process struct {
	client  *plugin.Client
	cmd     *exec.Cmd
	path    string
	options []BinaryOption
	// lifeline is the end of the pipe that only the host holds.
	lifeline *os.File
	stopping sync.Once
}

// stop ends the process group, politely first.
func (p *process) stop() {
	p.stopping.Do(func() {
		killed := make(chan struct{})
		go func() {
			// It never returns when the process is frozen.
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

// exited waits for the process to end by itself.
func (p *process) exited(patience time.Duration) bool {
	return eventually(patience, p.client.Exited)
}

// eventually asks until the answer is yes, or patience is at its end.
func eventually(patience time.Duration, answer func() bool) bool {
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !answer() {
		select {
		case <-tick.C:
		case <-deadline.C:
			return answer()
		}
	}
	return true
}
