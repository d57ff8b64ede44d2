package process

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
)

// logBuffer is a log in memory.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func newTestOutput(level hclog.Level) (*Output, *logBuffer) {
	logged := &logBuffer{}
	logger := hclog.New(&hclog.LoggerOptions{Level: level, Output: logged, DisableTime: true})
	return NewOutput(logger.Named("m")), logged
}

func TestOutput(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, printed, logged, cause string }{
		{"entry", `{"@level":"warn","@message":"full","@module":"part","@timestamp":"2026-01-01T00:00:00Z","n":3,"b":true,"a":["x",1],"s":"y z"}`,
			"[WARN]  m.part: full: a=\"[\\\"x\\\",1]\" b=true n=3 s=\"y z\"\n", ""},
		{"error entry", `{"@level":"error","@message":"broken"}`, "[ERROR] m: broken\n", "broken"},
		{"below the level", `{"@level":"trace","@message":"x"}`, "", ""},
		{"text", "hello\n\n  world  \r\n", "[INFO]  m: hello\n[INFO]  m: world\n", "hello"},
		{"without an end", "hello", "[INFO]  m: hello\n", "hello"},
		{"message of another type", `{"@message": 1}`, "[INFO]  m: {\"@message\": 1}\n", `{"@message": 1}`},
		{"level of another type", `{"@level": 1, "@message": "x"}`, "[INFO]  m: {\"@level\": 1, \"@message\": \"x\"}\n",
			`{"@level": 1, "@message": "x"}`},
		{"level off", `{"@level":"off","@message":"x"}`, "[INFO]  m: {\"@level\":\"off\",\"@message\":\"x\"}\n",
			`{"@level":"off","@message":"x"}`},
		{"two objects", `{"@level":"info","@message":"x"} {}`, "[INFO]  m: {\"@level\":\"info\",\"@message\":\"x\"} {}\n",
			`{"@level":"info","@message":"x"} {}`},
		{"null", `{"@level":"info","@message":"x","v":null}`, "[INFO]  m: x: v=<nil>\n", ""},
		{"panic", "before\npanic: boom\n\ngoroutine 1 [running]:\nmain.main()\n",
			"[INFO]  m: before\n[ERROR] m: panic: boom\n[ERROR] m: goroutine 1 [running]:\n[ERROR] m: main.main()\n", "panic: boom"},
		{"control characters", "\x1b[2Jcleared\xff", "[INFO]  m: \\x1b[2Jcleared\uFFFD\n", "\x1b[2Jcleared\xff"},
		{"forged line", `{"@level":"info","@message":"x\n2026 [ERROR] host: forged"}`,
			"[INFO]  m: x\\n2026 [ERROR] host: forged\n", ""},
		{"long line", strings.Repeat("x", maxLine+5) + "\nnext\n",
			"[INFO]  m: " + strings.Repeat("x", maxLine) + ": dropped_bytes=5\n[INFO]  m: next\n", "next"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			output, logged := newTestOutput(hclog.Debug)
			stream := output.Lines()
			// In small pieces, as pipes return them.
			for rest := test.printed; rest != ""; {
				n := min(7, len(rest))
				if written, err := stream.Write([]byte(rest[:n])); written != n || err != nil {
					t.Fatal(written, err)
				}
				rest = rest[n:]
			}
			stream.Flush()
			output.Close()
			if got := logged.String(); got != test.logged {
				t.Errorf("the log is\n%q\nand should be\n%q", got, test.logged)
			}
			if got := output.Cause(); got != test.cause {
				t.Errorf("the cause is %q and should be %q", got, test.cause)
			}
		})
	}
}

func TestLogLimit(t *testing.T) {
	t.Parallel()
	output, logged := newTestOutput(hclog.Debug)
	now := time.Unix(1e9, 0)
	output.now = func() time.Time { return now }
	stream := output.Lines()
	flood := func(lines int, line string) {
		_, _ = stream.Write([]byte(strings.Repeat(line+"\n", lines)))
	}
	flood(logBurst+20, "a line")
	if got := strings.Count(logged.String(), "a line"); got != logBurst {
		t.Errorf("%d lines of a flood were logged", got)
	}
	flood(10, `{"@level":"debug","@message":"on demand"}`)
	if got := strings.Count(logged.String(), "on demand"); got != 10 {
		t.Errorf("%d of 10 debug entries were logged", got)
	}
	now = now.Add(time.Second)
	flood(logPerSecond+1, "later")
	if got := strings.Count(logged.String(), "later"); got != logPerSecond {
		t.Errorf("%d lines were logged a second later", got)
	}
	output.Close()
	want := "[WARN]  m: plugin logs too much, lines dropped: lines="
	if got := logged.String(); !strings.Contains(got, want+"20\n") || !strings.HasSuffix(got, want+"1\n") {
		t.Errorf("the log ends with %q", got[len(got)-100:])
	}
}

func FuzzOutput(f *testing.F) {
	for _, seed := range []string{
		"", "text", `{"@message": 1}`, `{"@level":"info","@message":"x","@module":"y","k":{"a":[1,null]}}`,
		"panic: \xff\x00", "{", "thread 'main' panicked at x:\n", "Traceback (most recent call last):\n \nE",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, printed []byte) {
		output, logged := newTestOutput(hclog.Trace)
		stream := output.Lines()
		if n, err := stream.Write(printed); n != len(printed) || err != nil {
			t.Fatal(n, err)
		}
		stream.Flush()
		output.Close()
		if strings.ContainsAny(logged.String(), "\x1b\x00\r") {
			t.Errorf("control characters reach the log: %q", logged.String())
		}
	})
}
