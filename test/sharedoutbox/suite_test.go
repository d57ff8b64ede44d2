package sharedoutbox

import (
	"flag"
	"strings"
	"testing"
	"time"

	"github.com/caso-project/caso/core/outbox/outboxtest"
	"github.com/caso-project/caso/core/outbox/sqlstore"
	"github.com/caso-project/caso/test/engines"
)

// clusterPlace is a database of a cluster for the suite.
type clusterPlace struct {
	t        testing.TB
	cluster  *engines.Cluster
	database string
}

func (p clusterPlace) Open(readOnly bool, now func() time.Time) (outboxtest.Store, error) {
	location, err := sqlstore.ParseLocation(p.cluster.DSN(engines.Owner(), p.database), "")
	if err != nil {
		return nil, err
	}
	// The lease is short, so that a takeover does not take long.
	return sqlstore.Open(location, sqlstore.Options{ReadOnly: readOnly, Now: now, LeaseTimeout: time.Second})
}

// Crash returns a copy of the database.
func (p clusterPlace) Crash(t outboxtest.TB, _ outboxtest.Store) outboxtest.Place {
	t.Helper()
	copied := clusterPlace{p.t, p.cluster, p.cluster.NewDatabaseName(p.t)}
	node := p.cluster.Nodes[0]
	tables := node.Value(p.t, "", "SELECT GROUP_CONCAT(table_name) FROM information_schema.tables WHERE table_schema = '"+p.database+"'")
	for table := range strings.SplitSeq(tables, ",") {
		from, to := p.database+"."+table, copied.database+"."+table
		node.Exec(p.t, "", "CREATE TABLE "+to+" LIKE "+from)
		node.Exec(p.t, "", "INSERT INTO "+to+" SELECT * FROM "+from)
	}
	return copied
}

// TestSuiteGalera runs the suite on a cluster, with a short model: each of its steps takes time.
func TestSuiteGalera(t *testing.T) {
	checks := flag.Lookup("rapid.checks").Value
	before := checks.String()
	outboxtest.Must(t, checks.Set("2"))
	defer func() { _ = checks.Set(before) }()
	cluster := servers.Galera(t)
	outboxtest.Run(t, func(t testing.TB) outboxtest.Place {
		return clusterPlace{t, cluster, cluster.NewDatabaseName(t)}
	})
}
