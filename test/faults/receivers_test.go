package faults

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/caso-project/caso/test/standin"
)

// testReceivers lets the receiver of messenger logstash misbehave. The spool gets everything, the
// run reports the cause once, and when the receiver works again it gets everything, in order.
func testReceivers(t *testing.T, bin string) {
	for _, test := range []struct {
		name string
		// break sets options and starts a listener that misbehaves.
		breaks func(*testing.T, *site)
		want   []string
	}{
		{"refuses", func(t *testing.T, s *site) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			must(t, err)
			must(t, listener.Close())
			s.set("logstash", "port", fmt.Sprint(listener.Addr().(*net.TCPAddr).Port))
		}, []string{"connecting failed", "connection refused", "host and port in section [logstash]"}},
		{"resets in the middle", func(t *testing.T, s *site) {
			s.peer(t, func(c *net.TCPConn) {
				readSome(c, 1000)
				_ = c.SetLinger(0)
			})
		}, []string{"failed"}},
		{"never reads", func(t *testing.T, s *site) {
			hold := make(chan struct{})
			s.peer(t, func(*net.TCPConn) { <-hold })
			t.Cleanup(func() { close(hold) })
		}, []string{"timeout"}},
		{"reads and never closes", func(t *testing.T, s *site) {
			s.peer(t, func(c *net.TCPConn) { readSome(c, 1<<40); readForever(c) })
		}, []string{"waiting for the receiver to close the connection", "Check whether it is paused"}},
		{"closes half-way", func(t *testing.T, s *site) {
			s.peer(t, func(c *net.TCPConn) { readSome(c, 1000) })
		}, []string{"failed", "before it had read everything"}},
		{"closes at once", func(t *testing.T, s *site) {
			s.peer(t, func(*net.TCPConn) {})
		}, []string{"failed", "before it had read everything"}},
		{"has no address", func(_ *testing.T, s *site) {
			s.set("logstash", "host", "logstash.invalid")
			s.set("logstash", "port", "5000")
		}, []string{"connecting failed", "logstash.invalid"}},
		{"has an expired certificate", func(t *testing.T, s *site) {
			certificate, authority := expired(t)
			must(t, os.WriteFile(s.path("ca.pem"), authority, 0o600))
			s.set("logstash", "tls", "true")
			s.set("logstash", "cafile", s.path("ca.pem"))
			s.peer(t, func(c *net.TCPConn) {
				_ = tls.Server(c, &tls.Config{Certificates: []tls.Certificate{certificate}}).Handshake()
			})
		}, []string{"TLS handshake failed", "has expired", "Replace the server's certificate"}},
		{"speaks no TLS", func(t *testing.T, s *site) {
			s.set("logstash", "tls", "true")
			s.peer(t, func(c *net.TCPConn) { readSome(c, 10); _, _ = io.WriteString(c, "what?\n") })
		}, []string{"TLS handshake failed", "Check that the port accepts TLS"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, bin, standin.Options{ServersPerProject: 60})
			s.set("DEFAULT", "messengers", "logstash, ssm")
			s.set("logstash", "timeout", "1")
			test.breaks(t, s)
			run := s.extract(1)
			s.checkNoProcessLeft()
			checkLine(t, problemLines(messenger(t, run, "logstash").Problems), append([]string{"Logstash at "}, test.want...)...)
			checkOthersDelivered(t, s, run)

			for _, option := range []string{"tls", "cafile"} {
				delete(s.settings["logstash"], option)
			}
			good := newReceiver(t, 0)
			s.set("logstash", "host", "127.0.0.1")
			s.set("logstash", "port", fmt.Sprint(good.port()))
			s.deliver(0)
			good.stop()
			var got []string
			for _, batch := range good.batches() {
				for _, line := range batch {
					fields := document(t, line)
					got = append(got, fmt.Sprint(fields["VMUUID"], " ", fields["RecordCreateTime"]))
				}
			}
			if want := s.spooled(); !slices.Equal(got, want) {
				t.Errorf("%d records arrived, want %d in this order", len(got), len(want))
			}
		})
	}
}

// peer connects logstash to a peer that serves connections with a function.
func (s *site) peer(t *testing.T, serve func(*net.TCPConn)) {
	s.set("logstash", "port", fmt.Sprint(tcpPeer(t, serve)))
}

// readForever keeps a half-closed connection open until the other side closes it.
func readForever(c net.Conn) {
	// The other side cannot send; a write fails once it has closed completely.
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for range ticker.C {
		if _, err := c.Write([]byte("still here\n")); err != nil {
			return
		}
	}
}

// expired returns a server certificate that expired an hour ago, and its authority.
func expired(t *testing.T) (tls.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "logstash"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(-time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
