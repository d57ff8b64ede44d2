package dirq

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// fileSystem holds the file operations of a queue, so that tests can make each of them fail.
type fileSystem struct {
	// write creates a file with this content, which is on disk when it returns.
	write  func(path string, content []byte) error
	mkdir  func(path string) error
	link   func(from, to string) error
	remove func(path string) error
	// sync makes the entries of a directory durable.
	sync func(dir string) error
}

// realFileSystem leaves group access to the umask: SSM often runs as another user of the same
// group. Others never get access, since records contain the names of users.
func realFileSystem() fileSystem {
	temporaries := unnamedFiles{}
	return fileSystem{
		write:  temporaries.write,
		mkdir:  func(path string) error { return os.Mkdir(path, 0o770) }, //nolint:gosec // see above
		link:   temporaries.link,
		remove: temporaries.remove,
		sync:   syncDirectory,
	}
}

func writeFile(path string, content []byte) (err error) {
	const flags = os.O_WRONLY | os.O_CREATE | os.O_EXCL
	file, err := os.OpenFile(path, flags, 0o660) //nolint:gosec // see realFileSystem
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			// An incomplete file would only use space.
			_ = os.Remove(path)
		}
	}()
	_, err = file.Write(content)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

func syncDirectory(dir string) error {
	handle, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = handle.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		// The file system does not support fsync(2) of a directory.
		err = nil
	}
	return errors.Join(err, handle.Close())
}

// makeDirectory creates a directory and its missing parents, durably. A directory that another
// process creates at the same time is not an error.
func (f fileSystem) makeDirectory(path string) error {
	parent := filepath.Dir(path)
	err := f.mkdir(path)
	if errors.Is(err, fs.ErrNotExist) && parent != path {
		if err := f.makeDirectory(parent); err != nil {
			return err
		}
		err = f.mkdir(path)
	}
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	// A parent that is writable but not readable cannot be opened, and so not be synced.
	if err := f.sync(parent); err != nil && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return nil
}
