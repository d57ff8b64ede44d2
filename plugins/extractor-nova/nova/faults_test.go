package nova

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caso-project/caso/test/standin"
)

// faulty returns a cloud with three servers.
func faulty(t *testing.T, options standin.Options, settings map[string]string) (*bench, string) {
	t.Helper()
	b, project := small(t, options, settings)
	for _, name := range []string{"a", "b", "c"} {
		b.cloud.AddServer(server(project, name, now.AddDate(0, 0, -2)))
	}
	return b, project
}

// TestPassingFaults: a temporary fault loses no record.
func TestPassingFaults(t *testing.T) {
	for name, fault := range map[string]standin.Fault{
		"a proxy's 502 with HTML":       {Status: 502, Count: 3},
		"503":                           {Status: 503, Count: 2, RetryAfter: "1"},
		"504":                           {Status: 504, Count: 1},
		"429 with Retry-After":          {Status: 429, Count: 2, RetryAfter: "3600"},
		"a connection that is reset":    {Reset: true, Count: 2},
		"an answer that breaks off":     {Truncate: 200, Count: 2, Match: path("/servers/detail")},
		"a token that is no longer one": {Status: 401, Count: 1, Match: path("/servers/detail"), Body: `{"error":{"message":"expired"}}`},
		"a sign-in that fails":          {Status: 503, Count: 2, Match: path("/auth/tokens")},
	} {
		t.Run(name, func(t *testing.T) {
			b, project := faulty(t, standin.Options{}, nil)
			b.cloud.Fault(fault)
			if got := b.must(project, now.Add(-time.Hour), now, nil); len(got.records) != 3 {
				t.Errorf("%d records, %v", len(got.records), got.diagnostics)
			}
		})
	}
}

// TestTokensExpire: a token that expires during a run is renewed.
func TestTokensExpire(t *testing.T) {
	b, project := faulty(t, standin.Options{MaxLimit: 1}, nil)
	b.listProjects(true, "vo-one")
	b.must(project, now.Add(-time.Hour), now, nil)
	b.cloud.ExpireTokens()
	if got := b.must(project, now.Add(-time.Hour), now, nil); len(got.records) != 3 {
		t.Errorf("%d records", len(got.records))
	}
}

// TestLastingFaults: the window fails, and the error has the project, the URL and the answer.
func TestLastingFaults(t *testing.T) {
	for _, test := range []struct {
		name  string
		fault standin.Fault
		say   []string
	}{
		{"502 for ever", standin.Fault{Status: 502, Match: path("/servers/detail")}, []string{"/servers/detail", "502"}},
		{"429 for ever", standin.Fault{Status: 429, RetryAfter: "1", Match: path("/servers/detail")}, []string{"429"}},
		{"reset for ever", standin.Fault{Reset: true, Match: path("/servers/detail")}, []string{"reset"}},
		{"HTML instead of JSON", standin.Fault{Status: 200, Body: "<html>\n<title>Log in</title>", Match: path("/servers/detail")},
			[]string{"/servers/detail", "JSON", "<html>"}},
		{"malformed JSON", standin.Fault{MalformedJSON: true, Match: path("/servers/detail")}, []string{"/servers/detail", "JSON"}},
		{"JSON of something else", standin.Fault{Status: 200, Body: `{"flowers":[]}`, Match: path("/servers/detail")}, []string{`no list called "servers"`}},
		{"403", standin.Fault{Status: 403, Body: `{"forbidden":{"message":"Policy doesn't allow it"}}`, Match: path("/servers/detail")},
			[]string{"403", "Policy doesn't allow it", "openstack role add"}},
		{"401 for ever", standin.Fault{Status: 401, Match: path("/servers/detail")}, []string{"401"}},
		{"a page that links to itself", standin.Fault{Match: path("/servers/detail"), Edit: linkToFirst}, []string{"links back"}},
		{"HTML from keystone", standin.Fault{Status: 200, Body: "<html>", Match: path("/auth/tokens")}, []string{"signing in"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			b, project := faulty(t, standin.Options{MaxLimit: 2}, nil)
			b.cloud.Fault(test.fault)
			got := b.extract(project, now.Add(-time.Hour), now, nil)
			if got.err == nil {
				t.Fatalf("%d records and no error", len(got.records))
			}
			if got.diagnostics[0].Project != project {
				t.Errorf("the project is not named: %v", got.diagnostics[0])
			}
			for _, text := range test.say {
				if !hasDiagnostic(got.diagnostics, text) {
					t.Errorf("no diagnostic with %q: %v", text, got.diagnostics)
				}
			}
			if n := b.cloud.CountRequests("GET", "/servers/detail"); n > 6 {
				t.Errorf("asked %d times", n)
			}
		})
	}
}

