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

	sdk "github.com/caso-project/caso/internal/oldsdk"
)

// chunk is the bytes that go under one deadline, so that a large batch to a slow receiver may take
// longer than one to a receiver that does not read at all.
const chunk = 64 << 10

// send hands over all lines or says why it is not known to have.
func (r receiver) send(ctx context.Context, lines []byte) error {
	connection, err := r.dial(ctx)
	if err != nil {
		return err
	}
	// A deadline can be replaced by the next step's; a closed connection stays closed.
	stop := context.AfterFunc(ctx, func() { _ = connection.tcp.Close() })
	defer stop()
	if err := r.handOver(connection, lines); err != nil {
		connection.abort()
		if ctx.Err() != nil {
			return r.failure("sending the records", ctx.Err(), "The run was ended.")
		}
		return err
	}
	// The receiver has closed its side already: there is nothing left to fail.
	_ = connection.tcp.Close()
	return nil
}

// handOver writes everything, says that this was all, and waits for the receiver to have read it.
func (r receiver) handOver(connection *connection, lines []byte) error {
	for rest := lines; len(rest) > 0; {
		part := rest[:min(chunk, len(rest))]
		rest = rest[len(part):]
		err := connection.tcp.SetDeadline(time.Now().Add(r.timeout))
		if err == nil {
			_, err = connection.Write(part)
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return r.failure("sending the records", err, "The receiver accepts connections but does not read. Is its pipeline blocked?")
		}
		if err != nil {
			return r.failure("sending the records", err, brokenOff(err))
		}
	}
	err := connection.tcp.SetDeadline(time.Now().Add(r.timeout))
	if err == nil {
		err = connection.closeWrite()
	}
	if err != nil {
		return r.failure("ending the transmission", err, brokenOff(err))
	}
	err = connection.awaitClose()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return r.failure("waiting for the receiver to close the connection", err,
			"It was sent everything, but closing is how a receiver shows that it has read it all. Logstash's tcp input does so at the "+
				"end of input. Is it paused, or is there a proxy in between that keeps the connection open?")
	}
	if err != nil {
		return r.failure("waiting for the receiver to have read everything", err, brokenOff(err))
	}
	return nil
}

func brokenOff(err error) string {
	if isAlert(err) {
		return alertRemedy
	}
	return "The receiver closed the connection before it had read everything; its log may say why."
}

// dial connects, and with TLS shakes hands, within the timeout.
func (r receiver) dial(ctx context.Context) (*connection, error) {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	var dialer net.Dialer
	raw, err := dialer.DialContext(ctx, "tcp", r.address)
	if err != nil {
		return nil, r.failure("connecting", err, "Is it running, and are host and port in section [logstash] right?")
	}
	tcp, ok := raw.(*net.TCPConn)
	if !ok {
		return nil, r.failure("connecting", errors.Join(errors.New("not a TCP connection"), raw.Close()), "")
	}
	if r.tls == nil {
		return &connection{ReadWriter: tcp, tcp: tcp}, nil
	}
	secured := tls.Client(tcp, r.tls)
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = tcp.Close()
		return nil, r.failure("setting up TLS", err, tlsRemedy(err))
	}
	return &connection{ReadWriter: secured, tcp: tcp, tls: secured}, nil
}

const alertRemedy = "The server refused the connection; does it want a client certificate, or another one (certfile, keyfile)?"

// isAlert says whether an error is what the server says of us in TLS. With TLS 1.3 it may say that it refuses
// our certificate only after we have begun to send.
func isAlert(err error) bool {
	var operation *net.OpError
	return errors.As(err, &operation) && operation.Op == "remote error"
}

func tlsRemedy(err error) string {
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
		return "Set server_name in section [logstash] to a name that the server's certificate is for."
	case errors.As(err, &invalid):
		return "The server needs another certificate."
	case errors.As(err, &header):
		return "Does the server speak TLS on that port?"
	case isAlert(err):
		return alertRemedy
	case errors.Is(err, io.EOF), errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "Does the server speak TLS on that port?"
	}
	return "Look at the options about certificates in section [logstash]."
}

// failure is an error after which the batch is sent again.
func (r receiver) failure(doing string, err error, remedy string) error {
	diagnostic := sdk.Errorf("Logstash at %s: %s failed: %v", r.address, doing, err)
	diagnostic.Detail = "The records are kept and sent again. " + remedy
	return sdk.Fail(diagnostic)
}
