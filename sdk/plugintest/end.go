package plugintest

import (
	"context"
	"syscall"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// end tries how the plugin ends, which leaves no plugin.
func (s *suite) end(run run) {
	if s.process != nil {
		s.processes(run)
	}
	run("close_answers", func(t tb) {
		response, err := s.Close(s.patience(t), &pluginv1.CloseRequest{})
		if err != nil {
			t.Fatalf("Close: %v", err)
		}
		s.checkDiagnostics(t, "Close", response.GetDiagnostics())
	})
}

// processes tries what only a process of its own can show.
func (s *suite) processes(run run) {
	run("process_ends_with_host", func(t tb) {
		plugin := s.again(t)
		_ = plugin.process.lifeline.Close()
		if !plugin.process.exited(s.settings.Patience) {
			t.Errorf("the host is gone (its end of the lifeline is closed), but the plugin still runs after %s", s.settings.Patience)
		}
	})
	run("process_ignores_signals", func(t tb) {
		plugin := s.again(t)
		for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
			if err := plugin.process.cmd.Process.Signal(signal); err != nil {
				t.Fatalf("sending %v: %v", signal, err)
			}
			if _, err := plugin.Describe(s.patience(t), &pluginv1.DescribeRequest{}); err != nil {
				t.Fatalf("the plugin did not survive %v, which a batch in flight would not either: %v", signal, err)
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
				t.Errorf("started by hand, without the cookie, the plugin ended with status 0: nobody would see that it did nothing")
			}
		case <-ctx.Done():
			_ = cmd.Process.Kill()
			t.Errorf("started by hand, without the cookie, the plugin waits for a host that will never come, until it is killed (%v)", <-ended)
		}
	})
}
