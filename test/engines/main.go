package engines

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/caso-project/caso/test/engines/internal/guardian"
)

const (
	// enabledVariable makes the tests start servers.
	enabledVariable = "CASO_ENGINES"
	// privateVariable is set for a test process in a network namespace of its own.
	privateVariable = "CASO_ENGINES_PRIVATE_NETWORK"
)

// TB is the part of testing.TB that rapid.T has too.
type TB interface {
	Helper()
	Cleanup(func())
	Failed() bool
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Logf(format string, args ...any)
	Skip(args ...any)
}

// Shared has at most one server of each engine, for all tests of a package.
type Shared struct {
	mu         sync.Mutex
	mariadb    *Server
	postgresql *Server
	galera     *Cluster
}

// Main runs the tests, stops the servers and exits. TestMain must call it.
func (s *Shared) Main(m *testing.M) {
	guardian.ServeIfGuardian()
	if os.Getenv(enabledVariable) != "" {
		if err := enterPrivateNetwork(); err != nil {
			fmt.Fprintln(os.Stderr, "bringing up the loopback interface:", err)
			os.Exit(2)
		}
	}
	code := m.Run()
	if err := s.close(); err != nil {
		fmt.Fprintln(os.Stderr, "stopping the servers:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// MariaDB returns the package's MariaDB server, running.
func (s *Shared) MariaDB(t TB) *Server {
	t.Helper()
	return s.server(t, &s.mariadb, newMariaDB)
}

// PostgreSQL returns the package's PostgreSQL server, running.
func (s *Shared) PostgreSQL(t TB) *Server {
	t.Helper()
	return s.server(t, &s.postgresql, newPostgreSQL)
}

func (s *Shared) server(t TB, server **Server, create func(Options) (*Server, error)) *Server {
	t.Helper()
	requireEngines(t)
	s.mu.Lock()
	defer s.mu.Unlock()
	if *server == nil {
		created, err := create(Options{})
		if err != nil {
			t.Fatal(err)
		}
		*server = created
	}
	if err := (*server).recover(); err != nil {
		t.Fatal(err)
	}
	return *server
}

// Galera returns the package's cluster of three nodes, all of them running and synced.
func (s *Shared) Galera(t TB) *Cluster {
	t.Helper()
	requireEngines(t)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.galera == nil {
		cluster, err := newCluster(3)
		if err != nil {
			t.Fatal(err)
		}
		s.galera = cluster
	}
	if err := s.galera.recover(); err != nil {
		t.Fatal(err)
	}
	return s.galera
}

func (s *Shared) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, server := range []*Server{s.mariadb, s.postgresql} {
		if server != nil {
			errs = append(errs, server.close())
		}
	}
	if s.galera != nil {
		errs = append(errs, s.galera.close())
	}
	return errors.Join(errs...)
}

func requireEngines(t TB) {
	t.Helper()
	if os.Getenv(enabledVariable) == "" {
		t.Skip("needs database servers: run make test-engines")
	}
}

// enterPrivateNetwork runs the test binary again in a network namespace of its own and exits with
// its exit status. It returns in the new process, and where a namespace is not allowed.
func enterPrivateNetwork() error {
	if inPrivateNetwork() {
		return raiseLoopback()
	}
	if os.Getuid() != 0 {
		return nil
	}
	// Pdeathsig is about the end of the thread that starts the process, see prctl(2).
	runtime.LockOSThread()
	command := exec.Command("/proc/self/exe", os.Args[1:]...)
	command.Args[0] = os.Args[0]
	command.Env = append(os.Environ(), privateVariable+"=1")
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if started := command.Start() == nil; !started {
		return nil // a container without CAP_SYS_ADMIN
	}
	// The go command sends SIGQUIT to a test binary that takes too long.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM)
	go func() {
		for received := range signals {
			_ = command.Process.Signal(received)
		}
	}()
	_ = command.Wait()
	if code := command.ProcessState.ExitCode(); code >= 0 {
		os.Exit(code)
	}
	fmt.Fprintln(os.Stderr, "tests ended:", command.ProcessState)
	os.Exit(2)
	return nil
}

func inPrivateNetwork() bool { return os.Getenv(privateVariable) != "" }

// raiseLoopback brings up the loopback interface, which is down in a new network namespace.
func raiseLoopback() error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(socket) }()
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, request)
}
