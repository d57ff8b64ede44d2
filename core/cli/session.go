package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/time/rate"

	"github.com/caso-project/caso/core/config"
	"github.com/caso-project/caso/core/report"
	"github.com/caso-project/caso/core/run"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

func environment(world World) run.Environment {
	env := run.Environment{
		Program: world.Program, Home: world.Home, Executable: world.Executable, Getenv: world.Getenv, Now: world.Now, Log: world.Stderr,
	}
	if isTerminal(world.Stderr) {
		env.Progress = func(done, planned int, window report.WindowResult) {
			outcome := report.CountNoun(window.Records, "record")
			if window.Failed {
				outcome = "failed"
			}
			printMessage(world.Stderr, fmt.Sprintf("[%d/%d] %s %s: %s", done, planned, window.Extractor, window.ProjectName, outcome))
		}
		env.WindowProgress = windowProgress(world)
	}
	return env
}

// progressInterval is the least time between two lines of progress within windows.
const progressInterval = 2 * time.Second

// windowProgress returns the function that prints the progress within windows. An extractor reports
// it for every page that it reads.
func windowProgress(world World) func(extractor, project, items string, done int64) {
	limit := rate.Sometimes{First: 1, Interval: progressInterval}
	return func(extractor, project, items string, done int64) {
		if items == "" {
			return
		}
		limit.Do(func() {
			printMessage(world.Stderr, fmt.Sprintf("%s %s: %d %s read", extractor, project, done, items))
		})
	}
}

// withFiles reads the configuration and calls do. It starts no plugin.
func withFiles(world World, flags *settingsFlags, do func(*run.Session) error) error {
	input := flags.input
	input.Overrides = slices.Concat(config.EnvironmentOverrides(world.Environ()), input.Overrides)
	s, err := run.Open(environment(world), input)
	if err != nil {
		return err
	}
	defer closeSession(world, s)
	if len(flags.ignored) > 0 {
		printMessage(world.Stderr, "warning: ignored options about logging: "+strings.Join(flags.ignored, ", "))
	}
	return do(s)
}

// withPlugins reads the configuration, starts all plugins, configures those of some kinds, prints
// the warnings and calls do.
func withPlugins(command *cobra.Command, world World, flags *settingsFlags, do func(context.Context, *run.Session) error, kinds ...pluginv1.Kind) error {
	return withFiles(world, flags, func(s *run.Session) error {
		ctx := command.Context()
		if err := s.Start(ctx); err != nil {
			return err
		}
		if err := s.Configure(ctx, kinds...); err != nil {
			return err
		}
		printProblems(world, s)
		return do(ctx, s)
	})
}

func printProblems(world World, s *run.Session) {
	for _, problem := range s.Problems() {
		printMessage(world.Stderr, problem.String())
	}
}

func closeSession(world World, s *run.Session) {
	if err := s.Close(); err != nil {
		printMessage(world.Stderr, fmt.Sprintf("warning: stopping the plugins: %v", err))
	}
}

// printReport prints the report of a run to standard output and returns the error for its exit
// status. Its errors go to standard error too, so that `caso extract >/dev/null` in a crontab
// mails them, unless both are the same file.
func printReport(world World, output *outputFlag, result *report.Run) error {
	write := result.WriteText
	if output.format == "json" {
		write = result.WriteJSON
	}
	err := write(world.Stdout)
	if err != nil || !world.sameOutput {
		printMessage(world.Stderr, strings.Join(result.ErrorLines(), "\n"))
	}
	if err == nil && !result.Complete() {
		err = &exitError{status: exitIncomplete}
	}
	return err
}

// failuresError returns an error that names the instances whose plugins failed.
func failuresError(s *run.Session) error { return incompleteError(s.Failures()) }

// incompleteError returns an error for exit status 1 with a line for each cause, nil where there
// are none.
func incompleteError(causes []error) error {
	if len(causes) == 0 {
		return nil
	}
	lines := make([]string, len(causes))
	for i, cause := range causes {
		lines[i] = "error: " + cause.Error()
	}
	return &exitError{status: exitIncomplete, message: strings.Join(lines, "\n")}
}
