package engines

import (
	"context"
	"database/sql"
	"fmt"
	"testing"
)

// openNodes opens a new database on each node, with a table.
func openNodes(t *testing.T, c *Cluster) []*sql.DB {
	t.Helper()
	name := c.NewDatabaseName(t)
	var nodes []*sql.DB
	for _, server := range c.Nodes {
		nodes = append(nodes, open(t, server, Owner(), name, ""))
	}
	must(t, execute(t, nodes[0], "CREATE TABLE t (id INT PRIMARY KEY)"))
	return nodes
}

// insert inserts a row, again as long as the cluster has not excluded a lost node.
func insert(t *testing.T, db *sql.DB, id int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waitTime)
	defer cancel()
	must(t, poll(ctx, func() error { return execute(t, db, fmt.Sprintf("INSERT IGNORE INTO t VALUES (%d)", id)) }))
}

// checkRows checks the number of rows on nodes that are synced.
func checkRows(t *testing.T, nodes []*sql.DB, want int) {
	t.Helper()
	for i, db := range nodes {
		if rows := count(t, db, "t"); rows != want {
			t.Errorf("node %d: %d rows, want %d", i, rows, want)
		}
	}
}

func TestGaleraGoesOnWithoutAKilledNode(t *testing.T) {
	c := servers.Galera(t)
	nodes := openNodes(t, c)
	insert(t, nodes[1], 1)
	c.Nodes[0].Kill(t)
	insert(t, nodes[1], 2)
	c.WaitSynced(t, 1, 2)
	checkRows(t, nodes[2:], 2)
	c.Restart(t, 0)
	c.WaitSynced(t)
	checkRows(t, nodes[:1], 2)
}

func TestGaleraRefusesWithoutMajority(t *testing.T) {
	c := servers.Galera(t)
	nodes := openNodes(t, c)
	insert(t, nodes[2], 1)
	c.Nodes[0].Kill(t)
	c.Nodes[1].Kill(t)
	c.WaitRefusing(t, 2)
	if err := execute(t, nodes[2], "INSERT INTO t VALUES (2)"); code(err) != "1047" {
		t.Errorf("node without the others: got %v, want error 1047", err)
	}
	c.Restart(t, 0, 1)
	c.WaitSynced(t)
	insert(t, nodes[2], 3)
	checkRows(t, nodes[2:], 2)
}

func TestGaleraStartsAgainWhenAllNodesWereKilled(t *testing.T) {
	c := servers.Galera(t)
	nodes := openNodes(t, c)
	c.Nodes[0].Kill(t)
	insert(t, nodes[1], 1)
	c.Nodes[1].Kill(t)
	c.Nodes[2].Kill(t)
	servers.Galera(t)
	checkRows(t, nodes, 1)
}

func TestGaleraPartition(t *testing.T) {
	c := servers.Galera(t)
	nodes := openNodes(t, c)
	c.Partition(t, 1)
	c.WaitRefusing(t, 1)
	if err := execute(t, nodes[1], "INSERT INTO t VALUES (1)"); code(err) != "1047" {
		t.Errorf("separated node: got %v, want error 1047", err)
	}
	insert(t, nodes[0], 2)
	c.WaitSynced(t, 0, 2)
	c.Heal(t)
	c.WaitSynced(t)
	checkRows(t, nodes, 1)
	insert(t, nodes[1], 3)
}

func TestGaleraExcludesAStoppedNode(t *testing.T) {
	c := servers.Galera(t)
	nodes := openNodes(t, c)
	c.Nodes[2].Stop(t)
	insert(t, nodes[0], 1)
	c.WaitSynced(t, 0, 1)
	c.Nodes[2].Cont(t)
	c.WaitSynced(t)
	checkRows(t, nodes[2:], 1)
}
