package process

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/hashicorp/go-hclog"
)

// newTestSupervisor returns a Supervisor that is closed with the test.
func newTestSupervisor(t *testing.T) *Supervisor {
	t.Helper()
	s, err := NewSupervisor("/tmp")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// shell returns a command that runs a shell script.
func shell(t *testing.T, s *Supervisor, script string) Command {
	t.Helper()
	path := filepath.Join(t.TempDir(), "script")
	unfinished := path + ".unfinished"
	if err := os.WriteFile(unfinished, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	// A file that was open for writing cannot be executed while another test forks.
	if err := os.Rename(unfinished, path); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	info, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	output, _ := newTestOutput(hclog.Info)
	return Command{
		Executable: &Executable{File: file, Info: info, Path: path, Resolved: path, Script: true},
		Env:        []string{"PATH=" + os.Getenv("PATH")},
		LinkDir:    s.RunDir(),
		Output:     output,
	}
}

func startShell(t *testing.T, s *Supervisor, script string) *Process {
	t.Helper()
	p, err := s.Start(shell(t, s, script))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestExit(t *testing.T) {
	t.Parallel()
	s := newTestSupervisor(t)
	for _, test := range []struct{ script, firstLine, status, lastOutput string }{
		{"exit 0", "", "exited with status 0", "; no output"},
		{"echo first; echo second; exit 3", "first\n", "exited with status 3", `; last output: "second"`},
		{"echo 'no licence' >&2; kill -9 $$", "", "was killed by signal 9 (SIGKILL)", `; last output: "no licence"`},
	} {
		p := startShell(t, s, test.script)
		if got := <-p.FirstLine; got != test.firstLine {
			t.Errorf("%s: the first line is %q", test.script, got)
		}
		<-p.Done()
		if got := p.ExitStatus(); got != test.status {
			t.Errorf("%s: the exit status is %q", test.script, got)
		}
		if got := p.LastOutput(); got != test.lastOutput {
			t.Errorf("%s: the last output is %q", test.script, got)
		}
		// The process ID may be another process's by now.
		p.Kill()
	}
}

// TestEnd ends a process that ignores signals.
func TestEnd(t *testing.T) {
	t.Parallel()
	p := startShell(t, newTestSupervisor(t), "trap '' TERM INT HUP; echo ready; read never <&3")
	<-p.FirstLine
	if got := p.ExitStatus(); got != "" {
		t.Errorf("a running process %s", got)
	}
	if err := p.End(); err != nil {
		t.Fatal(err)
	}
	if got := p.ExitStatus(); got != "was killed by signal 9 (SIGKILL)" {
		t.Errorf("the exit status is %q", got)
	}
}

// TestClose closes a supervisor while a child runs: the end of its thread ends the child.
func TestClose(t *testing.T) {
	t.Parallel()
	s, err := NewSupervisor("/tmp")
	if err != nil {
		t.Fatal(err)
	}
	p := startShell(t, s, "echo ready; exec sleep 3600")
	<-p.FirstLine
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	<-p.Done()
	if got := p.ExitStatus(); got != "was killed by signal 9 (SIGKILL)" {
		t.Errorf("the exit status is %q", got)
	}
	if _, err := os.Stat(s.RunDir()); !os.IsNotExist(err) {
		t.Errorf("the run directory is left: %v", err)
	}
}

// TestLifeline checks that a child sees the end of the lifeline.
func TestLifeline(t *testing.T) {
	t.Parallel()
	s := newTestSupervisor(t)
	p := startShell(t, s, "read line <&3; echo over")
	if err := s.lifelineWrite.Close(); err != nil {
		t.Fatal(err)
	}
	if got := <-p.FirstLine; got != "over\n" {
		t.Errorf("the first line is %q", got)
	}
	<-p.Done()
	// For Close, which closes it again.
	var err error
	if _, s.lifelineWrite, err = os.Pipe(); err != nil {
		t.Fatal(err)
	}
}

func TestReplacedScript(t *testing.T) {
	t.Parallel()
	s := newTestSupervisor(t)
	command, other := shell(t, s, "exit 0"), shell(t, s, "exit 1")
	if err := os.Rename(other.Executable.Path, command.Executable.Path); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Start(command); err == nil || err.Error() != "file was replaced during its verification: run the command again" {
		t.Errorf("the error is %v", err)
	}
}
