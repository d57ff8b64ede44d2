package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/caso-project/caso/internal/flock"
)

// runDir is a directory that only this user can enter, for the sockets of the children. It is
// locked while its process runs; the kernel releases the lock however the process ends, so that the
// next process finds the directories that are left over.
type runDir struct {
	path string
	lock *os.File
}

const runDirPrefix = "caso-plugins-"

// maxBase bounds the base, to which go-plugin and plugins add names: the path of a socket has
// at most 107 bytes (unix(7), sun_path).
const maxBase = 32

// newRunDir creates a run directory below base, or below /tmp where base is too long, and removes
// those that killed processes of the same user left there.
func newRunDir(base string) (*runDir, error) {
	remedy := "set TMPDIR to a writable directory"
	if len(base) > maxBase {
		remedy = fmt.Sprintf("%q is too long for the sockets of the plugins, set TMPDIR to a writable directory of at most %d bytes", base, maxBase)
		base = "/tmp"
	}
	removeLeftovers(base)
	for {
		path, err := os.MkdirTemp(base, runDirPrefix)
		if err != nil {
			return nil, fmt.Errorf("creating the run directory of the plugins: %w: %s", err, remedy)
		}
		lock, err := lockDir(path)
		if err != nil && !errors.Is(err, flock.ErrLocked) && !errors.Is(err, fs.ErrNotExist) {
			_ = os.Remove(path)
			return nil, fmt.Errorf("locking the run directory of the plugins: %w: set TMPDIR to a directory on a local file system", err)
		}
		if err == nil && isSameDir(path, lock) {
			return &runDir{path: path, lock: lock}, nil
		}
		// Another process found it before it was locked, and treats it as left over.
		if err == nil {
			_ = lock.Close()
		}
	}
}

// remove removes the directory with its contents.
func (d *runDir) remove() error {
	err := os.RemoveAll(d.path)
	return errors.Join(err, d.lock.Close())
}

func removeLeftovers(base string) {
	found, err := filepath.Glob(filepath.Join(base, runDirPrefix+"*"))
	if err != nil {
		return
	}
	for _, path := range found {
		info, err := os.Lstat(path)
		if err != nil || !info.IsDir() {
			continue
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); !ok || int(stat.Uid) != os.Geteuid() {
			continue
		}
		lock, err := lockDir(path)
		if err != nil {
			continue
		}
		// The next process retries what cannot be removed.
		_ = os.RemoveAll(path)
		_ = lock.Close()
	}
}

func lockDir(path string) (*os.File, error) {
	dir, err := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	if err := flock.Exclusive(dir, 0); err != nil {
		_ = dir.Close()
		return nil, err
	}
	return dir, nil
}

// isSameDir reports whether path still names the open directory.
func isSameDir(path string, dir *os.File) bool {
	atPath, err := os.Lstat(path)
	if err != nil {
		return false
	}
	opened, err := dir.Stat()
	return err == nil && os.SameFile(atPath, opened)
}
