package faults

import (
	"fmt"
	"os"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/caso-project/caso/test/standin"
)

// testSpools makes the directory of messenger ssm unusable. Logstash gets all records, the run
// reports the cause once, and when the directory is usable again the spool gets all records in
// order.
func testSpools(t *testing.T, bin string) {
	for _, test := range []struct {
		name string
		root bool // needs to be root, to mount
		// breaks makes the spool unusable and returns what puts it right.
		breaks func(*testing.T, *site) (repair func())
		want   []string
	}{
		{"is a file", false, func(t *testing.T, s *site) func() {
			must(t, os.WriteFile(s.path("out"), nil, 0o600))
			return func() { must(t, os.Remove(s.path("out"))) }
		}, []string{"not a directory"}},
		{"is below a file", false, func(t *testing.T, s *site) func() {
			must(t, os.WriteFile(s.path("out"), nil, 0o600))
			s.set("ssm", "output_path", s.path("out", "below"))
			return func() {
				must(t, os.Remove(s.path("out")))
				s.set("ssm", "output_path", s.path("out"))
			}
		}, []string{"not a directory"}},
		{"may not be written", false, func(t *testing.T, s *site) func() {
			s.unprivileged(t)
			must(t, os.Mkdir(s.path("out"), 0o555))
			return func() { must(t, os.Chmod(s.path("out"), 0o777)) }
		}, []string{"permission denied", "must be able to read and write output_path"}},
		{"may not be made", false, func(t *testing.T, s *site) func() {
			s.unprivileged(t)
			must(t, os.Mkdir(s.path("above"), 0o555))
			s.set("ssm", "output_path", s.path("above", "out"))
			return func() {
				must(t, os.Chmod(s.path("above"), 0o777))
				s.set("ssm", "output_path", s.path("out"))
				must(t, os.Symlink(s.path("above"), s.path("out")))
			}
		}, []string{"permission denied"}},
		{"is full", true, func(t *testing.T, s *site) func() {
			mount(t, s.path("out"), 0, "size=16k")
			return func() { must(t, unix.Mount("tmpfs", s.path("out"), "tmpfs", unix.MS_REMOUNT, "size=64m")) }
		}, []string{"no space left on device", "Free space"}},
		{"is read-only", true, func(t *testing.T, s *site) func() {
			mount(t, s.path("out"), unix.MS_RDONLY, "size=64m")
			return func() { must(t, unix.Mount("tmpfs", s.path("out"), "tmpfs", unix.MS_REMOUNT, "size=64m")) }
		}, []string{"read-only file system", "mount it for writing"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if test.root && os.Geteuid() != 0 {
				t.Skip("needs root, to mount a file system")
			}
			s := newSite(t, bin, standin.Options{ServersPerProject: 60})
			s.set("DEFAULT", "messengers", "ssm, logstash")
			good := newReceiver(t, 0)
			s.set("logstash", "port", fmt.Sprint(good.port()))
			repair := test.breaks(t, s)
			run := s.extract(1)
			s.checkNoProcessLeft()
			checkLine(t, problemLines(messenger(t, run, "ssm").Problems), append([]string{fmt.Sprintf("SSM spool %q", s.settings["ssm"]["output_path"])}, test.want...)...)
			if logstash := messenger(t, run, "logstash"); logstash.Records == 0 || logstash.PendingBatches != 0 {
				t.Errorf("logstash: %+v", logstash)
			}
			repair()
			s.deliver(0)
			good.stop()
			var want []string
			for _, batch := range good.batches() {
				for _, line := range batch {
					fields := document(t, line)
					want = append(want, fmt.Sprint(fields["VMUUID"], " ", fields["RecordCreateTime"]))
				}
			}
			got := s.spooled()
			if !slices.Equal(slices.Compact(got), want) {
				t.Errorf("%d records arrived, want %d in this order", len(got), len(want))
			}
		})
	}
}

// unprivileged runs caso as an unprivileged user if the tests run as root, whom permissions do not
// limit.
func (s *site) unprivileged(t *testing.T) {
	if os.Geteuid() != 0 {
		return
	}
	const id = 65534
	s.user = &syscall.Credential{Uid: id, Gid: id}
	must(t, os.Chown(s.dir, id, id))
	must(t, os.Chown(s.path("t"), id, id))
}

// mount mounts an empty file system in memory until the test ends.
func mount(t *testing.T, dir string, flags uintptr, options string) {
	t.Helper()
	must(t, os.Mkdir(dir, 0o755))
	must(t, unix.Mount("tmpfs", dir, "tmpfs", flags, options))
	t.Cleanup(func() { must(t, unix.Unmount(dir, unix.MNT_DETACH)) })
}
