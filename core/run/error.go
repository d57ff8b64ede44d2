package run

import (
	"errors"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/caso-project/caso/core/config"
	"github.com/caso-project/caso/core/outbox"
)

// Kind is what the caller can do about an Error.
type Kind int

const (
	// Configuration means that a person has to change the configuration, the installed plugins or the
	// outbox. Nothing was extracted.
	Configuration Kind = iota + 1
	// Locked means that another run is active.
	Locked
	// Incomplete means that the next run may succeed: the disk is full, or a server is unavailable.
	Incomplete
)

// Error ends a command without a report.
type Error struct {
	Kind Kind
	// Problems are those of the configuration, warnings included; empty where Err is set.
	Problems []config.Problem
	// Err is the cause where it is not a problem of the configuration.
	Err error
}

// Error returns the cause, or the problems, one per line.
func (e *Error) Error() string {
	if e.Err != nil {
		return e.Err.Error()
	}
	lines := make([]string, len(e.Problems))
	for i, problem := range e.Problems {
		lines[i] = problem.String()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// OutboxError gives an error of the outbox its kind. A damaged or unreadable outbox needs a
// person.
func OutboxError(err error) error {
	if errors.Is(err, outbox.ErrLocked) {
		return &Error{Kind: Locked, Err: err}
	}
	return &Error{Kind: kindOf(err), Err: err}
}

// kindOf returns Incomplete for an error of the disk, of a network file system or of a server,
// which may have passed before the next run, and Configuration for any other.
func kindOf(err error) Kind {
	for _, passing := range []error{outbox.ErrUnavailable, outbox.ErrLeaseLost, unix.ENOSPC, unix.EDQUOT, unix.EIO, unix.ESTALE, unix.ETIMEDOUT, unix.EHOSTDOWN, unix.ENOTCONN} {
		if errors.Is(err, passing) {
			return Incomplete
		}
	}
	return Configuration
}
