package pluginhost

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/caso-project/caso/core/config"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

func TestMain(m *testing.M) {
	if os.Getenv(hostEnv) != "" {
		runHost()
		return
	}
	// gRPC must not use a proxy to connect to a plugin; nothing listens at this address.
	_ = os.Setenv("HTTPS_PROXY", "http://127.0.0.1:9")
	status := m.Run()
	if buildDir != "" {
		_ = os.RemoveAll(buildDir)
	}
	os.Exit(status)
}

var buildDir string

// binary builds testdata/plugin once, at the first use.
var binary = sync.OnceValues(func() (string, error) {
	var err error
	if buildDir, err = os.MkdirTemp("/tmp", "pluginhost"); err != nil {
		return "", err
	}
	path := filepath.Join(buildDir, "plugin")
	if output, err := exec.Command("go", "build", "-o", path, "./testdata/plugin").CombinedOutput(); err != nil {
		return "", fmt.Errorf("building testdata/plugin: %w: %s", err, output)
	}
	// Whatever the umask is.
	return path, errors.Join(os.Chmod(path, 0o755), os.Chmod(buildDir, 0o755))
})

func linkBinary(t testing.TB, path string) {
	t.Helper()
	built, err := binary()
	if err == nil {
		err = os.Link(built, path)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// tempDir returns a directory that no other user can write to, whatever the umask is.
func tempDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "ph")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// pluginDir returns a directory with the test plugin under several names. They are links, not
// copies: a file that this process has written cannot be executed while another test forks.
func pluginDir(t testing.TB, files ...string) string {
	t.Helper()
	dir := tempDir(t)
	for _, file := range files {
		linkBinary(t, filepath.Join(dir, file))
	}
	return dir
}

// script writes a shell script into a directory.
func script(t *testing.T, dir, file, text string) {
	t.Helper()
	unfinished := filepath.Join(dir, ".unfinished")
	if err := os.WriteFile(unfinished, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(unfinished, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(unfinished, filepath.Join(dir, file)); err != nil {
		t.Fatal(err)
	}
}

// newHost returns a host that is closed with the test.
func newHost(t *testing.T, options Options) *Host {
	t.Helper()
	if options.TempDir == "" {
		options.TempDir = tempDir(t)
	}
	h := New(options)
	t.Cleanup(func() { _ = h.Close() })
	return h
}

// messenger and extractor return an instance with the name of its plugin.
func messenger(name string) config.Instance {
	return config.Instance{Kind: pluginv1.Kind_KIND_MESSENGER, Name: name, Plugin: name}
}

func extractor(name string) config.Instance {
	return config.Instance{Kind: pluginv1.Kind_KIND_EXTRACTOR, Name: name, Plugin: name}
}

// start starts one plugin, which must succeed.
func start(t *testing.T, h *Host, instance config.Instance) *Plugin {
	t.Helper()
	plugins, errs := h.Start(t.Context(), []config.Instance{instance})
	if errs[0] != nil {
		t.Fatal(errs[0])
	}
	return plugins[0]
}

// log is a log in memory.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *log) logger(level hclog.Level) hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{Level: level, Output: l, DisableTime: true})
}

// state returns the state of a process as ps shows it; "" for no process.
func state(pid int) string {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	// The state follows the name in parentheses.
	return strings.Fields(string(status[bytes.LastIndexByte(status, ')')+1:]))[0]
}

// alive reports whether a process runs; a zombie does not.
func alive(pid int) bool {
	s := state(pid)
	return s != "" && s != "Z"
}

// stopped reports whether SIGSTOP has stopped every thread of a process.
func stopped(pid int) bool {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	for _, thread := range threads {
		id, convErr := strconv.Atoi(filepath.Base(thread))
		if convErr != nil || state(id) != "T" {
			return false
		}
	}
	return err == nil && len(threads) > 0
}

// eventually polls a condition that has no event.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(10 * time.Second)
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("this did not happen within 10 s: %s", what)
		}
	}
}

func mustBeGone(t *testing.T, pids ...int) {
	t.Helper()
	for _, pid := range pids {
		eventually(t, fmt.Sprintf("end of process %d", pid), func() bool { return !alive(pid) })
	}
}

func mustBeEmpty(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		t.Errorf("%s was left behind in %s", entry.Name(), dir)
	}
}

func kill(t *testing.T, pid int, signal syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(pid, signal); err != nil {
		t.Fatal(err)
	}
}
