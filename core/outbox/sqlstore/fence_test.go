package sqlstore

import (
	"bytes"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/core/outbox/outboxtest"
)

func openURL(t *testing.T, url string, options Options) *Store {
	t.Helper()
	location, err := ParseLocation(url, "")
	outboxtest.Must(t, err)
	store, err := Open(location, options)
	outboxtest.Must(t, err)
	t.Cleanup(func() { _ = store.Close() })
	return store
}

// TestLateCallsFindTheLeaseLost makes each call the first of a process after another one has taken
// over and gone on with the same batches.
func TestLateCallsFindTheLeaseLost(t *testing.T) {
	calls := map[string]func(*Store, string, outbox.WindowWriter) error{
		"ack": func(s *Store, id string, _ outbox.WindowWriter) error { return s.Ack("ssm", id) },
		"reject": func(s *Store, id string, _ outbox.WindowWriter) error {
			return s.Reject("ssm", []string{id}, "late", nil)
		},
		"staging": func(_ *Store, _ string, w outbox.WindowWriter) error {
			return errors.Join(w.Append(outboxtest.Large("late")), w.Append(outboxtest.Large("late")))
		},
		"commit": func(_ *Store, _ string, w outbox.WindowWriter) error {
			return errors.Join(w.Append(outboxtest.Records("late")), w.Commit(outbox.Change{MoveCheckpoint: true}))
		},
		"register": func(s *Store, _ string, _ outbox.WindowWriter) error {
			_, err := s.Register([]string{"ssm", "late"})
			return err
		},
	}
	eachServer(t, func(t *testing.T, newPlace outboxtest.NewPlace) {
		for name, call := range calls {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				testLateCall(t, newPlace(t).(serverPlace).dsn, call)
			})
		}
	})
}

func testLateCall(t *testing.T, url string, call func(*Store, string, outbox.WindowWriter) error) {
	// The first host hangs: it renews its lease every 15 minutes.
	first := openURL(t, url, Options{LeaseTimeout: time.Hour})
	outboxtest.Register(t, first, "ssm")
	outboxtest.Commit(t, first, outboxtest.Records("a"), outboxtest.Records("b"))
	batch, _, err := first.Next("ssm")
	outboxtest.Must(t, err)
	late := outboxtest.Begin(t, first, outboxtest.Origin("p", 0, 1))
	second := openURL(t, url, Options{LeaseTimeout: testLease})
	outboxtest.Must(t, second.Ack("ssm", batch.ID))
	// It gets the window ID that is the first host's next.
	w := outboxtest.Begin(t, second, outboxtest.Origin("p", 0, 1))
	outboxtest.Must(t, w.Append(outboxtest.Large("c")))
	outboxtest.Must(t, w.Append(outboxtest.Large("d")))
	for range 2 {
		if err := call(first, batch.ID, late); !errors.Is(err, outbox.ErrLeaseLost) {
			t.Errorf("got %v", err)
		}
	}
	outboxtest.Must(t, w.Commit(outbox.Change{MoveCheckpoint: true}))
	outboxtest.Equal(t, "batches", outboxtest.Drain(t, second, "ssm"), [][]string{{"b"}, {"c"}, {"d"}})
}

// TestLateReadFindsTheLeaseLost reads a batch that another process has delivered and deleted.
func TestLateReadFindsTheLeaseLost(t *testing.T) {
	eachServer(t, func(t *testing.T, newPlace outboxtest.NewPlace) {
		url := newPlace(t).(serverPlace).dsn
		first := openURL(t, url, Options{LeaseTimeout: time.Hour})
		outboxtest.Register(t, first, "ssm")
		outboxtest.Commit(t, first, outboxtest.Records("a"))
		second := openURL(t, url, Options{LeaseTimeout: testLease})
		// As if the second process deleted it between two statements of Next.
		_, err := second.db.Exec("DELETE FROM outbox_batches")
		outboxtest.Must(t, err)
		if _, _, err := first.Next("ssm"); !errors.Is(err, outbox.ErrLeaseLost) || errors.Is(err, outbox.ErrDamaged) {
			t.Errorf("a late read got %v", err)
		}
		if _, _, err := second.Next("ssm"); !errors.Is(err, outbox.ErrDamaged) {
			t.Errorf("a read got %v", err)
		}
	})
}

