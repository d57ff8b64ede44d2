package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sys/unix"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
)

// messenger is a plugin on the SDK. Its name selects what it does.
type messenger struct{ name string }

func serveMessenger(name string) { sdk.ServeMessenger(&messenger{name: name}) }

func (m *messenger) Describe() sdk.Description {
	switch m.name {
	case "hangs":
		select {}
	case "panics":
		panic("no description")
	}
	return sdk.Description{
		Name:        m.name,
		Version:     "1.2.3",
		RecordTypes: sdk.Accepts(sdk.Cloud),
		Options:     []sdk.Option{sdk.StringOption("good", "greeting", "The text of the greeting.")},
	}
}

func (m *messenger) Configure(ctx context.Context, config sdk.Config) error {
	switch m.name {
	case "facts":
		return facts()
	case "crashes":
		go func() { panic("out of luck") }()
		<-ctx.Done()
	case "leaves":
		fmt.Fprintln(os.Stderr, "through go-plugin's server")
		_ = os.Stderr.Sync()
		os.Exit(7)
	case "forks":
		return fork()
	case "prints":
		fmt.Println("a stray line on os.Stdout")
		fmt.Fprintln(os.Stderr, "a stray line on os.Stderr")
		_, _ = unix.Write(1, []byte("a stray line on descriptor 1\n"))
		hclog.FromContext(ctx).Named("part").Warn("an entry", "n", 3, "list", []string{"a", "b"})
	case "flood":
		flood()
	case "slow":
		select {}
	}
	return sdk.Warnf("%s: greeting is %s", config.Instance, config.String("good", "greeting"))
}

func (m *messenger) Deliver(context.Context, *pluginv1.Batch) error { return nil }

func (m *messenger) Close(context.Context) error {
	switch m.name {
	case "unfinished":
		return errors.New("three records are not delivered")
	case "slow":
		select {}
	case "good":
		if path := os.Getenv("TMPDIR"); path != "" {
			return os.WriteFile(filepath.Join(path, "closed"), nil, 0o600)
		}
	}
	return nil
}

// facts returns the environment of the process as warnings KEY=VALUE.
func facts() error {
	var warnings []error
	warn := func(key, value string) { warnings = append(warnings, sdk.Warnf("%s=%s", key, value)) }
	for _, variable := range os.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		warn("env "+name, value)
	}
	dir, _ := os.Getwd()
	stdin, _ := os.Readlink("/proc/self/fd/0")
	comm, _ := os.ReadFile("/proc/self/comm")
	self, _ := os.Executable()
	warn("args", fmt.Sprint(os.Args))
	warn("dir", dir)
	warn("stdin", stdin)
	warn("comm", strings.TrimSpace(string(comm)))
	warn("executable", self)
	warn("group", fmt.Sprint(unix.Getpgrp() == os.Getpid()))
	open, _ := os.ReadDir("/proc/self/fd")
	for _, fd := range open {
		target, _ := os.Readlink("/proc/self/fd/" + fd.Name())
		warn("fd", target)
	}
	return errors.Join(warnings...)
}

// fork starts a process that outlives the tests, and returns its ID in a warning.
func fork() error {
	child := exec.Command("sleep", "3600")
	child.Stdout, child.Stderr = os.NewFile(1, "stdout"), os.NewFile(2, "stderr")
	if err := child.Start(); err != nil {
		return err
	}
	return sdk.Warnf("%d", child.Process.Pid)
}

// flood writes 32 MB on descriptor 2.
func flood() {
	write := func(text string) { _, _ = unix.Write(2, []byte(text)) }
	write("{\"@message\": 1}\n")
	write("{\"@level\": 5, \"@message\": \"x\"}\n")
	write("\xff\x1b[2J\n")
	for range 16 {
		write(strings.Repeat("y", 1<<20))
	}
	write("\n")
	for range 16 {
		write(strings.Repeat("a line\n", 1<<20/7))
	}
}

type extractor struct{ name string }

func serveExtractor(name string) { sdk.ServeExtractor(&extractor{name: name}) }

func (e *extractor) Describe() sdk.Description {
	return sdk.Description{
		Name:        e.name,
		Version:     "4.5.6",
		RecordTypes: sdk.Emits(sdk.Cloud),
	}
}

func (e *extractor) Configure(context.Context, sdk.Config) error {
	if e.name == "facts" {
		return facts()
	}
	return nil
}

func (e *extractor) ListProjects(context.Context, sdk.ListProjectsRequest) ([]*pluginv1.Project, error) {
	return []*pluginv1.Project{{Id: "p1"}}, nil
}

func (e *extractor) Check(context.Context) error { return sdk.Warnf("the cloud is slow") }

func (e *extractor) Extract(ctx context.Context, _ sdk.ExtractRequest, _ sdk.Output) ([]byte, error) {
	if e.name == "waits" {
		// The test waits for this log entry.
		hclog.FromContext(ctx).Info("extracting")
		select {
		case <-ctx.Done():
		case <-time.After(time.Hour):
		}
	}
	return nil, nil
}
