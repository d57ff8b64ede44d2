package faults

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/caso-project/caso/core/report"
	"github.com/caso-project/caso/test/standin"
)

// testMessengers runs a messenger that misbehaves. The other messenger delivers, the run ends in
// bounded time and reports the cause in one line, and a run in which the messenger works delivers
// all records in order.
func testMessengers(t *testing.T, bin string) {
	for mode, want := range map[string][]string{
		"crashes":                   {"exited with status 2", "panic: out of luck"},
		"is killed":                 {"was killed by signal 9"},
		"hangs":                     {"did not acknowledge a batch within 2s ([messenger_faulty] timeout)"},
		"leaks memory":              {"exited with status 2", "out of memory"},
		"fails at the start":        {"I would rather not"},
		"ends the stream":           {"ended the stream before it acknowledged the last batch"},
		"fails the stream":          {`lost it\nsomewhere`},
		"answers for another batch": {`acknowledged batch "another" instead of`},
		"answers nothing":           {`acknowledged batch "" instead of`},
		"gives no reason":           {"the messenger gave no reason"},
		"names no result":           {"the messenger gave no reason"},
		"sends 32 MB":               {"larger than max"},
	} {
		t.Run(strings.ReplaceAll(mode, " ", "-"), func(t *testing.T) {
			t.Parallel()
			s := faultySite(t, bin, mode)
			// Also the timeout of the plugin's start, which is slow on a busy machine.
			s.set("messenger_faulty", "timeout", "20")
			if mode == "hangs" {
				s.set("messenger_faulty", "timeout", "2")
			}
			run := s.extract(1)
			s.checkNoProcessLeft()
			checkLine(t, problemLines(messenger(t, run, "faulty").Problems), want...)
			checkOthersDelivered(t, s, run)
			// Without a new extraction both messengers get the same records.
			s.set("faulty", "mode", "behaves")
			s.deliver(0)
			if got, want := s.delivered(), s.spooled(); !slices.Equal(got, want) {
				t.Errorf("%d records arrived, want %d in this order", len(got), len(want))
			}
		})
	}
	t.Run("rejects-a-record-of-another-batch", func(t *testing.T) {
		t.Parallel()
		s := faultySite(t, bin, "rejects a record of another batch")
		run := s.extract(0)
		checkLine(t, problemLines(messenger(t, run, "faulty").Problems), `not in the batch: "another"; ignored`)
		checkOthersDelivered(t, s, run)
	})
	t.Run("second-answer", func(t *testing.T) {
		t.Parallel()
		// The second answer is noticed with the second batch.
		s := faultySite(t, bin, "answers twice", standin.Options{ServersPerProject: 800})
		run := s.extract(1)
		checkLine(t, problemLines(messenger(t, run, "faulty").Problems), "acknowledged batch")
		checkOthersDelivered(t, s, run)
	})
	t.Run("hangs-at-shutdown", func(t *testing.T) {
		t.Parallel()
		s := faultySite(t, bin, "hangs at shutdown")
		s.set("messenger_faulty", "timeout", "2")
		got := s.run(1, "extract")
		s.checkNoProcessLeft()
		var errorLines []string
		for line := range strings.Lines(got.stdout) {
			if strings.HasPrefix(line, "error: ") {
				errorLines = append(errorLines, line)
			}
		}
		checkLine(t, errorLines, "messenger faulty", "no answer to Close within 2s ([messenger_faulty] timeout)")
		if got, want := s.delivered(), s.spooled(); !slices.Equal(got, want) {
			t.Errorf("%d records arrived, want %d in this order", len(got), len(want))
		}
	})
	t.Run("floods-stderr", func(t *testing.T) {
		t.Parallel()
		s := faultySite(t, bin, "floods stderr")
		got := s.run(0, "extract")
		s.checkNoProcessLeft()
		if len(got.stderr) > 2<<20 || !strings.Contains(got.stderr, "plugin logs too much, lines dropped") {
			t.Errorf("%d bytes of log", len(got.stderr))
		}
		if got, want := s.delivered(), s.spooled(); !slices.Equal(got, want) {
			t.Errorf("%d records arrived, want %d in this order", len(got), len(want))
		}
	})
}

// faultySite returns a site with the messengers ssm and faulty.
func faultySite(t *testing.T, bin, mode string, options ...standin.Options) *site {
	s := newSite(t, bin, append(options, standin.Options{})[0])
	s.set("DEFAULT", "messengers", "faulty, ssm")
	s.set("faulty", "mode", mode)
	s.set("faulty", "path", s.path("delivered"))
	return s
}

// delivered returns the records that messenger faulty accepted, in order.
func (s *site) delivered() []string {
	s.t.Helper()
	file, err := os.Open(s.path("delivered"))
	must(s.t, err)
	defer func() { _ = file.Close() }()
	var all []string
	for decoder := json.NewDecoder(file); decoder.More(); {
		var line string
		must(s.t, decoder.Decode(&line))
		all = append(all, line)
	}
	return all
}

// spooled returns the records in the SSM spool, in order.
func (s *site) spooled() []string {
	s.t.Helper()
	messages, temporary := readSpool(s.t, s.path("out"))
	if len(temporary) > 0 {
		s.t.Errorf("temporary files: %v", temporary)
	}
	return keys(messages)
}

// checkOthersDelivered checks that the SSM spool contains all records that were extracted.
func checkOthersDelivered(t *testing.T, s *site, run report.Run) {
	t.Helper()
	extracted := 0
	for _, window := range run.Windows {
		if window.Failed {
			t.Errorf("a window failed: %v", problemLines(window.Problems))
		}
		extracted += window.Records
	}
	ssm := messenger(t, run, "ssm")
	if extracted == 0 || ssm.Records != extracted || ssm.PendingBatches != 0 || len(s.spooled()) != extracted {
		t.Errorf("%d records were extracted, delivered: %s", extracted, fmt.Sprint(ssm))
	}
}
