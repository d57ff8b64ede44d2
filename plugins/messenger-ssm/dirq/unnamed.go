package dirq

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// maxUnnamed bounds how many files are open at once. A batch rarely has more messages.
const maxUnnamed = 200

// unnamedFiles are temporary files without a name (open(2), O_TMPFILE), by the path that they would
// have: a killed writer leaves nothing behind. On a file system without O_TMPFILE they have that
// path, and python-dirq's purge removes leftovers.
type unnamedFiles map[string]*os.File

func (u unnamedFiles) write(path string, content []byte) error {
	if len(u) >= maxUnnamed {
		return writeFile(path, content)
	}
	file, err := openUnnamed(filepath.Dir(path))
	if isUnnamedUnsupported(err) {
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

func openUnnamed(dir string) (*os.File, error) {
	return os.OpenFile(dir, os.O_WRONLY|unix.O_TMPFILE, 0o660) //nolint:gosec // see realFileSystem
}

// isUnnamedUnsupported reports whether the kernel or the file system lacks O_TMPFILE. Old kernels
// read the flag as O_DIRECTORY and return EISDIR.
func isUnnamedUnsupported(err error) bool {
	return errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EISDIR) || errors.Is(err, unix.EINVAL)
}

func (u unnamedFiles) link(from, to string) error {
	file, ok := u[from]
	if !ok {
		return os.Link(from, to)
	}
	// open(2) gives this way to link such a file without a privilege.
	path := fmt.Sprintf("/proc/self/fd/%d", file.Fd())
	if err := unix.Linkat(unix.AT_FDCWD, path, unix.AT_FDCWD, to, unix.AT_SYMLINK_FOLLOW); err != nil {
		return &os.LinkError{Op: "link", Old: from, New: to, Err: err}
	}
	return nil
}

func (u unnamedFiles) remove(path string) error {
	file, ok := u[path]
	if !ok {
		return os.Remove(path)
	}
	delete(u, path)
	return file.Close()
}
