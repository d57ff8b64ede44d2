package report

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	sdk "github.com/caso-project/caso/internal/oldsdk"
)

func runs() map[string]*Run {
	from := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	window := Window{
		Extractor: "nova", ProjectID: "5500509818834e85ae461af8d76fc61c", ProjectName: "vo-alpha", VO: "alpha.example.org",
		From: from, To: from.Add(time.Hour), Records: 42,
	}
	failed := Window{
		Extractor: "nova", ProjectID: "b5ca10d08b854787b07262bc6c161c1d", ProjectName: "vo-beta", VO: "beta.example.org",
		From: from, To: from.Add(time.Hour), Failed: true,
		Problems: []Problem{
			{Severity: Error, Summary: "listing servers: 502 Bad Gateway.", Detail: "It is tried again in the next run."},
			{Severity: Info, Summary: "asked four times"},
		},
	}
	warned := window
	warned.Problems = []Problem{{Severity: Warning, Summary: "a server was skipped", Resource: "3506ddbe"}}
	return map[string]*Run{
		"complete": {
			Windows:    []Window{warned},
			Messengers: []Messenger{{Name: "ssm", Batches: 1, Records: 42}, {Name: "logstash", Batches: 2, Records: 1}},
			Duration:   1.25,
		},
		"incomplete": {
			Windows: []Window{window, failed},
			Messengers: []Messenger{
				{Name: "ssm", Batches: 1, Records: 41, SetAside: 1,
					Problems: []Problem{{Severity: Error, Summary: "set aside a record\nthat was rejected", Resource: "cloud-1"}}},
				{Name: "logstash", WaitingBatches: 1, WaitingRecords: 42, OldestWaiting: &from,
					Problems: []Problem{{Severity: Error, Summary: "127.0.0.1:5000: connection refused"}}},
			},
			Problems: []Problem{{Severity: Error, Summary: "it has no VO", Project: "vo-gamma"}},
			Duration: 61,
		},
		"dry": {DryRun: true, Windows: []Window{window}, Messengers: []Messenger{}, Duration: 0.04},
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

var update = flag.Bool("update", false, "write the golden files anew")

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
		t.Errorf("not as in %s (go test -update writes it anew):\n%s", path, got)
	}
}

func TestComplete(t *testing.T) {
	for name, run := range runs() {
		if want := name != "incomplete"; run.Complete() != want {
			t.Errorf("%s: complete is %v", name, run.Complete())
		}
	}
	bad := map[string]Run{
		"an error of its own":      {Problems: []Problem{{Severity: Error}}},
		"an error in a window":     {Windows: []Window{{Problems: []Problem{{Severity: Error}}}}},
		"a failed window":          {Windows: []Window{{Failed: true}}},
		"a batch that waits":       {Messengers: []Messenger{{WaitingBatches: 1}}},
		"a record set aside":       {Messengers: []Messenger{{SetAside: 1}}},
		"a messenger with trouble": {Messengers: []Messenger{{Problems: []Problem{{Severity: Error}}}}},
	}
	for name, run := range bad {
		if run.Complete() {
			t.Errorf("a run with %s counts as complete", name)
		}
	}
}

func TestFromDiagnostic(t *testing.T) {
	d := sdk.Errorf("it failed")
	d.Severity = 0
	if FromDiagnostic(d).Severity != Error {
		t.Error("a diagnostic without a severity is no error")
	}
	if got := FromDiagnostic(sdk.Warnf("odd")); got.Severity != Warning || got.Summary != "odd" {
		t.Errorf("got %+v", got)
	}
}
