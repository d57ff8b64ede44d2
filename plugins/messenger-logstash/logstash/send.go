package logstash

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"time"

	"github.com/caso-project/caso/sdk"
)

// writeSize is how many bytes are written under one deadline. The time for a large batch is thereby
// bounded only for a receiver that does not read.
const writeSize = 64 << 10

// send sends lines over a connection of its own and returns when the receiver has read them all.
// Without lines it tests the receiver.
func (r receiver) send(ctx context.Context, lines []byte) error {
	connection, err := r.connect(ctx)
	if err != nil {
		return err
	}
	// A deadline would be replaced by the one of the next write; a closed connection stays closed.
	stop := context.AfterFunc(ctx, func() { _ = connection.tcp.Close() })
	defer stop()
	if err := r.transmit(connection, lines); err != nil {
		connection.abort()
		if ctx.Err() != nil {
			return r.failure("sending the records", ctx.Err(), "The run was ended.")
		}
		return err
	}
	// The receiver has closed its direction already, so an error of Close means nothing.
	_ = connection.tcp.Close()
	return nil
}

// transmit writes all lines, closes the sending direction and waits for the receiver to close its
// own.
func (r receiver) transmit(connection *connection, lines []byte) error {
	for rest := lines; len(rest) > 0; {
		part := rest[:min(writeSize, len(rest))]
		rest = rest[len(part):]
		err := connection.tcp.SetDeadline(time.Now().Add(r.timeout))
		if err == nil {
			_, err = connection.Write(part)
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return r.failure("sending the records", err,
				"The receiver accepts connections but does not read. Check whether its pipeline is blocked.")
		}
		if err != nil {
			return r.failure("sending the records", err, earlyCloseRemedy(err))
		}
	}
	err := connection.tcp.SetDeadline(time.Now().Add(r.timeout))
	if err == nil {
		err = connection.closeWrite()
	}
	if err != nil {
		return r.failure("ending the transmission", err, earlyCloseRemedy(err))
	}
	err = connection.awaitClose()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return r.failure("waiting for the receiver to close the connection", err,
			"Everything was sent, but only the receiver's close confirms that it was read. The tcp input of Logstash closes at "+
				"the end of input. Check whether it is paused, and whether a proxy keeps the connection open.")
	}
	if err != nil {
		return r.failure("waiting for the receiver to read everything", err, earlyCloseRemedy(err))
	}
	return nil
}

func earlyCloseRemedy(err error) string {
	if isTLSAlert(err) {
		return tlsAlertRemedy
	}
	return "The receiver closed the connection before it had read everything. See the log of Logstash."
}

// connect opens the connection, including the TLS handshake, within the timeout.
func (r receiver) connect(ctx context.Context) (*connection, error) {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", r.address)
	if err != nil {
		return nil, r.failure("connecting", err, "Check that Logstash is running, and the options host and port in section [logstash].")
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil, r.failure("connecting", errors.Join(errors.New("not a TCP connection"), conn.Close()), "")
	}
	if r.tls == nil {
		return &connection{ReadWriter: tcp, tcp: tcp}, nil
	}
	secured := tls.Client(tcp, r.tls)
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = tcp.Close()
		return nil, r.failure("TLS handshake", err, handshakeRemedy(err))
	}
	return &connection{ReadWriter: secured, tcp: tcp, tls: secured}, nil
}

const (
	tlsAlertRemedy = "The server rejected the connection. Check whether it requires a client certificate, " +
		"and the options certfile and keyfile in section [logstash]."
	noTLSRemedy = "Check that the port accepts TLS."
)

// isTLSAlert reports whether an error is an alert from the server. With TLS 1.3 the alert about a
// client certificate may arrive only after the handshake.
func isTLSAlert(err error) bool {
	var operation *net.OpError
	return errors.As(err, &operation) && operation.Op == "remote error"
}

func handshakeRemedy(err error) string {
	var (
		authority x509.UnknownAuthorityError
		name      x509.HostnameError
		invalid   x509.CertificateInvalidError
		header    tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &authority):
		return "Set cafile in section [logstash] to the authority that signed the server's certificate."
	case errors.As(err, &name):
		return "Set server_name in section [logstash] to a name in the server's certificate."
	case errors.As(err, &invalid):
		return "Replace the server's certificate."
	case errors.As(err, &header):
		return noTLSRemedy
	case isTLSAlert(err):
		return tlsAlertRemedy
	case errors.Is(err, io.EOF), errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return noTLSRemedy
	}
	return "Check the certificate options in section [logstash]."
}

// failure is an error after which the batch is delivered again.
func (r receiver) failure(step string, err error, remedy string) error {
	return sdk.Errorf("Logstash at %s: %s failed: %v", r.address, step, err).WithDetail(remedy)
}
