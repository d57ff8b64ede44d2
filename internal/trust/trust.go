// Package trust checks that no other user can have written a file: the file and every directory
// above it belong to root or to the user who runs caso, and no other user can write to them.
package trust

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
)

// CheckFile returns an error if another user owns the file or can write to it.
func CheckFile(path string, info fs.FileInfo) error {
	return untrusted(append(checkOwner(path, info), checkWritable(path, info)...))
}

// CheckDirectory returns an error if another user can replace a file of this user in the directory.
func CheckDirectory(path string) error {
	resolved, err := Resolve(path)
	if err != nil {
		return err
	}
	reasons, _, err := checkDirectory(nil, resolved)
	if err != nil {
		return err
	}
	return untrusted(reasons)
}

// Resolve follows a path from / as the kernel does, and checks every directory on the way, also
// those of symbolic links. It returns the path without links.
func Resolve(path string) (string, error) {
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
		return fmt.Errorf("%s cannot be accessed: %w", at, Cause(err))
	case at == path:
		return missingError("file")
	}
	return missingError(at)
}

// missingError names what is missing on the way. It wraps fs.ErrNotExist.
type missingError string

func (e missingError) Error() string { return string(e) + " is missing: correct the path" }
func (e missingError) Unwrap() error { return fs.ErrNotExist }

// Cause returns an error of package os without its operation and path.
func Cause(err error) error {
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		return pathError.Err
	}
	return err
}
