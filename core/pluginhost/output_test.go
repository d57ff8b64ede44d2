package pluginhost

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/caso-project/caso/core/config"
)

// TestPrinted checks that all output of a plugin is logged.
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

// TestFlood checks that a plugin that prints 32 MB neither blocks the host nor fills its memory.
func TestFlood(t *testing.T) {
	var logged log
	h := newHost(t, Options{Dirs: []string{pluginDir(t, "caso-messenger-flood")}, Logger: logged.logger(hclog.Info)})
	flood := messenger("flood")
	// The race detector makes 2.4 million lines slow.
	flood.Start = config.Timeout{Limit: 5 * time.Minute}
	p := start(t, h, flood)
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
		t.Errorf("the heap grew by %d bytes", grown)
	}
	text := logged.String()
	if len(text) > 2<<20 {
		t.Errorf("the log grew to %d bytes", len(text))
	}
	for _, want := range []string{`messenger.flood: {"@message": 1}`, fmt.Sprintf("dropped_bytes=%d", 16<<20-64<<10), "plugin logs too much, lines dropped: lines="} {
		if !strings.Contains(text, want) {
			t.Errorf("the log lacks %q", want)
		}
	}
}
