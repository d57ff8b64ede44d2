// Package flock takes advisory locks on open files (flock(2)).
//
// The kernel releases such a lock when the last descriptor of the open file is closed, however the
// process ends, so a lock is never stale.
package flock

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// ErrLocked means that another open file holds a lock that excludes the requested one.
var ErrLocked = errors.New("file is locked by another process")

// retryInterval is the time between two attempts while a lock is held elsewhere.
const retryInterval = 50 * time.Millisecond

// Exclusive locks the file for its only user. It retries until wait has passed and then returns
// ErrLocked; with a wait of 0 it tries once. Closing the file releases the lock.
func Exclusive(file *os.File, wait time.Duration) error { return lock(file, unix.LOCK_EX, wait) }

// Shared locks the file for one of several readers, and otherwise does what Exclusive does.
func Shared(file *os.File, wait time.Duration) error { return lock(file, unix.LOCK_SH, wait) }

func lock(file *os.File, mode int, wait time.Duration) error {
	deadline := time.Now().Add(wait)
	for {
		switch err := unix.Flock(int(file.Fd()), mode|unix.LOCK_NB); {
		case err == nil:
			return nil
		case errors.Is(err, unix.EINTR):
			continue
		case !errors.Is(err, unix.EWOULDBLOCK):
			return fmt.Errorf("locking %s: %w", file.Name(), err)
		}
		left := time.Until(deadline)
		if left <= 0 {
			return ErrLocked
		}
		time.Sleep(min(left, retryInterval))
	}
}
