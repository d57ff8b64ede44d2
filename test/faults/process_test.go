package faults

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// gone is the longest time that a plugin may outlive its host.
const gone = 5 * time.Second

// plugins returns the process IDs of the site's running plugins.
func (s *site) plugins() []int {
	links, _ := filepath.Glob("/proc/[0-9]*/exe")
	var pids []int
	for _, link := range links {
		program, err := os.Readlink(link)
		if err != nil || !strings.HasPrefix(program, s.path("bin", "plugins")+"/") {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(link))); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// checkNoProcessLeft waits, for a bounded time, until no plugin of the site runs.
func (s *site) checkNoProcessLeft() {
	s.t.Helper()
	s.until(gone, "plugins outlive their host", func() bool { return len(s.plugins()) == 0 })
}

// until polls a condition for which there is no event.
func (s *site) until(limit time.Duration, otherwise string, holds func() bool) {
	s.t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(limit)
	for !holds() {
		select {
		case <-ticker.C:
		case <-deadline:
			s.t.Fatalf("after %s: %s", limit, otherwise)
		}
	}
}

// leftovers returns the names in the site's temporary directory: sockets and their directories.
func (s *site) leftovers() []string {
	s.t.Helper()
	entries, err := os.ReadDir(s.path("t"))
	must(s.t, err)
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}
