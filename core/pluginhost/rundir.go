package pluginhost

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// runDir is a directory that only this user can enter, for the sockets of one host's plugins. It is
// locked as long as the host lives, by a lock that the kernel drops however the host ends: that tells the
// next host which directories were left behind.
type runDir struct {
	path string
	lock *os.File
}

const runDirPrefix = "caso-plugins-"

// longestBase leaves room below a base for what go-plugin and plugins put under it: a socket's whole path
// has at most 107 bytes (unix(7), sun_path).
const longestBase = 32

// newRunDir makes one below base, or below /tmp where base is too long, and removes those that hosts of
// the same user left there when they were killed.
func newRunDir(base string) (*runDir, error) {
	if len(base) > longestBase {
		base = "/tmp"
	}
	removeLeftovers(base)
	for {
		path, err := os.MkdirTemp(base, runDirPrefix)
		if err != nil {
			return nil, fmt.Errorf("cannot make a directory for the plugins' sockets: %w: set TMPDIR to one that can be written to", err)
		}
		lock, err := lockDir(path)
		if err != nil && !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, fs.ErrNotExist) {
			_ = os.Remove(path)
			return nil, fmt.Errorf("cannot lock %s, the directory for the plugins' sockets: %w: set TMPDIR to one on a local file system", path, err)
		}
		if err == nil && stillThere(path, lock) {
			return &runDir{path: path, lock: lock}, nil
		}
		// Another host saw it before it was locked, and took it for left behind.
		if err == nil {
			_ = lock.Close()
		}
	}
}

// remove takes the directory away with all that is in it.
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
		// What cannot be removed is tried again by the next host.
		_ = os.RemoveAll(path)
		_ = lock.Close()
	}
}

func lockDir(path string) (*os.File, error) {
	dir, err := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = dir.Close()
		return nil, err
	}
	return dir, nil
}

func stillThere(path string, lock *os.File) bool {
	now, err := os.Lstat(path)
	if err != nil {
		return false
	}
	locked, err := lock.Stat()
	return err == nil && os.SameFile(now, locked)
}
