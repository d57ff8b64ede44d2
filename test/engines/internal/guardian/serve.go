package guardian

import (
	"fmt"
	"net/rpc"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// pollInterval is the time between two looks at the state of stopped processes.
const pollInterval = 2 * time.Millisecond

// ServeIfGuardian returns at once unless this process was started as a guardian. Then it never
// returns.
func ServeIfGuardian() {
	dir := os.Getenv(variable)
	if dir == "" {
		return
	}
	if err := serve(dir); err != nil {
		fmt.Fprintln(os.Stderr, "guardian of a server:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func serve(dir string) error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return err
	}
	s := &service{running: map[int]chan syscall.WaitStatus{}}
	s.changed = sync.NewCond(&s.mu)
	go s.reap()
	server := rpc.NewServer()
	if err := server.RegisterName("Guardian", s); err != nil {
		return err
	}
	server.ServeConn(connection{os.Stdin, os.Stdout})
	_ = s.SignalAll(int(syscall.SIGKILL), nil)
	return os.RemoveAll(dir)
}

// service has the methods that a Guardian calls.
type service struct {
	mu sync.Mutex
	// changed is signalled when processes have ended.
	changed *sync.Cond
	// server is the process ID of the server; 0 if it does not run.
	server int
	// running are the processes that the guardian started and that have not ended.
	running map[int]chan syscall.WaitStatus
}

// Ping answers.
func (s *service) Ping(int, *bool) error { return nil }

// Run runs a command and waits for its end.
func (s *service) Run(command Command, _ *bool) error {
	ended, err := s.start(command, false)
	if err != nil {
		return err
	}
	if status := <-ended; !status.Exited() || status.ExitStatus() != 0 {
		return fmt.Errorf("%s failed: exit status %d, signal %d", filepath.Base(command.Args[0]), status.ExitStatus(), status.Signal())
	}
	return nil
}

// Launch starts the server.
func (s *service) Launch(command Command, _ *bool) error {
	ended, err := s.start(command, true)
	if err != nil {
		return err
	}
	go func() {
		<-ended
		_ = s.SignalAll(int(syscall.SIGKILL), nil)
	}()
	return nil
}

func (s *service) start(command Command, server bool) (<-chan syscall.WaitStatus, error) {
	path, err := exec.LookPath(command.Args[0])
	if err != nil {
		return nil, err
	}
	output, err := os.OpenFile(command.Output, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = output.Close() }()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer func() { _ = null.Close() }()
	system := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if os.Getuid() == 0 {
		system.Credential = &syscall.Credential{Uid: command.UID, Gid: command.GID}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	pid, err := syscall.ForkExec(path, command.Args, &syscall.ProcAttr{
		Dir: command.Dir, Env: []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TMPDIR=" + command.Dir},
		Files: []uintptr{null.Fd(), output.Fd(), output.Fd()}, Sys: system,
	})
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", path, err)
	}
	ended := make(chan syscall.WaitStatus, 1)
	s.running[pid] = ended
	if server {
		s.server = pid
	}
	return ended, nil
}

// Signal sends a signal to the server.
func (s *service) Signal(number int, _ *bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.server == 0 {
		return fmt.Errorf("server does not run")
	}
	return syscall.Kill(s.server, syscall.Signal(number))
}

// SignalAll sends a signal to all descendants, those too that start meanwhile, until it has had its
// effect on all of them.
func (s *service) SignalAll(number int, _ *bool) error {
	received := map[int]bool{}
	for {
		rest := false
		for _, process := range descendants(os.Getpid()) {
			wanted := false
			switch syscall.Signal(number) {
			case syscall.SIGSTOP:
				wanted = process.state != 'T' && process.state != 'Z'
			case syscall.SIGCONT:
				wanted = process.state == 'T'
			case syscall.SIGKILL:
				wanted = true
			}
			if wanted && !received[process.pid] {
				received[process.pid] = true
				// It may have ended.
				_ = syscall.Kill(process.pid, syscall.Signal(number))
			}
			rest = rest || wanted
		}
		if !rest {
			return nil
		}
		time.Sleep(pollInterval)
	}
}

// Running reports whether there are descendants.
func (s *service) Running(_ int, running *bool) error {
	*running = len(descendants(os.Getpid())) > 0
	return nil
}

// Wait waits until there are no descendants.
func (s *service) Wait(int, *bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(descendants(os.Getpid())) > 0 {
		s.changed.Wait()
	}
	return nil
}

// reap waits for children that end: those that the guardian started and orphans.
func (s *service) reap() {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGCHLD)
	for range ended {
		s.mu.Lock()
		for {
			var status syscall.WaitStatus
			pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
			if err != nil || pid <= 0 {
				break
			}
			if started, ok := s.running[pid]; ok {
				started <- status
				delete(s.running, pid)
			}
			if pid == s.server {
				s.server = 0
			}
		}
		s.changed.Broadcast()
		s.mu.Unlock()
	}
}

type process struct {
	pid   int
	state byte
}

// descendants returns the descendants of a process, parents before children.
func descendants(pid int) []process {
	children := map[int][]process{}
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		// pid (name) state ppid ..., and the name may contain anything, see proc(5).
		fields := strings.Fields(string(content[strings.LastIndexByte(string(content), ')')+1:]))
		child, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil || len(fields) < 2 {
			continue
		}
		parent, err := strconv.Atoi(fields[1])
		if err != nil {
			continue
		}
		children[parent] = append(children[parent], process{child, fields[0][0]})
	}
	var found []process
	for queue := []int{pid}; len(queue) > 0; queue = queue[1:] {
		for _, child := range children[queue[0]] {
			found = append(found, child)
			queue = append(queue, child.pid)
		}
	}
	return found
}
