package transport

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// TestClock: only a difference that the duration of the request and the second of a Date cannot
// explain is one.
func TestClock(t *testing.T) {
	sent := time.Date(2026, 11, 25, 12, 0, 0, 900_000_000, time.UTC)
	for name, test := range map[string]struct {
		date, age string
		took      time.Duration
		want      string
	}{
		"no Date":             {"", "", 0, ""},
		"no time":             {"yesterday", "", 0, ""},
		"the same":            {"Wed, 25 Nov 2026 12:00:00 GMT", "", 0, ""},
		"ahead, accepted":     {"Wed, 25 Nov 2026 12:01:00 GMT", "", 0, ""},
		"ahead":               {"Wed, 25 Nov 2026 12:01:01 GMT", "", 0, "at least 1m0s ahead of that of this machine: 2026-11-25T12:01:01Z there, 2026-11-25T12:00:00Z here"},
		"ahead, slow":         {"Wed, 25 Nov 2026 12:01:31 GMT", "", 31 * time.Second, ""},
		"behind, accepted":    {"Wed, 25 Nov 2026 11:59:00 GMT", "", 0, ""},
		"behind, by a part":   {"Wed, 25 Nov 2026 11:58:59 GMT", "", 0, "at least 1m0s behind that"},
		"behind, slow":        {"Wed, 25 Nov 2026 11:58:00 GMT", "", time.Hour, "at least 1m59s behind that"},
		"two hours":           {"Wed, 25 Nov 2026 14:00:00 GMT", "", time.Second, "at least 1h59m58s ahead of"},
		"three years":         {"Sat, 25 Nov 2023 12:00:00 GMT", "", time.Second, "at least 26303h59m59s behind that"},
		"from a cache":        {"Wed, 25 Nov 2026 10:00:00 GMT", "7200", time.Second, ""},
		"from a cache, wrong": {"Wed, 25 Nov 2026 08:00:00 GMT", "7200", time.Second, "at least 1h59m59s behind that"},
	} {
		t.Run(name, func(t *testing.T) {
			clock := &Clock{Max: time.Minute}
			header := http.Header{"Date": {test.date}, "Age": {test.age}}
			err := clock.check(&url.URL{Scheme: "https", User: url.UserPassword("u", "secret"), Host: "nova.example:8774", Path: "/v2.1/", RawQuery: "x=1"},
				header, sent, sent.Add(test.took))
			if (err == nil) != (test.want == "") || !errors.Is(clock.Err(), err) {
				t.Fatalf("%v, %v", err, clock.Err())
			}
			if err != nil && (!strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "service at https://nova.example:8774/v2.1/ ")) {
				t.Errorf("%v", err)
			}
		})
	}
	off := &Clock{}
	if err := off.check(&url.URL{}, http.Header{"Date": {"Sat, 25 Nov 2023 12:00:00 GMT"}}, sent, sent); err != nil {
		t.Error(err)
	}
}
