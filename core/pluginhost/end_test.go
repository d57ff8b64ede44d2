package pluginhost

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/caso-project/caso/core/config"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// TestExit checks the error of a call during which the process ends.
func TestExit(t *testing.T) {
	t.Parallel()
	dir := pluginDir(t, "caso-messenger-crashes", "caso-messenger-leaves", "caso-extractor-waits")
	for name, want := range map[string]string{
		"crashes": `plugin process exited with status 2; last output: "panic: out of luck"`,
		"leaves":  `plugin process exited with status 7`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, Options{Dirs: []string{dir}})
			p := start(t, h, messenger(name))
			_, err := p.Configure(t.Context(), nil)
			prefix := "messenger " + name + ": calling Configure: "
			if err == nil || !strings.HasPrefix(err.Error(), prefix+want) {
				t.Errorf("the error is\n%v\nand should be\n%s", err, prefix+want)
			}
			if err := h.Close(); err != nil {
				t.Errorf("closing after the end: %v", err)
			}
		})
	}
	t.Run("waits", func(t *testing.T) {
		t.Parallel()
		var logged log
		h := newHost(t, Options{Dirs: []string{dir}, Logger: logged.logger(hclog.Info)})
		p := start(t, h, extractor("waits"))
		stream, err := p.Extractor().Extract(t.Context(), &pluginv1.ExtractRequest{})
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "begin of the call", func() bool { return strings.Contains(logged.String(), "extracting") })
		if p.Exited() != nil {
			t.Error("a running process has exited")
		}
		kill(t, p.PID(), syscall.SIGKILL)
		_, err = stream.Recv()
		if got := fmt.Sprint(p.Explain(err)); !strings.HasPrefix(got, "plugin process was killed by signal 9 (SIGKILL)") {
			t.Errorf("the error is %s", got)
		}
	})
}

func TestExplain(t *testing.T) {
	t.Parallel()
	h := newHost(t, Options{Dirs: []string{pluginDir(t, "caso-messenger-good")}})
	p := start(t, h, messenger("good"))
	late, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	stopped, stop := context.WithCancel(t.Context())
	stop()
	for want, call := range map[string]func() error{
		"no answer in time": func() error {
			_, err := p.Client().Describe(late, &pluginv1.DescribeRequest{})
			return err
		},
		"call canceled": func() error {
			_, err := p.Client().Describe(stopped, &pluginv1.DescribeRequest{})
			return err
		},
		"call not implemented by the plugin": func() error {
			_, err := p.Extractor().ListProjects(t.Context(), &pluginv1.ListProjectsRequest{})
			return err
		},
	} {
		if err := p.Explain(call()); err == nil || err.Error() != want {
			t.Errorf("the error is %v and should be %q", err, want)
		}
	}
	if err := p.Explain(nil); err != nil {
		t.Error(err)
	}
}

// TestCallTimeouts checks that the error of a call without answer has the option that bounds it.
func TestCallTimeouts(t *testing.T) {
	t.Parallel()
	h := newHost(t, Options{Dirs: []string{pluginDir(t, "caso-messenger-slow")}})
	p := start(t, h, messenger("slow"))
	if p.Instance.Start.Limit != 30*time.Second || p.Instance.Stop.String() != "5s ([messenger_slow] stop_timeout)" {
		t.Errorf("the default timeouts are %s and %s", p.Instance.Start, p.Instance.Stop)
	}
	p.Instance.Start.Limit = 50 * time.Millisecond
	_, err := p.Configure(t.Context(), nil)
	if want := "messenger slow: no answer to Configure within 50ms ([messenger_slow] start_timeout)"; errorText(err) != want {
		t.Errorf("the error is %v and should be %s", err, want)
	}
	// A deadline of the caller is not the option's.
	p.Instance.Start.Limit = time.Minute
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = p.Configure(ctx, nil)
	if want := "messenger slow: calling Configure: no answer in time"; errorText(err) != want {
		t.Errorf("the error is %v and should be %s", err, want)
	}
	p.Instance.Stop.Limit = 50 * time.Millisecond
}

// TestCloseIsBounded closes plugins that do not end by themselves.
func TestCloseIsBounded(t *testing.T) {
	t.Parallel()
	dir := pluginDir(t, "caso-messenger-stubborn", "caso-messenger-slow", "caso-messenger-frozen", "caso-messenger-unfinished")
	for name, want := range map[string]string{
		"stubborn":   "messenger stubborn: no answer to Close within 200ms ([messenger_stubborn] stop_timeout)",
		"slow":       "messenger slow: no answer to Close within 200ms ([messenger_slow] stop_timeout)",
		"frozen":     "messenger frozen: no answer to Close within 200ms ([messenger_frozen] stop_timeout)",
		"unfinished": "messenger unfinished: closing: three records are not delivered",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			temp := tempDir(t)
			h := newHost(t, Options{Dirs: []string{dir}, TempDir: temp})
			instance := messenger(name)
			instance.Stop = config.Timeout{Limit: 200 * time.Millisecond, Option: "[messenger_" + name + "] stop_timeout"}
			p := start(t, h, instance)
			if name == "frozen" {
				kill(t, p.PID(), syscall.SIGSTOP)
				eventually(t, "stop of the process", func() bool { return stopped(p.PID()) })
			}
			begin := time.Now()
			err := h.Close()
			if took := time.Since(begin); took > 3*time.Second {
				t.Errorf("Close took %s", took)
			}
			if err == nil || err.Error() != want {
				t.Errorf("the error is %v and should be %s", err, want)
			}
			mustBeGone(t, p.PID())
			mustBeEmpty(t, temp)
		})
	}
}

