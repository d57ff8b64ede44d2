package logstash

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"

	"golang.org/x/sys/unix"
)

// connection is a TCP connection, with or without TLS, whose two directions are closed separately.
type connection struct {
	// ReadWriter is the TLS connection, or else the TCP connection.
	io.ReadWriter
	tcp *net.TCPConn
	// tls is nil for a plain connection.
	tls *tls.Conn
}

// closeWrite ends the sending direction. With TLS it sends both close_notify and TCP's FIN: some
// receivers wait for one of them only.
func (c *connection) closeWrite() error {
	if c.tls != nil {
		if err := c.tls.CloseWrite(); err != nil {
			return err
		}
	}
	return c.tcp.CloseWrite()
}

// awaitClose reads, and discards, until the receiver has closed its direction too, and checks that
// the receiver's host has acknowledged all bytes by then.
func (c *connection) awaitClose() error {
	// Many TLS servers close without close_notify. crypto/tls reports that as an ordinary end
	// between two records, which is sufficient here: nothing is expected that could have been cut
	// off.
	if _, err := io.Copy(io.Discard, c); err != nil {
		return err
	}
	unacknowledged, err := c.unacknowledgedBytes()
	if err != nil {
		return err
	}
	// FIN counts as one byte, and a receiver that reads close_notify may close before FIN arrives.
	if unacknowledged > 1 {
		return fmt.Errorf("receiver closed the connection with %d bytes unacknowledged", unacknowledged-1)
	}
	return nil
}

// unacknowledgedBytes returns how many bytes, FIN included, the receiver's TCP has not
// acknowledged. It distinguishes a receiver that closed after the last byte from one that closed
// earlier and whose reset has not arrived yet.
func (c *connection) unacknowledgedBytes() (int, error) {
	raw, err := c.tcp.SyscallConn()
	if err != nil {
		return 0, err
	}
	var bytes int
	var ioctlErr error
	// SIOCOUTQ: tcp(7).
	err = raw.Control(func(fd uintptr) { bytes, ioctlErr = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) })
	return bytes, errors.Join(err, ioctlErr)
}

// abort resets the connection, so that the receiver cannot mistake a cut for the end of the last
// line.
func (c *connection) abort() {
	// Errors mean that the connection is already closed.
	_ = c.tcp.SetLinger(0)
	_ = c.tcp.Close()
}
