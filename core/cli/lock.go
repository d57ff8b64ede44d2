package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/caso-project/caso/internal/flock"
)

// takeLock takes the run lock in a folder and returns what releases it. The kernel lets go of an flock when
// its owner dies, so a lock is never stale; the file stays, because removing it would let two runs
// hold locks on two files of that name.
func takeLock(dir string) (release func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, usageErrorf("cannot make lock_path %s: %s", dir, cause(err))
	}
	path := filepath.Join(dir, "caso.lock")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, usageErrorf("cannot open the run lock %s: %s; lock_path must be writable for the user who runs caso", path, cause(err))
	}
	if err := flock.Exclusive(file, 0); err != nil {
		_ = file.Close()
		if errors.Is(err, flock.ErrLocked) {
			return nil, &exitError{status: exitLocked, message: fmt.Sprintf("another run holds the lock %s; try again when it is done", path)}
		}
		return nil, usageErrorf("cannot take the run lock: %s", err)
	}
	return func() { _ = file.Close() }, nil
}

// cause strips the operation and path that the caller's text has already.
func cause(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