// TestGroupEnds checks that the child processes of a plugin end with it.
func TestGroupEnds(t *testing.T) {
	t.Parallel()
	dir := pluginDir(t, "caso-messenger-forks")
	for how, end := range map[string]func(*Host, *Plugin) error{
		"closed": func(h *Host, _ *Plugin) error { return h.Close() },
		"killed": func(_ *Host, p *Plugin) error { return syscall.Kill(p.PID(), syscall.SIGKILL) },
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, Options{Dirs: []string{dir}})
			p := start(t, h, messenger("forks"))
			child := grandchild(t, p)
			if !alive(child) {
				t.Fatal("there is no grandchild")
			}
			if err := end(h, p); err != nil {
				t.Error(err)
			}
			<-p.Done()
			mustBeGone(t, child)
		})
	}
}

func grandchild(t *testing.T, p *Plugin) int {
	t.Helper()
	diagnostics, err := p.Configure(t.Context(), nil)
	if err != nil || len(diagnostics) != 1 {
		t.Fatal(diagnostics, err)
	}
	pid, err := strconv.Atoi(diagnostics[0].GetSummary())
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

const hostEnv = "CASO_TEST_HOST"

// orphans are the plugins of a host that is killed: one on the SDK, one without it, and one that
// has the SDK's lifeline but no parent-death signal.
var orphans = []string{"good", "stubborn", "lifeline"}

// TestKilledHost kills a host with SIGKILL: its plugins end, and the next host removes its run
// directory.
func TestKilledHost(t *testing.T) {
	t.Parallel()
	dir, temp := pluginDir(t), tempDir(t)
	for _, name := range orphans {
		linkBinary(t, filepath.Join(dir, "caso-messenger-"+name))
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	host := exec.Command(self)
	host.Env = append(os.Environ(), hostEnv+"="+dir, "TMPDIR="+temp)
	host.Stderr = os.Stderr
	stdout, err := host.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := host.Start(); err != nil {
		t.Fatal(err)
	}
	var pids []int
	err = json.NewDecoder(stdout).Decode(&pids)
	// The run directory of a living host is not removed.
	living, globErr := filepath.Glob(filepath.Join(temp, "caso-plugins-*"))
	other := newHost(t, Options{Dirs: []string{dir}, TempDir: temp})
	_ = start(t, other, messenger("good"))
	if closeErr := other.Close(); closeErr != nil {
		t.Error(closeErr)
	}
	still, stillErr := filepath.Glob(filepath.Join(temp, "caso-plugins-*"))
	for _, pid := range pids {
		if !alive(pid) {
			t.Errorf("process %d did not live as long as its host", pid)
		}
	}
	if killErr := host.Process.Kill(); killErr != nil {
		t.Fatal(killErr)
	}
	_ = host.Wait()
	if err != nil || globErr != nil || stillErr != nil {
		t.Fatal(err, globErr, stillErr)
	}
	if len(pids) != len(orphans) {
		t.Fatalf("the host started %v", pids)
	}
	if len(living) != 1 || len(still) != 1 || living[0] != still[0] {
		t.Errorf("beside a living host its directories went from %v to %v", living, still)
	}
	mustBeGone(t, pids...)
	next := newHost(t, Options{Dirs: []string{dir}, TempDir: temp})
	_ = start(t, next, messenger("good"))
	if _, err := os.Stat(living[0]); !os.IsNotExist(err) {
		t.Errorf("%s of a killed host was left behind", living[0])
	}
	if err := next.Close(); err != nil {
		t.Error(err)
	}
	mustBeEmpty(t, temp)
}

// runHost is the main function of the host that is killed.
func runHost() {
	var instances []config.Instance
	for _, name := range orphans {
		instances = append(instances, messenger(name))
	}
	plugins, errs := New(Options{Dirs: []string{os.Getenv(hostEnv)}}).Start(context.Background(), instances)
	if err := errors.Join(errs...); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var pids []int
	for _, p := range plugins {
		pids = append(pids, p.PID())
	}
	if err := json.NewEncoder(os.Stdout).Encode(pids); err != nil {
		os.Exit(1)
	}
	// Bounded, in case the test does not kill it.
	<-time.After(time.Minute)
}
