package contract

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"
)

// HostTLS returns what a host needs for mutual TLS with one plugin: the configuration for
// go-plugin's ClientConfig.TLSConfig, and the value of ClientCertEnv. It replaces
// ClientConfig.AutoMTLS, for two reasons. AutoMTLS makes a P-521 key, and the TLS of gRPC for C++,
// Python and Ruby (BoringSSL) offers no signatures of it. And the host's certificate is a CA, which
// rustls (Rust's tonic) does not accept as the certificate of a peer. go-plugin's own server
// accepts both.
//
// go-plugin adds the certificate that the plugin sends in its handshake to the configuration, which
// is therefore for one plugin only.
func HostTLS() (config *tls.Config, clientCert string, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, "", fmt.Errorf("generating the host's TLS key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, "", fmt.Errorf("generating the host's TLS certificate: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "localhost", Organization: []string{"caso"}},
		DNSNames:     []string{"localhost"},
		// Clocks are set back. A year is longer than the longest run.
		NotBefore: now.Add(-time.Hour),
		NotAfter:  now.AddDate(1, 0, 0),
		// No KeyUsage: with one that lacks keyCertSign, OpenSSL does not recognise the certificate
		// as self-signed and searches for its issuer.
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		IsCA:                  false,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, "", fmt.Errorf("generating the host's TLS certificate: %w", err)
	}
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		MinVersion:   tls.VersionTLS12,
		ServerName:   "localhost",
	}, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), nil
}