// TestOpenTimeoutIncludesTheLease: with a long lease timeout, a dead holder's lease is taken over
// nevertheless.
func TestOpenTimeoutIncludesTheLease(t *testing.T) {
	for _, lease := range []time.Duration{0, 5 * time.Second, time.Minute, time.Hour} {
		options := Options{LeaseTimeout: lease, LockTimeout: time.Minute}
		if got, want := (&serverEngine{}).openTimeout(&options), options.leaseTimeout()+time.Minute; got <= want {
			t.Errorf("lease timeout %s: Open has %s, not more than %s", lease, got, want)
		}
	}
}

// TestStatementTimeoutKeepsTheLease: a holder whose server hangs leaves it before the lease is
// taken over, unless the lease timeout is shorter than a Galera cluster may be busy.
func TestStatementTimeoutKeepsTheLease(t *testing.T) {
	for lease, want := range map[time.Duration]time.Duration{
		5 * time.Second: 8 * time.Second, 30 * time.Second: 15 * time.Second, time.Hour: 20 * time.Second,
	} {
		outboxtest.Equal(t, lease.String(), (&serverEngine{leaseTimeout: lease}).statementTimeout(), want)
	}
}

// fault is what happens to a connection when it commits.
type fault int

const (
	noFault fault = iota
	// lostRequest: the server does not get the commit.
	lostRequest
	// lostAnswer: it commits, and the client does not get the answer.
	lostAnswer
	// delayedRequest: it gets the commit when the client has connected again and repeats the
	// transaction.
	delayedRequest
)

// commitProxy forwards connections to a server and causes the next fault.
type commitProxy struct {
	t        *testing.T
	listener net.Listener
	server   string
	mu       sync.Mutex
	next     fault
	// repeated is closed when the client repeats a transaction.
	repeated chan struct{}
}

func newCommitProxy(t *testing.T, server string) *commitProxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	outboxtest.Must(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	p := &commitProxy{t: t, listener: listener, server: server}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go p.forward(client)
		}
	}()
	return p
}

func (p *commitProxy) cause(f fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next, p.repeated = f, make(chan struct{})
}

// see returns the fault for a message of the client.
func (p *commitProxy) see(message []byte) (fault, chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	// COM_QUERY of MySQL's and Query of PostgreSQL's protocol.
	if bytes.Contains(message, []byte("\x07\x00\x00\x00\x03COMMIT")) || bytes.Contains(message, []byte("Q\x00\x00\x00\x0bcommit\x00")) {
		f := p.next
		p.next = noFault
		return f, p.repeated
	}
	if bytes.Contains(message, []byte("holder = holder")) && p.repeated != nil {
		close(p.repeated)
		p.repeated = nil
	}
	return noFault, nil
}

func (p *commitProxy) forward(client net.Conn) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp", p.server)
	if err != nil {
		p.t.Error(err)
		return
	}
	defer func() { _ = server.Close() }()
	answers := make(chan struct{}, 1)
	go func() {
		defer func() { _ = client.Close() }()
		copyMessages(server, func(message []byte) bool {
			_, err := client.Write(message)
			select {
			case answers <- struct{}{}:
			default:
			}
			return err == nil
		})
		close(answers)
	}()
	copyMessages(client, func(message []byte) bool {
		f, repeated := p.see(message)
		switch f {
		case lostRequest:
			return false
		case lostAnswer:
			select {
			case <-answers:
			default:
			}
			_ = client.Close()
			_, _ = server.Write(message)
			<-answers
			return false
		case delayedRequest:
			_ = client.Close()
			<-repeated
			_, _ = server.Write(message)
			<-answers
			return false
		}
		_, err := server.Write(message)
		return err == nil
	})
}

