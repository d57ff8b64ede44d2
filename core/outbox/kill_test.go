package outbox

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// childEnv makes the test binary run TestChild's body; its value is the spool directory.
const (
	childEnv = "CASO_TEST_OUTBOX_CHILD"
	limitEnv = "CASO_TEST_OUTBOX_LIMIT"
)

// TestChild is the process that the other tests of this file start and kill.
func TestChild(t *testing.T) {
	dir := os.Getenv(childEnv)
	if dir == "" {
		t.Skip("only runs as a child of other tests")
	}
	if os.Getenv(limitEnv) != "" {
		// Growing the file beyond this fails, as on a full disk.
		limit := unix.Rlimit{Cur: 5 << 20, Max: 5 << 20}
		must(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &limit))
	}
	o, err := Open(dir, Options{})
	must(t, err)
	_, err = o.Register([]string{"fast", "slow"})
	must(t, err)
	start := 0
	if at, ok, err := o.Checkpoint("nova", "p"); ok {
		must(t, err)
		start = int(at.To.Sub(day).Hours())
	}
	for i := start; ; i++ {
		w, err := o.Begin(origin("p", i, i+1))
		must(t, err)
		for b := range 3 {
			if err := w.Append(large(fmt.Sprintf("%d/%d", i, b))); err != nil {
				fmt.Println("failed:", err)
				return
			}
			fmt.Println("staged", i, b)
		}
		if err := w.Commit(Change{MoveCheckpoint: true, State: fmt.Append(nil, i)}); err != nil {
			fmt.Println("failed:", err)
			return
		}
		fmt.Println("committed", i)
		batch, _, err := o.Next("fast")
		must(t, err)
		must(t, o.Ack("fast", batch.ID))
		fmt.Println("acked", batch.Records[0].GetId())
	}
}

// child starts TestChild in a process and calls see for each line of its output until see returns
// true; then it kills the process, and calls see for the rest of the output.
func child(t *testing.T, dir string, env []string, see func(line string) (stop bool)) {
	t.Helper()
	command := exec.Command(os.Args[0], "-test.run=^TestChild$")
	command.Env = append(append(os.Environ(), childEnv+"="+dir), env...)
	command.Stderr = os.Stderr
	output, err := command.StdoutPipe()
	must(t, err)
	must(t, command.Start())
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		if see(lines.Text()) {
			_ = command.Process.Kill()
		}
	}
	if err := lines.Err(); err != nil && !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	_ = command.Wait()
}

func TestKill(t *testing.T) {
	dir := t.TempDir()
	var committed, acked []string
	// Each round is killed at another time, and continues with the previous outbox.
	for round, killAt := range []string{"staged 0 0", "staged 0 2", "committed 3", "staged 6 1", "acked", "staged 9 2", "committed 12"} {
		child(t, dir, nil, func(line string) bool {
			if id, ok := strings.CutPrefix(line, "committed "); ok {
				committed = append(committed, id)
			}
			if id, ok := strings.CutPrefix(line, "acked "); ok {
				acked = append(acked, id)
			}
			return strings.HasPrefix(line, killAt)
		})
		o := open(t, dir)
		same(t, "staged remains", countKeys(t, o, stagedBucket), 0)
		register(t, o, "fast", "slow")
		windows := peek(t, o, "slow")
		if len(windows)%3 != 0 {
			t.Fatalf("round %d: %d batches are visible, and a window has 3", round, len(windows))
		}
		// The last window may have been committed before the child could print it.
		count := len(windows) / 3
		if count != len(committed) && count != len(committed)+1 {
			t.Fatalf("round %d: %d windows are visible, %d were said to be committed", round, count, len(committed))
		}
		for i := range windows {
			same(t, "batch", windows[i], fmt.Sprintf("%d/%d", i/3, i%3))
		}
		at, ok, err := o.Checkpoint("nova", "p")
		must(t, err)
		if count > 0 && (!ok || !at.To.Equal(hours(count)) || string(at.State) != fmt.Sprint(count-1)) {
			t.Errorf("round %d: checkpoint %+v after %d windows", round, at, count)
		}
		waiting := peek(t, o, "fast")
		for _, id := range acked {
			if slices.Contains(waiting, id) {
				t.Errorf("round %d: %s was acknowledged and is waiting", round, id)
			}
		}
		if had := len(windows) - len(waiting); had != len(acked) && had != len(acked)+1 {
			t.Errorf("round %d: %d batches were acknowledged, %d are gone", round, len(acked), had)
		}
		for len(committed) < count {
			committed = append(committed, fmt.Sprint(len(committed)))
		}
		for id := len(acked); id < len(windows)-len(waiting); id++ {
			acked = append(acked, windows[id])
		}
		must(t, o.Close())
	}
	if len(committed) < 10 || len(acked) < 10 {
		t.Errorf("the child committed %v and acknowledged %v: too little was tried", committed, acked)
	}
}

// peek returns the backlog of a messenger: the id of the first record of each batch.
func peek(t *testing.T, o *Outbox, messenger string) []string {
	t.Helper()
	dir := t.TempDir()
	crash(t, o, dir)
	other := open(t, dir)
	var all []string
	for _, batch := range drain(t, other, messenger) {
		all = append(all, batch[0])
	}
	must(t, other.Close())
	return all
}

func TestAFullDiskKeepsCommittedBatches(t *testing.T) {
	dir := t.TempDir()
	committed, failed := 0, ""
	child(t, dir, []string{limitEnv + "=1"}, func(line string) bool {
		if strings.HasPrefix(line, "committed ") {
			committed++
		}
		if strings.HasPrefix(line, "failed:") {
			failed = line
		}
		return false
	})
	if committed == 0 || !strings.Contains(failed, FileName) || !strings.Contains(failed, "file too large") ||
		!strings.Contains(failed, `of project "p" by extractor "nova"`) {
		t.Fatalf("%d windows were committed, then: %q", committed, failed)
	}
	o := open(t, dir)
	same(t, "batches visible", len(peek(t, o, "slow")), 3*committed)
	at, _, err := o.Checkpoint("nova", "p")
	must(t, err)
	same(t, "checkpoint", at.To, hours(committed))
}

func TestAFailedAppendFailsItsWindowOnly(t *testing.T) {
	o, err := Open(t.TempDir(), Options{noSync: true, maxBytes: 1 << 20})
	must(t, err)
	defer func() { must(t, o.Close()) }()
	register(t, o, "ssm")
	commit(t, o, records("before"))
	w := begin(t, o, origin("p", 0, 1))
	for err = nil; err == nil; {
		err = w.Append(large("x"))
	}
	mustFail(t, err, o.Path(), "maximum size")
	mustFail(t, w.Commit(Change{MoveCheckpoint: true}), "maximum size")
	must(t, w.Abort())
	commit(t, o, records("after"))
	same(t, "delivered", drain(t, o, "ssm"), [][]string{{"before"}, {"after"}})
	if _, ok, _ := o.Checkpoint("nova", "p"); ok {
		t.Error("the failed window moved the checkpoint")
	}
}
