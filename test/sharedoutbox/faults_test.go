// Package sharedoutbox tests an outbox on a database server that several hosts share, while hosts
// and servers are killed, stopped and separated.
package sharedoutbox

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/caso-project/caso/core/outbox/outboxtest"
	"github.com/caso-project/caso/core/outbox/sqlstore"
	"github.com/caso-project/caso/test/engines"
)

var servers engines.Shared

func TestMain(m *testing.M) { servers.Main(m) }

const (
	// leaseTimeout is more than a Galera cluster with the settings of the tests needs to exclude a
	// lost node.
	leaseTimeout = 5 * time.Second
	// recoveryTime is how long the hosts may take to go on after a fault.
	recoveryTime = 2 * time.Minute
	// faultsVariable is how many faults a test causes at least; the default is each fault once.
	faultsVariable = "CASO_ENGINES_FAULTS"

	eventBuffer = 10_000
)

// host is a process that runs TestHost.
type host struct {
	command *exec.Cmd
	// down is true while the host is stopped, and once it is killed.
	down bool
}

// site has hosts that share an outbox.
type site struct {
	t         *testing.T
	dsn       string
	receivers string
	random    *rand.Rand
	hosts     []*host
	// events has space for what the hosts print while a test is busy with a server.
	events  chan event
	reading sync.WaitGroup
	// committed has the highest hour that a host reported as committed, by project.
	committed map[string]int
	failures  []string
	// last are the last events, for messages.
	last []string
	// counts has the number of events by kind.
	counts map[string]int
}

func newSite(t *testing.T, dsn string) *site {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	s := &site{
		t: t, dsn: dsn, receivers: t.TempDir(), random: rand.New(rand.NewPCG(seed, 0)), events: make(chan event, eventBuffer),
		committed: map[string]int{}, counts: map[string]int{},
	}
	t.Cleanup(s.killHosts)
	for range 3 {
		s.startHost()
	}
	return s
}

func (s *site) startHost() {
	s.t.Helper()
	command := exec.Command("/proc/self/exe", "-test.run=^TestHost$")
	command.Env = append(os.Environ(), dsnVariable+"="+s.dsn, receiversVariable+"="+s.receivers)
	command.Stderr = os.Stderr
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stdout, err := command.StdoutPipe()
	outboxtest.Must(s.t, err)
	outboxtest.Must(s.t, command.Start())
	h := &host{command: command}
	s.hosts = append(s.hosts, h)
	s.reading.Go(func() {
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			e := event{Host: h}
			if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
				e = event{Host: h, Kind: hostFailed, Text: lines.Text()}
			}
			s.events <- e
		}
	})
}

// killHosts kills all hosts and reads their last events.
func (s *site) killHosts() {
	for _, h := range s.hosts {
		_ = h.command.Process.Kill()
	}
	go func() {
		s.reading.Wait()
		close(s.events)
	}()
	for e := range s.events {
		s.note(e)
	}
	for _, h := range s.hosts {
		_ = h.command.Wait()
	}
	s.hosts, s.events = nil, make(chan event, eventBuffer)
}

func (s *site) note(e event) {
	s.counts[e.Kind]++
	s.last = append(s.last[max(0, len(s.last)-30):], fmt.Sprintf("process %d: %s %s %d %s", e.Host.command.Process.Pid, e.Kind, e.Project, e.Hour, e.Text))
	switch e.Kind {
	case hostCommitted:
		s.committed[e.Project] = max(s.committed[e.Project], e.Hour+1)
	case hostFailed:
		s.failures = append(s.failures, e.Text)
	}
}

// waitEvent waits for an event that satisfies a condition.
func (s *site) waitEvent(what string, condition func(event) bool) event {
	s.t.Helper()
	timeout := time.After(recoveryTime)
	for {
		select {
		case e := <-s.events:
			s.note(e)
			if condition(e) {
				return e
			}
		case <-timeout:
			s.t.Fatalf("waited %s for %s; the last events are\n%s", recoveryTime, what, strings.Join(s.last, "\n"))
		}
	}
}

// waitHolder waits until a host is at an arbitrary step of its work, and returns it.
func (s *site) waitHolder() *host {
	s.t.Helper()
	now, steps := time.Now(), 1+s.random.IntN(20)
	return s.waitEvent("a host that works", func(e event) bool {
		if working(e) && e.Time.After(now) {
			steps--
		}
		return steps == 0
	}).Host
}

