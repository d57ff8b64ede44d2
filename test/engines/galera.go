package engines

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// galeraProvider is where Debian's galera-4 has the replication library.
const galeraProvider = "/usr/lib/galera/libgalera_smm.so"

// groupOptions make the other nodes exclude a lost one after 2 s instead of 5 s; until then no
// commit succeeds. The keepalive period must be less than a third of it.
const groupOptions = "gcache.size=64M;evs.keepalive_period=PT0.5S;evs.suspect_timeout=PT2S;evs.inactive_timeout=PT5S"

// partitionTime is how long a node may take to notice that it lost the others or found them again.
const partitionTime = time.Minute

// joinAttempts is how often a node is started that ends while it joins.
const joinAttempts = 3

// Cluster is a Galera cluster: MariaDB servers that replicate every commit to each other. A commit
// succeeds if more than half of the nodes that were connected take part in it.
type Cluster struct {
	// Nodes are the servers. Use their Kill, Stop and Cont, and the cluster's Restart.
	Nodes []*Server
	// rules are the rules of iptables that Heal deletes, isolated the nodes that isolate
	// themselves.
	rules    [][]string
	isolated []int
}

// galeraNode is the engine of one node.
type galeraNode struct {
	mariadb
	cluster *Cluster
	index   int
	// host is the address for the other nodes. In a network namespace of the tests, each node has
	// its own, so that iptables can separate them.
	host string
	// groupPort, incrementalPort and statePort are for the group's messages, for what a node has
	// missed, and for the whole state.
	groupPort, incrementalPort, statePort int
	// more are the options of the next start.
	more []string
}

