package pluginhost

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// openTrusted opens the executable at a path if only root and the user who runs caso can have put
// it there: no other user can write to the file, replace it or a directory above it, or change a
// symbolic link on the way.
func openTrusted(path string) (file *os.File, resolved string, err error) {
	resolved, err = resolveTrusted(path)
	if err != nil {
		return nil, resolved, err
	}
	// Without O_NONBLOCK, opening a named pipe would wait for a writer.
	file, err = os.OpenFile(resolved, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, resolved, fmt.Errorf("file cannot be read: %w", withoutPath(err))
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
	if reasons := append(checkOwner(path, info), checkWritable(path, info)...); len(reasons) > 0 {
		return untrusted(reasons)
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

// resolveTrusted follows a path from / as the kernel does, and checks every directory on the way,
// also those of symbolic links. It returns the path without links.
func resolveTrusted(path string) (string, error) {
	// The kernel's limit for one path (path_resolution(7)).
	const maxLinks = 40
	var (
		reasons []string
		links   int
		dir     = "/"
		rest    = pathComponents(path)
	)
	reasons, sticky, err := checkDirectory(reasons, dir)
	if err != nil {
		return path, err
	}
	for len(rest) > 0 {
		next := filepath.Join(dir, rest[0])
		rest = rest[1:]
		info, err := os.Lstat(next)
		if err != nil {
			return path, cannotFollow(path, next, err)
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			if links++; links > maxLinks {
				return path, errors.New("symbolic links form a loop: correct them")
			}
			// In a sticky directory any user can create a link; only those of trusted users are
			// followed.
			if sticky {
				reasons = append(reasons, checkOwner(next, info)...)
			}
			target, err := os.Readlink(next)
			if err != nil {
				return path, cannotFollow(path, next, err)
			}
			if filepath.IsAbs(target) {
				dir = "/"
			}
			rest = append(pathComponents(target), rest...)
			continue
		}
		if len(rest) == 0 {
			return next, untrusted(reasons)
		}
		if !info.IsDir() {
			return path, fmt.Errorf("%s is not a directory: correct the path", next)
		}
		if reasons, sticky, err = checkDirectory(reasons, next); err != nil {
			return path, cannotFollow(path, next, err)
		}
		dir = next
	}
	return dir, untrusted(reasons)
}

func pathComponents(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
}

// checkDirectory appends the reasons why a directory is not trusted. In a sticky one, such as /tmp,
// any user can create files, but only their owners can replace them (inode(7), S_ISVTX); the owners
// of the entries on the way are checked too.
func checkDirectory(reasons []string, path string) (_ []string, sticky bool, _ error) {
	info, err := os.Lstat(path)
	if err != nil {
		return reasons, false, err
	}
	sticky = info.Mode()&fs.ModeSticky != 0
	reasons = append(reasons, checkOwner(path, info)...)
	if !sticky {
		reasons = append(reasons, checkWritable(path, info)...)
	}
	return reasons, sticky, nil
}

func checkOwner(path string, info fs.FileInfo) []string {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return []string{"the owner of " + path + " is unknown"}
	}
	runner := os.Geteuid()
	if stat.Uid == 0 || int(stat.Uid) == runner {
		return nil
	}
	trusted := "root"
	if runner != 0 {
		trusted += " or " + userName(runner)
	}
	return []string{fmt.Sprintf("%s is owned by %s and must be owned by %s, run \"chown root %s\"",
		path, userName(int(stat.Uid)), trusted, path)}
}

// checkWritable checks the mode only: where there is an access control list, the group's bits are
// the mask of all its entries (acl(5)).
func checkWritable(path string, info fs.FileInfo) []string {
	switch info.Mode().Perm() & 0o022 {
	case 0o020:
		return []string{fmt.Sprintf("%s is writable by its group, run \"chmod g-w %s\"", path, path)}
	case 0o002:
		return []string{fmt.Sprintf("%s is writable by others, run \"chmod o-w %s\"", path, path)}
	case 0o022:
		return []string{fmt.Sprintf("%s is writable by its group and others, run \"chmod go-w %s\"", path, path)}
	}
	return nil
}

func untrusted(reasons []string) error {
	if len(reasons) == 0 {
		return nil
	}
	return fmt.Errorf("file is not trusted: %s", strings.Join(reasons, "; "))
}

func userName(uid int) string {
	if found, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return found.Username
	}
	return fmt.Sprintf("user %d", uid)
}

func cannotFollow(path, at string, err error) error {
	switch {
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s cannot be accessed: %w", at, withoutPath(err))
	case at == path:
		return errors.New("file is missing: correct the path, or install the plugin there")
	}
	return fmt.Errorf("%s is missing: correct the path, or install the plugin there", at)
}

// withoutPath returns an error of package os without its operation and path.
func withoutPath(err error) error {
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		return pathError.Err
	}
	return err
}
