package faults

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// receiver reads lines like Logstash's tcp input and groups them by connection.
type receiver struct {
	listener net.Listener
	done     sync.WaitGroup

	mu          sync.Mutex
	connections [][]string
}

// newReceiver listens on a port, 0 for any, until the test ends.
func newReceiver(t *testing.T, port int) *receiver {
	t.Helper()
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	must(t, err)
	r := &receiver{listener: listener}
	r.done.Go(func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			r.done.Go(func() { r.readConnection(connection) })
		}
	})
	t.Cleanup(r.stop)
	return r
}

func (r *receiver) stop() {
	_ = r.listener.Close()
	r.done.Wait()
}

func (r *receiver) port() int { return r.listener.Addr().(*net.TCPAddr).Port }

// readConnection reads one connection to its end and ignores an unterminated last line, which was
// cut off.
func (r *receiver) readConnection(connection net.Conn) {
	defer func() { _ = connection.Close() }()
	reader := bufio.NewReader(connection)
	var got []string
	for {
		line, err := reader.ReadString('\n')
		if err != nil {
			break
		}
		got = append(got, strings.TrimSuffix(line, "\n"))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(got) > 0 {
		r.connections = append(r.connections, got)
	}
}

// batches returns the received lines by connection; all connections must have ended.
func (r *receiver) batches() [][]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([][]string(nil), r.connections...)
}

// document parses one line as JSON.
func document(t *testing.T, line string) map[string]any {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader([]byte(line)))
	decoder.UseNumber()
	var fields map[string]any
	if err := decoder.Decode(&fields); err != nil {
		t.Fatalf("a line that is not JSON: %v\n%s", err, line)
	}
	return fields
}

// tcpPeer serves connections with a function until the test ends.
func tcpPeer(t *testing.T, serve func(*net.TCPConn)) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	var open sync.WaitGroup
	var mu sync.Mutex
	var all []net.Conn
	open.Go(func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			all = append(all, connection)
			mu.Unlock()
			open.Go(func() {
				defer func() { _ = connection.Close() }()
				serve(connection.(*net.TCPConn))
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		mu.Lock()
		for _, connection := range all {
			_ = connection.Close()
		}
		mu.Unlock()
		open.Wait()
	})
	return listener.Addr().(*net.TCPAddr).Port
}

// readSome reads this number of bytes.
func readSome(connection net.Conn, bytes int64) { _, _ = io.CopyN(io.Discard, connection, bytes) }
