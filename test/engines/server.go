package engines

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/caso-project/caso/test/engines/internal/guardian"
)

const (
	// startTime is how long a server may take to answer after its start, and a Galera node to
	// have received the data. It is long for a loaded machine.
	startTime = 2 * time.Minute
	// statementTime is how long a statement of an administrator may take. A Galera cluster does
	// not commit while it looks for a lost node.
	statementTime = 30 * time.Second
	// pollInterval is the time between two looks at the state of a server.
	pollInterval = 20 * time.Millisecond
)

// Options are the settings of a server. The zero value is a server whose commits are durable.
type Options struct {
	// ReadOnly makes every transaction read-only, except those of Exec and NewDatabase: read_only
	// in MariaDB, default_transaction_read_only in PostgreSQL.
	ReadOnly bool
	// Unsafe lets a crash lose commits: innodb_flush_log_at_trx_commit=2 in MariaDB, fsync=off in
	// PostgreSQL.
	Unsafe bool
	// Settings are more settings of the server, such as "max_allowed_packet=1M".
	Settings []string
}

// User is a user of the database servers. The users can sign in from every address.
type User struct {
	Name, Password string
}

// Owner returns the user with all rights on the databases that NewDatabase creates, and no others.
func Owner() User { return User{"caso", "caso-secret"} }

// Stranger returns the user without any rights.
func Stranger() User { return User{"stranger", "stranger-secret"} }

// Server is a database server. It listens on 127.0.0.1, has the same port for its whole life, and
// keeps its data until the end of the test that started it.
type Server struct {
	engine   engine
	name     string
	dir      string
	port     int
	account  systemAccount
	guardian *guardian.Guardian
	// admin is the connection of the administrator, through the socket in dir.
	admin     *sql.DB
	databases atomic.Int64
}

// engine is what differs between the database servers.
type engine interface {
	// scheme begins the DSNs.
	scheme() string
	// initialize creates the data of a new server.
	initialize(*Server) error
	// command returns the command that starts the server. It may run commands before.
	command(*Server) ([]string, error)
	// connect returns the administrator's connection to a database; "" is that with the users.
	connect(s *Server, database string) (*sql.DB, error)
	// ready returns why the server does not take statements yet.
	ready(context.Context, *Server) error
	// createUsers returns the statements that create the users.
	createUsers() []string
	createDatabase(name string) []string
	dropDatabase(name string) string
	// shutdownSignal makes the server end in order.
	shutdownSignal() syscall.Signal
}

