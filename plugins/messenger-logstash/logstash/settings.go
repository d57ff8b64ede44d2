package logstash

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	sdk "github.com/caso-project/caso/internal/oldsdk"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// receiver is where records go and how to talk to it.
type receiver struct {
	// address is host:port.
	address string
	// timeout bounds every single step.
	timeout time.Duration
	// tls is nil for a plain connection.
	tls *tls.Config
}

func readReceiver(config sdk.Config) (receiver, []*pluginv1.Diagnostic) {
	var diagnostics []*pluginv1.Diagnostic
	// An IPv6 address may come in the brackets that it has in a URL.
	host := strings.TrimSuffix(strings.TrimPrefix(config.String(section, "host"), "["), "]")
	if host == "" {
		diagnostics = append(diagnostics, sdk.OptionErrorf(section, "host", "no server to send records to: set host"))
	}
	read := receiver{
		address: net.JoinHostPort(host, strconv.FormatInt(config.Int(section, "port"), 10)),
		timeout: time.Duration(config.Int(section, "timeout")) * time.Second,
	}
	if !config.Bool(section, "tls") {
		return read, append(diagnostics, warnWithoutTLS(config)...)
	}
	var wrong []*pluginv1.Diagnostic
	read.tls, wrong = readTLS(config, host)
	return read, append(diagnostics, wrong...)
}

// warnWithoutTLS tells an operator who believes the connection to be protected that it is not.
func warnWithoutTLS(config sdk.Config) []*pluginv1.Diagnostic {
	for _, name := range []string{"cafile", "certfile", "keyfile", "server_name", "insecure"} {
		if config.String(section, name) != "" || config.Bool(section, name) {
			return []*pluginv1.Diagnostic{optionWarning(name, name+" has no effect: records are sent to Logstash without TLS",
				"Set tls to true, or remove the option.")}
		}
	}
	return nil
}

func readTLS(config sdk.Config, host string) (*tls.Config, []*pluginv1.Diagnostic) {
	var diagnostics []*pluginv1.Diagnostic
	read := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: config.String(section, "server_name")}
	if read.ServerName == "" {
		read.ServerName = host
	}
	if cafile := config.String(section, "cafile"); cafile != "" {
		pem, err := os.ReadFile(cafile)
		if err != nil {
			diagnostics = append(diagnostics, sdk.OptionErrorf(section, "cafile", "cannot read the trusted certificates: %v", err))
		}
		read.RootCAs = x509.NewCertPool()
		if err == nil && !read.RootCAs.AppendCertsFromPEM(pem) {
			diagnostics = append(diagnostics, sdk.OptionErrorf(section, "cafile", "%s holds no certificate in PEM", cafile))
		}
	}
	certificate, wrong := readClientCertificate(config)
	if certificate != nil {
		read.Certificates = []tls.Certificate{*certificate}
	}
	diagnostics = append(diagnostics, wrong...)
	if config.Bool(section, "insecure") {
		read.InsecureSkipVerify = true
		diagnostics = append(diagnostics, optionWarning("insecure", "the certificate of the Logstash server is not verified",
			"Whoever can answer in its place gets the records. Set cafile to the authority that signed its certificate, and remove insecure."))
	}
	return read, diagnostics
}

func readClientCertificate(config sdk.Config) (*tls.Certificate, []*pluginv1.Diagnostic) {
	certfile, keyfile := config.String(section, "certfile"), config.String(section, "keyfile")
	switch {
	case certfile == "" && keyfile == "":
		return nil, nil
	case keyfile == "":
		return nil, []*pluginv1.Diagnostic{sdk.OptionErrorf(section, "certfile", "certfile needs keyfile, the file of its private key")}
	case certfile == "":
		return nil, []*pluginv1.Diagnostic{sdk.OptionErrorf(section, "keyfile", "keyfile needs certfile, the file of its certificate")}
	}
	certificate, err := tls.LoadX509KeyPair(certfile, keyfile)
	if err == nil {
		return &certificate, nil
	}
	name := "certfile"
	var path *os.PathError
	if errors.As(err, &path) && path.Path == keyfile {
		name = "keyfile"
	}
	return nil, []*pluginv1.Diagnostic{sdk.OptionErrorf(section, name,
		"cannot use the client certificate %s with the key %s: %v", certfile, keyfile, err)}
}