// linkToFirst changes a page so that it links to the first one.
func linkToFirst(body []byte) []byte {
	at := bytes.Index(body, []byte("marker="))
	if at < 0 {
		return body
	}
	end := at + bytes.IndexByte(body[at:], '"')
	return append(append(bytes.Clone(body[:at]), "limit=1000"...), body[end:]...)
}

// TestSlowAnswers: an answer of a byte per second ends with the timeout.
func TestSlowAnswers(t *testing.T) {
	b, project := faulty(t, standin.Options{}, map[string]string{"keystone_auth.timeout": "1"})
	b.cloud.Fault(standin.Fault{BytesPerSecond: 1, Match: path("/servers/detail")})
	started := time.Now()
	got := b.extract(project, now.Add(-time.Hour), now, nil)
	if got.err == nil || !hasDiagnostic(got.diagnostics, "no complete answer within 1s") {
		t.Errorf("%v", got.diagnostics)
	}
	if took := time.Since(started); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
}

// TestCellDown: the window fails if nova cannot reach a cell. nova lists the servers of such a
// cell only from microversion 2.69 and only without a query; below, servers of the last window are
// looked up.
func TestCellDown(t *testing.T) {
	for _, test := range []struct {
		name, microversion string
		from               time.Time
		remembered         bool
	}{
		{"an hourly run", "2.93", now.Add(-time.Hour), false},
		{"a first run", "2.93", beginning, false},
		{"an old cloud", "2.60", now.Add(-time.Hour), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			b, project := faulty(t, standin.Options{MaxMicroversion: test.microversion}, map[string]string{"nova.full_list_interval": "0"})
			var state []byte
			if test.remembered {
				state = b.must(project, now.Add(-2*time.Hour), now.Add(-time.Hour), nil).state
			}
			b.cloud.UpdateServer("b", func(s *standin.Server) { s.CellDown = true })
			got := b.extract(project, test.from, now, state)
			if got.err == nil || !hasDiagnostic(got.diagnostics, "next run covers it") || len(got.records) != 0 {
				t.Errorf("%d records, %v", len(got.records), got.diagnostics)
			}
		})
	}
}

