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
	// maxBody bounds what is read of one answer. A page of 1000 servers is under 2 MiB.
	maxBody = 256 << 20
	// attempts is how often a request is sent at most.
	attempts = 5
	// firstWait is doubled before each further attempt.
	firstWait = 500 * time.Millisecond
	// longestWait caps a wait, also one that the server asks for with Retry-After.
	longestWait = 30 * time.Second
)

// retrier sends a request again when the answer says that the service, or a proxy before it, was not able
// to take it for the moment.
type retrier struct {
	next      http.RoundTripper
	userAgent string
	timeout   time.Duration
	wait      func(context.Context, time.Duration) error
	spread    func(time.Duration) time.Duration
}

// RoundTrip sends the request and reads the whole answer, so that a connection that breaks in the middle
// of a body is seen here, where the request can still be repeated.
func (r *retrier) RoundTrip(request *http.Request) (*http.Response, error) {
	for attempt := 1; ; attempt++ {
		response, err := r.once(request)
		after, again := retry(request, response, err, attempt)
		if !again || attempt == attempts {
			return response, err
		}
		if after == 0 {
			after = r.spread(firstWait << (attempt - 1))
		}
		if waitErr := r.wait(request.Context(), min(after, longestWait)); waitErr != nil {
			return response, err
		}
	}
}

// once makes one attempt.
func (r *retrier) once(request *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeoutCause(request.Context(), r.timeout, errSlow)
	defer cancel()
	attempt := request.Clone(ctx)
	if r.userAgent != "" {
		attempt.Header.Set("User-Agent", r.userAgent)
	}
	if request.Body != nil && request.GetBody != nil {
		body, err := request.GetBody()
		if err != nil {
			return nil, err
		}
		attempt.Body = body
	}
	response, err := r.next.RoundTrip(attempt)
	if err != nil {
		return nil, r.slow(ctx, err)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	_ = response.Body.Close()
	switch {
	case err != nil:
		return nil, r.slow(ctx, fmt.Errorf("reading the answer: %w", err))
	case len(body) > maxBody:
		return nil, fmt.Errorf("the answer is larger than %d MiB", maxBody>>20)
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	return response, nil
}

// errSlow tells the deadline of one attempt from the caller's own.
var errSlow = errors.New("the attempt took too long")

func (r *retrier) slow(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), errSlow) {
		return fmt.Errorf("no complete answer within %s", r.timeout)
	}
	return err
}

// retry says whether to send a request again, and how long the server wants to be left alone before.
func retry(request *http.Request, response *http.Response, err error, attempt int) (time.Duration, bool) {
	if !repeatable(request) || request.Context().Err() != nil {
		return 0, false
	}
	if err != nil {
		return 0, errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.ECONNREFUSED) && attempt < 3 ||
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

// repeatable says whether sending a request twice does the same as once. Asking keystone for a token
// does: the first one is simply never used. So does asking Gnocchi for aggregates, which changes nothing.
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

// retryAfter reads the header's two forms, seconds and a date (RFC 9110, 10.2.3).
func retryAfter(header string) time.Duration {
	if seconds, err := strconv.Atoi(strings.TrimSpace(header)); err == nil && seconds > 0 {
		return time.Duration(min(seconds, int(longestWait/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(header); err == nil {
		return max(time.Until(at), 0)
	}
	return 0
}

// spread moves a wait by up to a half either way, so that many requests that failed at once do not
// all come back at once.
func spread(d time.Duration) time.Duration {
	return d/2 + time.Duration(rand.Int64N(int64(d)))
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