func working(e event) bool {
	return e.Kind == hostStaged || e.Kind == hostCommitted || e.Kind == hostDelivered
}

// waitCommit waits until a host that is not down has begun and committed a window.
func (s *site) waitCommit() {
	s.t.Helper()
	now, begun := time.Now(), map[string]bool{}
	s.waitEvent("a commit", func(e event) bool {
		window := fmt.Sprint(e.Host.command.Process.Pid, e.Project, e.Hour)
		begun[window] = begun[window] || e.Kind == hostStaged && e.Time.After(now)
		return e.Kind == hostCommitted && !e.Host.down && begun[window]
	})
}

// killHolder kills the host that works, and starts another one.
func (s *site) killHolder() {
	h := s.waitHolder()
	outboxtest.Must(s.t, h.command.Process.Kill())
	h.down = true
	s.waitCommit()
	s.startHost()
}

// stopHolder stops the host that works for so long that another one takes over.
func (s *site) stopHolder() {
	h := s.waitHolder()
	outboxtest.Must(s.t, h.command.Process.Signal(syscall.SIGSTOP))
	h.down = true
	s.waitCommit()
	outboxtest.Must(s.t, h.command.Process.Signal(syscall.SIGCONT))
	h.down = false
}

// fault is something that happens while the hosts work.
type fault struct {
	name  string
	cause func()
}

func (s *site) hostFaults() []fault {
	return []fault{{"host killed", s.killHolder}, {"host stopped", s.stopHolder}}
}

func serverFaults(s *site, server *engines.Server) []fault {
	return append(s.hostFaults(),
		fault{"server killed", func() {
			s.waitHolder()
			server.Kill(s.t)
			server.Restart(s.t)
		}},
		fault{"server shut down", func() {
			s.waitHolder()
			server.Shutdown(s.t)
			server.Restart(s.t)
		}},
		fault{"server stopped", func() {
			s.waitHolder()
			server.Stop(s.t)
			s.waitQuiet(time.Duration(s.random.IntN(int(leaseTimeout))))
			server.Cont(s.t)
		}},
	)
}

func clusterFaults(s *site, c *engines.Cluster) []fault {
	other := func() int { return 1 + s.random.IntN(len(c.Nodes)-1) }
	return append(s.hostFaults(),
		fault{"first node killed", func() { s.killNode(c, 0) }},
		fault{"another node killed", func() { s.killNode(c, other()) }},
		fault{"another node stopped", func() { s.stopNode(c, other()) }},
		fault{"another node separated", func() { s.separateNode(c, other()) }},
		fault{"all nodes killed", func() {
			s.waitHolder()
			for _, i := range s.random.Perm(len(c.Nodes)) {
				c.Nodes[i].Kill(s.t)
			}
			c.Restart(s.t, 0, 1, 2)
		}},
	)
}

// firstNodeFaults returns faults of the first node of the DSN that let clients connect to it.
func firstNodeFaults(s *site, c *engines.Cluster) []fault {
	return []fault{
		{"first node stopped", func() { s.stopNode(c, 0) }},
		{"first node separated", func() { s.separateNode(c, 0) }},
	}
}

func (s *site) killNode(c *engines.Cluster, i int) {
	s.waitHolder()
	c.Nodes[i].Kill(s.t)
	s.waitCommit()
	c.Restart(s.t, i)
}

func (s *site) stopNode(c *engines.Cluster, i int) {
	s.waitHolder()
	c.Nodes[i].Stop(s.t)
	s.waitCommit()
	c.Nodes[i].Cont(s.t)
}

func (s *site) separateNode(c *engines.Cluster, i int) {
	s.waitHolder()
	c.Partition(s.t, i)
	s.waitCommit()
	c.Heal(s.t)
}

// waitQuiet reads events for a time.
func (s *site) waitQuiet(duration time.Duration) {
	end := time.After(duration)
	for {
		select {
		case e := <-s.events:
			s.note(e)
		case <-end:
			return
		}
	}
}