// TestNeverChanged: a server in the first moment of its BUILD has no time of change, and is in no
// list of changed ones.
func TestNeverChanged(t *testing.T) {
	b, project := faulty(t, standin.Options{}, nil)
	b.cloud.Fault(standin.Fault{Match: func(r *http.Request) bool { return r.URL.Query().Has("changes-since") },
		Serve: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"servers": []}`))
		}})
	if got := b.must(project, beginning, now, nil); len(got.last()) != 3 {
		t.Errorf("%d servers", len(got.last()))
	}
}

// TestBrokenServer: a server that cannot be parsed is left out alone.
func TestBrokenServer(t *testing.T) {
	b, project := faulty(t, standin.Options{}, nil)
	b.cloud.Fault(standin.Fault{Match: path("/servers/detail"), Edit: func(body []byte) []byte {
		return bytes.Replace(body, []byte(now.AddDate(0, 0, -2).Format(time.RFC3339)), []byte("once upon a time"), 1)
	}})
	got := b.must(project, now.Add(-time.Hour), now, nil)
	if len(got.records) != 2 || !hasDiagnostic(got.diagnostics, "is skipped") {
		t.Errorf("%d records, %v", len(got.records), got.diagnostics)
	}
}

// TestEndOfBrokenServer: the end of a server that could not be parsed in the window of its end is
// reported in the next one.
func TestEndOfBrokenServer(t *testing.T) {
	b, project := faulty(t, standin.Options{}, nil)
	first := b.must(project, now.Add(-2*time.Hour), now.Add(-time.Hour), nil)
	b.cloud.UpdateServer("b", func(s *standin.Server) {
		s.Status, s.Terminated, s.Updated = "DELETED", now.Add(-30*time.Minute), now.Add(-30*time.Minute)
	})
	end := b.cloud.Fault(standin.Fault{Match: path("/servers/detail"), Edit: func(body []byte) []byte {
		return bytes.ReplaceAll(body, []byte(`"name":"b"`), []byte(`"name":7`))
	}})
	second := b.must(project, now.Add(-time.Hour), now, first.state)
	if second.last()["b"] != nil || !hasDiagnostic(second.diagnostics, "server b is skipped") {
		t.Fatalf("the fault has no effect: %v", second.diagnostics)
	}
	end()
	b.cloud.SetNow(now.Add(time.Hour))
	third := b.must(project, now, now.Add(time.Hour), second.state)
	if r := third.last()["b"]; !r.GetEndTime().AsTime().Equal(now.Add(-30 * time.Minute)) {
		t.Errorf("%v", r)
	}
}

// TestActionsThatCannotBeRead: the end is then the last change, with a warning.
func TestActionsThatCannotBeRead(t *testing.T) {
	b, project := small(t, standin.Options{}, nil)
	one := server(project, "gone", now.AddDate(0, 0, -2))
	one.Status, one.Deleted, one.Updated = "DELETED", now.Add(-20*time.Minute), now.Add(-15*time.Minute)
	b.cloud.AddServer(one)
	b.cloud.Fault(standin.Fault{Status: 500, Body: "{}", Match: path("/os-instance-actions")})
	got := b.must(project, now.Add(-time.Hour), now, nil)
	if r := got.last()["gone"]; !r.GetEndTime().AsTime().Equal(now.Add(-15*time.Minute)) || !hasDiagnostic(got.diagnostics, "last change") {
		t.Errorf("%v, %v", r, got.diagnostics)
	}
}

// TestOtherServicesAway: without glance, neutron and the list of users no record is lost.
func TestOtherServicesAway(t *testing.T) {
	b, project := faulty(t, standin.Options{}, nil)
	b.cloud.UpdateServer("a", func(s *standin.Server) {
		s.ImageID = "9a2b1c3d-0000-4000-8000-000000000001"
		s.Addresses = []standin.Address{{Network: "n", Addr: "192.0.2.7", Floating: true}}
	})
	b.cloud.Fault(standin.Fault{Status: 500, Match: func(r *http.Request) bool {
		return strings.Contains(r.URL.Path, "/images") || strings.Contains(r.URL.Path, "/floatingips") || strings.Contains(r.URL.Path, "/users")
	}})
	got := b.must(project, now.Add(-time.Hour), now, nil)
	if len(got.records) != 3 {
		t.Errorf("%d records", len(got.records))
	}
	a := got.last()["a"]
	if a.GetPublicIpCount() != 1 || a.GetImageId() != "9a2b1c3d-0000-4000-8000-000000000001" || a.GlobalUserName != nil {
		t.Errorf("%v", a)
	}
	for _, text := range []string{"images cannot be read", "floating addresses", "GlobalUserName"} {
		if !hasDiagnostic(got.diagnostics, text) {
			t.Errorf("no warning with %q: %v", text, got.diagnostics)
		}
	}
}

// TestSystemToken: a token without a project gets 200 and an empty list from nova, which must not
// look like an empty cloud.
func TestSystemToken(t *testing.T) {
	b, project := faulty(t, standin.Options{}, nil)
	b.cloud.Fault(standin.Fault{Match: path("/auth/tokens"), Edit: func(body []byte) []byte {
		return bytes.Replace(body, []byte(`"project"`), []byte(`"no project"`), 1)
	}})
	got := b.extract(project, now.Add(-time.Hour), now, nil)
	if got.err == nil || !hasDiagnostic(got.diagnostics, "token is not of the project") {
		t.Errorf("%d records, %v", len(got.records), got.diagnostics)
	}
}

func TestUnreachable(t *testing.T) {
	b, project := faulty(t, standin.Options{}, map[string]string{"extractor.endpoint": "http://127.0.0.1:1/v3"})
	got := b.extract(project, now.Add(-time.Hour), now, nil)
	if got.err == nil || !hasDiagnostic(got.diagnostics, "127.0.0.1:1") || !hasDiagnostic(got.diagnostics, "refused") {
		t.Errorf("%v", got.diagnostics)
	}
}

// TestInvalidServer: a server with a record against the rules of the contract is left out with all
// its records, also with those that are valid, and with a warning.
func TestInvalidServer(t *testing.T) {
	b, project := faulty(t, standin.Options{}, nil)
	// The processor time of the first month fits into a record, that of the second does not.
	b.cloud.AddFlavor(standin.Flavor{ID: "f9", Name: "absurd", VCPUs: 3_600_000, RAM: 1, Disk: 1})
	absurd := server(project, "absurd", time.Date(2026, 3, 31, 0, 0, 0, 0, time.UTC))
	absurd.FlavorID = "f9"
	b.cloud.AddServer(absurd)
	long := server(project, "long", time.Date(2026, 3, 31, 0, 0, 0, 0, time.UTC))
	b.cloud.AddServer(long)
	got := b.must(project, time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), now, nil)
	if got.last()["absurd"] != nil || got.last()["long"] == nil || len(got.records) != 5 {
		t.Errorf("%d records: %v", len(got.records), got.records)
	}
	if !hasDiagnostic(got.diagnostics, "server absurd (absurd) is skipped: ") {
		t.Errorf("no warning about the server that is left out: %v", got.diagnostics)
	}
}
