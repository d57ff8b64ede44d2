package outbox

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/caso-project/caso/internal/flock"
)

// restoreRemedy is the remedy for a damaged file.
const restoreRemedy = "the file was left unchanged: restore it from a backup, or move it away to start with an empty outbox"

// openChecked opens a file for bbolt, locks it as bbolt would do next, and checks its pages. It
// never creates one: see create.
func openChecked(path string, flag int, exclusive bool, timeout time.Duration) (*os.File, error) {
	file, err := os.OpenFile(path, flag&^os.O_CREATE, 0)
	if err != nil {
		return nil, err
	}
	if err := lockAndCheck(file, exclusive, timeout); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

func lockAndCheck(file *os.File, exclusive bool, timeout time.Duration) error {
	if err := lockFile(file, exclusive, timeout); err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if err := checkPages(file, info.Size()); err != nil {
		return fmt.Errorf("%w: %w; %s", ErrDamaged, err, restoreRemedy)
	}
	return nil
}

// lockFile takes bbolt's lock on the same open file description, so that bbolt gets it at once.
func lockFile(file *os.File, exclusive bool, timeout time.Duration) error {
	lock := flock.Shared
	if exclusive {
		lock = flock.Exclusive
	}
	err := lock(file, timeout)
	if errors.Is(err, flock.ErrLocked) {
		return fmt.Errorf("%w: wait until that run has ended, or end it if it hangs", ErrLocked)
	}
	return err
}
