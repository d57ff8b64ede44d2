package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/core/outbox/outboxtest"
	"github.com/caso-project/caso/test/engines"
)

var servers engines.Shared

func TestMain(m *testing.M) { servers.Main(m) }

// testLease is short, so that a takeover does not take long.
const testLease = time.Second

// serverPlace is a database of a server for the suite.
type serverPlace struct{ dsn string }

func (d serverPlace) Open(readOnly bool, now func() time.Time) (outboxtest.Store, error) {
	location, err := ParseLocation(d.dsn, "")
	if err != nil {
		return nil, err
	}
	return Open(location, Options{ReadOnly: readOnly, Now: now, LeaseTimeout: testLease})
}

// Crash ends the connections without giving the lease back.
func (d serverPlace) Crash(t outboxtest.TB, store outboxtest.Store) outboxtest.Place {
	t.Helper()
	s := store.(*Store)
	s.engine.(*serverEngine).token = 0
	outboxtest.Must(t, s.Close())
	return d
}

// eachServer runs a test on MariaDB and on PostgreSQL.
func eachServer(t *testing.T, test func(t *testing.T, newPlace outboxtest.NewPlace)) {
	t.Helper()
	for name, server := range map[string]func(engines.TB) *engines.Server{
		"MariaDB": servers.MariaDB, "PostgreSQL": servers.PostgreSQL,
	} {
		t.Run(name, func(t *testing.T) {
			s := server(t)
			test(t, func(t testing.TB) outboxtest.Place { return serverPlace{s.NewDatabase(t)} })
		})
	}
}

// TestSuiteServers runs the suite, with a short model: each of its runs needs a database.
func TestSuiteServers(t *testing.T) {
	checks := flag.Lookup("rapid.checks").Value
	before := checks.String()
	outboxtest.Must(t, checks.Set("4"))
	defer func() { _ = checks.Set(before) }()
	eachServer(t, outboxtest.Run)
}

func TestErrorsNameTheRemedy(t *testing.T) {
	for name, server := range map[string]*engines.Server{"mysql": servers.MariaDB(t), "postgres": servers.PostgreSQL(t)} {
		database := server.NewDatabaseName(t)
		host := fmt.Sprintf("127.0.0.1:%d", server.Port())
		for what, test := range map[string]struct {
			url, password string
			says          []string
		}{
			"password": {name + "://caso@" + host + "/" + database, "wrong", []string{"check the user in [DEFAULT] outbox, and outbox_password"}},
			"database": {name + "://caso@" + host + "/missing", "caso-secret", []string{"missing", "database"}},
			"rights":   {name + "://stranger@" + host + "/" + database, "stranger-secret", []string{"rights: GRANT ALL ON"}},
			"port":     {name + "://caso@127.0.0.1:1/" + database, "caso-secret", []string{outbox.ErrUnavailable.Error(), "connection refused"}},
		} {
			location, err := ParseLocation(test.url, test.password)
			outboxtest.Must(t, err)
			for _, readOnly := range []bool{true, false} {
				store, err := Open(location, Options{ReadOnly: readOnly})
				if err == nil {
					if !readOnly || what != "rights" {
						t.Errorf("%s, %s: no error", name, what)
					}
					outboxtest.Must(t, store.Close())
					continue
				}
				outboxtest.MustFail(t, err, append(test.says, location.String())...)
				if strings.Contains(err.Error(), test.password) {
					t.Errorf("%s, %s: the error contains the password: %v", name, what, err)
				}
			}
		}
	}
}

func openPlace(t testing.TB, place outboxtest.Place) *Store {
	t.Helper()
	return outboxtest.Open(t, place).(*Store)
}

