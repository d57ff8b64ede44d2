// Package transport makes the HTTP client that all requests to a cloud go through: TLS as the operator
// configured it, proxies from the environment, a deadline for each attempt, a bound on what is read, and
// retries of requests that are safe to repeat. It knows nothing of tokens, JSON or OpenStack.
package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"
)

// DefaultTimeout is how long one attempt may take, its body included, where nothing is configured. A page
// of 1000 servers takes a busy nova about six seconds.
const DefaultTimeout = 2 * time.Minute

// Options is what can be set.
type Options struct {
	// UserAgent goes with every request, so that the cloud's operator can tell them by it.
	UserAgent string
	// CAFile holds the PEM certificates of the authorities to trust; empty: the system's.
	CAFile string
	// CertFile and KeyFile hold the client's own certificate; KeyFile may be empty when CertFile has both.
	CertFile, KeyFile string
	// Insecure takes any certificate of the server.
	Insecure bool
	// Timeout bounds one attempt; 0 is DefaultTimeout.
	Timeout time.Duration
	// Wait passes the time between two attempts; nil: by the clock. Tests do without.
	Wait func(context.Context, time.Duration) error
}

// FileError says which of the configured files could not be used.
type FileError struct {
	// Option is `cafile` or `certfile`.
	Option string
	// Err is what was wrong with it.
	Err error
}

// Error says what was wrong; the text never holds the file's content.
func (e *FileError) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *FileError) Unwrap() error { return e.Err }

// New makes a client. It reads the certificate files and opens no connection.
func New(options Options) (*http.Client, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: options.Insecure}
	if options.CAFile != "" {
		pem, err := os.ReadFile(options.CAFile)
		if err != nil {
			return nil, &FileError{Option: "cafile", Err: err}
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, &FileError{Option: "cafile", Err: fmt.Errorf("%s holds no PEM certificate", options.CAFile)}
		}
	}
	if options.CertFile != "" {
		key := options.KeyFile
		if key == "" {
			key = options.CertFile
		}
		certificate, err := tls.LoadX509KeyPair(options.CertFile, key)
		if err != nil {
			return nil, &FileError{Option: "certfile", Err: err}
		}
		config.Certificates = []tls.Certificate{certificate}
	}
	timeout := options.Timeout
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	pass := options.Wait
	if pass == nil {
		pass = wait
	}
	base := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: min(timeout, 20*time.Second), KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:   min(timeout, 20*time.Second),
		TLSClientConfig:       config,
		ForceAttemptHTTP2:     true,
		MaxIdleConnsPerHost:   8,
		IdleConnTimeout:       90 * time.Second,
		ExpectContinueTimeout: time.Second,
	}
	return &http.Client{
		Transport:     &retrier{next: base, userAgent: options.UserAgent, timeout: timeout, wait: pass, spread: spread},
		CheckRedirect: sameHost,
	}, nil
}

// sameHost keeps tokens from being sent to a host that nobody configured: net/http drops the headers it
// knows to be secret on a redirect to another host, but not X-Auth-Token.
func sameHost(request *http.Request, via []*http.Request) error {
	if len(via) >= 5 {
		return errors.New("redirected more than five times")
	}
	first := via[0].URL
	if request.URL.Hostname() != first.Hostname() {
		return fmt.Errorf("redirected to another host, %s", request.URL.Host)
	}
	if first.Scheme == "https" && request.URL.Scheme != "https" {
		return errors.New("redirected from https to http")
	}
	return nil
}
