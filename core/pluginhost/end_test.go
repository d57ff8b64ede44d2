package pluginhost

import (
	"context"
	"encoding/json"
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

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// TestExitIsTold: a call that was cut off says how the process ended, and what it said.
func TestExitIsTold(t *testing.T) {
	t.Parallel()
	dir := pluginDir(t, "caso-messenger-crashes", "caso-messenger-leaves", "caso-extractor-waits")
	for name, want := range map[string]string{
		"crashes": `the plugin process exited with status 2; its last words: "panic: out of luck"`,
		"leaves":  `the plugin process exited with status 7`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, Options{Dirs: []string{dir}})
			p := start(t, h, messenger(name))
			_, err := p.Configure(t.Context(), nil)
			prefix := "messenger " + name + ": " + filepath.Join(dir, "caso-messenger-"+name) + ": configuring it: "
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
		p := start(t, h, Ref{Kind: pluginv1.Kind_KIND_EXTRACTOR, Name: "waits"})
		stream, err := p.Extractor().Extract(t.Context(), &pluginv1.ExtractRequest{})
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "begin of the call", func() bool { return strings.Contains(logged.String(), "extracting") })
		if p.Exited() != nil {
			t.Error("the process is said to have ended before it has")
		}
		kill(t, p.PID(), syscall.SIGKILL)
		_, err = stream.Recv()
		if got := fmt.Sprint(p.Explain(err)); !strings.HasPrefix(got, "the plugin process was killed by signal 9 (SIGKILL)") {
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
		"the plugin did not answer in time": func() error {
			_, err := p.Client().Describe(late, &pluginv1.DescribeRequest{})
			return err
		},
		"the call was stopped": func() error {
			_, err := p.Client().Describe(stopped, &pluginv1.DescribeRequest{})
			return err
		},
		"the plugin does not serve this call of the contract": func() error {
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

// TestCloseIsBounded closes plugins that do not want to end.
func TestCloseIsBounded(t *testing.T) {
	t.Parallel()
	dir := pluginDir(t, "caso-messenger-stubborn", "caso-messenger-slow", "caso-messenger-frozen", "caso-messenger-unfinished")
	for name, want := range map[string]string{
		"stubborn":   "messenger stubborn: closing it: the plugin did not answer in time",
		"slow":       "messenger slow: closing it: the plugin did not answer in time",
		"frozen":     "messenger frozen: closing it: the plugin did not answer in time",
		"unfinished": "messenger unfinished: closing it: three records are still on the desk",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			temp := tempDir(t)
			h := newHost(t, Options{Dirs: []string{dir}, CloseTimeout: 200 * time.Millisecond, TempDir: temp})
			p := start(t, h, messenger(name))
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

// TestGroupEnds: what a plugin started ends with it, however it ends.
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
	said, err := p.Configure(t.Context(), nil)
	if err != nil || len(said) != 1 {
		t.Fatal(said, err)
	}
	pid, err := strconv.Atoi(said[0].GetSummary())
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

const hostEnv = "CASO_TEST_HOST"

// following are the plugins that a killed host leaves to themselves: on the SDK, without it, and with
// the SDK's lifeline alone.
var following = []string{"good", "stubborn", "lifeline"}

// TestKilledHost kills a host with SIGKILL: no plugin is left, and the next host cleans up.
func TestKilledHost(t *testing.T) {
	t.Parallel()
	dir, temp := pluginDir(t), tempDir(t)
	for _, name := range following {
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
	// A host that lives is not cleaned up after.
	living, globErr := filepath.Glob(filepath.Join(temp, runDirPrefix+"*"))
	other := newHost(t, Options{Dirs: []string{dir}, TempDir: temp})
	_ = start(t, other, messenger("good"))
	if closeErr := other.Close(); closeErr != nil {
		t.Error(closeErr)
	}
	still, stillErr := filepath.Glob(filepath.Join(temp, runDirPrefix+"*"))
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
	if len(pids) != len(following) {
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

// runHost is the main of the host that is killed.
func runHost() {
	var refs []Ref
	for _, name := range following {
		refs = append(refs, messenger(name))
	}
	plugins, err := New(Options{Dirs: []string{os.Getenv(hostEnv)}}).Start(context.Background(), refs)
	if err != nil {
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
	// Not for ever, in case that the test does not come to kill it.
	<-time.After(time.Minute)
}
