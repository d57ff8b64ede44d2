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

	sdk "github.com/caso-project/caso/internal/oldsdk"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// messenger is a plugin on the SDK. What it does in Configure depends on its name.
type messenger struct{ name string }

func serveMessenger(name string) { sdk.ServeMessenger(&messenger{name: name}) }

func (m *messenger) Describe() sdk.Description {
	switch m.name {
	case "hangs":
		select {}
	case "panics":
		panic("no idea who I am")
	}
	return sdk.Description{
		Name:        m.name,
		Version:     "1.2.3",
		RecordTypes: []pluginv1.RecordType{pluginv1.RecordType_RECORD_TYPE_CLOUD},
		Options: []*pluginv1.Option{{
			Section: "good", Name: "greeting", Type: pluginv1.OptionType_OPTION_TYPE_STRING, Help: "What to say.",
		}},
	}
}

func (m *messenger) Configure(ctx context.Context, config sdk.Config) []*pluginv1.Diagnostic {
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
	}
	return []*pluginv1.Diagnostic{sdk.Warnf("%s says %s", config.Instance, config.String("good", "greeting"))}
}

func (m *messenger) Deliver(context.Context, *pluginv1.Batch) error { return nil }

func (m *messenger) Close(context.Context) error {
	switch m.name {
	case "unfinished":
		return errors.New("three records are still on the desk")
	case "slow":
		select {}
	case "good":
		if path := os.Getenv("TMPDIR"); path != "" {
			return os.WriteFile(filepath.Join(path, "closed"), nil, 0o600)
		}
	}
	return nil
}

// facts is what the process sees of its surroundings.
func facts() []*pluginv1.Diagnostic {
	var said []*pluginv1.Diagnostic
	say := func(key, value string) { said = append(said, sdk.Warnf("%s=%s", key, value)) }
	for _, variable := range os.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		say("env "+name, value)
	}
	dir, _ := os.Getwd()
	stdin, _ := os.Readlink("/proc/self/fd/0")
	comm, _ := os.ReadFile("/proc/self/comm")
	self, _ := os.Executable()
	say("args", fmt.Sprint(os.Args))
	say("dir", dir)
	say("stdin", stdin)
	say("comm", strings.TrimSpace(string(comm)))
	say("executable", self)
	say("group", fmt.Sprint(unix.Getpgrp() == os.Getpid()))
	open, _ := os.ReadDir("/proc/self/fd")
	for _, fd := range open {
		target, _ := os.Readlink("/proc/self/fd/" + fd.Name())
		say("fd", target)
	}
	return said
}

// fork starts a process that lives longer than the tests do, and says which.
func fork() []*pluginv1.Diagnostic {
	child := exec.Command("sleep", "3600")
	child.Stdout, child.Stderr = os.NewFile(1, "stdout"), os.NewFile(2, "stderr")
	if err := child.Start(); err != nil {
		return []*pluginv1.Diagnostic{sdk.Errorf("%s", err)}
	}
	return []*pluginv1.Diagnostic{sdk.Warnf("%d", child.Process.Pid)}
}

// flood writes 32 MB on descriptor 2: what a careless or hostile plugin might.
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
		RecordTypes: []pluginv1.RecordType{pluginv1.RecordType_RECORD_TYPE_CLOUD},
	}
}

func (e *extractor) Configure(context.Context, sdk.Config) []*pluginv1.Diagnostic { return nil }

func (e *extractor) ListProjects(context.Context, *pluginv1.ListProjectsRequest) (*pluginv1.ListProjectsResponse, error) {
	return &pluginv1.ListProjectsResponse{Projects: []*pluginv1.Project{{Id: "p1"}}}, nil
}

func (e *extractor) Extract(ctx context.Context, request *pluginv1.ExtractRequest, _ func(*pluginv1.Record) error) (*pluginv1.Complete, error) {
	if e.name == "waits" {
		// Says that it is at work, and stays there.
		hclog.FromContext(ctx).Info("extracting")
		select {
		case <-ctx.Done():
		case <-time.After(time.Hour):
		}
	}
	return &pluginv1.Complete{}, nil
}
