package engines

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// postgresql is the engine of a PostgreSQL server.
type postgresql struct {
	// bin is the directory of the server's programs.
	bin      string
	settings []string
}

// PostgreSQL starts a PostgreSQL server for one test.
func PostgreSQL(t TB, options Options) *Server {
	t.Helper()
	return startFor(t, options, newPostgreSQL)
}

func newPostgreSQL(options Options) (*Server, error) {
	bin, err := postgresqlPrograms()
	if err != nil {
		return nil, err
	}
	var settings []string
	if options.Unsafe {
		settings = append(settings, "fsync=off")
	}
	if options.ReadOnly {
		settings = append(settings, "default_transaction_read_only=on")
	}
	account, err := newSystemAccount("postgres")
	if err != nil {
		return nil, err
	}
	s, err := newServer("postgresql", account, postgresql{bin, append(settings, options.Settings...)})
	if err != nil {
		return nil, err
	}
	return s, s.startNew()
}

// postgresqlPrograms returns the directory in which Debian has the newest version's programs.
func postgresqlPrograms() (string, error) {
	directories, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return "", err
	}
	if len(directories) == 0 {
		return "", errors.New("PostgreSQL is missing: run test/engines/install as root")
	}
	return slices.MaxFunc(directories, func(a, b string) int { return postgresqlVersion(a) - postgresqlVersion(b) }), nil
}

func postgresqlVersion(bin string) int {
	version, err := strconv.Atoi(filepath.Base(filepath.Dir(bin)))
	if err != nil {
		return 0
	}
	return version
}

func (postgresql) scheme() string { return "postgres" }

func (e postgresql) initialize(s *Server) error {
	return s.run(filepath.Join(e.bin, "initdb"), "--pgdata="+s.path("data"), "--username=postgres", "--encoding=UTF8",
		"--locale=C.UTF-8", "--auth-local=trust", "--auth-host=scram-sha-256", "--no-sync")
}

func (e postgresql) command(s *Server) ([]string, error) {
	// A killed server leaves it, and its process ID may be another process's by now.
	if err := os.Remove(s.path("data/postmaster.pid")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	args := []string{
		filepath.Join(e.bin, "postgres"), "-D", s.path("data"), "-p", strconv.Itoa(s.port),
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=" + s.dir,
		"-c", "ssl=on", "-c", "ssl_cert_file=" + s.path(certificateFile), "-c", "ssl_key_file=" + s.path(keyFile),
		"-c", "shared_buffers=64MB",
	}
	for _, setting := range e.settings {
		args = append(args, "-c", setting)
	}
	return args, nil
}

func (postgresql) connect(s *Server, database string) (*sql.DB, error) {
	if database == "" {
		database = "postgres"
	}
	config, err := pgx.ParseConfig(fmt.Sprintf("host=%s port=%d user=postgres dbname=%s", s.dir, s.port, database))
	if err != nil {
		return nil, err
	}
	config.RuntimeParams["default_transaction_read_only"] = "off"
	return stdlib.OpenDB(*config), nil
}

func (postgresql) ready(ctx context.Context, s *Server) error { return s.admin.PingContext(ctx) }

func (postgresql) createUsers() []string {
	var statements []string
	for _, user := range []User{Owner(), Stranger()} {
		statements = append(statements, fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '%s'", user.Name, user.Password))
	}
	return statements
}

func (postgresql) createDatabase(name string) []string {
	return []string{
		fmt.Sprintf("CREATE DATABASE %s OWNER %s", name, Owner().Name),
		// Every role can connect to a new database.
		fmt.Sprintf("REVOKE ALL ON DATABASE %s FROM PUBLIC", name),
	}
}

func (postgresql) dropDatabase(name string) string { return "DROP DATABASE " + name + " WITH (FORCE)" }

// shutdownSignal asks for a fast shutdown; SIGTERM waits for the clients, see "Shutting Down the
// Server" in the manual.
func (postgresql) shutdownSignal() syscall.Signal { return syscall.SIGINT }
