package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// attempts is the maximum number of times that a request is sent.
	attempts = 5
	// firstWait is the wait before the second attempt. Each further wait is twice the one before.
	firstWait = 500 * time.Millisecond
	// longestWait limits a wait, also one that the server asks for with Retry-After.
	longestWait = 30 * time.Second
)

// ErrWithoutTLS is the error of a request that OnlyTLS refuses. The request is not sent.
var ErrWithoutTLS = errors.New("the address is http although that of keystone is https, so that " +
	"anyone on the way could read the token")

// retrier sends a request again when the service, or a proxy before it, is temporarily unavailable.
type retrier struct {
	next      http.RoundTripper
	userAgent string
	onlyTLS   bool
	timeout   time.Duration
	clock     *Clock
	bodies    *bodyReader
	wait      func(context.Context, time.Duration) error
	jitter    func(time.Duration) time.Duration
}

// RoundTrip sends the request and reads the whole answer, so that a request whose connection breaks
// within the body can be repeated.
func (r *retrier) RoundTrip(request *http.Request) (*http.Response, error) {
	if r.onlyTLS && request.URL.Scheme != "https" {
		return nil, ErrWithoutTLS
	}
	for attempt := 1; ; attempt++ {
		response, err := r.attempt(request)
		after, again := shouldRetry(request, response, err, attempt)
		if !again || attempt == attempts {
			return response, err
		}
		if after == 0 {
			after = r.jitter(firstWait << (attempt - 1))
		}
		if waitErr := r.wait(request.Context(), min(after, longestWait)); waitErr != nil {
			return response, err
		}
	}
}

// attempt sends the request once.
func (r *retrier) attempt(request *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeoutCause(request.Context(), r.timeout, errAttemptTimeout)
	defer cancel()
	clone := request.Clone(ctx)
	if r.userAgent != "" {
		clone.Header.Set("User-Agent", r.userAgent)
	}
	if request.Body != nil && request.GetBody != nil {
		body, err := request.GetBody()
		if err != nil {
			return nil, err
		}
		clone.Body = body
	}
	sent := time.Now()
	response, err := r.next.RoundTrip(clone)
	if err != nil {
		return nil, r.explainTimeout(ctx, err)
	}
	received := response.Body
	defer func() { _ = received.Close() }()
	if err := r.clock.check(request.URL, response.Header, sent, time.Now()); err != nil {
		return nil, err
	}
	if response.StatusCode >= http.StatusBadRequest {
		// A message has a line; the rest of a long page with an error is not read.
		var text []byte
		if text, err = io.ReadAll(io.LimitReader(received, maxError)); err == nil {
			response.Body = io.NopCloser(bytes.NewReader(text))
		}
	} else {
		response.Body, err = r.bodies.readBody(ctx, received, bodyLimit(ctx))
	}
	if err != nil {
		return nil, r.explainTimeout(ctx, fmt.Errorf("reading the answer: %w", err))
	}
	return response, nil
}

// errAttemptTimeout distinguishes the timeout of one attempt from a deadline of the caller.
var errAttemptTimeout = errors.New("attempt timed out")

// explainTimeout replaces an error that the timeout of the attempt caused.
func (r *retrier) explainTimeout(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), errAttemptTimeout) {
		return fmt.Errorf("no complete answer within %s", r.timeout)
	}
	return err
}

// shouldRetry reports whether to send a request again, and after which wait the server asked for.
func shouldRetry(
	request *http.Request, response *http.Response, err error, attempt int,
) (time.Duration, bool) {
	if !repeatable(request) || request.Context().Err() != nil {
		return 0, false
	}
	if err != nil {
		return 0, errors.Is(err, syscall.ECONNRESET) ||
			errors.Is(err, syscall.ECONNREFUSED) && attempt < 3 ||
			errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	}
	switch response.StatusCode {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return retryAfter(response.Header.Get("Retry-After")), true
	case http.StatusBadGateway, http.StatusGatewayTimeout:
		return 0, true
	}
	return 0, false
}

// repeatable reports whether sending a request twice has the effect of sending it once. Asking
// keystone for a token has: the first token is never used. Asking Gnocchi for aggregates changes
// nothing.
func repeatable(request *http.Request) bool {
	switch request.Method {
	case http.MethodGet, http.MethodHead:
		return true
	case http.MethodPost:
		return request.GetBody != nil &&
			(strings.HasSuffix(request.URL.Path, "/tokens") || strings.HasSuffix(request.URL.Path, "/v1/aggregates"))
	}
	return false
}

// retryAfter parses the two forms of the header, seconds and a date (RFC 9110, section 10.2.3).
func retryAfter(header string) time.Duration {
	if seconds, err := strconv.Atoi(strings.TrimSpace(header)); err == nil && seconds > 0 {
		return time.Duration(min(seconds, int(longestWait/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(header); err == nil {
		return max(time.Until(at), 0)
	}
	return 0
}

// jitter changes a wait by up to a half either way, so that requests that failed at the same time
// are not repeated at the same time.
func jitter(d time.Duration) time.Duration {
	return d/2 + time.Duration(rand.Int64N(int64(d))) //nolint:gosec // no secret depends on it
}

// waitByClock waits for a time or until the context ends.
func waitByClock(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
