package sqlstore

import (
	"bufio"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/core/outbox/outboxtest"
)

// childEnv makes the test binary play a part in its own process; its value is the spool directory.
const (
	childEnv = "CASO_TEST_OUTBOX_CHILD"
	limitEnv = "CASO_TEST_OUTBOX_LIMIT"
)

// TestChild is what the other tests of this file start and kill.
func TestChild(t *testing.T) {
	dir := os.Getenv(childEnv)
	if dir == "" {
		t.Skip("only runs as a child of other tests")
	}
	if os.Getenv(limitEnv) != "" {
		// Making the file larger than that fails, as it does on a full disk.
		limit := unix.Rlimit{Cur: 5 << 20, Max: 5 << 20}
		outboxtest.Must(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &limit))
	}
	o, err := Open(InDirectory(dir), Options{})
	outboxtest.Must(t, err)
	_, err = o.Register([]string{"fast", "slow"})
	outboxtest.Must(t, err)
	start := 0
	if at, ok, err := o.Checkpoint(outboxtest.Key("p")); ok {
		outboxtest.Must(t, err)
		start = int(at.To.Sub(outboxtest.Day()).Hours())
	}
	for i := start; ; i++ {
		w, err := o.Begin(outboxtest.Origin("p", i, i+1))
		outboxtest.Must(t, err)
		for b := range 3 {
			if err := w.Append(outboxtest.Large(fmt.Sprintf("%d/%d", i, b))); err != nil {
				fmt.Println("failed:", err)
				return
			}
			fmt.Println("staged", i, b)
		}
		if err := w.Commit(outbox.Change{MoveCheckpoint: true, State: fmt.Append(nil, i)}); err != nil {
			fmt.Println("failed:", err)
			return
		}
		fmt.Println("committed", i)
		batch, _, err := o.Next("fast")
		outboxtest.Must(t, err)
		outboxtest.Must(t, o.Ack("fast", batch.ID))
		fmt.Println("acked", outboxtest.IDs(batch.Records)[0])
	}
}

// child starts TestChild in a directory and calls see for every line that it prints. When see
// returns true, the child is killed, whatever it is doing; the lines that it printed until then
// follow.
func child(t *testing.T, dir string, env []string, see func(line string) (stop bool)) {
	t.Helper()
	command := exec.Command(os.Args[0], "-test.run=^TestChild$")
	command.Env = append(append(os.Environ(), childEnv+"="+dir), env...)
	command.Stderr = os.Stderr
	output, err := command.StdoutPipe()
	outboxtest.Must(t, err)
	outboxtest.Must(t, command.Start())
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
	// Each round is killed at another moment, and goes on with what the one before left.
	// Moments are counted in lines of the round: a child may be ahead of the lines that were read.
	for round, killAt := range []struct {
		line  string
		count int
	}{{"staged", 1}, {"staged", 3}, {"committed", 4}, {"staged", 8}, {"acked", 1}, {"staged", 12}, {"committed", 5}} {
		count := 0
		child(t, dir, nil, func(line string) bool {
			if id, ok := strings.CutPrefix(line, "committed "); ok {
				committed = append(committed, id)
			}
			if id, ok := strings.CutPrefix(line, "acked "); ok {
				acked = append(acked, id)
			}
			if strings.HasPrefix(line, killAt.line) {
				count++
			}
			return count >= killAt.count
		})
		o := open(t, dir)
		outboxtest.Equal(t, "staged", countStaged(t, o), 0)
		outboxtest.Register(t, o, "fast", "slow")
		windows := peek(t, o, "slow")
		if len(windows)%3 != 0 {
			t.Fatalf("round %d: %d batches are visible, and a window has 3", round, len(windows))
		}
		// The last window may have been committed without the line that reports it.
		count = len(windows) / 3
		if count != len(committed) && count != len(committed)+1 {
			t.Fatalf("round %d: %d windows are visible, %d were reported as committed", round, count, len(committed))
		}
		for i := range windows {
			outboxtest.Equal(t, "batch", windows[i], fmt.Sprintf("%d/%d", i/3, i%3))
		}
		at, ok, err := o.Checkpoint(outboxtest.Key("p"))
		outboxtest.Must(t, err)
		if count > 0 && (!ok || !at.To.Equal(outboxtest.Hours(count)) || string(at.State) != fmt.Sprint(count-1)) {
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
		outboxtest.Must(t, o.Close())
	}
	if len(committed) < 10 || len(acked) < 10 {
		t.Errorf("the child committed %v and acknowledged %v: too little was tried", committed, acked)
	}
}

func countStaged(t *testing.T, o *Store) int {
	t.Helper()
	count := 0
	outboxtest.Must(t, o.view("counting", func(t *tx) error {
		return t.query(selectStaged, func(*sql.Rows) error { count++; return nil })
	}))
	return count
}

// peek returns the ID of the first record of each pending batch.
func peek(t *testing.T, o *Store, messenger string) []string {
	t.Helper()
	place := directory(filepath.Dir(o.Location())).Crash(t, o)
	other := outboxtest.Open(t, place)
	var all []string
	for _, batch := range outboxtest.Drain(t, other, messenger) {
		all = append(all, batch[0])
	}
	outboxtest.Must(t, other.Close())
	return all
}

func TestFullDiskLeavesWhatWasCommitted(t *testing.T) {
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
	if committed == 0 || !strings.Contains(failed, outbox.FileName) || !strings.Contains(failed, "disk I/O error") ||
		!strings.Contains(failed, `of project "p" by extractor "nova"`) {
		t.Fatalf("%d windows were committed, then: %q", committed, failed)
	}
	o := open(t, dir)
	outboxtest.Equal(t, "batches visible", len(peek(t, o, "slow")), 3*committed)
	at, _, err := o.Checkpoint(outboxtest.Key("p"))
	outboxtest.Must(t, err)
	outboxtest.Equal(t, "checkpoint", at.To, outboxtest.Hours(committed))
}
