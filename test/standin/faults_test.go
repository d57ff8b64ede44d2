package standin_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caso-project/caso/test/standin"
)

// sendRequest sends one request and reads the answer as far as it comes.
func sendRequest(ctx context.Context, c *client, address string) (*http.Response, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url+address, nil)
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("X-Auth-Token", c.token)
	// Go's client repeats a request that is reset on a reused connection.
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return resp, body, err
}

const serverList = "/compute/v2.1/servers/detail"

func TestFaults(t *testing.T) {
	for name, tc := range map[string]struct {
		fault standin.Fault
		check func(*testing.T, *http.Response, []byte, error)
	}{
		"a proxy's page": {standin.Fault{Status: 502}, func(t *testing.T, r *http.Response, body []byte, _ error) {
			if r.StatusCode != 502 || r.Header.Get("Content-Type") != "text/html" || !strings.HasPrefix(string(body), "<html>") {
				t.Errorf("%s %s", r.Status, body)
			}
		}},
		"too many requests": {standin.Fault{Status: 429, RetryAfter: "3", Body: "{}", ContentType: "application/json"},
			func(t *testing.T, r *http.Response, body []byte, _ error) {
				if r.StatusCode != 429 || r.Header.Get("Retry-After") != "3" || string(body) != "{}" {
					t.Errorf("%s %v %s", r.Status, r.Header, body)
				}
			}},
		"truncated": {standin.Fault{Truncate: 100}, func(t *testing.T, _ *http.Response, body []byte, err error) {
			if !errors.Is(err, io.ErrUnexpectedEOF) || len(body) != 100 {
				t.Errorf("%d bytes, %v", len(body), err)
			}
		}},
		"reset": {standin.Fault{Reset: true}, func(t *testing.T, _ *http.Response, _ []byte, err error) {
			if !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("error %v", err)
			}
		}},
		"malformed": {standin.Fault{MalformedJSON: true}, func(t *testing.T, r *http.Response, body []byte, err error) {
			if err != nil || r.StatusCode != 200 || json.Valid(body) || len(body) < 1000 {
				t.Errorf("%v %d bytes", err, len(body))
			}
		}},
		"edited": {standin.Fault{Edit: func(b []byte) []byte { return []byte(strings.ReplaceAll(string(b), `"created"`, `"made"`)) }},
			func(t *testing.T, _ *http.Response, body []byte, err error) {
				if err != nil || !json.Valid(body) || strings.Contains(string(body), `"created"`) {
					t.Errorf("%v %.200s", err, body)
				}
			}},
		"of its own": {standin.Fault{Serve: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }},
			func(t *testing.T, r *http.Response, _ []byte, _ error) {
				if r.StatusCode != http.StatusTeapot {
					t.Error(r.Status)
				}
			}},
		"late": {standin.Fault{Delay: 30 * time.Millisecond}, func(t *testing.T, r *http.Response, body []byte, err error) {
			if err != nil || r.StatusCode != 200 || !json.Valid(body) {
				t.Errorf("%v %.200s", err, body)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			cloud, c := serve(t, standin.Options{Seed: 1})
			c.signIn(project("vo-biomed"))
			tc.fault.Match, tc.fault.Skip, tc.fault.Count = standin.On(http.MethodGet, "/servers/detail"), 1, 1
			cloud.Fault(tc.fault)
			for i := range 3 { // the fault applies to the second
				begin := time.Now()
				r, body, err := sendRequest(t.Context(), c, serverList)
				if i == 1 {
					tc.check(t, r, body, err)
					if took := time.Since(begin); took < tc.fault.Delay {
						t.Errorf("took %v", took)
					}
				} else if err != nil || r.StatusCode != 200 || !json.Valid(body) {
					t.Errorf("request %d: %v", i, err)
				}
			}
			if log := cloud.Requests(); !log[2].Faulted || log[1].Faulted || log[3].Faulted {
				t.Errorf("log %+v", log)
			}
		})
	}
}

func TestSlowAndHangingAnswersEndWithTheClient(t *testing.T) {
	for name, fault := range map[string]standin.Fault{
		"slow": {BytesPerSecond: 1}, "hanging": {Hang: true}, "very late": {Delay: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			cloud, c := serve(t, standin.Options{Seed: 1})
			c.signIn(project("vo-biomed"))
			end := cloud.Fault(fault)
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			if _, body, err := sendRequest(ctx, c, serverList); !errors.Is(err, context.DeadlineExceeded) || len(body) > 2 {
				t.Errorf("%d bytes, %v", len(body), err)
			}
			end()
			if r, _, err := sendRequest(t.Context(), c, serverList); err != nil || r.StatusCode != 200 {
				t.Errorf("after its end: %v", err)
			}
		})
	}
}

func TestFaultsByChance(t *testing.T) {
	struck := func(seed uint64) (which string) {
		cloud, c := serve(t, standin.Options{Seed: seed})
		cloud.Fault(standin.Fault{Status: 503, Probability: 0.3})
		for range 60 {
			r, _, err := sendRequest(t.Context(), c, "/identity/v3")
			if err != nil {
				t.Fatal(err)
			}
			which += string("01"[r.StatusCode/503])
		}
		return which
	}
	one := struck(5)
	if n := strings.Count(one, "1"); n < 5 || n > 40 {
		t.Errorf("%d of 60 struck", n)
	}
	if one != struck(5) || one == struck(6) {
		t.Error("chance does not follow the seed")
	}
}

func TestListenStopsWithHangingRequests(t *testing.T) {
	cloud := standin.New(standin.Options{Seed: 1})
	url, stop, err := cloud.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	struck := make(chan struct{})
	cloud.Fault(standin.Fault{Hang: true, Match: func(*http.Request) bool { close(struck); return true }})
	failed := make(chan error, 1)
	go func() {
		_, _, err := sendRequest(context.Background(), &client{url: url}, "/")
		failed <- err
	}()
	<-struck
	stop()
	if err := <-failed; err == nil {
		t.Error("the hanging request was answered")
	}
}
