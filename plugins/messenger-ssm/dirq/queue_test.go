package dirq

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// readElements returns what a reader would see, in its order. Any file that is not an element fails
// the test.
func readElements(t *testing.T, path string) (contents, names []string) {
	t.Helper()
	dirs, err := os.ReadDir(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range dirs {
		entries, err := os.ReadDir(filepath.Join(path, dir.Name()))
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			name := dir.Name() + "/" + entry.Name()
			if !isElement(name) {
				t.Errorf("%s is not an element", name)
				continue
			}
			content, err := os.ReadFile(filepath.Join(path, name))
			if err != nil {
				t.Fatal(err)
			}
			contents, names = append(contents, string(content)), append(names, name)
		}
	}
	return contents, names
}

// isElement matches python-dirq's _DIRELT_REGEXP.
func isElement(name string) bool {
	hex := func(text string) bool { return strings.Trim(text, "0123456789abcdef") == "" }
	dir, element, ok := strings.Cut(name, "/")
	return ok && len(dir) == 8 && hex(dir) && len(element) == 14 && hex(element)
}

func wantContents(t *testing.T, path string, want ...string) {
	t.Helper()
	if got, _ := readElements(t, path); !slices.Equal(got, want) {
		t.Errorf("the queue contains %q, want %q", got, want)
	}
}

func add(t *testing.T, queue *Queue, contents ...string) {
	t.Helper()
	if err := queue.Add(context.Background(), asBytes(contents)...); err != nil {
		t.Fatal(err)
	}
}

func asBytes(contents []string) [][]byte {
	var converted [][]byte
	for _, content := range contents {
		converted = append(converted, []byte(content))
	}
	return converted
}

func TestAddKeepsOrder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "made", "with", "parents")
	queue := Open(path)
	var want []string
	for i := range 50 {
		more := []string{fmt.Sprint(i, "a"), fmt.Sprint(i, "b")}
		add(t, queue, more...)
		want = append(want, more...)
	}
	add(t, queue)
	wantContents(t, path, want...)
}

func TestNamesHaveTheFormatOfDirq(t *testing.T) {
	path := t.TempDir()
	queue := Open(path)
	queue.names = nameSequence{now: func() time.Time { return time.Unix(1700000000, 123456789) }, digit: 7}
	add(t, queue, "x")
	// 1700000000 is 0x6553f100, 20 s into its minute. 123456 is 0x1e240; two attempts to create
	// a temporary file, the first without a directory, used two names.
	if _, names := readElements(t, path); !slices.Equal(names, []string{"6553f0ec/6553f1001e2427"}) {
		t.Errorf("got %v", names)
	}
}

func TestNamesIncreaseWhenTheClockIsSetBack(t *testing.T) {
	for _, restarted := range []bool{false, true} {
		path := t.TempDir()
		now := time.Unix(1700000059, 999999000)
		queue := Open(path)
		var want []string
		for i, step := range []time.Duration{0, time.Microsecond, -time.Hour, time.Second, -24 * time.Hour, 48 * time.Hour} {
			if restarted {
				queue = Open(path)
			}
			queue.names.now = func() time.Time { return now }
			now = now.Add(step)
			content := fmt.Sprint(i)
			add(t, queue, content, content+"+")
			want = append(want, content, content+"+")
		}
		wantContents(t, path, want...)
	}
}

