package pluginhost

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/caso-project/caso/internal/trust"
)

// openTrusted opens the executable at a path if only root and the user who runs caso can have put
// it there: no other user can write to the file, replace it or a directory above it, or change a
// symbolic link on the way.
func openTrusted(path string) (file *os.File, resolved string, err error) {
	resolved, err = trust.Resolve(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w, or install the plugin there", err)
	}
	if err != nil {
		return nil, resolved, err
	}
	// Without O_NONBLOCK, opening a named pipe would wait for a writer.
	file, err = os.OpenFile(resolved, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, resolved, fmt.Errorf("file cannot be read: %w", trust.Cause(err))
	}
	info, err := file.Stat()
	if err == nil {
		err = checkExecutable(resolved, info)
	}
	if err != nil {
		_ = file.Close()
		return nil, resolved, err
	}
	return file, resolved, nil
}

func checkExecutable(path string, info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return errors.New("not a regular file: a plugin is an executable file")
	}
	if err := trust.CheckFile(path, info); err != nil {
		return err
	}
	if info.Mode()&(fs.ModeSetuid|fs.ModeSetgid) != 0 {
		// The kernel clears the parent-death signal at its start (prctl(2), PR_SET_PDEATHSIG).
		return fmt.Errorf("file is set-user-ID or set-group-ID and could outlive caso: run \"chmod ug-s %s\"", path)
	}
	if info.Mode().Perm()&0o111 == 0 || unix.Faccessat(unix.AT_FDCWD, path, unix.X_OK, unix.AT_EACCESS) != nil {
		return fmt.Errorf("file is not executable: run \"chmod 755 %s\"", path)
	}
	return nil
}