// TestLostConnectionsAreTemporary: drivers return these errors when a server ends a connection.
func TestLostConnectionsAreTemporary(t *testing.T) {
	for _, d := range []dialect{&mySQL{}, &postgreSQL{}} {
		engine := &serverEngine{dialect: d}
		for _, lost := range []error{io.EOF, io.ErrUnexpectedEOF, driver.ErrBadConn, sql.ErrConnDone, &net.OpError{Op: "read", Err: io.EOF}} {
			if err := fmt.Errorf("failed to receive message: %w", lost); !engine.temporary(err) || !errors.Is(engine.explain(err), outbox.ErrUnavailable) {
				t.Errorf("%T: %v is not temporary", d, err)
			}
		}
		if engine.temporary(errors.New("syntax error")) {
			t.Errorf("%T: every error is temporary", d)
		}
	}
}

func TestTwoHostsCreateTheSchema(t *testing.T) {
	eachServer(t, func(t *testing.T, newPlace outboxtest.NewPlace) {
		place := newPlace(t)
		var opening sync.WaitGroup
		for range 4 {
			opening.Go(func() {
				store, err := place.Open(false, nil)
				if err == nil {
					err = store.Close()
				}
				if err != nil && !errors.Is(err, outbox.ErrLocked) {
					t.Error(err)
				}
			})
		}
		opening.Wait()
	})
}

func TestLeaseIsExclusiveAndTakenOver(t *testing.T) {
	eachServer(t, func(t *testing.T, newPlace outboxtest.NewPlace) {
		place := newPlace(t)
		first := openPlace(t, place)
		outboxtest.Register(t, first, "ssm")
		outboxtest.Commit(t, first, outboxtest.Records("a"))
		_, err := place.Open(false, nil)
		if !errors.Is(err, outbox.ErrLocked) || !strings.Contains(err.Error(), "process ") {
			t.Fatalf("a second writer got %v", err)
		}
		w := outboxtest.Begin(t, first, outboxtest.Origin("p", 0, 1))
		outboxtest.Must(t, w.Append(outboxtest.Large("late")))
		outboxtest.Must(t, w.Append(outboxtest.Large("late")))
		// The first host hangs: it renews no lease.
		first.mu.Lock()
		second := openPlace(t, place)
		first.mu.Unlock()
		// It wakes up late, and must not change anything.
		if err := w.Commit(outbox.Change{MoveCheckpoint: true}); !errors.Is(err, outbox.ErrLeaseLost) {
			t.Errorf("a late commit got %v", err)
		}
		batch, _, err := second.Next("ssm")
		outboxtest.Must(t, err)
		if err := first.Ack("ssm", batch.ID); !errors.Is(err, outbox.ErrLeaseLost) {
			t.Errorf("a late ack got %v", err)
		}
		outboxtest.Must(t, first.Close())
		outboxtest.Commit(t, second, outboxtest.Records("b"))
		outboxtest.Equal(t, "batches", outboxtest.Drain(t, second, "ssm"), [][]string{{"a"}, {"b"}})
		outboxtest.Equal(t, "staged", countStaged(t, second), 0)
	})
}

// TestUnknownOutcomeOfCommit lets Commit report an error after it took effect.
func TestUnknownOutcomeOfCommit(t *testing.T) {
	eachServer(t, func(t *testing.T, newPlace outboxtest.NewPlace) {
		store := openPlace(t, newPlace(t))
		ctx := context.Background()
		lost := errors.New("connection lost")
		for _, committed := range []bool{true, false} {
			next := store.state
			next.revision++
			if committed {
				_, err := store.db.ExecContext(ctx, store.engine.adapt(updateState), next.revision, next.nextWindow, next.nextPosition,
					next.digest, store.state.token, store.state.revision)
				outboxtest.Must(t, err)
			}
			store.mu.Lock()
			store.unknown = true
			err := (&writing{store: store}).afterFailedCommit(lost)
			store.mu.Unlock()
			if committed != (err == nil) || !committed && !errors.Is(err, lost) || store.unknown {
				t.Errorf("committed %v: %v", committed, err)
			}
		}
		outboxtest.Register(t, store, "ssm")
	})
}
