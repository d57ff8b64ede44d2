// Package cli is the caso command: flags, printing and exit statuses, one file per command. What a
// command does is in package run and the packages below it, which have no flags.
//
// Results go to standard output; logs, warnings and errors go to standard error.
package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// World is what the command uses of the machine around it.
type World struct {
	Stdout, Stderr io.Writer
	Getenv         func(string) string
	Environ        func() []string
	// Executable is the path of the caso binary; plugins are searched in plugins/ beside it.
	Executable string
	Home       string
	Now        func() time.Time

	// Program is the name that the program was called by. Main sets it.
	Program string

	// sameOutput is set if Stdout and Stderr are the same file.
	sameOutput bool
}

// OS returns the real world.
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
		Environ:    os.Environ,
		Executable: executable,
		Home:       home,
		Now:        time.Now,
	}
}

// Main runs the command line and returns the exit status.
func Main(args []string, world World) (status int) {
	defer func() {
		if cause := recover(); cause != nil {
			_, _ = fmt.Fprintf(world.Stderr, "caso: internal error: %v\n%s", cause, debug.Stack())
			status = exitInternal
		}
	}()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	// The first signal ends the run after the batch that is being delivered. It removes the handler,
	// so that the second ends the process at once.
	context.AfterFunc(ctx, stop)

	stdout := &errorKeeper{out: world.Stdout}
	world.sameOutput = isSameFile(world.Stdout, world.Stderr)
	world.Stdout = stdout
	world.Program = filepath.Base(args[0])
	root := newRoot(world)
	parsed := false
	root.PersistentPreRun = func(*cobra.Command, []string) { parsed = true }
	root.SetArgs(append(programCommand(world.Program), args[1:]...))
	command, err := root.ExecuteContextC(ctx)
	if err != nil && !parsed {
		err = usageErrorf("%v; see %s --help", err, command.CommandPath())
	}
	return exitStatus(err, stdout.err, world.Stderr)
}

// programCommand returns the command that a program of cASO is, so that cron lines and wrappers
// written for cASO work unchanged. None for caso itself.
func programCommand(program string) []string {
	switch program {
	case "caso-extract":
		return []string{"extract"}
	case "caso-projects":
		return []string{"projects"}
	case "caso-mapping-migrate":
		return []string{"mapping-migrate"}
	}
	return nil
}

func newRoot(world World) *cobra.Command {
	root := &cobra.Command{
		Use:   "caso",
		Short: "Accounting records of an OpenStack cloud",
		Long: `caso extracts accounting records from a cloud, stores them in a durable outbox and delivers them to
every configured messenger. Extractors and messengers are plugins, named by the options extractor and
messengers of the configuration file.

Exit status:
  0   done
  1   incomplete: something is left for the next run, or output could not be written
  2   usage or configuration error; nothing was extracted
  70  internal error
  75  another run holds the lock`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	root.SetOut(world.Stdout)
	root.SetErr(world.Stderr)
	root.SetGlobalNormalizationFunc(normalizeFlag)
	root.AddCommand(
		newExtract(world),
		newDeliver(world),
		newProjects(world),
		newMappingMigrate(world),
		newCheck(world),
		newCheckpoint(world),
		newOutbox(world),
		newPlugins(world),
		newConfig(world),
		newVersion(world),
	)
	return root
}
