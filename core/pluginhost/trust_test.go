package pluginhost

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestTrust(t *testing.T) {
	t.Parallel()
	chmod := func(mode os.FileMode, path ...string) func(*testing.T, string) {
		return func(t *testing.T, base string) {
			t.Helper()
			if err := os.Chmod(filepath.Join(append([]string{base}, path...)...), mode); err != nil {
				t.Fatal(err)
			}
		}
	}
	chown := func(path ...string) func(*testing.T, string) {
		return func(t *testing.T, base string) {
			t.Helper()
			if os.Geteuid() != 0 {
				t.Skip("only root can give files away")
			}
			if err := os.Lchown(filepath.Join(append([]string{base}, path...)...), 54321, -1); err != nil {
				t.Fatal(err)
			}
		}
	}
	link := func(target, name string) func(*testing.T, string) {
		return func(t *testing.T, base string) {
			t.Helper()
			if err := os.Symlink(strings.ReplaceAll(target, "BASE", base), filepath.Join(base, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	type steps = []func(*testing.T, string)
	for _, test := range []struct {
		name, path, want string
		prepare          steps
	}{
		{name: "good", path: "a/b/file"},
		{name: "no such file", path: "a/b/other", want: "file is missing: correct the path, or install the plugin there"},
		{name: "no such directory", path: "a/c/file", want: "BASE/a/c is missing: correct the path, or install the plugin there"},
		{name: "file for a directory", path: "a/b/file/x", want: "BASE/a/b/file is not a directory: correct the path"},
		{name: "directory", path: "a/b", want: "not a regular file: a plugin is an executable file"},
		{name: "pipe", path: "a/pipe", want: "not a regular file: a plugin is an executable file", prepare: steps{func(t *testing.T, base string) {
			if err := syscall.Mkfifo(filepath.Join(base, "a/pipe"), 0o755); err != nil {
				t.Fatal(err)
			}
		}}},
		{name: "not executable", path: "a/b/file", want: `file is not executable: run "chmod 755 BASE/a/b/file"`, prepare: steps{chmod(0o644, "a/b/file")}},
		{name: "set-user-ID", path: "a/b/file", want: `file is set-user-ID or set-group-ID and could outlive caso: run "chmod ug-s BASE/a/b/file"`,
			prepare: steps{chmod(0o755|os.ModeSetuid, "a/b/file")}},
		{name: "writable by its group", path: "a/b/file", want: `file is not trusted: BASE/a/b/file is writable by its group, run "chmod g-w BASE/a/b/file"`,
			prepare: steps{chmod(0o775, "a/b/file")}},
		{name: "writable by others", path: "a/b/file", want: `file is not trusted: BASE/a/b/file is writable by others, run "chmod o-w BASE/a/b/file"`,
			prepare: steps{chmod(0o757, "a/b/file")}},
		{name: "writable by everybody", path: "a/b/file", want: `file is not trusted: BASE/a/b/file is writable by its group and others, run "chmod go-w BASE/a/b/file"`,
			prepare: steps{chmod(0o777, "a/b/file")}},
		{name: "writable directories", path: "a/b/file",
			want:    `file is not trusted: BASE/a is writable by its group, run "chmod g-w BASE/a"; BASE/a/b is writable by others, run "chmod o-w BASE/a/b"`,
			prepare: steps{chmod(0o775, "a"), chmod(0o757, "a/b")}},
		{name: "sticky directory", path: "a/b/file", prepare: steps{chmod(0o777|os.ModeSticky, "a")}},
		{name: "somebody else's file", path: "a/b/file", want: "file is not trusted: BASE/a/b/file is owned by user 54321 and must be owned by root, run \"chown root BASE/a/b/file\"",
			prepare: steps{chown("a/b/file")}},
		{name: "somebody else's directory", path: "a/b/file", want: "file is not trusted: BASE/a is owned by user 54321 and must be owned by root, run \"chown root BASE/a\"",
			prepare: steps{chown("a")}},
		{name: "somebody else's entry of a sticky directory", path: "a/b/file", want: "file is not trusted: BASE/a/b is owned by user 54321 and must be owned by root, run \"chown root BASE/a/b\"",
			prepare: steps{chmod(0o777|os.ModeSticky, "a"), chown("a/b")}},
		{name: "link", path: "link", prepare: steps{link("a/b/file", "link")}},
		{name: "links", path: "c/link", prepare: steps{link("BASE/a", "c"), link("b/../b/file", "a/link")}},
		{name: "link to nothing", path: "link", want: "BASE/a/nothing is missing: correct the path, or install the plugin there", prepare: steps{link("a/nothing", "link")}},
		{name: "circle", path: "x", want: "symbolic links form a loop: correct them", prepare: steps{link("y", "x"), link("x", "y")}},
		{name: "link to what others can write", path: "link", want: `file is not trusted: BASE/a/b is writable by others, run "chmod o-w BASE/a/b"`,
			prepare: steps{link("a/b/file", "link"), chmod(0o757, "a/b")}},
		{name: "link that others can bend", path: "a/link", want: `file is not trusted: BASE/a is writable by others, run "chmod o-w BASE/a"`,
			prepare: steps{link("/bin/sh", "a/link"), chmod(0o757, "a")}},
		{name: "link of somebody else in a sticky directory", path: "a/link", want: `file is not trusted: BASE/a/link is owned by user 54321 and must be owned by root, run "chown root BASE/a/link"`,
			prepare: steps{link("b/file", "a/link"), chmod(0o777|os.ModeSticky, "a"), chown("a/link")}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			base := tempDir(t)
			if err := os.MkdirAll(filepath.Join(base, "a", "b"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(base, "a", "b", "file"), []byte("#!/bin/sh\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			for _, path := range []string{"a", "a/b", "a/b/file"} {
				chmod(0o755, path)(t, base)
			}
			for _, step := range test.prepare {
				step(t, base)
			}
			want := strings.ReplaceAll(test.want, "BASE", base)
			file, resolved, err := openTrusted(filepath.Join(base, test.path))
			if err == nil {
				if resolved != filepath.Join(base, "a/b/file") {
					t.Errorf("it is resolved to %s", resolved)
				}
				_ = file.Close()
			}
			if got := errorText(err); got != want {
				t.Errorf("the error is\n%s\nand should be\n%s", got, want)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
