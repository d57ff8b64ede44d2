package dirq

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// ErrNoHardLinks is returned by Check for a file system on which no element can appear.
var ErrNoHardLinks = errors.New("file system does not support hard links")

// Check returns why Add would fail now: the directory of the queue, or the nearest existing one
// above it, is not a directory, is not writable, or is on a file system without hard links. It
// changes nothing on disk. A full file system is not detected.
func (q *Queue) Check() error {
	dir, err := nearestExistingDirectory(q.path)
	if err != nil {
		return err
	}
	mode := uint32(unix.W_OK | unix.X_OK)
	if dir == q.path {
		// A directory is opened for reading to be synced.
		mode |= unix.R_OK
	}
	if err := unix.Faccessat(unix.AT_FDCWD, dir, mode, unix.AT_EACCESS); err != nil {
		return &fs.PathError{Op: "access", Path: dir, Err: err}
	}
	// A file that never gets a name shows that files can be created and linked.
	file, err := openUnnamed(dir)
	if isUnnamedUnsupported(err) {
		return checkHardLinks(dir)
	}
	if err != nil {
		return err
	}
	return file.Close()
}

// nearestExistingDirectory returns the path, or the nearest existing one above it.
func nearestExistingDirectory(path string) (string, error) {
	for {
		info, err := os.Stat(path)
		if err == nil && !info.IsDir() {
			return path, &fs.PathError{Op: "open", Path: path, Err: unix.ENOTDIR}
		}
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return path, err
		}
		if _, lstatErr := os.Lstat(path); lstatErr == nil {
			return path, fmt.Errorf("target of symbolic link %q does not exist: %w", path, fs.ErrNotExist)
		}
		parent := filepath.Dir(path)
		if parent == path {
			return path, err
		}
		path = parent
	}
}

// checkHardLinks recognises FAT and exFAT, the file systems of Linux that have no hard links
// (statfs(2), linux/magic.h).
func checkHardLinks(dir string) error {
	var stat unix.Statfs_t
	if err := unix.Statfs(dir, &stat); err != nil {
		return &fs.PathError{Op: "statfs", Path: dir, Err: err}
	}
	if stat.Type == unix.MSDOS_SUPER_MAGIC || stat.Type == unix.EXFAT_SUPER_MAGIC {
		return fmt.Errorf("%q: %w", dir, ErrNoHardLinks)
	}
	return nil
}
