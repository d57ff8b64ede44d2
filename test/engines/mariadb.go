package engines

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"syscall"

	"github.com/go-sql-driver/mysql"
)

// mariadbd is where Debian's mariadb-server-core has the server.
const mariadbd = "/usr/sbin/mariadbd"

// mariadb is the engine of a MariaDB server.
type mariadb struct {
	settings []string
}

// MariaDB starts a MariaDB server for one test.
func MariaDB(t TB, options Options) *Server {
	t.Helper()
	return startFor(t, options, newMariaDB)
}

func startFor(t TB, options Options, create func(Options) (*Server, error)) *Server {
	t.Helper()
	requireEngines(t)
	s, err := create(options)
	if err != nil {
		t.Fatal(err)
	}
	s.closeAfter(t)
	return s
}

func newMariaDB(options Options) (*Server, error) {
	settings := []string{"innodb_flush_log_at_trx_commit=1"}
	if options.Unsafe {
		settings = []string{"innodb_flush_log_at_trx_commit=2"}
	}
	if options.ReadOnly {
		settings = append(settings, "read_only=1")
	}
	s, err := newMariaDBServer("mariadb", mariadb{append(settings, options.Settings...)})
	if err != nil {
		return nil, err
	}
	return s, s.startNew()
}

func newMariaDBServer(name string, e engine) (*Server, error) {
	if _, err := os.Stat(mariadbd); err != nil {
		return nil, fmt.Errorf("finding MariaDB: %w: run test/engines/install as root", err)
	}
	account, err := newSystemAccount("mysql")
	if err != nil {
		return nil, err
	}
	return newServer(name, account, e)
}

func (mariadb) scheme() string { return "mysql" }

func (mariadb) initialize(s *Server) error {
	return s.run("mariadb-install-db", "--no-defaults", "--datadir="+s.path("data"), "--skip-test-db",
		"--auth-root-authentication-method=normal", "--innodb-log-file-size=32M")
}

func (e mariadb) command(s *Server) ([]string, error) {
	args := []string{
		mariadbd, "--no-defaults", "--datadir=" + s.path("data"),
		"--socket=" + s.path("socket"), "--pid-file=" + s.path("pid"),
		"--bind-address=127.0.0.1", fmt.Sprintf("--port=%d", s.port), "--skip-name-resolve",
		"--ssl-ca=" + s.path(caFile), "--ssl-cert=" + s.path(certificateFile), "--ssl-key=" + s.path(keyFile),
		"--character-set-server=utf8mb4", "--innodb-buffer-pool-size=64M", "--innodb-log-file-size=32M",
	}
	for _, setting := range e.settings {
		args = append(args, "--"+setting)
	}
	return args, nil
}

func (mariadb) connect(s *Server, database string) (*sql.DB, error) {
	config := mysql.NewConfig()
	config.Net, config.Addr = "unix", s.path("socket")
	config.User, config.DBName = "root", database
	// It prints lost connections to standard error, and tests lose many.
	config.Logger = &mysql.NopLogger{}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

func (mariadb) ready(ctx context.Context, s *Server) error { return s.admin.PingContext(ctx) }

func (mariadb) createUsers() []string {
	var statements []string
	for _, user := range []User{Owner(), Stranger()} {
		statements = append(statements, fmt.Sprintf("CREATE USER '%s' IDENTIFIED BY '%s'", user.Name, user.Password))
	}
	return statements
}

func (mariadb) createDatabase(name string) []string {
	return []string{
		"CREATE DATABASE " + name,
		fmt.Sprintf("GRANT ALL ON %s.* TO '%s'", name, Owner().Name),
	}
}

func (mariadb) dropDatabase(name string) string { return "DROP DATABASE " + name }

func (mariadb) shutdownSignal() syscall.Signal { return syscall.SIGTERM }
