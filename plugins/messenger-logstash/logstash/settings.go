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

	"github.com/caso-project/caso/sdk"
)

// receiver is the Logstash server and how to connect to it.
type receiver struct {
	// address is host:port.
	address string
	// timeout bounds every single step.
	timeout time.Duration
	// tls is nil for a plain connection.
	tls *tls.Config
}

// readReceiver returns the receiver of the settings. The error may consist of warnings only.
func readReceiver(config sdk.Config) (receiver, error) {
	var errs []error
	// An IPv6 address may have the brackets of a URL.
	host := strings.TrimSuffix(strings.TrimPrefix(config.String(section, "host"), "["), "]")
	if host == "" {
		errs = append(errs, sdk.OptionErrorf(section, "host", "host is empty: set it to the name of the Logstash server"))
	}
	values := receiver{
		address: net.JoinHostPort(host, strconv.FormatInt(config.Int(section, "port"), 10)),
		timeout: time.Duration(config.Int(section, "timeout")) * time.Second,
	}
	var err error
	if config.Bool(section, "tls") {
		values.tls, err = readTLS(config, host)
	} else {
		err = checkWithoutTLS(config)
	}
	return values, errors.Join(append(errs, err)...)
}

// checkWithoutTLS returns a warning if an option suggests that the connection is protected.
func checkWithoutTLS(config sdk.Config) error {
	for _, name := range []string{"cafile", "certfile", "keyfile", "server_name", "insecure"} {
		if config.String(section, name) != "" || config.Bool(section, name) {
			return sdk.OptionWarnf(section, name, "%s has no effect: records are sent to Logstash without TLS", name).
				WithDetail("Set tls to true, or remove the option.")
		}
	}
	return nil
}

func readTLS(config sdk.Config, host string) (*tls.Config, error) {
	var errs []error
	values := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: config.String(section, "server_name")}
	if values.ServerName == "" {
		values.ServerName = host
	}
	if cafile := config.String(section, "cafile"); cafile != "" {
		pem, err := os.ReadFile(cafile)
		values.RootCAs = x509.NewCertPool()
		if err != nil {
			errs = append(errs, sdk.OptionErrorf(section, "cafile", "reading the trusted certificates: %v", err))
		} else if !values.RootCAs.AppendCertsFromPEM(pem) {
			errs = append(errs, sdk.OptionErrorf(section, "cafile",
				"reading the trusted certificates: %q has no certificate in PEM", cafile))
		}
	}
	certificate, err := readClientCertificate(config)
	if certificate != nil {
		values.Certificates = []tls.Certificate{*certificate}
	}
	errs = append(errs, err)
	if config.Bool(section, "insecure") {
		values.InsecureSkipVerify = true
		errs = append(errs, sdk.OptionWarnf(section, "insecure",
			"the certificate of the Logstash server is not verified; records can be intercepted or lost").
			WithDetail("Set cafile to the authority that signed its certificate, and remove insecure."))
	}
	return values, errors.Join(errs...)
}

func readClientCertificate(config sdk.Config) (*tls.Certificate, error) {
	certfile, keyfile := config.String(section, "certfile"), config.String(section, "keyfile")
	switch {
	case certfile == "" && keyfile == "":
		return nil, nil
	case keyfile == "":
		return nil, sdk.OptionErrorf(section, "certfile", "certfile is set without keyfile: set keyfile to the file with its private key")
	case certfile == "":
		return nil, sdk.OptionErrorf(section, "keyfile", "keyfile is set without certfile: set certfile to the file with its certificate")
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
	return nil, sdk.OptionErrorf(section, name,
		"loading the client certificate %q with the key %q: %v", certfile, keyfile, err)
}
