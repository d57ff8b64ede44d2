package cli

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/caso-project/caso/core/run"
)

func TestExitStatus(t *testing.T) {
	full := errors.New("no space left on device")
	tests := map[string]struct {
		err, writeErr error
		status        int
		stderr        string
	}{
		"no error":            {status: 0},
		"usage":               {err: usageErrorf("missing subcommand"), status: 2, stderr: "caso: missing subcommand\n"},
		"printed already":     {err: &exitError{status: exitIncomplete}, status: 1},
		"configuration":       {err: &run.Error{Kind: run.Configuration, Err: errors.New("bad")}, status: 2, stderr: "caso: bad\n"},
		"locked":              {err: &run.Error{Kind: run.Locked, Err: errors.New("busy")}, status: 75, stderr: "caso: busy\n"},
		"the disk is full":    {err: &run.Error{Kind: run.Incomplete, Err: full}, status: 1, stderr: "caso: no space left on device\n"},
		"anything else":       {err: errors.New("odd"), status: 70, stderr: "caso: internal error: odd\n"},
		"stdout failed":       {writeErr: full, status: 1, stderr: "caso: writing to standard output: no space left on device\n"},
		"stdout failed first": {err: full, writeErr: full, status: 1, stderr: "caso: writing to standard output: no space left on device\n"},
		"two lines":           {err: usageErrorf("one\ntwo"), status: 2, stderr: "caso: one\ncaso: two\n"},
		"control characters":  {err: usageErrorf("a\x1b[2Jb"), status: 2, stderr: "caso: a [2Jb\n"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var stderr strings.Builder
			if got := exitStatus(test.err, test.writeErr, &stderr); got != test.status || stderr.String() != test.stderr {
				t.Errorf("got %d, %q", got, stderr.String())
			}
		})
	}
}

// A panic exits with 70, not with the 2 of the Go runtime, which is the status of a usage error.
func TestPanic(t *testing.T) {
	var stdout, stderr strings.Builder
	world := World{
		Stdout: &stdout, Stderr: &stderr, Home: t.TempDir(),
		Getenv: func(string) string { return "" }, Environ: func() []string { return nil },
		Now: func() time.Time { panic("no clock") },
	}
	if got := Main([]string{"caso", "plugins", "list"}, world); got != exitInternal {
		t.Errorf("exit status %d", got)
	}
	if !strings.HasPrefix(stderr.String(), "caso: internal error: no clock\n") {
		t.Errorf("stderr %q", stderr.String())
	}
}
