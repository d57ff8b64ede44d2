package dirq

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// files is what a queue asks of the file system, one function a step, so that tests can let any step fail.
type files struct {
	// write makes a new file with this content, on disk when it returns.
	write func(path string, content []byte) error
	mkdir func(path string) error
	link  func(from, to string) error
	// remove takes a file away.
	remove func(path string) error
	// sync puts a directory's entries on disk.
	sync func(dir string) error
}

// realFiles leaves modes to the umask: whether the group may read and remove (SSM often runs as another
// user of the same group) is the site's choice. All others never may: the records name people.
func realFiles() files {
	temporary := unnamed{}
	return files{
		write:  temporary.write,
		mkdir:  func(path string) error { return os.Mkdir(path, 0o770) },
		link:   temporary.link,
		remove: temporary.remove,
		sync:   syncDir,
	}
}

func writeFile(path string, content []byte) (err error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o660)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			// What was written of it only takes room, of which there may be none left.
			_ = os.Remove(path)
		}
	}()
	_, err = file.Write(content)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

func syncDir(dir string) error {
	handle, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = handle.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		// fsync(2): a file system that has no such thing for directories. There is nothing else to ask.
		err = nil
	}
	return errors.Join(err, handle.Close())
}

// makeDir makes a directory and those above it that are missing, durably. It is no error if somebody else
// makes one at the same time.
func (f files) makeDir(path string) error {
	parent := filepath.Dir(path)
	err := f.mkdir(path)
	if errors.Is(err, fs.ErrNotExist) && parent != path {
		if err := f.makeDir(parent); err != nil {
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
	if err := f.sync(parent); err != nil && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	// One may be allowed to make a directory where one may not look; then it can't be synced either.
	return nil
}
