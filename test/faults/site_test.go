package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caso-project/caso/core/report"
	"github.com/caso-project/caso/test/standin"
)

// maxRun is longer than any run of these tests takes. A run that has not ended by then hangs.
const maxRun = 60 * time.Second

// messageRecords is [ssm] max_size, small enough that a batch becomes several messages.
const messageRecords = 20

// site is an installation of caso with a cloud of its own. Its programs are hard links, whose paths
// identify its processes.
type site struct {
	t     *testing.T
	dir   string
	cloud *standin.Cloud
	// settings are the configuration: section, option, value.
	settings map[string]map[string]string
	// user is who runs caso; nil for the tests' own user.
	user *syscall.Credential
}

// newSite installs what build made and starts a stand-in cloud.
func newSite(t *testing.T, bin string, options standin.Options) *site {
	t.Helper()
	// t.TempDir() is too long for the path of a socket.
	dir, err := os.MkdirTemp("/tmp", "cf-")
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	must(t, os.Chmod(dir, 0o755))
	s := &site{t: t, dir: dir}
	for _, sub := range []string{"bin", "bin/plugins", "t"} {
		must(t, os.Mkdir(s.path(sub), 0o755))
	}
	for _, pattern := range []string{"*", "plugins/*"} {
		programs, err := filepath.Glob(filepath.Join(bin, pattern))
		must(t, err)
		for _, program := range programs {
			name, err := filepath.Rel(bin, program)
			must(t, err)
			if name != "plugins" {
				must(t, os.Link(program, s.path("bin", name)))
			}
		}
	}
	options.Seed = max(options.Seed, 1)
	s.cloud = standin.New(options)
	url, stop, err := s.cloud.Listen("127.0.0.1:0")
	must(t, err)
	t.Cleanup(stop)
	s.settings = map[string]map[string]string{
		"DEFAULT":       {"site_name": "FAULTS", "messengers": "ssm", "spooldir": s.path("spool")},
		"keystone_auth": {"auth_url": url, "username": standin.AccountingUser, "password": standin.AccountingPassword},
		"ssm":           {"output_path": s.path("out"), "max_size": fmt.Sprint(messageRecords)},
		"logstash":      {"host": "127.0.0.1", "timeout": "5"},
	}
	return s
}

func (s *site) path(parts ...string) string {
	return filepath.Join(append([]string{s.dir}, parts...)...)
}

func (s *site) set(section, option, value string) {
	if s.settings[section] == nil {
		s.settings[section] = map[string]string{}
	}
	s.settings[section][option] = value
}

// configure writes the configuration file.
func (s *site) configure() string {
	var text strings.Builder
	for _, section := range slices.Sorted(maps.Keys(s.settings)) {
		fmt.Fprintf(&text, "[%s]\n", section)
		for _, option := range slices.Sorted(maps.Keys(s.settings[section])) {
			fmt.Fprintf(&text, "%s = %s\n", option, s.settings[section][option])
		}
	}
	file := s.path("caso.conf")
	must(s.t, os.WriteFile(file, []byte(text.String()), 0o600))
	if s.user != nil {
		must(s.t, os.Chown(file, int(s.user.Uid), int(s.user.Gid)))
	}
	return file
}

// running is a caso process.
type running struct {
	site    *site
	command *exec.Cmd
	cancel  context.CancelFunc
	started time.Time
	stdout  bytes.Buffer
	stderr  bytes.Buffer
}

// result is the outcome of a command.
type result struct {
	status         int // -1 where a signal ended it
	stdout, stderr string
	took           time.Duration
}

// start starts a caso command with the site's configuration.
func (s *site) start(arguments ...string) *running {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), maxRun)
	r := &running{site: s, cancel: cancel, started: time.Now()}
	r.command = exec.CommandContext(ctx, s.path("bin", "caso"), append(arguments, "--config-file", s.configure())...)
	r.command.Env = []string{"PATH=/usr/bin:/bin", "HOME=" + s.dir, "TMPDIR=" + s.path("t")}
	r.command.Stdout, r.command.Stderr = &r.stdout, &r.stderr
	r.command.SysProcAttr = &syscall.SysProcAttr{Credential: s.user}
	// A plugin that outlives its host would hold the pipes open.
	r.command.WaitDelay = 5 * time.Second
	must(s.t, r.command.Start())
	return r
}

// wait waits for the end, which must come within maxRun.
func (r *running) wait() result {
	r.site.t.Helper()
	err := r.command.Wait()
	defer r.cancel()
	got := result{status: r.command.ProcessState.ExitCode(), stdout: r.stdout.String(), stderr: r.stderr.String(), took: time.Since(r.started)}
	if got.took >= maxRun {
		r.site.t.Fatalf("caso did not end within %s\n%s%s", maxRun, got.stdout, got.stderr)
	}
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		r.site.t.Fatalf("caso: %v\n%s%s", err, got.stdout, got.stderr)
	}
	if strings.Contains(got.stderr, "goroutine ") && !strings.Contains(got.stderr, "caso.extractor.faulty") && !strings.Contains(got.stderr, "caso.messenger.faulty") {
		r.site.t.Errorf("a process panicked:\n%s", got.stderr)
	}
	return got
}

// run runs a command, which must end with this status.
func (s *site) run(status int, arguments ...string) result {
	s.t.Helper()
	got := s.start(arguments...).wait()
	if got.status != status {
		s.t.Fatalf("caso %v: exit status %d, want %d\n%s%s", arguments, got.status, status, got.stdout, got.stderr)
	}
	return got
}

// extract runs `caso extract`, which must end with this status, and returns its report.
func (s *site) extract(status int, arguments ...string) report.Run {
	s.t.Helper()
	return s.report(s.run(status, append([]string{"extract", "--output", "json"}, arguments...)...))
}

// deliver runs `caso deliver`, which must end with this status, and returns its report.
func (s *site) deliver(status int) report.Run {
	s.t.Helper()
	return s.report(s.run(status, "deliver", "--output", "json"))
}

func (s *site) report(got result) report.Run {
	s.t.Helper()
	var run report.Run
	if err := json.Unmarshal([]byte(got.stdout), &run); err != nil {
		s.t.Fatalf("reading the report: %v\n%s%s", err, got.stdout, got.stderr)
	}
	return run
}

// messenger returns the result of a messenger.
func messenger(t *testing.T, run report.Run, name string) report.MessengerResult {
	t.Helper()
	for _, m := range run.Messengers {
		if m.Name == name {
			return m
		}
	}
	t.Fatalf("the report does not contain messenger %s", name)
	return report.MessengerResult{}
}

// problemLines returns the errors and warnings of one messenger or window, one string each.
func problemLines(problems []report.Problem) []string {
	var all []string
	for _, p := range problems {
		if p.Severity != report.Info {
			all = append(all, p.Line(""))
		}
	}
	return all
}

// checkLine checks that there is exactly one line, and that it contains these parts.
func checkLine(t *testing.T, got []string, parts ...string) {
	t.Helper()
	if len(got) != 1 {
		t.Fatalf("%d lines, want one with %q:\n%s", len(got), parts, strings.Join(got, "\n"))
	}
	for _, part := range parts {
		if !strings.Contains(got[0], part) {
			t.Errorf("%q does not contain %q", got[0], part)
		}
	}
}