func newCluster(nodes int) (*Cluster, error) {
	c := &Cluster{}
	if err := c.create(nodes); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

func (c *Cluster) create(nodes int) error {
	if _, err := os.Stat(galeraProvider); err != nil {
		return fmt.Errorf("finding Galera: %w: run test/engines/install as root", err)
	}
	network := 0
	for i := range nodes {
		node := &galeraNode{mariadb: mariadb{[]string{"innodb_flush_log_at_trx_commit=1"}}, cluster: c, index: i}
		for _, port := range []*int{&node.groupPort, &node.incrementalPort, &node.statePort} {
			var err error
			if *port, err = freePort(); err != nil {
				return err
			}
		}
		node.host = "127.0.0.1"
		if inPrivateNetwork() {
			if i == 0 {
				network = 1 + node.groupPort%254
			}
			node.host = fmt.Sprintf("127.0.%d.%d", network, i+1)
		}
		server, err := newMariaDBServer(fmt.Sprintf("galera%d", i), node)
		if err != nil {
			return err
		}
		c.Nodes = append(c.Nodes, server)
	}
	first := c.Nodes[0]
	if err := first.engine.initialize(first); err != nil {
		return err
	}
	c.node(0).more = []string{"--wsrep-new-cluster"}
	if err := first.start(); err != nil {
		return err
	}
	for _, statement := range first.engine.createUsers() {
		if err := first.exec("", statement); err != nil {
			return err
		}
	}
	for i, server := range c.Nodes[1:] {
		if err := server.emptyData(); err != nil {
			return err
		}
		if err := c.join(i + 1); err != nil {
			return err
		}
	}
	return c.waitSynced(nil)
}

func (c *Cluster) node(i int) *galeraNode { return c.Nodes[i].engine.(*galeraNode) }

func (n *galeraNode) command(s *Server) ([]string, error) {
	args, err := n.mariadb.command(s)
	if err != nil {
		return nil, err
	}
	var members []string
	for i := range n.cluster.Nodes {
		other := n.cluster.node(i)
		members = append(members, fmt.Sprintf("%s:%d", other.host, other.groupPort))
	}
	args = append(args, "--binlog-format=ROW", "--innodb-autoinc-lock-mode=2",
		"--wsrep-on=ON", "--wsrep-provider="+galeraProvider, "--wsrep-cluster-name=caso",
		"--wsrep-cluster-address=gcomm://"+strings.Join(members, ","),
		fmt.Sprintf("--wsrep-node-name=node%d", n.index),
		fmt.Sprintf("--wsrep-node-address=%s:%d", n.host, n.groupPort),
		// Needs no user, and an empty directory.
		"--wsrep-sst-method=rsync",
		fmt.Sprintf("--wsrep-sst-receive-address=%s:%d", n.host, n.statePort),
		fmt.Sprintf("--wsrep-provider-options=gmcast.listen_addr=tcp://%s:%d;ist.recv_addr=%s:%d;%s",
			n.host, n.groupPort, n.host, n.incrementalPort, groupOptions))
	return append(args, n.more...), nil
}

func (n *galeraNode) ready(ctx context.Context, s *Server) error {
	return n.wantStatus(ctx, s, map[string]string{"wsrep_ready": "ON", "wsrep_local_state_comment": "Synced"})
}

// wantStatus returns an error unless all status variables of the node have the values.
func (n *galeraNode) wantStatus(ctx context.Context, s *Server, want map[string]string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	rows, err := s.admin.QueryContext(ctx, "SHOW GLOBAL STATUS LIKE 'wsrep%'")
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	found := map[string]string{}
	for rows.Next() {
		var name, value string
		if err := rows.Scan(&name, &value); err != nil {
			return err
		}
		found[name] = value
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for name, value := range want {
		if found[name] != value {
			return fmt.Errorf("%s: %s is %q, want %q", s.name, name, found[name], value)
		}
	}
	return nil
}

// DSN returns the URL of a database for a user, with all nodes.
func (c *Cluster) DSN(user User, database string) string {
	var addresses []string
	for _, server := range c.Nodes {
		addresses = append(addresses, server.address())
	}
	return fmt.Sprintf("mysql://%s:%s@%s/%s", user.Name, user.Password, strings.Join(addresses, ","), database)
}

// NewDatabase creates an empty database, which is dropped at the end of the test, and returns its
// DSN for the owner, with all nodes.
func (c *Cluster) NewDatabase(t TB) string {
	t.Helper()
	return c.DSN(Owner(), c.NewDatabaseName(t))
}

// NewDatabaseName does the same and returns the name.
func (c *Cluster) NewDatabaseName(t TB) string {
	t.Helper()
	return c.Nodes[0].NewDatabaseName(t)
}

// Restart kills the nodes if they run and starts them together with the data that they have. A node
// receives from the others what it has missed. If no other node runs, the node with the last commit
// begins a new cluster. Restart waits until the nodes take statements.
func (c *Cluster) Restart(t TB, nodes ...int) {
	t.Helper()
	mustDo(t, c.restart(nodes))
}

func (c *Cluster) restart(nodes []int) error {
	others := false
	for i, server := range c.Nodes {
		if slices.Contains(nodes, i) {
			if err := server.guardian.SignalAll(syscall.SIGKILL); err != nil {
				return err
			}
			continue
		}
		running, err := server.guardian.Running()
		if err != nil {
			return err
		}
		others = others || running
	}
	if len(nodes) == 0 {
		return nil
	}
	if !others {
		return c.restartAll(nodes)
	}
	// If most nodes were killed, the rest takes them back only together.
	for _, i := range nodes {
		if err := c.prepare(i); err != nil {
			return err
		}
		if err := c.Nodes[i].launch(); err != nil {
			return err
		}
	}
	for _, i := range nodes {
		if c.Nodes[i].waitReady() == nil {
			continue
		}
		err := errors.Join(c.Nodes[i].guardian.SignalAll(syscall.SIGKILL), c.join(i))
		if err != nil {
			return err
		}
	}
	return nil
}

// restartAll starts nodes, of which the one with the last commit begins a new cluster.
func (c *Cluster) restartAll(nodes []int) error {
	first, last := nodes[0], int64(-1)
	for _, i := range nodes {
		position, err := c.position(i)
		if err != nil {
			return err
		}
		_, number, _ := strings.Cut(position, ":")
		if commit, err := strconv.ParseInt(number, 10, 64); err == nil && commit > last {
			first, last = i, commit
		}
	}
	if err := c.bootstrap(first); err != nil {
		return err
	}
	for _, i := range nodes {
		if i == first {
			continue
		}
		if err := c.join(i); err != nil {
			return err
		}
	}
	return nil
}

// join starts a node of a cluster that runs, and waits until it takes statements. A node ends if
// another one joined or left while it received its state. Then it is started again, without the
// part of the state that it has.
func (c *Cluster) join(i int) error {
	server := c.Nodes[i]
	err := errors.Join(c.prepare(i), server.start())
	for range joinAttempts - 1 {
		if err == nil {
			break
		}
		err = errors.Join(server.guardian.SignalAll(syscall.SIGKILL), server.emptyData())
		if err == nil {
			err = errors.Join(c.prepare(i), server.start())
		}
	}
	return err
}

// emptyData replaces the data by an empty directory.
func (s *Server) emptyData() error {
	data := s.path("data")
	return errors.Join(os.RemoveAll(data), os.Mkdir(data, 0o700), s.account.own(data))
}

// prepare sets the options for the start of a node that does not run.
func (c *Cluster) prepare(i int) error {
	position, err := c.position(i)
	c.node(i).more = nil
	if position != "" {
		c.node(i).more = []string{"--wsrep-start-position=" + position}
	}
	return err
}

// bootstrap starts a node as the first one of a new cluster. Its data must be the newest.
func (c *Cluster) bootstrap(i int) error {
	server := c.Nodes[i]
	state := server.path("data/grastate.dat")
	content, err := os.ReadFile(state)
	if err != nil {
		return err
	}
	content = []byte(strings.Replace(string(content), "safe_to_bootstrap: 0", "safe_to_bootstrap: 1", 1))
	if err := errors.Join(os.WriteFile(state, content, 0o600), server.account.own(state)); err != nil {
		return err
	}
	// It has the former members, which the node would wait for.
	if err := os.Remove(server.path("data/gvwstate.dat")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := c.prepare(i); err != nil {
		return err
	}
	c.node(i).more = append(c.node(i).more, "--wsrep-new-cluster")
	return server.start()
}

// position returns the last commit in the data of a node that does not run, as CLUSTER:NUMBER;
// empty if it has no data. With it as --wsrep-start-position a node that crashed receives only what
// it missed; mariadbd-safe and Debian's unit do the same.
func (c *Cluster) position(i int) (string, error) {
	server := c.Nodes[i]
	if _, err := os.Stat(server.path("data/grastate.dat")); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	c.node(i).more = []string{"--wsrep-recover", "--log-error=" + server.path("recovery.log")}
	args, err := server.engine.command(server)
	if err != nil {
		return "", err
	}
	if err := os.Remove(server.path("recovery.log")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if err := server.run(args...); err != nil {
		return "", err
	}
	content, err := os.ReadFile(server.path("recovery.log"))
	if err != nil {
		return "", err
	}
	found := regexp.MustCompile(`Recovered position: *(\S+)`).FindSubmatch(content)
	if found == nil {
		return "", fmt.Errorf("%s: no position in the output of --wsrep-recover:\n%s", server.name, content)
	}
	return string(found[1]), nil
}

// Partition separates a node from the other nodes; clients still reach it. In the tests' own
// network namespace the packets between them are dropped by iptables. Elsewhere the node itself
// ignores the others (gmcast.isolate). Partition does not wait until the nodes notice.
func (c *Cluster) Partition(t TB, node int) {
	t.Helper()
	if !inPrivateNetwork() {
		c.Nodes[node].Exec(t, "", "SET GLOBAL wsrep_provider_options = 'gmcast.isolate=1'")
		c.isolated = append(c.isolated, node)
		return
	}
	for i := range c.Nodes {
		if i == node {
			continue
		}
		here, there := c.node(node).host, c.node(i).host
		for _, rule := range [][]string{{"-s", here, "-d", there, "-j", "DROP"}, {"-s", there, "-d", here, "-j", "DROP"}} {
			mustDo(t, iptables("-A", rule))
			c.rules = append(c.rules, rule)
		}
	}
}

// Heal ends all partitions. It does not wait until the nodes are connected.
func (c *Cluster) Heal(t TB) {
	t.Helper()
	mustDo(t, c.heal())
}

func (c *Cluster) heal() error {
	var errs []error
	for _, rule := range c.rules {
		errs = append(errs, iptables("-D", rule))
	}
	for _, node := range c.isolated {
		// A node that a test has killed since then is not isolated any more.
		if running, err := c.Nodes[node].guardian.Running(); err != nil || !running {
			continue
		}
		errs = append(errs, c.Nodes[node].exec("", "SET GLOBAL wsrep_provider_options = 'gmcast.isolate=0'"))
	}
	c.rules, c.isolated = nil, nil
	return errors.Join(errs...)
}

func iptables(action string, rule []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), statementTime)
	defer cancel()
	command := exec.CommandContext(ctx, "iptables", append([]string{"-w", action, "INPUT"}, rule...)...)
	command.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%q: %w: %s", command.Args, err, output)
	}
	return nil
}

// WaitSynced waits until the nodes, or all nodes, are the members of one component that commits,
// and have all its commits.
func (c *Cluster) WaitSynced(t TB, nodes ...int) {
	t.Helper()
	mustDo(t, c.waitSynced(nodes))
}

func (c *Cluster) waitSynced(nodes []int) error {
	if len(nodes) == 0 {
		for i := range c.Nodes {
			nodes = append(nodes, i)
		}
	}
	want := map[string]string{
		"wsrep_ready": "ON", "wsrep_local_state_comment": "Synced", "wsrep_cluster_status": "Primary",
		"wsrep_cluster_size": strconv.Itoa(len(nodes)),
	}
	return c.waitStatus(nodes, want)
}

// WaitRefusing waits until a node has noticed that it lost the others and refuses statements with
// error 1047.
func (c *Cluster) WaitRefusing(t TB, node int) {
	t.Helper()
	mustDo(t, c.waitStatus([]int{node}, map[string]string{"wsrep_ready": "OFF", "wsrep_cluster_status": "non-Primary"}))
}

func (c *Cluster) waitStatus(nodes []int, want map[string]string) error {
	ctx, cancel := context.WithTimeout(context.Background(), partitionTime)
	defer cancel()
	for _, i := range nodes {
		err := poll(ctx, func() error {
			for _, other := range nodes {
				if err := c.Nodes[other].checkRunning(); err != nil {
					return permanent{err}
				}
			}
			return c.node(i).wantStatus(ctx, c.Nodes[i], want)
		})
		if err != nil {
			return fmt.Errorf("waiting for nodes %v: %w", nodes, err)
		}
	}
	return nil
}

// recover makes the cluster usable whatever a test did to it.
func (c *Cluster) recover() error {
	if err := c.heal(); err != nil {
		return err
	}
	var err error
	for range joinAttempts {
		var ended []int
		for i, server := range c.Nodes {
			if err := server.guardian.SignalAll(syscall.SIGCONT); err != nil {
				return err
			}
			running, err := server.guardian.Running()
			if err != nil {
				return err
			}
			if !running {
				ended = append(ended, i)
			}
		}
		if err := c.restart(ended); err != nil {
			return err
		}
		// A node that has missed more than gcache.size ends when it is connected again, because it
		// can receive the whole state at its start only.
		if err = c.waitSynced(nil); !errors.Is(err, errEnded) {
			break
		}
	}
	return err
}

func (c *Cluster) close() error {
	errs := []error{c.heal()}
	for _, server := range c.Nodes {
		errs = append(errs, server.close())
	}
	return errors.Join(errs...)
}
