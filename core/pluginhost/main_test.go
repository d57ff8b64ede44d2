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

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

func TestMain(m *testing.M) {
	if os.Getenv(hostEnv) != "" {
		runHost()
		return
	}
	// gRPC must not ask a proxy for the way to a plugin; this one answers nobody.
	_ = os.Setenv("HTTPS_PROXY", "http://127.0.0.1:9")
	status := m.Run()
	if buildDir != "" {
		_ = os.RemoveAll(buildDir)
	}
	os.Exit(status)
}

var buildDir string

// binary builds the plugin of testdata/plugin, once and only for tests that start it.
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

// tempDir is a directory that nobody else can write to, whatever the umask is.
func tempDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "ph")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// pluginDir is a directory that holds the test plugin under several names. Links and not copies: a file
// that this process has written cannot be executed while another test forks.
func pluginDir(t testing.TB, files ...string) string {
	t.Helper()
	dir := tempDir(t)
	for _, file := range files {
		linkBinary(t, filepath.Join(dir, file))
	}
	return dir
}

// script puts a shell script into a directory.
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

// newHost is a host of one plugin directory that is closed with the test.
func newHost(t *testing.T, options Options) *Host {
	t.Helper()
	if options.TempDir == "" {
		options.TempDir = tempDir(t)
	}
	h := New(options)
	t.Cleanup(func() { _ = h.Close() })
	return h
}

func messenger(name string) Ref {
	return Ref{Kind: pluginv1.Kind_KIND_MESSENGER, Name: name}
}

// start starts one plugin, which must work.
func start(t *testing.T, h *Host, ref Ref) *Plugin {
	t.Helper()
	plugins, err := h.Start(t.Context(), []Ref{ref})
	if err != nil {
		t.Fatal(err)
	}
	return plugins[0]
}

// log is what plugins logged.
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

// state is a process's as ps shows it; empty where there is none.
func state(pid int) string {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	// It follows the name, which is in parentheses.
	return strings.Fields(string(status[bytes.LastIndexByte(status, ')')+1:]))[0]
}

// alive does not count a zombie, which waits for whoever adopted it.
func alive(pid int) bool {
	s := state(pid)
	return s != "" && s != "Z"
}

// stopped says whether every thread of a process has taken notice of SIGSTOP.
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

// eventually polls what has no event to wait for.
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
