package faults

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/core/outbox/sqlstore"
	"github.com/caso-project/caso/core/report"
	"github.com/caso-project/caso/test/standin"
)

// testOutbox breaks the spool directory and the outbox in it.
func testOutbox(t *testing.T, bin string) {
	t.Run("full disk", func(t *testing.T) {
		t.Parallel()
		if os.Geteuid() != 0 {
			t.Skip("needs root, to mount a file system")
		}
		fullDisk(t, newSite(t, bin, standin.Options{Projects: 6, ServersPerProject: 400}))
	})
	t.Run("full disk from the beginning", func(t *testing.T) {
		t.Parallel()
		if os.Geteuid() != 0 {
			t.Skip("needs root, to mount a file system")
		}
		s := newSite(t, bin, standin.Options{})
		mount(t, s.path("spool"), 0, "size=64k")
		fill(t, s.path("spool"))
		if got := s.run(1, "extract"); !strings.Contains(got.stderr, s.path("spool")) || !strings.Contains(got.stderr, "no space left on device") {
			t.Errorf("%s", got.stderr)
		}
		must(t, os.Remove(s.path("spool", "filler")))
		must(t, unix.Mount("tmpfs", s.path("spool"), "tmpfs", unix.MS_REMOUNT, "size=64m"))
		s.extract(0)
	})
	t.Run("damaged", func(t *testing.T) {
		t.Parallel()
		s := newSite(t, bin, standin.Options{})
		s.run(0, "extract")
		path := s.path("spool", outbox.FileName)
		whole, err := os.ReadFile(path)
		must(t, err)
		for name, damaged := range map[string][]byte{
			"truncated": whole[:len(whole)/2],
			"empty":     {},
			"flipped":   flipped(whole),
			"foreign":   []byte(strings.Repeat("2026-11-01 00:00:00\n", 500)),
		} {
			must(t, os.WriteFile(path, damaged, 0o600))
			for _, command := range []string{"extract", "deliver", "projects"} {
				if command == "deliver" {
					continue // below
				}
				got := s.run(2, command)
				if !strings.Contains(got.stderr, path) || !strings.Contains(got.stderr, "damaged") || !strings.Contains(got.stderr, "restore it from a backup") {
					t.Errorf("%s, %s: %s", name, command, got.stderr)
				}
			}
			s.run(2, "deliver")
			after, err := os.ReadFile(path)
			must(t, err)
			if !bytes.Equal(after, damaged) {
				t.Errorf("%s: the file was changed", name)
			}
		}
		must(t, os.WriteFile(path, whole, 0o600))
		s.extract(0)
	})
	t.Run("two hosts", func(t *testing.T) {
		t.Parallel()
		s := newSite(t, bin, standin.Options{})
		asked, end := blockServerList(s)
		first := s.start("extract")
		<-asked
		for _, command := range []string{"extract", "deliver"} {
			if got := s.run(75, command); !strings.Contains(got.stderr, "another run holds the lock "+s.path("spool", "caso.lock")) {
				t.Errorf("%s: %s", command, got.stderr)
			}
		}
		// With another run lock the outbox is still locked.
		s.set("DEFAULT", "lock_path", s.path("other-lock"))
		if got := s.run(75, "extract"); !strings.Contains(got.stderr, outbox.FileName) || !strings.Contains(got.stderr, "outbox is locked by another process") {
			t.Errorf("%s", got.stderr)
		}
		delete(s.settings["DEFAULT"], "lock_path")
		// A lock ends with its process, also when that is killed.
		must(t, first.command.Process.Kill())
		first.wait()
		end()
		s.extract(0)
	})
	t.Run("clock set back", func(t *testing.T) {
		t.Parallel()
		s := newSite(t, bin, standin.Options{})
		first := s.extract(0)
		future := time.Now().UTC().Truncate(time.Second).Add(30 * 24 * time.Hour)
		s.moveCheckpoint(keyOf(first.Windows[0]), future)
		run := s.extract(1)
		for _, window := range run.Windows {
			if window.ProjectID == first.Windows[0].ProjectID || !window.From.Before(window.To) {
				t.Errorf("a window from %s to %s", window.From, window.To)
			}
		}
		checkLine(t, slices.DeleteFunc(problemLines(run.Problems), func(line string) bool { return !strings.HasPrefix(line, "error") }),
			"in the future", first.Windows[0].ProjectName)
		box := s.open()
		if at, _, err := box.Checkpoint(keyOf(first.Windows[0])); err != nil || !at.To.Equal(future) {
			t.Errorf("the checkpoint moved to %s, %v", at.To, err)
		}
		must(t, box.Close())
		// A person sees it and moves it back.
		if got := s.run(0, "checkpoint", "list"); strings.Count(got.stdout, "in the future") != 1 {
			t.Errorf("%s", got.stdout)
		}
		// An hour earlier than the first run, which may have been within this second.
		back := first.Windows[0].To.Add(-time.Hour)
		to := back.Format(time.RFC3339)
		if got := s.run(0, "checkpoint", "set", "--project", first.Windows[0].ProjectID, to); !strings.Contains(got.stdout, "the next run reports the time from "+to) {
			t.Errorf("%s", got.stdout)
		}
		reported := false
		for _, window := range s.extract(0).Windows {
			reported = reported || window.ProjectID == first.Windows[0].ProjectID && window.From.Equal(back)
		}
		if !reported {
			t.Error("the next run did not start at the checkpoint that was set")
		}
	})
}

