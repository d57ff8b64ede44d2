package transport

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// waits records the waits between attempts.
type waits []time.Duration

func (w *waits) pass(ctx context.Context, d time.Duration) error {
	*w = append(*w, d)
	return ctx.Err()
}

// client returns a client that does not wait between attempts.
func client(t *testing.T, options Options) (*http.Client, *waits) {
	t.Helper()
	var passed waits
	options.Wait = passed.pass
	client, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	return client, &passed
}

// do sends a request and returns the status and body of the answer.
func do(t *testing.T, client *http.Client, method, address string) (int, string, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, string(body), err
}

func TestRetries(t *testing.T) {
	for _, test := range []struct {
		name, method, path string
		status             int
		header             string
		requests           int
		least, most        time.Duration // of the first wait
	}{
		{"200", "GET", "/", 200, "", 1, 0, 0},
		{"404", "GET", "/", 404, "", 1, 0, 0},
		{"500 is an answer", "GET", "/", 500, "", 1, 0, 0},
		{"502", "GET", "/", 502, "", attempts, firstWait / 2, firstWait * 3 / 2},
		{"503", "GET", "/", 503, "", attempts, firstWait / 2, firstWait * 3 / 2},
		{"503 with a wish", "GET", "/", 503, "7", attempts, 7 * time.Second, 7 * time.Second},
		{"429 with a wish", "GET", "/", 429, "2", attempts, 2 * time.Second, 2 * time.Second},
		{"429 with a wish for an hour", "GET", "/", 429, "3600", attempts, longestWait, longestWait},
		{"429 with nonsense", "GET", "/", 429, "soon", attempts, firstWait / 2, firstWait * 3 / 2},
		{"504", "GET", "/", 504, "", attempts, firstWait / 2, firstWait * 3 / 2},
		{"a POST is not repeated", "POST", "/servers", 503, "", 1, 0, 0},
		{"but for a sign-in", "POST", "/v3/auth/tokens", 503, "", attempts, firstWait / 2, firstWait * 3 / 2},
		{"and a question to Gnocchi", "POST", "/v1/aggregates", 503, "", attempts, firstWait / 2, firstWait * 3 / 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			requests := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				requests++
				if body, _ := io.ReadAll(r.Body); string(body) != "{}" {
					t.Errorf("attempt %d has body %q", requests, body)
				}
				if r.UserAgent() != "caso/test" {
					t.Errorf("user agent %q", r.UserAgent())
				}
				w.Header().Set("Retry-After", test.header)
				w.WriteHeader(test.status)
			}))
			defer server.Close()
			client, passed := client(t, Options{UserAgent: "caso/test"})
			status, _, err := do(t, client, test.method, server.URL+test.path)
			if err != nil || status != test.status || requests != test.requests || len(*passed) != test.requests-1 {
				t.Fatalf("status %d after %d requests and waits %v, %v", status, requests, *passed, err)
			}
			if len(*passed) > 0 && ((*passed)[0] < test.least || (*passed)[0] > test.most) {
				t.Errorf("waited %v, want %v to %v", (*passed)[0], test.least, test.most)
			}
		})
	}
}

// TestWaitsGrow: each wait is longer than the one before, and random.
func TestWaitsGrow(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(502) }))
	defer server.Close()
	client, passed := client(t, Options{})
	if _, _, err := do(t, client, "GET", server.URL); err != nil {
		t.Fatal(err)
	}
	for i, wait := range *passed {
		if least := firstWait << i / 2; wait < least || wait > 3*least {
			t.Errorf("wait %d is %v, want %v to %v", i, wait, least, 3*least)
		}
	}
}

func TestRetryAfterDate(t *testing.T) {
	soon := time.Now().Add(20 * time.Second).UTC().Format(http.TimeFormat)
	if got := retryAfter(soon); got < 15*time.Second || got > 21*time.Second {
		t.Errorf("%s is %v", soon, got)
	}
	past := time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat)
	if got := retryAfter(past); got != 0 {
		t.Errorf("a time that has passed is %v", got)
	}
}

// TestRedirects: a token must not follow a redirect to another host or port.
func TestRedirects(t *testing.T) {
	var target string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/there" {
			_, _ = io.WriteString(w, "arrived")
			return
		}
		http.Redirect(w, r, target, http.StatusFound)
	}))
	defer server.Close()
	client, _ := client(t, Options{})
	target = server.URL + "/there"
	if _, body, err := do(t, client, "GET", server.URL); err != nil || body != "arrived" {
		t.Errorf("%q %v", body, err)
	}
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the redirect to another port was followed")
	}))
	defer elsewhere.Close()
	for _, target = range []string{"http://localhost.example.org/", elsewhere.URL} {
		if _, _, err := do(t, client, "GET", server.URL); err == nil || !strings.Contains(err.Error(), "another host") {
			t.Errorf("%s: %v", target, err)
		}
	}
	target = server.URL
	if _, _, err := do(t, client, "GET", server.URL); err == nil || !strings.Contains(err.Error(), "redirected more than") {
		t.Errorf("%v", err)
	}
}

// TestCancelled: a cancelled request does not wait for its next attempt.
func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		cancel()
		w.WriteHeader(503)
	}))
	defer server.Close()
	made, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(ctx, "GET", server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	started := time.Now()
	if response, err := made.Do(request); err == nil {
		_ = response.Body.Close()
	}
	if time.Since(started) > 5*time.Second {
		t.Error("it waited")
	}
}
