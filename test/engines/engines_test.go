package engines

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

var servers Shared

func TestMain(m *testing.M) { servers.Main(m) }

// waitTime is longer than any statement of these tests takes.
const waitTime = time.Minute

// open opens a database over TCP. TLS is used if the CA's certificate is given.
func open(t *testing.T, s *Server, user User, database, caFile string) *sql.DB {
	t.Helper()
	var db *sql.DB
	if s.engine.scheme() == "postgres" {
		dsn := s.DSN(user, database) + "?sslmode=disable"
		if caFile != "" {
			dsn = s.DSN(user, database) + "?sslmode=verify-full&sslrootcert=" + caFile
		}
		connector, err := stdlib.GetDefaultDriver().(*stdlib.Driver).OpenConnector(dsn)
		must(t, err)
		db = sql.OpenDB(connector)
	} else {
		config := mysql.NewConfig()
		config.Net, config.Addr, config.User, config.Passwd, config.DBName = "tcp", s.address(), user.Name, user.Password, database
		config.Logger = &mysql.NopLogger{}
		if caFile != "" {
			content, err := os.ReadFile(caFile)
			must(t, err)
			pool := x509.NewCertPool()
			pool.AppendCertsFromPEM(content)
			config.TLS = &tls.Config{RootCAs: pool, ServerName: "127.0.0.1"}
		}
		connector, err := mysql.NewConnector(config)
		must(t, err)
		db = sql.OpenDB(connector)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func execute(t *testing.T, db *sql.DB, statement string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waitTime)
	defer cancel()
	_, err := db.ExecContext(ctx, statement)
	return err
}

func count(t *testing.T, db *sql.DB, table string) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waitTime)
	defer cancel()
	var rows int
	must(t, db.QueryRowContext(ctx, "SELECT count(*) FROM "+table).Scan(&rows))
	return rows
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// code returns the engine's own code of an error.
func code(err error) string {
	if failure, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return fmt.Sprint(failure.Number)
	}
	if failure, ok := errors.AsType[*pgconn.PgError](err); ok {
		return failure.Code
	}
	return fmt.Sprint(err)
}

// engineTests runs a test with each engine.
func engineTests(t *testing.T, test func(t *testing.T, s *Server)) {
	t.Run("MariaDB", func(t *testing.T) { test(t, servers.MariaDB(t)) })
	t.Run("PostgreSQL", func(t *testing.T) { test(t, servers.PostgreSQL(t)) })
}

func TestUsersHaveRightsOnTheirDatabasesOnly(t *testing.T) {
	engineTests(t, func(t *testing.T, s *Server) {
		name := s.NewDatabaseName(t)
		owner := open(t, s, Owner(), name, "")
		must(t, execute(t, owner, "CREATE TABLE t (id INT PRIMARY KEY)"))
		refused := map[string]string{"mysql": "1044", "postgres": "42501"}[s.engine.scheme()]
		if err := execute(t, owner, "CREATE DATABASE another"); code(err) != refused {
			t.Errorf("CREATE DATABASE: got %v, want code %s", err, refused)
		}
		err := execute(t, open(t, s, Stranger(), name, ""), "SELECT 1")
		if code(err) != refused {
			t.Errorf("stranger: got %v, want code %s", err, refused)
		}
		other := open(t, s, Owner(), s.NewDatabaseName(t), "")
		if err := execute(t, other, "SELECT count(*) FROM t"); err == nil {
			t.Error("the second database has a table of the first")
		}
	})
}

func TestConnectionsCanBeEncrypted(t *testing.T) {
	engineTests(t, func(t *testing.T, s *Server) {
		encrypted := "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
		if s.engine.scheme() == "mysql" {
			encrypted = "SELECT variable_value <> '' FROM information_schema.session_status WHERE variable_name = 'ssl_cipher'"
		}
		name := s.NewDatabaseName(t)
		for caFile, want := range map[string]bool{"": false, s.CAFile(): true} {
			var got bool
			must(t, open(t, s, Owner(), name, caFile).QueryRowContext(t.Context(), encrypted).Scan(&got))
			if got != want {
				t.Errorf("CA file %q: encrypted is %t, want %t", caFile, got, want)
			}
		}
		other := servers.MariaDB(t).CAFile()
		if s.engine.scheme() == "mysql" {
			other = servers.PostgreSQL(t).CAFile()
		}
		err := execute(t, open(t, s, Owner(), name, other), "SELECT 1")
		if err == nil || !strings.Contains(err.Error(), "unknown authority") {
			t.Errorf("CA of another server: got %v", err)
		}
	})
}

func TestCommitsSurviveAKillAndARestart(t *testing.T) {
	engineTests(t, func(t *testing.T, s *Server) {
		name := s.NewDatabaseName(t)
		db := open(t, s, Owner(), name, "")
		must(t, execute(t, db, "CREATE TABLE t (id INT PRIMARY KEY)"))
		must(t, execute(t, db, "INSERT INTO t VALUES (1)"))
		s.Kill(t)
		if err := execute(t, open(t, s, Owner(), name, ""), "SELECT 1"); err == nil || !strings.Contains(err.Error(), "refused") {
			t.Errorf("after Kill: got %v, want connection refused", err)
		}
		s.Restart(t)
		db = open(t, s, Owner(), name, "")
		if rows := count(t, db, "t"); rows != 1 {
			t.Errorf("after Kill and Restart: %d rows, want 1", rows)
		}
		s.Shutdown(t)
		s.Restart(t)
		if rows := count(t, open(t, s, Owner(), name, ""), "t"); rows != 1 {
			t.Errorf("after Shutdown and Restart: %d rows, want 1", rows)
		}
	})
}

