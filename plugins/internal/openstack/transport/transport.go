// Package transport provides the HTTP client for all requests to a cloud: TLS as configured,
// proxies from the environment, a timeout for each attempt, limits on the size of answers and on
// their memory, and retries of requests that are safe to repeat.
package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"
)

// DefaultTimeout limits one attempt, its body included, where no timeout is configured. nova takes
// about six seconds for a page of 1000 servers.
const DefaultTimeout = 2 * time.Minute

// Options configures a client.
type Options struct {
	// UserAgent is the User-Agent header of every request.
	UserAgent string
	// TLS is the configuration to start from; nil: Go's defaults. The options below win over it.
	TLS *tls.Config
	// CAFile holds the PEM certificates of the authorities to trust; empty: the system's.
	CAFile string
	// CertFile and KeyFile hold the client certificate; KeyFile may be empty when CertFile has
	// both.
	CertFile, KeyFile string
	// Insecure disables the verification of server certificates.
	Insecure bool
	// OnlyTLS refuses requests without TLS: their headers hold a token.
	OnlyTLS bool
	// Timeout limits one attempt; 0 is DefaultTimeout.
	Timeout time.Duration
	// Clock compares the clocks of the services with this machine's; may be nil. An answer of a
	// service whose clock differs too much is an error.
	Clock *Clock
	// Wait pauses between two attempts; nil: by the clock. Tests replace it.
	Wait func(context.Context, time.Duration) error
}

// FileError is an error of a configured file. Its text never holds the content of the file.
type FileError struct {
	// Option is `cafile` or `certfile`.
	Option string
	// Err is the cause.
	Err error
}

// Error returns the text of the cause.
func (e *FileError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *FileError) Unwrap() error { return e.Err }

// New returns a client. It reads the certificate files and opens no connection.
func New(options Options) (*http.Client, error) {
	config, err := tlsConfig(options)
	if err != nil {
		return nil, err
	}
	timeout := options.Timeout
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	wait := options.Wait
	if wait == nil {
		wait = waitByClock
	}
	dialer := &net.Dialer{Timeout: min(timeout, 20*time.Second), KeepAlive: 30 * time.Second}
	base := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		TLSHandshakeTimeout:    min(timeout, 20*time.Second),
		TLSClientConfig:        config,
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    8,
		IdleConnTimeout:        90 * time.Second,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: maxHeader,
	}
	return &http.Client{
		Transport: &retrier{next: base, userAgent: options.UserAgent, onlyTLS: options.OnlyTLS,
			timeout: timeout, clock: options.Clock, bodies: newBodyReader(), wait: wait, jitter: jitter},
		CheckRedirect: checkRedirect,
	}, nil
}

// tlsConfig merges the options over their TLS configuration.
func tlsConfig(options Options) (*tls.Config, error) {
	config := &tls.Config{}
	if options.TLS != nil {
		config = options.TLS.Clone()
	}
	config.MinVersion = tls.VersionTLS12
	config.InsecureSkipVerify = config.InsecureSkipVerify || options.Insecure
	if options.CAFile != "" {
		pem, err := os.ReadFile(options.CAFile)
		if err != nil {
			return nil, &FileError{Option: "cafile", Err: err}
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			err := fmt.Errorf("%s has no PEM certificate", options.CAFile)
			return nil, &FileError{Option: "cafile", Err: err}
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
	return config, nil
}

// checkRedirect refuses redirects to another host or port. On a redirect to another host net/http
// drops the standard headers with credentials, but not X-Auth-Token.
func checkRedirect(request *http.Request, via []*http.Request) error {
	if len(via) >= 5 {
		return errors.New("redirected more than five times")
	}
	first := via[0].URL
	if first.Scheme == "https" && request.URL.Scheme != "https" {
		return errors.New("redirected from https to http")
	}
	upgrade := first.Scheme == "http" && request.URL.Scheme == "https" &&
		port(first) == "80" && port(request.URL) == "443"
	if request.URL.Hostname() != first.Hostname() || port(request.URL) != port(first) && !upgrade {
		return fmt.Errorf("redirected to another host, %s", request.URL.Host)
	}
	return nil
}

// port returns the port of a URL, also where the URL leaves it to the scheme.
func port(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}
