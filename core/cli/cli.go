// Package cli is the caso command: flags, what is printed where, and exit statuses; one file per
// command. What a command does is done by the packages beside this one, which know nothing of flags.
//
// Results go to standard output, logs and complaints to standard error.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// Exit statuses. Monitoring and cron wrappers rely on them.
const (
	exitDone       = 0
	exitIncomplete = 1  // something was left for the next run
	exitUsage      = 2  // usage or configuration; nothing was extracted
	exitLocked     = 75 // another run holds the lock (EX_TEMPFAIL)
)

// World is what the command needs of the machine around it.
type World struct {
	Stdout, Stderr io.Writer
	Getenv         func(string) string
	// Executable is the path of the caso binary; plugins are looked for beside it.
	Executable string
	Home       string
	Now        func() time.Time
}

// OS is the real world.
func OS() World {
	executable, err := os.Executable()
	if err != nil {
		executable = os.Args[0]
	}
	home, err := os.UserHomeDir()
	if err != nil {
		home = ""
	}
	return World{
		Stdout: os.Stdout, Stderr: os.Stderr,
		Getenv:     os.Getenv,
		Executable: executable,
		Home:       home,
		Now:        time.Now,
	}
}

// Main runs the command line and returns the exit status. Called as caso-extract it is `caso extract`, so that
// cron lines written for cASO go on working.
func Main(args []string, world World) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	// The first signal ends the run in good order; with the handler gone the second ends it at once.
	context.AfterFunc(ctx, stop)

	root := newRoot(world)
	arguments := args[1:]
	if filepath.Base(args[0]) == "caso-extract" {
		arguments = append([]string{"extract"}, arguments...)
	}
	root.SetArgs(arguments)
	return status(root.ExecuteContext(ctx), world.Stderr)
}

// exitError carries an exit status. An empty message means that everything was said already.
type exitError struct {
	status  int
	message string
}

func (e *exitError) Error() string { return e.message }

func usageErrorf(format string, args ...any) error {
	return &exitError{status: exitUsage, message: fmt.Sprintf(format, args...)}
}

// status says an error and returns its exit status. An error that carries none comes from the
// command line's parser.
func status(err error, stderr io.Writer) int {
	if err == nil {
		return exitDone
	}
	code := exitUsage
	message := err.Error()
	var exit *exitError
	if errors.As(err, &exit) {
		code, message = exit.status, exit.message
	}
	if message != "" {
		_, _ = fmt.Fprintf(stderr, "caso: %s\n", strings.TrimRight(message, "\n"))
	}
	return code
}

func newRoot(world World) *cobra.Command {
	root := &cobra.Command{
		Use:   "caso",
		Short: "Accounting records of what a cloud ran",
		Long: `caso asks a cloud what every VM used, keeps the records in a durable outbox, and
delivers them to every configured messenger. Extractors and messengers are plugins, named by the
options extractor and messengers of the configuration file.

Exit status: 0 all done; 1 something was left for the next run; 2 usage or configuration;
75 another run holds the lock.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	root.SetOut(world.Stdout)
	root.SetErr(world.Stderr)
	root.SetGlobalNormalizationFunc(spelling)
	root.AddCommand(
		newExtract(world),
		newDeliver(world),
		newProjects(world),
		newOutbox(world),
		newPlugins(world),
		newConfig(world),
		newVersion(world),
	)
	return root
}
