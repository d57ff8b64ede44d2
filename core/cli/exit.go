package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/caso-project/caso/core/run"
	"github.com/caso-project/caso/internal/printable"
)

// Exit statuses. Monitoring and cron wrappers rely on them.
const (
	exitDone       = 0
	exitIncomplete = 1  // something is left for the next run, or output could not be written
	exitUsage      = 2  // usage or configuration; nothing was extracted
	exitInternal   = 70 // an error that should not occur (EX_SOFTWARE of sysexits.h)
	exitLocked     = 75 // another run holds the lock (EX_TEMPFAIL)
)

// exitError is an error with an exit status. An empty message means that all was printed already.
type exitError struct {
	status  int
	message string
}

func (e *exitError) Error() string { return e.message }

func usageErrorf(format string, args ...any) error {
	return &exitError{status: exitUsage, message: fmt.Sprintf(format, args...)}
}

// exitStatus prints an error and returns its exit status. writeErr is the first error of writing to
// standard output.
func exitStatus(err, writeErr error, stderr io.Writer) int {
	if writeErr != nil && (err == nil || errors.Is(err, writeErr)) {
		err = &exitError{status: exitIncomplete, message: fmt.Sprintf("writing to standard output: %v", writeErr)}
	}
	if err == nil {
		return exitDone
	}
	status := exitInternal
	message := err.Error()
	var exit *exitError
	var failed *run.Error
	switch {
	case errors.As(err, &exit):
		status = exit.status
	case errors.As(err, &failed):
		status = statusOfKind(failed.Kind)
	default:
		message = "internal error: " + message
	}
	printMessage(stderr, message)
	return status
}

func statusOfKind(kind run.Kind) int {
	switch kind {
	case run.Configuration:
		return exitUsage
	case run.Locked:
		return exitLocked
	case run.Incomplete:
		return exitIncomplete
	}
	return exitInternal
}

// printMessage prints each line of a message, if there is one.
func printMessage(stderr io.Writer, message string) {
	for line := range strings.Lines(message) {
		_, _ = fmt.Fprintf(stderr, "caso: %s\n", printable.OneLine(strings.TrimRight(line, "\n")))
	}
}

// errorKeeper is a Writer that keeps its first error, so that no command has to check each print.
type errorKeeper struct {
	out io.Writer
	err error
}

func (k *errorKeeper) Write(text []byte) (int, error) {
	n, err := k.out.Write(text)
	if err != nil && k.err == nil {
		k.err = err
	}
	return n, err
}
