package run

import (
	"strings"
	"testing"

	"github.com/caso-project/caso/core/report"
)

func TestMasker(t *testing.T) {
	var out strings.Builder
	m := &masker{out: &out}
	if _, err := m.Write([]byte("before setSecrets: hunter2\n")); err != nil {
		t.Fatal(err)
	}
	m.setSecrets([]string{"hunter2", "ab", ""})
	n, err := m.Write([]byte("password=hunter2 in a cab\n"))
	if err != nil || n != len("password=hunter2 in a cab\n") {
		t.Errorf("wrote %d, %v", n, err)
	}
	if want := "before setSecrets: hunter2\npassword=*** in a cab\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
	run := &report.Run{
		Problems:   []report.Problem{{Summary: "hunter2", Detail: "hunter2"}},
		Windows:    []report.WindowResult{{Problems: []report.Problem{{Summary: "hunter2"}}}},
		Messengers: []report.MessengerResult{{Problems: []report.Problem{{Detail: "hunter2"}}}},
	}
	m.maskReport(run)
	out.Reset()
	if err := run.WriteJSON(&out); err != nil || strings.Contains(out.String(), "hunter2") {
		t.Errorf("%v: %s", err, out.String())
	}
}
