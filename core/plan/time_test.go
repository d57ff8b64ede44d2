package plan

import (
	"strings"
	"testing"
	"time"
)

func at(t testing.TB, text string) time.Time {
	t.Helper()
	instant, ok, err := ParseTime(text)
	if err != nil || !ok {
		t.Fatalf("%q: %v, %v", text, ok, err)
	}
	return instant
}

func TestParseTime(t *testing.T) {
	for text, want := range map[string]string{
		"2026-11-01":                       "2026-11-01T00:00:00Z",
		" 2026-11-01\n":                    "2026-11-01T00:00:00Z",
		"2026-11-01T00:00:00Z":             "2026-11-01T00:00:00Z",
		"2026-11-01 00:00:00+01:00":        "2026-10-31T23:00:00Z",
		"2026-11-01T00:00:00-0230":         "2026-11-01T02:30:00Z",
		"2026-11-01 10:00":                 "2026-11-01T10:00:00Z",
		"2026-11-23 10:00:01":              "2026-11-23T10:00:01Z",
		"2026-11-23 10:00:01.999999":       "2026-11-23T10:00:01Z",
		"2026-11-23 10:00:01.123456+00:00": "2026-11-23T10:00:01Z",
		"2026-11-23t10:00:01 UTC":          "2026-11-23T10:00:01Z",
		"1969-12-31T23:59:59.5Z":           "1969-12-31T23:59:59Z",
		// What dateutil reads as well.
		"20261124":                      "2026-11-24T00:00:00Z",
		"20261124T101112":               "2026-11-24T10:11:12Z",
		"202611241011":                  "2026-11-24T10:11:00Z",
		"2026/11/24 10:11":              "2026-11-24T10:11:00Z",
		"2026.11.24":                    "2026-11-24T00:00:00Z",
		"2026-11-24T10":                 "2026-11-24T10:00:00Z",
		"2026-11-24 10pm":               "2026-11-24T22:00:00Z",
		"2026-11-24 10:11 PM":           "2026-11-24T22:11:00Z",
		"13.11.2026":                    "2026-11-13T00:00:00Z",
		"11/24/2026":                    "2026-11-24T00:00:00Z",
		"12/12/2026":                    "2026-12-12T00:00:00Z",
		"24 Nov 2026":                   "2026-11-24T00:00:00Z",
		"November 24, 2026 10:11":       "2026-11-24T10:11:00Z",
		"24-nov-2026":                   "2026-11-24T00:00:00Z",
		"Tue, 24 Nov 2026 10:11:12 GMT": "2026-11-24T10:11:12Z",
		"Tue Nov 24 10:11:12 UTC 2026":  "2026-11-24T10:11:12Z",
		"24 Nov 2026 10:11:12 +0100":    "2026-11-24T09:11:12Z",
	} {
		if got := formatTime(at(t, text)); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
	for _, text := range []string{"", " ", "None", "none"} {
		if _, ok, err := ParseTime(text); ok || err != nil {
			t.Errorf("%q: %v, %v", text, ok, err)
		}
	}
	for _, text := range []string{
		"yesterday", "2026-13-01", "2026-11-31", "01.11.2026", "11/12/2026 10:00", "1700000000", "2026", "2026-11", "10:00", "24 Nov 2026 10:11:12 EST", "2026-11-01T25:00:00Z", "2026-11-01 10:00:00 CET",
	} {
		if _, _, err := ParseTime(text); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzParseTime(f *testing.F) {
	for _, seed := range []string{"2026-11-01", "None", "2026-11-01T00:00:00.5+01:00", "2026-11-01 00:00 UTC"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		instant, ok, err := ParseTime(text)
		if err != nil || !ok {
			return
		}
		if instant.Nanosecond() != 0 || instant.Location() != time.UTC {
			t.Errorf("%q: %v is not a whole second of UTC", text, instant)
		}
		if instant.Year() >= 1 && instant.Year() <= 9999 {
			if again := at(t, formatTime(instant)); !again.Equal(instant) {
				t.Errorf("%q: %v was read as %v", text, instant, again)
			}
		}
	})
}

func TestParseRange(t *testing.T) {
	now := at(t, "2026-11-23T10:00:00.7Z")
	for name, test := range map[string]struct {
		from, to         string
		wantFrom, wantTo string
		warns            bool
		fails            []string
	}{
		"nothing":            {},
		"None":               {from: "None", to: "None"},
		"both":               {from: "2026-10-01", to: "2026-11-01", wantFrom: "2026-10-01", wantTo: "2026-11-01"},
		"from":               {from: "2026-10-01", wantFrom: "2026-10-01"},
		"to":                 {to: "2026-10-01", wantTo: "2026-10-01"},
		"to in the future":   {from: "2026-10-01", to: "2027-01-01", wantFrom: "2026-10-01", wantTo: "2026-11-23T10:00:00", warns: true},
		"before 1970":        {from: "1900-01-01", wantFrom: "1970-01-01"},
		"from in the future": {from: "2027-01-01", fails: []string{"2027-01-01T00:00:00Z", "2026-11-23T10:00:00Z"}},
		"from now":           {from: "2026-11-23T10:00:00", fails: []string{"not in the past"}},
		"turned around":      {from: "2026-11-01", to: "2026-10-01", fails: []string{"2026-11-01T00:00:00Z", "2026-10-01T00:00:00Z"}},
		"equal":              {from: "2026-11-01", to: "2026-11-01", fails: []string{"not before the end"}},
		"to before 1970":     {to: "1960-01-01", fails: []string{"1960-01-01"}},
		"bad from":           {from: "x", fails: []string{"start of the window", `"x"`}},
		"bad to":             {to: "y", fails: []string{"end", `"y"`}},
	} {
		t.Run(name, func(t *testing.T) {
			got, notes, err := ParseRange(test.from, test.to, now)
			if test.fails != nil {
				if err == nil {
					t.Fatalf("got %+v", got)
				}
				for _, part := range test.fails {
					if !strings.Contains(err.Error(), part) {
						t.Errorf("error %q does not say %q", err, part)
					}
				}
				return
			}
			if err != nil || (len(notes) > 0) != test.warns {
				t.Fatalf("%v, %v", notes, err)
			}
			want := Range{}
			if test.wantFrom != "" {
				want.From = at(t, test.wantFrom)
			}
			if test.wantTo != "" {
				want.To = at(t, test.wantTo)
			}
			if got != want {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}