// causeFaults causes faults in an arbitrary order, each at least once. After each the hosts must go
// on, also when recover has made all servers run again.
func (s *site) causeFaults(faults []fault, recover func()) {
	s.t.Helper()
	count := len(faults)
	if text := os.Getenv(faultsVariable); text != "" {
		var err error
		count, err = strconv.Atoi(text)
		outboxtest.Must(s.t, err)
	}
	s.waitCommit()
	for done := 0; done < count; {
		for _, i := range s.random.Perm(len(faults)) {
			begun := time.Now()
			s.t.Logf("fault %d: %s", done+1, faults[i].name)
			faults[i].cause()
			recover()
			s.waitCommit()
			done++
			s.t.Logf("the hosts committed again after %s", time.Since(begun).Round(time.Millisecond))
		}
	}
}

// checkRecords ends the hosts and checks that every messenger got every batch of every committed
// window, in order, and nothing else.
func (s *site) checkRecords() {
	t := s.t
	t.Helper()
	s.killHosts()
	t.Logf("events: %v", s.counts)
	for _, failure := range s.failures {
		t.Errorf("a host failed: %s", failure)
	}
	location, err := sqlstore.ParseLocation(s.dsn, "")
	outboxtest.Must(t, err)
	store, err := sqlstore.Open(location, sqlstore.Options{LeaseTimeout: leaseTimeout, LockTimeout: time.Minute})
	outboxtest.Must(t, err)
	defer func() { outboxtest.Must(t, store.Close()) }()
	for _, messenger := range messengers() {
		for {
			batch, found, err := store.Next(messenger)
			outboxtest.Must(t, err)
			if !found {
				break
			}
			outboxtest.Must(t, appendReceived(filepath.Join(s.receivers, messenger), batch))
			outboxtest.Must(t, store.Ack(messenger, batch.ID))
		}
	}
	stats, err := store.Stats()
	outboxtest.Must(t, err)
	outboxtest.Equal(t, "batches after all deliveries", stats.Batches, 0)
	for _, project := range projects() {
		checkpoint, _, err := store.Checkpoint(outboxtest.Key(project))
		outboxtest.Must(t, err)
		hours := int(checkpoint.To.Sub(outboxtest.Day()).Hours())
		if hours < s.committed[project] || hours == 0 {
			t.Errorf("project %s: the checkpoint is at %d, %d windows were reported as committed", project, hours, s.committed[project])
		}
		var want []string
		for hour := range hours {
			for batch := range batchesPerWindow {
				want = append(want, recordID(project, hour, batch))
			}
		}
		for _, messenger := range messengers() {
			s.checkReceived(messenger, project, want)
		}
	}
}

// checkReceived compares what a messenger got first of each record of a project: a batch may come
// again.
func (s *site) checkReceived(messenger, project string, want []string) {
	s.t.Helper()
	content, err := os.ReadFile(filepath.Join(s.receivers, messenger))
	outboxtest.Must(s.t, err)
	var got []string
	seen := map[string]bool{}
	for id := range strings.Lines(string(content)) {
		id = strings.TrimSpace(id)
		if strings.HasPrefix(id, project+"/") && !seen[id] {
			seen[id] = true
			got = append(got, id)
		}
	}
	if slices.Equal(got, want) {
		s.t.Logf("messenger %s got %d records of project %s", messenger, len(got), project)
		return
	}
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			s.t.Errorf("messenger %s, project %s: %d records instead of %d; the first that differs is number %d: got %q, want %q",
				messenger, project, len(got), len(want), i, got[i:min(i+3, len(got))], want[i:min(i+3, len(want))])
			return
		}
	}
}

func TestFaultsOfHostsAndAServer(t *testing.T) {
	for name, start := range map[string]func(engines.TB) *engines.Server{"MariaDB": servers.MariaDB, "PostgreSQL": servers.PostgreSQL} {
		t.Run(name, func(t *testing.T) {
			server := start(t)
			s := newSite(t, server.NewDatabase(t))
			s.causeFaults(serverFaults(s, server), func() {})
			s.checkRecords()
		})
	}
}

func TestFaultsOfHostsAndGaleraNodes(t *testing.T) {
	cluster := servers.Galera(t)
	s := newSite(t, cluster.NewDatabase(t))
	s.causeFaults(clusterFaults(s, cluster), func() { servers.Galera(t) })
	s.checkRecords()
}

func TestHostsLeaveAnUnusableFirstNode(t *testing.T) {
	cluster := servers.Galera(t)
	s := newSite(t, cluster.NewDatabase(t))
	s.causeFaults(firstNodeFaults(s, cluster), func() { servers.Galera(t) })
	s.checkRecords()
}