func copyMessages(from net.Conn, pass func([]byte) bool) {
	buffer := make([]byte, 1<<20)
	for {
		n, err := from.Read(buffer)
		if err != nil || !pass(buffer[:n]) {
			return
		}
	}
}

// TestLostConnectionsOfCommits: a transaction whose outcome is unknown is repeated if it did not
// take effect, and only then.
func TestLostConnectionsOfCommits(t *testing.T) {
	eachServer(t, func(t *testing.T, newPlace outboxtest.NewPlace) {
		for name, f := range map[string]fault{"lost request": lostRequest, "lost answer": lostAnswer, "delayed request": delayedRequest} {
			t.Run(name, func(t *testing.T) { testLostCommits(t, newPlace(t).(serverPlace).dsn, f) })
		}
	})
}

func testLostCommits(t *testing.T, url string, f fault) {
	direct, err := ParseLocation(url, "")
	outboxtest.Must(t, err)
	p := newCommitProxy(t, direct.hosts[0])
	url = strings.Replace(url, direct.hosts[0], p.listener.Addr().String(), 1)
	if strings.HasPrefix(url, "postgres") {
		url += "?sslmode=disable"
	}
	store := openURL(t, url, Options{})
	outboxtest.Register(t, store, "ssm")
	w := outboxtest.Begin(t, store, outboxtest.Origin("p", 0, 1))
	outboxtest.Must(t, w.Append(outboxtest.Large("a")))
	p.cause(f)
	outboxtest.Must(t, w.Append(outboxtest.Large("b")))
	outboxtest.Must(t, w.Append(outboxtest.Large("c")))
	p.cause(f)
	outboxtest.Must(t, w.Commit(outbox.Change{MoveCheckpoint: true, State: make([]byte, 2*statePartBytes)}))
	checkpoint, _, err := store.Checkpoint(outboxtest.Key("p"))
	outboxtest.Must(t, err)
	if len(checkpoint.State) != 2*statePartBytes || !checkpoint.To.Equal(outboxtest.Hours(1)) {
		t.Errorf("checkpoint %s with %d bytes of state", checkpoint.To, len(checkpoint.State))
	}
	outboxtest.Commit(t, store, outboxtest.Records("d"))
	batch, _, err := store.Next("ssm")
	outboxtest.Must(t, err)
	p.cause(f)
	outboxtest.Must(t, store.Ack("ssm", batch.ID))
	outboxtest.Equal(t, "batches", outboxtest.Drain(t, store, "ssm"), [][]string{{"b"}, {"c"}, {"d"}})
	p.mu.Lock()
	defer p.mu.Unlock()
	outboxtest.Equal(t, "fault left", p.next, noFault)
}

// TestUnknownOutcomeOfAnEarlierTransaction: a transaction finds out what became of the one before.
func TestUnknownOutcomeOfAnEarlierTransaction(t *testing.T) {
	test := func(t *testing.T, store *Store) {
		outboxtest.Register(t, store, "ssm")
		for _, committed := range []bool{true, false} {
			outboxtest.Commit(t, store, outboxtest.Records("a"))
			if committed {
				store.state.revision--
			}
			store.unknown = true
			outboxtest.Commit(t, store, outboxtest.Records("b"))
			outboxtest.Equal(t, "unknown", store.unknown, false)
			outboxtest.Equal(t, "batches", outboxtest.Drain(t, store, "ssm"), [][]string{{"a"}, {"b"}})
		}
		store.state.token--
		err := store.Ack("ssm", "late")
		if !errors.Is(err, outbox.ErrLeaseLost) {
			t.Errorf("after a takeover: %v", err)
		}
	}
	t.Run("SQLite", func(t *testing.T) { test(t, open(t, t.TempDir())) })
	eachServer(t, func(t *testing.T, newPlace outboxtest.NewPlace) { test(t, openPlace(t, newPlace(t))) })
}
