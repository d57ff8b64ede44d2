package dirq

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// mostUnnamed bounds how many files are held open at once; a queue is rarely added more to.
const mostUnnamed = 200

// unnamed are temporary files without a name, by the name that they would have: a writer that is killed leaves
// nothing behind. Where a file system has no such thing (open(2), O_TMPFILE) they have that name after all, and
// python-dirq's purge takes away what was left.
type unnamed map[string]*os.File

func (u unnamed) write(path string, content []byte) error {
	if len(u) >= mostUnnamed {
		return writeFile(path, content)
	}
	file, err := os.OpenFile(filepath.Dir(path), os.O_WRONLY|unix.O_TMPFILE, 0o660)
	// Old kernels take the flag for O_DIRECTORY, and say EISDIR.
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EISDIR) || errors.Is(err, unix.EINVAL) {
		return writeFile(path, content)
	}
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err == nil {
		err = file.Sync()
	}
	if err != nil {
		return errors.Join(err, file.Close())
	}
	u[path] = file
	return nil
}

func (u unnamed) link(from, to string) error {
	file, ok := u[from]
	if !ok {
		return os.Link(from, to)
	}
	// The way to name such a file that needs no privilege, see open(2).
	path := fmt.Sprintf("/proc/self/fd/%d", file.Fd())
	if err := unix.Linkat(unix.AT_FDCWD, path, unix.AT_FDCWD, to, unix.AT_SYMLINK_FOLLOW); err != nil {
		return &os.LinkError{Op: "link", Old: from, New: to, Err: err}
	}
	return nil
}

func (u unnamed) remove(path string) error {
	file, ok := u[path]
	if !ok {
		return os.Remove(path)
	}
	delete(u, path)
	return file.Close()
}