// newServer creates a server and does not start it.
func newServer(name string, account systemAccount, e engine) (*Server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	// The path of a Unix socket has at most 107 bytes (unix(7)), fewer than os.TempDir may have.
	dir, err := os.MkdirTemp("/tmp", "caso-"+name+"-")
	if err != nil {
		return nil, err
	}
	s := &Server{engine: e, name: name, dir: dir, port: port, account: account}
	if s.guardian, err = guardian.Start(dir); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := errors.Join(os.Chmod(dir, 0o700), account.own(dir), s.createCertificates()); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// startNew starts a new server for the first time.
func (s *Server) startNew() error {
	err := s.engine.initialize(s)
	if err == nil {
		err = s.start()
	}
	for _, statement := range s.engine.createUsers() {
		if err == nil {
			err = s.exec("", statement)
		}
	}
	if err != nil {
		return errors.Join(err, s.close())
	}
	return nil
}

// start starts the server and waits until it takes statements.
func (s *Server) start() error {
	if err := s.launch(); err != nil {
		return err
	}
	return s.waitReady()
}

func (s *Server) launch() error {
	args, err := s.engine.command(s)
	if err != nil {
		return err
	}
	if err := s.guardian.Launch(s.process(args)); err != nil {
		return err
	}
	if s.admin == nil {
		s.admin, err = s.engine.connect(s, "")
	}
	return err
}

// process returns a command whose output is added to the server's log.
func (s *Server) process(args []string) guardian.Command {
	return guardian.Command{Args: args, Output: s.path("log"), UID: s.account.uid, GID: s.account.gid, Dir: s.dir}
}

// run runs a command of the server's packages to its end.
func (s *Server) run(args ...string) error {
	if err := s.guardian.Run(s.process(args), startTime); err != nil {
		return fmt.Errorf("%w\n%s", err, s.lastOutput())
	}
	return nil
}

func (s *Server) waitReady() error {
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	err := poll(ctx, func() error {
		if err := s.checkRunning(); err != nil {
			return permanent{err}
		}
		return s.engine.ready(ctx, s)
	})
	if err != nil {
		return fmt.Errorf("starting %s: %w\n%s", s.name, err, s.lastOutput())
	}
	return nil
}

var errEnded = errors.New("server has ended")

func (s *Server) checkRunning() error {
	running, err := s.guardian.Running()
	if err == nil && !running {
		err = errEnded
	}
	return err
}

// recover makes the server usable whatever a test did to it.
func (s *Server) recover() error {
	if err := s.guardian.SignalAll(syscall.SIGCONT); err != nil {
		return err
	}
	running, err := s.guardian.Running()
	if err != nil {
		return err
	}
	if !running {
		return s.start()
	}
	return s.waitReady()
}

func (s *Server) close() error {
	if s.admin != nil {
		_ = s.admin.Close() // an error is about a connection that the test has cut
	}
	return s.guardian.Close()
}

// closeAfter closes the server at the end of a test, and prints the last lines of its log if the
// test failed.
func (s *Server) closeAfter(t TB) {
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s: %s", s.name, s.lastOutput())
		}
		if err := s.close(); err != nil {
			t.Fatal(err)
		}
	})
}

// Port returns the server's TCP port.
func (s *Server) Port() int { return s.port }

// CAFile returns the file with the certificate of the CA that signed the server's certificate. The
// certificate is valid for 127.0.0.1 and localhost. TLS is optional.
func (s *Server) CAFile() string { return s.path(caFile) }

// Log returns the file with the server's messages.
func (s *Server) Log() string { return s.path("log") }

// DSN returns the URL of a database for a user.
func (s *Server) DSN(user User, database string) string {
	return fmt.Sprintf("%s://%s:%s@%s/%s", s.engine.scheme(), user.Name, user.Password, s.address(), database)
}

func (s *Server) address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// NewDatabase creates an empty database, which is dropped at the end of the test, and returns its
// DSN for the owner.
func (s *Server) NewDatabase(t TB) string {
	t.Helper()
	return s.DSN(Owner(), s.NewDatabaseName(t))
}

// NewDatabaseName does the same and returns the name.
func (s *Server) NewDatabaseName(t TB) string {
	t.Helper()
	name := fmt.Sprintf("caso_%d", s.databases.Add(1))
	for _, statement := range s.engine.createDatabase(name) {
		s.Exec(t, "", statement)
	}
	t.Cleanup(func() {
		// The test may have stopped the server. Then the database stays, and is not used again.
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_, _ = s.admin.ExecContext(ctx, s.engine.dropDatabase(name))
	})
	return name
}

// Exec executes a statement in a database as the administrator; "" is the database in which users
// and databases are created.
func (s *Server) Exec(t TB, database, statement string) {
	t.Helper()
	if err := s.exec(database, statement); err != nil {
		t.Fatal(err)
	}
}

func (s *Server) exec(database, statement string) error {
	return s.withAdmin(database, func(ctx context.Context, db *sql.DB) error {
		_, err := db.ExecContext(ctx, statement)
		return err
	}, statement)
}

