package pluginhost

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
)

func TestJournal(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, printed, logged, words string }{
		{"entry", `{"@level":"warn","@message":"full","@module":"part","@timestamp":"2026-01-01T00:00:00Z","n":3,"b":true,"a":["x",1],"s":"y z"}`,
			"[WARN]  m.part: full: a=\"[\\\"x\\\",1]\" b=true n=3 s=\"y z\"\n", ""},
		{"error entry", `{"@level":"error","@message":"broken"}`, "[ERROR] m: broken\n", "broken"},
		{"below the level", `{"@level":"trace","@message":"x"}`, "", ""},
		{"text", "hello\n\n  world  \r\n", "[INFO]  m: hello\n[INFO]  m: world\n", "world"},
		{"without an end", "hello", "[INFO]  m: hello\n", "hello"},
		{"message is no text", `{"@message": 1}`, "[INFO]  m: {\"@message\": 1}\n", `{"@message": 1}`},
		{"level is no text", `{"@level": 1, "@message": "x"}`, "[INFO]  m: {\"@level\": 1, \"@message\": \"x\"}\n", `{"@level": 1, "@message": "x"}`},
		{"level off", `{"@level":"off","@message":"x"}`, "[INFO]  m: {\"@level\":\"off\",\"@message\":\"x\"}\n", `{"@level":"off","@message":"x"}`},
		{"no object", `{"@level":"info","@message":"x"} {}`, "[INFO]  m: {\"@level\":\"info\",\"@message\":\"x\"} {}\n", `{"@level":"info","@message":"x"} {}`},
		{"null", `{"@level":"info","@message":"x","v":null}`, "[INFO]  m: x: v=<nil>\n", ""},
		{"panic", "before\npanic: boom\n\ngoroutine 1 [running]:\nmain.main()\n",
			"[INFO]  m: before\n[ERROR] m: panic: boom\n[ERROR] m: goroutine 1 [running]:\n[ERROR] m: main.main()\n", "panic: boom"},
		{"control characters", "\x1b[2Jcleared\xff", "[INFO]  m: \\x1b[2Jcleared\uFFFD\n", "\x1b[2Jcleared\xff"},
		{"forged line", `{"@level":"info","@message":"x\n2026 [ERROR] host: forged"}`, "[INFO]  m: x\\n2026 [ERROR] host: forged\n", ""},
		{"long line", strings.Repeat("x", longestLine+5) + "\nnext\n", "[INFO]  m: " + strings.Repeat("x", longestLine) + ": dropped_bytes=5\n[INFO]  m: next\n", "next"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var logged log
			j := newJournal(logged.logger(hclog.Debug).Named("m"))
			stream := j.lines()
			// In odd pieces, as pipes give them.
			for rest := test.printed; rest != ""; {
				n := min(7, len(rest))
				if written, err := stream.Write([]byte(rest[:n])); written != n || err != nil {
					t.Fatal(written, err)
				}
				rest = rest[n:]
			}
			stream.flush()
			j.end()
			if got := logged.String(); got != test.logged {
				t.Errorf("the log is\n%q\nand should be\n%q", got, test.logged)
			}
			if got := j.lastWords(); got != test.words {
				t.Errorf("the last words are %q and should be %q", got, test.words)
			}
		})
	}
}

func TestAllowance(t *testing.T) {
	t.Parallel()
	var logged log
	now := time.Unix(1e9, 0)
	j := newJournal(logged.logger(hclog.Debug).Named("m"))
	j.allowance.now = func() time.Time { return now }
	stream := j.lines()
	flood := func(lines int, line string) {
		_, _ = stream.Write([]byte(strings.Repeat(line+"\n", lines)))
	}
	flood(logBurst+20, "a line")
	if got := strings.Count(logged.String(), "a line"); got != logBurst {
		t.Errorf("%d lines of a flood were logged", got)
	}
	flood(10, `{"@level":"debug","@message":"asked for"}`)
	if got := strings.Count(logged.String(), "asked for"); got != 10 {
		t.Errorf("%d of 10 debug entries were logged", got)
	}
	now = now.Add(time.Second)
	flood(logPerSecond+1, "later")
	if got := strings.Count(logged.String(), "later"); got != logPerSecond {
		t.Errorf("%d lines were logged a second later", got)
	}
	j.end()
	if got, want := logged.String(), "[WARN]  m: the plugin logs too much: lines were dropped: lines="; !strings.Contains(got, want+"20\n") || !strings.HasSuffix(got, want+"1\n") {
		t.Errorf("the log ends with %q", got[len(got)-100:])
	}
}

// TestPrinted: whatever a plugin prints, wherever, becomes the host's log.
func TestPrinted(t *testing.T) {
	t.Parallel()
	var logged log
	h := newHost(t, Options{Dirs: []string{pluginDir(t, "caso-messenger-prints")}, Logger: logged.logger(hclog.Info)})
	p := start(t, h, messenger("prints"))
	if _, err := p.Configure(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"[INFO]  messenger.prints: a stray line on os.Stdout\n",
		"[INFO]  messenger.prints: a stray line on os.Stderr\n",
		"[INFO]  messenger.prints: a stray line on descriptor 1\n",
		"[WARN]  messenger.prints.part: an entry: list=\"[\\\"a\\\",\\\"b\\\"]\" n=3\n",
	} {
		eventually(t, want, func() bool { return strings.Contains(logged.String(), want) })
	}
}

// TestFlood: a plugin that prints without measure neither stops nor makes the host grow.
func TestFlood(t *testing.T) {
	var logged log
	h := newHost(t, Options{Dirs: []string{pluginDir(t, "caso-messenger-flood")}, Logger: logged.logger(hclog.Info)})
	p := start(t, h, messenger("flood"))
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	if _, err := p.Configure(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if err := h.Close(); err != nil {
		t.Error(err)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 4<<20 {
		t.Errorf("the host grew by %d bytes", grown)
	}
	text := logged.String()
	if len(text) > 2<<20 {
		t.Errorf("the log grew to %d bytes", len(text))
	}
	for _, want := range []string{`messenger.flood: {"@message": 1}`, fmt.Sprintf("dropped_bytes=%d", 16<<20-longestLine), "the plugin logs too much: lines were dropped: lines="} {
		if !strings.Contains(text, want) {
			t.Errorf("the log lacks %q", want)
		}
	}
}

func FuzzJournal(f *testing.F) {
	for _, seed := range []string{
		"", "text", `{"@message": 1}`, `{"@level":"info","@message":"x","@module":"y","k":{"a":[1,null]}}`, "panic: \xff\x00", "{",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, printed []byte) {
		var logged log
		j := newJournal(logged.logger(hclog.Trace))
		stream := j.lines()
		if n, err := stream.Write(printed); n != len(printed) || err != nil {
			t.Fatal(n, err)
		}
		stream.flush()
		j.end()
		if strings.ContainsAny(logged.String(), "\x1b\x00\r") {
			t.Errorf("control characters reach the log: %q", logged.String())
		}
	})
}
