package faults

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caso-project/caso/test/standin"
)

// prompt is how long a run may take to end after a signal. It has ten seconds for the batch in
// flight.
const prompt = 8 * time.Second

// testSignals sends signals in each stage of a run.
func testSignals(t *testing.T, bin string) {
	for name, signal := range map[string]syscall.Signal{"SIGTERM": syscall.SIGTERM, "SIGINT": syscall.SIGINT} {
		t.Run("extracting "+name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, bin, standin.Options{})
			asked, end := blockServerList(s)
			r := s.start("extract", "--output", "json")
			<-asked
			ended := s.endBySignal(r, signal)
			run := s.report(ended)
			if ended.status != 1 {
				t.Errorf("exit status %d, want 1\n%s", ended.status, ended.stderr)
			}
			for _, window := range run.Windows {
				checkLine(t, problemLines(window.Problems), "interrupted")
			}
			end()
			if next := s.extract(0); len(next.Windows) != len(run.Windows) {
				t.Errorf("the next run has %d windows, want %d", len(next.Windows), len(run.Windows))
			}
		})
	}
	t.Run("extracting twice", func(t *testing.T) {
		t.Parallel()
		s := newSite(t, bin, standin.Options{})
		asked, end := blockServerList(s)
		defer end()
		r := s.start("extract")
		<-asked
		s.endBySecondSignal(r, false)
	})
	t.Run("batch in flight", func(t *testing.T) {
		t.Parallel()
		// Each project has several batches.
		s := newSite(t, bin, standin.Options{ServersPerProject: 800})
		s.set("DEFAULT", "messengers", "logstash")
		s.set("logstash", "timeout", "30")
		got, release := make(chan string, 1), make(chan struct{})
		s.peer(t, func(c *net.TCPConn) {
			text, _ := io.ReadAll(c)
			got <- string(text)
			<-release
		})
		r := s.start("extract", "--output", "json")
		first := <-got
		must(t, r.command.Process.Signal(syscall.SIGTERM))
		// The receiver confirms the batch after the signal.
		close(release)
		begun := time.Now()
		ended := r.wait()
		if took := time.Since(begun); took > prompt || ended.status != 1 {
			t.Errorf("exit status %d after %s\n%s%s", ended.status, took, ended.stdout, ended.stderr)
		}
		s.checkNoProcessLeft()
		run := s.report(ended)
		logstash := messenger(t, run, "logstash")
		if logstash.Batches == 0 {
			t.Errorf("the batch in flight was not acknowledged: %+v", logstash)
		}
		checkLine(t, problemLines(logstash.Problems), "interrupted; the batches stay pending")
		// A batch that was delivered in the first run is not delivered again.
		rest := newReceiver(t, 0)
		s.set("logstash", "port", fmt.Sprint(rest.port()))
		s.deliver(0)
		rest.stop()
		had := map[any]bool{}
		for line := range strings.Lines(first) {
			had[document(t, line)["document_id"]] = true
		}
		later := 0
		for _, batch := range rest.batches() {
			for _, line := range batch {
				later++
				if had[document(t, line)["document_id"]] {
					t.Fatalf("delivered twice: %s", line)
				}
			}
		}
		if later != logstash.PendingRecords || later == 0 {
			t.Errorf("%d records were delivered later, %d were pending", later, logstash.PendingRecords)
		}
	})
	t.Run("batch in flight twice", func(t *testing.T) {
		t.Parallel()
		s := newSite(t, bin, standin.Options{})
		s.set("DEFAULT", "messengers", "logstash")
		s.set("logstash", "timeout", "30")
		got := make(chan struct{}, 1)
		s.peer(t, func(c *net.TCPConn) {
			_, _ = io.Copy(io.Discard, c)
			got <- struct{}{}
			readForever(c)
		})
		r := s.start("extract")
		<-got
		s.endBySecondSignal(r, true)
	})
	t.Run("batch that is never acknowledged", func(t *testing.T) {
		t.Parallel()
		s := faultySite(t, bin, "hangs")
		// Shorter than the time for the batch in flight, so that the test is short.
		s.set("messenger_faulty", "timeout", "3")
		r := s.start("extract")
		s.until(maxRun, "nothing is delivered", func() bool { _, err := readDir(s.path("out")); return err == nil })
		if got := s.endBySignal(r, syscall.SIGTERM); got.status != 1 {
			t.Errorf("exit status %d\n%s%s", got.status, got.stdout, got.stderr)
		}
	})
	t.Run("during the start", func(t *testing.T) {
		t.Parallel()
		s := newSite(t, bin, standin.Options{})
		r := s.start("extract")
		s.until(maxRun, "no plugin is started", func() bool { return len(s.plugins()) > 0 })
		if got := s.endBySignal(r, syscall.SIGTERM); got.status == 0 || strings.Contains(got.stderr, "panic") {
			t.Errorf("exit status %d\n%s%s", got.status, got.stdout, got.stderr)
		}
		if left := s.leftovers(); len(left) > 0 {
			t.Errorf("files remain in TMPDIR: %v", left)
		}
	})
}

// blockServerList blocks the requests for the list of servers until end is called, and sends to
// asked for each of them.
func blockServerList(s *site) (asked <-chan struct{}, end func()) {
	requests := make(chan struct{}, 100)
	end = s.cloud.Fault(standin.Fault{Match: standin.On("GET", "/servers/detail"), Serve: func(_ http.ResponseWriter, r *http.Request) {
		requests <- struct{}{}
		<-r.Context().Done()
	}})
	return requests, end
}

// endBySignal sends a signal and waits for the end of the run, which must come promptly.
func (s *site) endBySignal(r *running, signal syscall.Signal) result {
	s.t.Helper()
	must(s.t, r.command.Process.Signal(signal))
	begun := time.Now()
	got := r.wait()
	if took := time.Since(begun); took > prompt {
		s.t.Errorf("the run ended after %s\n%s%s", took, got.stdout, got.stderr)
	}
	s.checkNoProcessLeft()
	return got
}

// endBySecondSignal sends signals until the process ends. It sends more than two, because the
// kernel merges signals that are pending at the same time.
func (s *site) endBySecondSignal(r *running, inFlight bool) {
	s.t.Helper()
	done := make(chan struct{})
	go func() {
		ticker := time.NewTicker(20 * time.Millisecond)
		defer ticker.Stop()
		for {
			_ = r.command.Process.Signal(syscall.SIGTERM)
			select {
			case <-done:
				return
			case <-ticker.C:
			}
		}
	}()
	begun := time.Now()
	got := r.wait()
	close(done)
	// Without a batch in flight the first signal may end the run.
	if took := time.Since(begun); took > 3*time.Second || got.status != -1 && (got.status != 1 || inFlight) {
		s.t.Errorf("exit status %d after %s, want an immediate end by the signal\n%s%s", got.status, took, got.stdout, got.stderr)
	}
	s.checkNoProcessLeft()
	// The next run continues.
	s.set("DEFAULT", "messengers", "ssm")
	s.cloud.ClearFaults()
	s.extract(0)
}
