package sdk

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

// ClientCertEnv holds the PEM certificate by which a plugin knows its host, as in go-plugin's AutoMTLS.
const ClientCertEnv = "PLUGIN_CLIENT_CERT"

// HostTLS makes what a host needs for mutual TLS with one plugin: the configuration for go-plugin's
// ClientConfig.TLSConfig, and the text of ClientCertEnv for the plugin. It takes the place of
// ClientConfig.AutoMTLS, which must be off: that makes a P-521 key, and the TLS of gRPC for C++,
// Python, Ruby and others (BoringSSL) does not offer signatures of it, so that no plugin written in these
// languages could ever be reached. Plugins on go-plugin's own server cannot tell the difference.
// go-plugin adds the certificate that the plugin names in its handshake to the configuration, which
// is therefore for one plugin only.
func HostTLS() (config *tls.Config, clientCert string, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, "", fmt.Errorf("making the host's TLS key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, "", fmt.Errorf("making the host's TLS certificate: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "localhost", Organization: []string{"caso"}},
		DNSNames:     []string{"localhost"},
		// From a while ago: clocks are set back. Until long after the longest run.
		NotBefore: now.Add(-time.Hour),
		NotAfter:  now.AddDate(1, 0, 0),
		KeyUsage:  x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		// The plugin trusts it as its own authority.
		IsCA:                  true,
		BasicConstraintsValid: true,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, "", fmt.Errorf("making the host's TLS certificate: %w", err)
	}
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		MinVersion:   tls.VersionTLS12,
		ServerName:   "localhost",
	}, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), nil
}