func TestStoppedServerAnswersAfterCont(t *testing.T) {
	engineTests(t, func(t *testing.T, s *Server) {
		db := open(t, s, Owner(), s.NewDatabaseName(t), "")
		must(t, execute(t, db, "SELECT 1"))
		s.Stop(t)
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		if _, err := db.ExecContext(ctx, "SELECT 1"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("stopped server: got %v, want a timeout", err)
		}
		s.Cont(t)
		must(t, execute(t, db, "SELECT 1"))
	})
}

func TestSharedServersAreStartedAgain(t *testing.T) {
	for _, server := range []func(TB) *Server{servers.MariaDB, servers.PostgreSQL} {
		first := server(t)
		first.Kill(t)
		if second := server(t); second != first {
			t.Error("there are two servers")
		}
		first.Stop(t)
		must(t, execute(t, open(t, server(t), Owner(), first.NewDatabaseName(t), ""), "SELECT 1"))
	}
}

func TestOptions(t *testing.T) {
	options := Options{ReadOnly: true, Unsafe: true, Settings: []string{"max_connections=17"}}
	for _, test := range []struct {
		start              func(TB, Options) *Server
		shared             func(TB) *Server
		query, safe, risky string
		readOnly           string
	}{
		{MariaDB, servers.MariaDB, "SELECT @@innodb_flush_log_at_trx_commit", "1", "2", "1290"},
		{PostgreSQL, servers.PostgreSQL, "SHOW fsync", "on", "off", "25006"},
	} {
		if got := test.shared(t).Value(t, "", test.query); got != test.safe {
			t.Errorf("%s of a server without options: got %s, want %s", test.query, got, test.safe)
		}
		s := test.start(t, options)
		if got := s.Value(t, "", test.query); got != test.risky {
			t.Errorf("%s: got %s, want %s", test.query, got, test.risky)
		}
		if err := execute(t, open(t, s, Owner(), s.NewDatabaseName(t), ""), "CREATE TABLE t (id INT)"); code(err) != test.readOnly {
			t.Errorf("read-only server: got %v, want code %s", err, test.readOnly)
		}
		if err := execute(t, s.admin, "SELECT 1"); err != nil {
			t.Error(err)
		}
		setting := map[string]string{"mysql": "SELECT @@max_connections", "postgres": "SHOW max_connections"}[s.engine.scheme()]
		if got := s.Value(t, "", setting); got != "17" {
			t.Errorf("max_connections: got %s, want 17", got)
		}
	}
}

func TestDirectoryIsRemoved(t *testing.T) {
	requireEngines(t)
	s, err := newPostgreSQL(Options{Unsafe: true})
	must(t, err)
	must(t, s.close())
	if _, err := os.Stat(s.dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("directory of a closed server: got %v", err)
	}
	if err := s.waitReady(); err == nil {
		t.Error("a closed server takes statements")
	}
}

// hangVariable makes TestServersOfAnEndlessTest run.
const hangVariable = "CASO_ENGINES_HANG"

// TestServersOfAnEndlessTest prints the directories of its servers and waits for its end.
func TestServersOfAnEndlessTest(t *testing.T) {
	if os.Getenv(hangVariable) == "" {
		t.Skip("is the child process of TestNothingIsLeftOfAKilledTest")
	}
	fmt.Println(servers.MariaDB(t).dir)
	fmt.Println(servers.PostgreSQL(t).dir)
	select {}
}

func TestNothingIsLeftOfAKilledTest(t *testing.T) {
	requireEngines(t)
	child := exec.Command("/proc/self/exe", "-test.run=^TestServersOfAnEndlessTest$")
	child.Env = append(os.Environ(), hangVariable+"=1")
	child.Stderr = os.Stderr
	child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stdout, err := child.StdoutPipe()
	must(t, err)
	must(t, child.Start())
	var directories []string
	lines := bufio.NewScanner(stdout)
	for len(directories) < 2 && lines.Scan() {
		directories = append(directories, lines.Text())
	}
	processes := processesOf(t, directories...)
	must(t, child.Process.Kill())
	_ = child.Wait()
	if len(directories) < 2 || len(processes) < 4 {
		t.Fatalf("directories %q, processes %q", directories, processes)
	}
	ctx, cancel := context.WithTimeout(t.Context(), waitTime)
	defer cancel()
	must(t, poll(ctx, func() error {
		if processes := processesOf(t, directories...); len(processes) > 0 {
			return fmt.Errorf("%q run", processes)
		}
		for _, dir := range directories {
			if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("directory of a killed test: %w", err)
			}
		}
		return nil
	}))
}

// processesOf returns the command lines of the processes that name one of the directories.
func processesOf(t *testing.T, directories ...string) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	must(t, err)
	var found []string
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		for _, dir := range directories {
			if strings.Contains(string(content), dir) {
				found = append(found, strings.ReplaceAll(string(content), "\x00", " "))
			}
		}
	}
	return found
}
