package logstash

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"maps"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
)

// listen starts a receiver that treats one connection after the other, and returns its port.
func listen(t *testing.T, treat func(*net.TCPConn)) int64 {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	t.Cleanup(func() {
		_ = listener.Close()
		<-ended
	})
	go func() {
		defer close(ended)
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			treat(connection.(*net.TCPConn))
		}
	}()
	return int64(listener.Addr().(*net.TCPAddr).Port)
}

// readAll reads to the end, then closes, as Logstash does.
func readAll(got chan<- string) func(*net.TCPConn) {
	return func(connection *net.TCPConn) {
		content, err := io.ReadAll(connection)
		_ = connection.Close()
		if err == nil {
			got <- string(content)
		}
	}
}

// readAllTLS is readAll with TLS. It also closes the connection after a failed handshake.
func readAllTLS(config *tls.Config, got chan<- string) func(*net.TCPConn) {
	return func(connection *net.TCPConn) {
		secured := tls.Server(connection, config)
		content, err := io.ReadAll(secured)
		_ = secured.Close()
		if err == nil {
			got <- string(content)
		}
	}
}

// optionValues converts Go values to option values.
func optionValues(given map[string]any) []*pluginv1.OptionValue {
	all := map[string]any{"host": "127.0.0.1", "timeout": int64(10), "tls": false, "insecure": false}
	maps.Copy(all, given)
	var values []*pluginv1.OptionValue
	for name, value := range all {
		option := &pluginv1.OptionValue{Option: &pluginv1.OptionRef{Section: section, Name: name}}
		switch value := value.(type) {
		case string:
			option.Value = &pluginv1.OptionValue_StringValue{StringValue: value}
		case int64:
			option.Value = &pluginv1.OptionValue_IntegerValue{IntegerValue: value}
		case bool:
			option.Value = &pluginv1.OptionValue_BooleanValue{BooleanValue: value}
		}
		values = append(values, option)
	}
	return values
}

// configured returns a messenger with these options, which must be valid.
func configured(t *testing.T, given map[string]any) *Messenger {
	t.Helper()
	messenger := New()
	err := messenger.Configure(t.Context(), sdk.NewConfig("logstash", optionValues(given)))
	for _, diagnostic := range sdk.Diagnostics(err) {
		if diagnostic.Severity == sdk.SeverityError {
			t.Fatal(diagnostic)
		}
	}
	return messenger
}

// authority signs certificates and writes them to files.
type authority struct {
	dir         string
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	created := &authority{dir: t.TempDir()}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	created.certificate, created.key = template, newKey(t)
	created.write(t, "ca.pem", template, &created.key.PublicKey)
	return created
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (a *authority) path(name string) string { return filepath.Join(a.dir, name) }

func (a *authority) write(t *testing.T, name string, template *x509.Certificate, public *ecdsa.PublicKey) {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, public, a.key)
	if err != nil {
		t.Fatal(err)
	}
	a.writePEM(t, name, "CERTIFICATE", der)
}

func (a *authority) writePEM(t *testing.T, name, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(a.path(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// issue writes NAME.pem and NAME.key for a host name, valid from now for a time.
func (a *authority) issue(t *testing.T, name, host string, valid time.Duration) tls.Certificate {
	t.Helper()
	key := newKey(t)
	a.write(t, name+".pem", &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(valid),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, &key.PublicKey)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	a.writePEM(t, name+".key", "PRIVATE KEY", der)
	pair, err := tls.LoadX509KeyPair(a.path(name+".pem"), a.path(name+".key"))
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func (a *authority) pool(t *testing.T) *x509.CertPool {
	t.Helper()
	pool := x509.NewCertPool()
	content, err := os.ReadFile(a.path("ca.pem"))
	if err != nil || !pool.AppendCertsFromPEM(content) {
		t.Fatal("reading the authority's certificate", err)
	}
	return pool
}
