package plugintest

import (
	"context"
	"syscall"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// testEnd tests how the plugin ends.
func (s *suite) testEnd(run runRule) {
	if s.process != nil {
		s.testProcess(run)
	}
	run("close_answers", func(t tb) {
		response, err := s.Close(s.deadline(t), &pluginv1.CloseRequest{})
		if err != nil {
			t.Fatalf("Close: %v", err)
		}
		s.checkDiagnostics(t, "Close", response.GetDiagnostics())
	})
}

// testProcess tests what only a process of its own can show.
func (s *suite) testProcess(run runRule) {
	run("process_ends_with_host", func(t tb) {
		plugin := s.startAnother(t)
		_ = plugin.process.lifeline.Close()
		if !plugin.process.exited(s.settings.Patience) {
			t.Errorf("the plugin still runs %s after its lifeline was closed", s.settings.Patience)
		}
	})
	run("process_ignores_signals", func(t tb) {
		plugin := s.startAnother(t)
		for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
			if err := plugin.process.cmd.Process.Signal(signal); err != nil {
				t.Fatalf("sending %v: %v", signal, err)
			}
			if _, err := plugin.Describe(s.deadline(t), &pluginv1.DescribeRequest{}); err != nil {
				t.Fatalf("the plugin does not answer after %v: %v", signal, err)
			}
		}
	})
	run("process_by_hand", func(t tb) {
		cmd := command(s.process.path, s.process.options)
		ended := make(chan error, 1)
		if err := cmd.Start(); err != nil {
			t.Fatalf("starting the plugin by hand: %v", err)
		}
		go func() { ended <- cmd.Wait() }()
		ctx, cancel := context.WithTimeout(t.Context(), s.settings.Patience)
		defer cancel()
		select {
		case err := <-ended:
			if err == nil {
				t.Errorf("started by hand, without the cookie, the plugin exits with status 0: it must exit with another")
			}
		case <-ctx.Done():
			_ = cmd.Process.Kill()
			t.Errorf("started by hand, without the cookie, the plugin waits for a host until it is killed (%v)", <-ended)
		}
	})
}