// fullDisk extracts more than fits on the disk. Committed windows stay and are delivered; when
// there is space again the next run extracts the rest.
func fullDisk(t *testing.T, s *site) {
	mount(t, s.path("spool"), 0, "size=1m")
	run := s.extract(1)
	s.checkNoProcessLeft()
	failed := 0
	for _, window := range run.Windows {
		if window.Failed {
			failed++
			errs := slices.DeleteFunc(problemLines(window.Problems), func(line string) bool { return !strings.HasPrefix(line, "error") })
			checkLine(t, errs, s.path("spool", outbox.FileName), "no space left on device")
		}
	}
	if failed == 0 || failed == len(run.Windows) {
		t.Errorf("%d of %d windows failed: the test needs another size", failed, len(run.Windows))
	}
	if ssm := messenger(t, run, "ssm"); ssm.Records == 0 || ssm.PendingBatches != 0 {
		t.Errorf("not delivered: %+v", ssm)
	}
	must(t, unix.Mount("tmpfs", s.path("spool"), "tmpfs", unix.MS_REMOUNT, "size=64m"))
	next := s.extract(0)
	recovered := 0
	for _, window := range next.Windows {
		if window.From.Year() == 1970 {
			recovered++
		}
	}
	if recovered != failed {
		t.Errorf("%d windows failed, %d were extracted by the next run", failed, recovered)
	}
	// Filled by another process: the run either needs no space or reports that there is none.
	fill(t, s.path("spool"))
	got := s.start("extract").wait()
	if got.status != 0 && (got.status != 1 || !strings.Contains(got.stdout+got.stderr, "no space left on device")) {
		t.Errorf("exit status %d\n%s%s", got.status, got.stdout, got.stderr)
	}
	must(t, os.Remove(s.path("spool", "filler")))
	s.extract(0)
	// All of it reached the spool.
	found := map[string]bool{}
	for _, key := range s.spooled() {
		id, _, _ := strings.Cut(key, " ")
		found[id] = true
	}
	for _, window := range run.Windows {
		for _, server := range s.cloud.Servers(window.ProjectID) {
			if !found[server.ID] {
				t.Errorf("server %s has no record", server.ID)
			}
		}
	}
}

// fill writes a file until the file system is full.
func fill(t *testing.T, dir string) {
	t.Helper()
	must(t, exec.Command("sh", "-c", "cat /dev/zero > "+filepath.Join(dir, "filler")+" 2>/dev/null; true").Run())
}

// flipped returns a copy of an SQLite file with another kind of page in the head of every leaf
// page.
func flipped(whole []byte) []byte {
	bad := bytes.Clone(whole)
	size := int(binary.BigEndian.Uint16(whole[16:]))
	for page := size; page < len(bad); page += size {
		// 13 is a leaf of a table (https://sqlite.org/fileformat.html).
		if bad[page] == 13 {
			bad[page] ^= 0x40
		}
	}
	return bad
}

// open opens the outbox for reading.
func (s *site) open() *sqlstore.Store {
	s.t.Helper()
	box, err := sqlstore.Open(sqlstore.InDirectory(s.path("spool")), sqlstore.Options{ReadOnly: true})
	must(s.t, err)
	return box
}

// keyOf returns the key of the checkpoint that a window moves.
func keyOf(window report.WindowResult) outbox.Key {
	return outbox.Key{Extractor: window.Extractor, ProjectID: window.ProjectID, Region: window.Region}
}

// moveCheckpoint commits an empty window that ends at a time.
func (s *site) moveCheckpoint(key outbox.Key, to time.Time) {
	s.t.Helper()
	box, err := sqlstore.Open(sqlstore.InDirectory(s.path("spool")), sqlstore.Options{})
	must(s.t, err)
	at, _, err := box.Checkpoint(key)
	must(s.t, err)
	window, err := box.Begin(outbox.Origin{Key: key, From: at.To, To: to})
	must(s.t, err)
	must(s.t, window.Commit(outbox.Change{MoveCheckpoint: true, State: at.State}))
	must(s.t, box.Close())
}