// Value returns the first column of the first row of a query by the administrator, as text.
func (s *Server) Value(t TB, database, query string) string {
	t.Helper()
	var value string
	err := s.withAdmin(database, func(ctx context.Context, db *sql.DB) error {
		return db.QueryRowContext(ctx, query).Scan(&value)
	}, query)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func (s *Server) withAdmin(database string, do func(context.Context, *sql.DB) error, statement string) error {
	db := s.admin
	if database != "" {
		var err error
		if db, err = s.engine.connect(s, database); err != nil {
			return err
		}
		defer func() { _ = db.Close() }()
	}
	ctx, cancel := context.WithTimeout(context.Background(), statementTime)
	defer cancel()
	if err := do(ctx, db); err != nil {
		return fmt.Errorf("%s: executing %q: %w", s.name, statement, err)
	}
	return nil
}

// Kill ends the server and its children with SIGKILL, as a crash of its machine does, except that
// what it wrote without fsync stays.
func (s *Server) Kill(t TB) {
	t.Helper()
	mustDo(t, s.guardian.SignalAll(syscall.SIGKILL))
}

// Shutdown makes the server end in order. It closes its connections.
func (s *Server) Shutdown(t TB) {
	t.Helper()
	mustDo(t, s.guardian.Signal(s.engine.shutdownSignal()))
	mustDo(t, s.guardian.Wait(startTime))
}

// Stop stops the server with SIGSTOP: it keeps its connections and does not answer.
func (s *Server) Stop(t TB) {
	t.Helper()
	mustDo(t, s.guardian.SignalAll(syscall.SIGSTOP))
}

// Cont lets a stopped server continue. It does not wait for anything.
func (s *Server) Cont(t TB) {
	t.Helper()
	mustDo(t, s.guardian.SignalAll(syscall.SIGCONT))
}

// Restart kills the server if it runs, starts it with the data that it has, and waits until it
// takes statements.
func (s *Server) Restart(t TB) {
	t.Helper()
	s.Kill(t)
	mustDo(t, s.start())
}

func mustDo(t TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (s *Server) path(name string) string { return filepath.Join(s.dir, name) }

// lastOutput returns the errors and the last lines of the server's log.
func (s *Server) lastOutput() string {
	content, err := os.ReadFile(s.path("log"))
	if err != nil {
		return err.Error()
	}
	var output []string
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	for i, line := range lines {
		if i >= len(lines)-20 || strings.Contains(line, "ERROR") || strings.Contains(line, "FATAL") {
			output = append(output, line)
		}
	}
	return "last output:\n" + strings.Join(output[max(0, len(output)-60):], "\n")
}

// permanent is an error that poll returns at once.
type permanent struct{ error }

// poll calls a function until it returns nil, and returns its error at the end of the context.
func poll(ctx context.Context, attempt func() error) error {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		err := attempt()
		if err == nil {
			return nil
		}
		if final, ok := errors.AsType[permanent](err); ok {
			return final.error
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("timed out: %w", err)
		case <-ticker.C:
		}
	}
}

// freePort returns a free TCP port below those that Linux gives to outgoing connections
// (ip_local_port_range in ip(7)): the port stays free while the server is down.
func freePort() (int, error) {
	var last error
	for range 100 {
		port := 20000 + rand.IntN(12000)
		listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			return port, listener.Close()
		}
		last = err
	}
	return 0, fmt.Errorf("no free port: %w", last)
}

// systemAccount is the account of the operating system that a server runs as.
type systemAccount struct {
	uid, gid uint32
}

// newSystemAccount returns the first of the accounts that exists for root, and otherwise the
// current one: database servers refuse to run as root.
func newSystemAccount(names ...string) (systemAccount, error) {
	if os.Getuid() != 0 {
		return systemAccount{uint32(os.Getuid()), uint32(os.Getgid())}, nil
	}
	var errs []error
	for _, name := range append(names, "nobody") {
		found, err := user.Lookup(name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		uid, uidErr := strconv.ParseUint(found.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(found.Gid, 10, 32)
		return systemAccount{uint32(uid), uint32(gid)}, errors.Join(uidErr, gidErr)
	}
	return systemAccount{}, errors.Join(errs...)
}

// own makes the account the owner of a file.
func (a systemAccount) own(path string) error { return os.Chown(path, int(a.uid), int(a.gid)) }
