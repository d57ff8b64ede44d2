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

// openTrusted opens the executable that a path leads to, after it has made sure that nobody but root and
// the user who runs caso could have put it there: not by writing to the file, not by replacing it or a
// directory above it, and not by bending a symbolic link on the way.
func openTrusted(path string) (file *os.File, resolved string, err error) {
	resolved, err = walk(path)
	if err != nil {
		return nil, resolved, err
	}
	// Without O_NONBLOCK the opening of a named pipe would wait for somebody to write to it.
	file, err = os.OpenFile(resolved, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, resolved, fmt.Errorf("it cannot be read: %w", reason(err))
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
		return errors.New("it is not a regular file: a plugin is an executable file")
	}
	if refusals := append(checkOwner(path, info), checkWritable(path, info)...); len(refusals) > 0 {
		return untrusted(refusals)
	}
	if info.Mode()&(fs.ModeSetuid|fs.ModeSetgid) != 0 {
		// The kernel would drop the parent-death signal at its start (prctl(2), PR_SET_PDEATHSIG).
		return fmt.Errorf("it is set-user-ID or set-group-ID and might not end with caso: run \"chmod ug-s %s\"", path)
	}
	if info.Mode().Perm()&0o111 == 0 || unix.Faccessat(unix.AT_FDCWD, path, unix.X_OK, unix.AT_EACCESS) != nil {
		return fmt.Errorf("it is not executable: run \"chmod 755 %s\"", path)
	}
	return nil
}

// walk follows a path from / as the kernel would, and checks every directory that it passes through,
// those of symbolic links too. It gives the path without links.
func walk(path string) (string, error) {
	// The kernel's own limit for one path (path_resolution(7)).
	const maxLinks = 40
	var (
		refusals []string
		links    int
		dir      = "/"
		rest     = components(path)
	)
	refusals, sticky, err := checkDirectory(refusals, dir)
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
				return path, errors.New("its symbolic links lead in a circle: correct them")
			}
			// Where everybody may make a link, only those of trusted people are followed.
			if sticky {
				refusals = append(refusals, checkOwner(next, info)...)
			}
			target, err := os.Readlink(next)
			if err != nil {
				return path, cannotFollow(path, next, err)
			}
			if filepath.IsAbs(target) {
				dir = "/"
			}
			rest = append(components(target), rest...)
			continue
		}
		if len(rest) == 0 {
			return next, untrusted(refusals)
		}
		if !info.IsDir() {
			return path, fmt.Errorf("%s is not a directory: correct the path", next)
		}
		if refusals, sticky, err = checkDirectory(refusals, next); err != nil {
			return path, cannotFollow(path, next, err)
		}
		dir = next
	}
	return dir, untrusted(refusals)
}

func components(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
}

// checkDirectory adds what is wrong with a directory. In a sticky one, such as /tmp, everybody may make
// files but only their owners can replace them (stat(2), S_ISVTX), so it is as good as its entries'
// owners, which are checked anyway.
func checkDirectory(refusals []string, path string) (_ []string, sticky bool, _ error) {
	info, err := os.Lstat(path)
	if err != nil {
		return refusals, false, err
	}
	sticky = info.Mode()&fs.ModeSticky != 0
	refusals = append(refusals, checkOwner(path, info)...)
	if !sticky {
		refusals = append(refusals, checkWritable(path, info)...)
	}
	return refusals, sticky, nil
}

func checkOwner(path string, info fs.FileInfo) []string {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return []string{"the owner of " + path + " cannot be told"}
	}
	runner := os.Geteuid()
	if stat.Uid == 0 || int(stat.Uid) == runner {
		return nil
	}
	trusted := "root"
	if runner != 0 {
		trusted += " or " + userName(runner)
	}
	return []string{fmt.Sprintf("%s belongs to %s and must belong to %s", path, userName(int(stat.Uid)), trusted)}
}

// checkWritable looks at the mode alone: where there is an access control list, the group's bits are the
// most that it grants to anybody (acl(5)).
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

func untrusted(refusals []string) error {
	if len(refusals) == 0 {
		return nil
	}
	return fmt.Errorf("it cannot be trusted: %s", strings.Join(refusals, "; "))
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
		return fmt.Errorf("%s cannot be looked at: %w", at, reason(err))
	case at == path:
		return errors.New("there is no such file: correct the path, or install the plugin there")
	}
	return fmt.Errorf("there is no %s: correct the path, or install the plugin there", at)
}

// reason drops the operation and the path that package os puts before an error.
func reason(err error) error {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		return pathError.Err
	}
	return err
}
