package pluginhost

import (
	"context"
	"errors"
	"fmt"
	"time"

	sdk "github.com/caso-project/caso/internal/oldsdk"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

const (
	// endGrace is how long a plugin that has closed may take to end by itself: go-plugin's server needs a
	// few milliseconds.
	endGrace = time.Second
	// killGrace is how long the kernel may take to end a killed process.
	killGrace = 5 * time.Second
)

// stop lets the plugin finish, then ends it: by asking, and by force where that does not help.
func (p *Plugin) stop() error {
	var failure error
	if p.serving && p.Exited() == nil {
		var answered bool
		if answered, failure = p.close(); answered {
			p.ask(endGrace)
		}
	}
	return errors.Join(failure, p.end())
}

// close asks the plugin to finish what it has in hand, and says whether it answered.
func (p *Plugin) close() (answered bool, _ error) {
	ctx, cancel := context.WithTimeout(context.Background(), p.closeTimeout)
	defer cancel()
	response, err := p.Client().Close(ctx, &pluginv1.CloseRequest{})
	if err != nil {
		return false, fmt.Errorf("%s: closing it: %w", p.Ref, p.Explain(err))
	}
	var failures []error
	for _, diagnostic := range response.GetDiagnostics() {
		if sdk.IsError(diagnostic) {
			failures = append(failures, fmt.Errorf("%s: closing it: %s", p.Ref, printable(diagnostic.GetSummary())))
			continue
		}
		p.journal.logger.Warn(printable(diagnostic.GetSummary()), "while", "closing")
	}
	return true, errors.Join(failures...)
}

// ask lets go-plugin tell the process to end. go-plugin itself never gives up on one that does not answer.
func (p *Plugin) ask(limit time.Duration) {
	asked := make(chan struct{})
	go func() {
		p.client.Kill()
		close(asked)
	}()
	select {
	case <-asked:
	case <-p.Done():
	case <-time.After(limit):
	}
}

// end kills what is left of the process and lets go of everything that belongs to it.
func (p *Plugin) end() error {
	process := p.runner.process
	if process == nil {
		return nil
	}
	process.kill()
	if !process.goneWithin(killGrace) {
		return fmt.Errorf("%s: process %d does not end although it was killed: the system is in trouble (see its state in ps)", p.Ref, process.pid)
	}
	// With the process gone this returns at once. It closes the connection and removes the socket.
	p.ask(killGrace)
	p.stdout.flush()
	p.stderr.flush()
	p.journal.end()
	return nil
}
