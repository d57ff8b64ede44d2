package logstash

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"

	"golang.org/x/sys/unix"
)

// connection is a TCP connection, with TLS on it or without, whose two directions end separately.
type connection struct {
	// ReadWriter is the TLS connection, or else the TCP connection.
	io.ReadWriter
	tcp *net.TCPConn
	// tls is nil for a plain connection.
	tls *tls.Conn
}

// closeWrite says that nothing more will be sent. With TLS that takes both TLS's own word for it and TCP's: there
// are receivers that only look for one of them.
func (c *connection) closeWrite() error {
	if c.tls != nil {
		if err := c.tls.CloseWrite(); err != nil {
			return err
		}
	}
	return c.tcp.CloseWrite()
}

// awaitClose reads until the receiver has closed its side too, and checks that it did so after it had got
// everything. What it says meanwhile is of no interest.
func (c *connection) awaitClose() error {
	// With TLS too, an end without close_notify is one, since many servers end it so: crypto/tls does not
	// mind it between two records, and we expect nothing from them that could have been cut off.
	if _, err := io.Copy(io.Discard, c); err != nil {
		return err
	}
	unacknowledged, err := c.unacknowledged()
	if err != nil {
		return err
	}
	// The end of our own direction counts as one byte, and a receiver that saw TLS's word for it may
	// close before that byte arrives.
	if unacknowledged > 1 {
		return fmt.Errorf("it closed the connection with %d bytes still on their way", unacknowledged-1)
	}
	return nil
}

// unacknowledged is the bytes sent, and the end after them, that the receiver's side of TCP has not yet
// confirmed. It tells a receiver that closed after the last byte from one that went away in the middle,
// just before its system could tell us so with a reset.
func (c *connection) unacknowledged() (int, error) {
	raw, err := c.tcp.SyscallConn()
	if err != nil {
		return 0, err
	}
	var bytes int
	var failed error
	err = raw.Control(func(fd uintptr) { bytes, failed = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) })
	return bytes, errors.Join(err, failed)
}

// abort breaks the connection off. A reset, unlike an orderly end, cannot be taken for the end of the last
// line.
func (c *connection) abort() {
	// Fails only on a connection that is closed already.
	_ = c.tcp.SetLinger(0)
	_ = c.tcp.Close()
}
