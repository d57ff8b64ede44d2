package run

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/caso-project/caso/internal/flock"
)

// takeRunLock takes the run lock in a directory and returns the function that releases it. The
// kernel releases a lock when its process ends, so the lock is never stale. The file stays: after
// its removal two runs could hold locks on two files of that name.
func takeRunLock(dir string) (release func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, &Error{Kind: kindOf(err), Err: fmt.Errorf("creating the directory of the run lock: %w (lock_path)", err)}
	}
	path := filepath.Join(dir, "caso.lock")
	if err := checkOwnFiles(dir, "caso.lock"); err != nil {
		return nil, &Error{Kind: kindOf(err), Err: fmt.Errorf("opening the run lock: %w (lock_path)", err)}
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, &Error{Kind: kindOf(err), Err: fmt.Errorf(
			"opening the run lock: %w; lock_path must be a directory in which the user that runs caso can write", err)}
	}
	if err := flock.Exclusive(file, 0); err != nil {
		_ = file.Close()
		if errors.Is(err, flock.ErrLocked) {
			return nil, &Error{Kind: Locked, Err: fmt.Errorf("another run holds the lock %s; try again when it has ended", path)}
		}
		return nil, &Error{Kind: kindOf(err), Err: fmt.Errorf("taking the run lock: %w", err)}
	}
	return func() { _ = file.Close() }, nil
}
