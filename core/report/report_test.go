package report

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caso-project/caso/internal/printable"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

func runs() map[string]*Run {
	from := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	window := WindowResult{
		Extractor: "nova", ProjectID: "5500509818834e85ae461af8d76fc61c", ProjectName: "vo-alpha", VO: "alpha.example.org",
		From: from, To: from.Add(time.Hour), Records: 42,
	}
	failed := WindowResult{
		Extractor: "nova", ProjectID: "b5ca10d08b854787b07262bc6c161c1d", ProjectName: "vo-beta", VO: "beta.example.org",
		From: from, To: from.Add(time.Hour), Failed: true,
		Problems: []Problem{
			{Severity: Error, Summary: "listing servers: 502 Bad Gateway.", Detail: "It is tried again in the next run."},
			{Severity: Info, Summary: "asked four times"},
		},
	}
	warned := window
	warned.Problems = []Problem{{Severity: Warning, Summary: "a server was skipped", Resource: "3506ddbe"}}
	republished := window
	republished.Republish = true
	return map[string]*Run{
		"complete": {
			Windows:    []WindowResult{warned},
			Messengers: []MessengerResult{{Name: "ssm", Batches: 1, Records: 42}, {Name: "logstash", Batches: 2, Records: 1}},
			Duration:   1.25,
		},
		"incomplete": {
			Windows: []WindowResult{window, failed},
			Messengers: []MessengerResult{
				{Name: "ssm", Batches: 1, Records: 41, DeadLetters: 1,
					Problems: []Problem{{Severity: Error, Summary: "rejected a record:\ntoo old", Resource: "cloud-1"}}},
				{Name: "logstash", PendingBatches: 1, PendingRecords: 42, OldestPending: &from,
					Problems: []Problem{{Severity: Error, Summary: "127.0.0.1:5000: connection refused"}}},
			},
			Problems: []Problem{
				Errorf("no VO").WithProject("vo-gamma"),
				Infof("no ip records before now"),
			},
			Duration: 61,
		},
		"dry": {DryRun: true, Windows: []WindowResult{republished}, Messengers: []MessengerResult{}, Duration: 0.04},
	}
}

func TestGolden(t *testing.T) {
	for name, run := range runs() {
		var text, json strings.Builder
		if err := run.WriteText(&text); err != nil {
			t.Fatal(err)
		}
		if err := run.WriteJSON(&json); err != nil {
			t.Fatal(err)
		}
		golden(t, name+".txt", text.String())
		golden(t, name+".json", json.String())
	}
}

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("not as in %s (go test -update writes it):\n%s", path, got)
	}
}

// TestWriteTextIsPrintable checks that names and reasons cannot forge a line or drive a terminal.
func TestWriteTextIsPrintable(t *testing.T) {
	const hostile = "a\x1b[2J\u009b\r\ndone:\tb\u202e"
	run := &Run{
		Windows:    []WindowResult{{ProjectID: hostile, ProjectName: "x" + hostile, VO: hostile, Problems: []Problem{Errorf(hostile)}}},
		Messengers: []MessengerResult{{Name: "ssm", Problems: []Problem{Errorf("no").WithDetail(hostile).WithResource(hostile)}}},
	}
	var text, json strings.Builder
	if err := errors.Join(run.WriteText(&text), run.WriteJSON(&json)); err != nil {
		t.Fatal(err)
	}
	if one := strings.ReplaceAll(json.String(), "\n", ""); printable.OneLine(one) != one {
		t.Errorf("got %q", one)
	}
	for line := range strings.Lines(text.String()) {
		if line = strings.TrimSuffix(line, "\n"); printable.OneLine(line) != line || strings.HasPrefix(line, "done:") {
			t.Errorf("got %q", line)
		}
	}
}

func TestLineIsBounded(t *testing.T) {
	line := Errorf("%s", strings.Repeat("é", 5000)).WithDetail("%s", strings.Repeat("x", 5000)).Line("")
	if n := strings.Count(line, "é"); n != maxShown || strings.Count(line, "x") != maxShown {
		t.Errorf("%d characters of the summary: %q", n, line)
	}
}

func TestComplete(t *testing.T) {
	for name, run := range runs() {
		if want := name != "incomplete"; run.Complete() != want {
			t.Errorf("%s: complete is %v", name, run.Complete())
		}
	}
	bad := map[string]Run{
		"an error of the run":     {Problems: []Problem{{Severity: Error}}},
		"an error in a window":    {Windows: []WindowResult{{Problems: []Problem{{Severity: Error}}}}},
		"a failed window":         {Windows: []WindowResult{{Failed: true}}},
		"a pending batch":         {Messengers: []MessengerResult{{PendingBatches: 1}}},
		"a dead letter":           {Messengers: []MessengerResult{{DeadLetters: 1}}},
		"an error of a messenger": {Messengers: []MessengerResult{{Problems: []Problem{{Severity: Error}}}}},
	}
	for name, run := range bad {
		if run.Complete() {
			t.Errorf("a run with %s counts as complete", name)
		}
	}
}

func TestFromDiagnostic(t *testing.T) {
	for severity, want := range map[pluginv1.Diagnostic_Severity]Severity{
		pluginv1.Diagnostic_SEVERITY_UNSPECIFIED: Error,
		pluginv1.Diagnostic_SEVERITY_ERROR:       Error,
		pluginv1.Diagnostic_SEVERITY_WARNING:     Warning,
		pluginv1.Diagnostic_SEVERITY_INFO:        Info,
		77:                                       Error,
	} {
		got := FromDiagnostic(&pluginv1.Diagnostic{Severity: severity, Summary: "odd", ResourceId: "r"})
		if got != (Problem{Severity: want, Summary: "odd", Resource: "r"}) {
			t.Errorf("%v: got %+v", severity, got)
		}
	}
}
