package contract_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/pem"
	"testing"
	"time"

	"github.com/caso-project/caso/internal/contract"
)

func TestHostTLS(t *testing.T) {
	config, clientCert, err := contract.HostTLS()
	if err != nil {
		t.Fatal(err)
	}
	block, rest := pem.Decode([]byte(clientCert))
	if block == nil || len(rest) > 0 {
		t.Fatalf("no PEM certificate: %q", clientCert)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	// BoringSSL, which is in gRPC for Python and others, takes no signature of a P-521 key.
	if key, ok := cert.PublicKey.(*ecdsa.PublicKey); !ok || key.Curve != elliptic.P256() {
		t.Errorf("the key is a %T", cert.PublicKey)
	}
	// rustls rejects the certificate of a peer that is a CA.
	if cert.IsCA || cert.KeyUsage&x509.KeyUsageCertSign != 0 {
		t.Errorf("the certificate is a CA: IsCA %v, KeyUsage %b", cert.IsCA, cert.KeyUsage)
	}
	// As a plugin judges it: it trusts this certificate alone.
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	for _, at := range []time.Time{time.Now(), time.Now().Add(-time.Minute), time.Now().AddDate(0, 11, 0)} {
		if _, err := cert.Verify(x509.VerifyOptions{Roots: pool, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
			t.Errorf("at %s: %v", at, err)
		}
	}
	if config.ServerName != "localhost" || config.InsecureSkipVerify || config.RootCAs != nil {
		t.Errorf("a plugin without a certificate of its own would be trusted: %+v", config)
	}
	_, other, err := contract.HostTLS()
	if err != nil || other == clientCert {
		t.Errorf("two plugins get the same certificate (%v)", err)
	}
}