// TestLastTime: the last element is the last one in the last directory that has any.
func TestLastTime(t *testing.T) {
	path := t.TempDir()
	for _, name := range []string{"6553f0ec/6553f1001e2427", "6553f0ec/6553f1001e2418", "6553f0ec/6553f1001e2500.tmp",
		"6553f0b0/6553f1ff1e2427", "6553f128/notes", "lost+found/6553f1001e2427"} {
		if err := os.MkdirAll(filepath.Join(path, filepath.Dir(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(path, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		path string
		want int64
	}{{path, 1700000000123458}, {t.TempDir(), 0}, {filepath.Join(path, "missing"), 0}} {
		if got, err := lastTime(test.path); err != nil || got != test.want {
			t.Errorf("%s: got %d %v, want %d", test.path, got, err, test.want)
		}
	}
}

func TestClockWithoutNames(t *testing.T) {
	for _, moment := range []time.Time{{}, time.Unix(0, 0), time.Unix(1<<32, 0)} {
		queue := Open(t.TempDir())
		queue.names.now = func() time.Time { return moment }
		queue.names.last = -1 << 62
		if err := queue.Add(context.Background(), []byte("x")); err == nil || !strings.Contains(err.Error(), "set the clock") {
			t.Errorf("%v: got error %v", moment, err)
		}
	}
}

func TestNamesInUseAreNotReplaced(t *testing.T) {
	path := t.TempDir()
	now := time.Unix(1700000000, 0)
	for _, content := range []string{"first", "second"} {
		// Two processes with the same time and digit, neither of which sees the names of the other.
		queue := Open(path)
		queue.names = nameSequence{now: func() time.Time { return now }, digit: 1, last: 1}
		add(t, queue, content, content+"+")
	}
	got, _ := readElements(t, path)
	slices.Sort(got)
	if want := []string{"first", "first+", "second", "second+"}; !slices.Equal(got, want) {
		t.Errorf("the queue contains %q, want %q", got, want)
	}
}

func TestFullDiskLeavesNoElement(t *testing.T) {
	path := t.TempDir()
	queue := Open(path)
	write, written := queue.files.write, 0
	queue.files.write = func(path string, content []byte) error {
		if written++; written == 3 {
			return &fs.PathError{Op: "write", Path: path, Err: syscall.ENOSPC}
		}
		return write(path, content)
	}
	// The first write fails because the directory does not exist yet.
	err := queue.Add(context.Background(), asBytes([]string{"a", "b", "c"})...)
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), path) {
		t.Errorf("got error %v, want ENOSPC and the path of the queue", err)
	}
	wantContents(t, path)
	add(t, queue, "a", "b", "c")
	wantContents(t, path, "a", "b", "c")
}

func TestWriteFileKeepsAnExistingFile(t *testing.T) {
	existing := filepath.Join(t.TempDir(), "x.tmp")
	if err := os.WriteFile(existing, []byte("theirs"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := writeFile(existing, []byte("ours")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got error %v", err)
	}
	if content, err := os.ReadFile(existing); err != nil || string(content) != "theirs" {
		t.Errorf("got %q, %v", content, err)
	}
}

func TestPurgedTemporaryFileIsWrittenAgain(t *testing.T) {
	path := t.TempDir()
	queue := Open(path)
	minute := 0
	queue.names.now = func() time.Time { return time.Unix(1700000000+int64(60*minute), 0) }
	// Files with names, as on a file system without O_TMPFILE.
	queue.files.write, queue.files.link, queue.files.remove = writeFile, os.Link, os.Remove
	link, calls := queue.files.link, 0
	queue.files.link = func(from, to string) error {
		// A purger removes the second of three, and the next minute has begun.
		if calls++; calls == 2 {
			minute++
			if err := os.Remove(from); err != nil {
				t.Error(err)
			}
		}
		return link(from, to)
	}
	add(t, queue, "a", "b", "c")
	wantContents(t, path, "a", "b", "c")
}

func TestPurgedDirectoryIsMadeAgain(t *testing.T) {
	path := t.TempDir()
	queue := Open(path)
	mkdir, calls := queue.files.mkdir, 0
	queue.files.mkdir = func(dir string) error {
		err := mkdir(dir)
		if calls++; err == nil && calls < 4 {
			if err := os.Remove(dir); err != nil {
				t.Error(err)
			}
		}
		return err
	}
	add(t, queue, "a")
	wantContents(t, path, "a")
}

func TestElementTakenBeforeAddReturns(t *testing.T) {
	path := t.TempDir()
	queue := Open(path)
	link := queue.files.link
	queue.files.link = func(from, to string) error {
		if err := link(from, to); err != nil {
			return err
		}
		// A reader removes the element, then a purger the directory.
		return os.RemoveAll(filepath.Dir(to))
	}
	add(t, queue, "a")
	wantContents(t, path)
}

func TestAttemptsAreBounded(t *testing.T) {
	cases := map[string]func(*Queue){
		"every temporary file is purged": func(q *Queue) {
			q.files.link = func(string, string) error { return &os.LinkError{Op: "link", Err: syscall.ENOENT} }
		},
		"every name is in use": func(q *Queue) {
			q.files.link = func(string, string) error { return &os.LinkError{Op: "link", Err: syscall.EEXIST} }
		},
		"every directory vanishes": func(q *Queue) {
			q.files.write = func(path string, _ []byte) error {
				return &fs.PathError{Op: "open", Path: path, Err: syscall.ENOENT}
			}
		},
	}
	for name, breakQueue := range cases {
		t.Run(name, func(t *testing.T) {
			queue := Open(t.TempDir())
			breakQueue(queue)
			err := queue.Add(context.Background(), []byte("x"))
			if err == nil || !strings.Contains(err.Error(), "stopped after") {
				t.Errorf("got error %v", err)
			}
			wantContents(t, queue.path)
		})
	}
}

// An error of any step that is not ENOENT or EEXIST fails Add at once and leaves no temporary file.
func TestOtherErrorsAreFinal(t *testing.T) {
	for _, cause := range []error{syscall.EACCES, syscall.EROFS, syscall.EIO, syscall.EPERM} {
		failNth := func(calls *int, nth int) error {
			if *calls++; *calls == nth {
				return cause
			}
			return nil
		}
		cases := map[string]func(q *Queue, calls *int){
			"write": func(q *Queue, calls *int) {
				write := q.files.write
				q.files.write = func(path string, content []byte) error {
					if err := failNth(calls, 3); err != nil {
						return err
					}
					return write(path, content)
				}
			},
			"mkdir": func(q *Queue, calls *int) {
				q.files.mkdir = func(string) error { return failNth(calls, 1) }
			},
			"link": func(q *Queue, calls *int) {
				link := q.files.link
				q.files.link = func(from, to string) error {
					if err := failNth(calls, 2); err != nil {
						return err
					}
					return link(from, to)
				}
			},
			"sync": func(q *Queue, calls *int) {
				q.files.sync = func(string) error { return failNth(calls, 3) }
			},
		}
		for name, breakQueue := range cases {
			t.Run(name+" "+cause.Error(), func(t *testing.T) {
				queue, calls := Open(t.TempDir()), 0
				breakQueue(queue, &calls)
				if err := queue.Add(context.Background(), []byte("a"), []byte("b")); !errors.Is(err, cause) {
					t.Errorf("got error %v, want %v", err, cause)
				}
				// Fails on temporary files.
				readElements(t, queue.path)
			})
		}
	}
}

// unusablePaths returns a directory with a file and a symbolic link to a missing directory.
func unusablePaths(t *testing.T) (dir, file, dangling string) {
	t.Helper()
	dir = t.TempDir()
	file = filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	dangling = filepath.Join(dir, "dangling")
	if err := os.Symlink(filepath.Join(dir, "nowhere"), dangling); err != nil {
		t.Fatal(err)
	}
	return dir, file, dangling
}

func TestPathIsNotADirectory(t *testing.T) {
	_, file, dangling := unusablePaths(t)
	for _, path := range []string{file, filepath.Join(file, "below"), dangling} {
		if err := Open(path).Add(context.Background(), []byte("x")); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got error %v, want one that contains the path", path, err)
		}
	}
}

func TestCanceledBeforeTheFirstElementAppears(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	queue := Open(t.TempDir())
	write := queue.files.write
	queue.files.write = func(path string, content []byte) error {
		cancel()
		return write(path, content)
	}
	if err := queue.Add(ctx, []byte("a"), []byte("b")); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v", err)
	}
	wantContents(t, queue.path)
}

func TestModesFollowUmask(t *testing.T) {
	for umask, want := range map[int]struct{ dir, file fs.FileMode }{
		0o022: {0o750, 0o640},
		0o002: {0o770, 0o660},
		0o077: {0o700, 0o600},
		0:     {0o770, 0o660},
	} {
		before := syscall.Umask(umask)
		path := filepath.Join(t.TempDir(), "queue")
		add(t, Open(path), "x")
		syscall.Umask(before)
		_, names := readElements(t, path)
		element := filepath.Join(path, names[0])
		for name, want := range map[string]fs.FileMode{path: want.dir, filepath.Dir(element): want.dir, element: want.file} {
			info, err := os.Stat(name)
			if err != nil {
				t.Fatal(err)
			}
			if info.Mode().Perm() != want {
				t.Errorf("with umask %#o %s has mode %v, want %v", umask, name, info.Mode().Perm(), want)
			}
		}
	}
}

// A reader runs in a loop and, like python-dirq's purge, removes all empty directories but the
// last, while an element is added every minute.
func TestConcurrentPurger(t *testing.T) {
	path := t.TempDir()
	queue := Open(path)
	now := time.Unix(1700000000, 0)
	queue.names.now = func() time.Time { return now }
	const elements = 300
	taken := make(chan string, elements)
	stopped := make(chan struct{})
	var done atomic.Bool
	go func() {
		defer close(stopped)
		for {
			last := done.Load()
			dirs, err := os.ReadDir(path)
			if err != nil {
				t.Error(err)
				return
			}
			for i, dir := range dirs {
				in := filepath.Join(path, dir.Name())
				entries, _ := os.ReadDir(in)
				for _, entry := range entries {
					if !isElement(dir.Name() + "/" + entry.Name()) {
						continue
					}
					content, err := os.ReadFile(filepath.Join(in, entry.Name()))
					if err != nil {
						t.Error(err)
					}
					taken <- string(content)
					if err := os.Remove(filepath.Join(in, entry.Name())); err != nil {
						t.Error(err)
					}
				}
				if i < len(dirs)-1 {
					// Fails unless it is empty.
					_ = os.Remove(in)
				}
			}
			// This listing began after the last Add had returned, so it was complete.
			if last {
				return
			}
		}
	}()
	var want []string
	for i := range elements {
		want = append(want, fmt.Sprint(i))
		now = now.Add(time.Minute)
		add(t, queue, want[i])
	}
	done.Store(true)
	<-stopped
	close(taken)
	var got []string
	for content := range taken {
		got = append(got, content)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the reader got %v", got)
	}
}

// A writer that is killed leaves no temporary file: until it is linked, the file has no name.
func TestTemporaryFilesHaveNoName(t *testing.T) {
	path := t.TempDir()
	queue := Open(path)
	link, links := queue.files.link, 0
	queue.files.link = func(from, to string) error {
		// Fails on temporary files.
		if _, names := readElements(t, path); len(names) != links {
			t.Errorf("%d elements before link %d", len(names), links)
		}
		links++
		return link(from, to)
	}
	add(t, queue, "a", "b", "c")
	wantContents(t, path, "a", "b", "c")
	many := make([]string, maxUnnamed+2)
	for i := range many {
		many[i] = fmt.Sprintf("%04d", i)
	}
	queue.files.link = link
	add(t, queue, many...)
	wantContents(t, path, append([]string{"a", "b", "c"}, many...)...)
}

func TestCheck(t *testing.T) {
	dir, file, dangling := unusablePaths(t)
	for path, want := range map[string]error{
		dir:                                nil,
		filepath.Join(dir, "new", "queue"): nil,
		file:                               syscall.ENOTDIR,
		filepath.Join(file, "below"):       syscall.ENOTDIR,
		dangling:                           fs.ErrNotExist,
		filepath.Join(dangling, "below"):   fs.ErrNotExist,
	} {
		if err := Open(path).Check(); !errors.Is(err, want) {
			t.Errorf("%s: got error %v, want %v", path, err, want)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("the directory contains %v, %v, want the two files of the test", entries, err)
	}
}

func TestCheckOfAProtectedDirectory(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("permissions do not limit root")
	}
	for _, mode := range []fs.FileMode{0o300, 0o500, 0o600} {
		dir := filepath.Join(t.TempDir(), "queue")
		if err := os.Mkdir(dir, mode); err != nil {
			t.Fatal(err)
		}
		if err := Open(dir).Check(); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("mode %v: got error %v", mode, err)
		}
	}
}
