package ceilometer

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/caso-project/caso/test/standin"
)

// TestGap: after a gap that is longer than the archive, totals are those of the state and what the
// archive has.
func TestGap(t *testing.T) {
	start := now.Add(-60 * 24 * time.Hour)
	b := newBench(t, standin.Options{Empty: true, Telemetry: standin.TelemetryGnocchi}, nil)
	b.server("steady", start)
	b.server("restarted", start)
	b.cpu("steady", start.Add(time.Minute), 100, 200)
	b.cpu("restarted", start.Add(time.Minute), 1000, 50)
	first := b.must(beginning, start.Add(time.Hour), nil)
	b.cpu("steady", now.Add(-time.Hour), 90000)
	b.cpu("restarted", now.Add(-time.Hour), 20, 30)
	b.cloud.DeleteSamples(now.Add(-24 * time.Hour))
	second := b.must(start.Add(time.Hour), now, first.state)
	if got := measured(second.last("steady")).cpu; got != 90000 {
		t.Errorf("steady: %d", got)
	}
	if got := measured(second.last("restarted")).cpu; got != 1080 {
		t.Errorf("restarted: %d", got)
	}
}

// TestLostState: without the state totals start with what the archive has, with a warning.
func TestLostState(t *testing.T) {
	start := now.Add(-40 * 24 * time.Hour)
	b := newBench(t, standin.Options{Empty: true, Telemetry: standin.TelemetryGnocchi}, nil)
	b.server("a", start)
	b.server("young", now.Add(-2*time.Hour))
	b.cpu("a", start.Add(time.Minute), 1000, 50)
	first := b.must(beginning, now.Add(-time.Hour), nil)
	if got := measured(first.last("a")).cpu; got != 1050 || first.hasDiagnostic("have no previous state") {
		t.Fatalf("%d %v", got, first.diagnostics)
	}
	b.cloud.DeleteSamples(now.Add(-30 * 24 * time.Hour))
	b.cpu("a", now.Add(-50*time.Minute), 60, 70, 5)
	b.cpu("young", now.Add(-119*time.Minute), 10)
	for name, state := range map[string][]byte{"lost": nil, "of another version": []byte("caso-extractor-ceilometer 9\n"),
		"broken": first.state[:len(first.state)-1]} {
		a := b.must(now.Add(-time.Hour), now, state)
		if got := measured(a.last("a")).cpu; got != 75 {
			t.Errorf("%s: %d", name, got)
		}
		if !a.hasDiagnostic("1 servers were created before this window and have no previous state") {
			t.Errorf("%s: %v", name, a.diagnostics)
		}
	}
	if a := b.must(now.Add(-time.Hour), now, first.state); measured(a.last("a")).cpu != 1075 || a.hasDiagnostic("have no previous state") {
		t.Errorf("with its state: %v %v", measured(a.last("a")), a.diagnostics)
	}
}

// TestRepublished: a republished window starts without a state. A server with samples since its
// creation has the figures that it had; one that is older than the archive is left out, so that
// its records of then stay.
func TestRepublished(t *testing.T) {
	midnight := time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
	b := newBench(t, standin.Options{Empty: true, Telemetry: standin.TelemetryGnocchi}, nil)
	b.server("old", midnight.Add(-90*24*time.Hour))
	b.server("known", midnight.Add(-20*24*time.Hour))
	b.server("failed", midnight.Add(-20*24*time.Hour))
	b.cloud.UpdateServer("failed", func(s *standin.Server) { s.Status, s.Launched = "ERROR", time.Time{} })
	b.cpu("old", midnight.Add(-10*24*time.Hour), 500, 600)
	b.cpu("known", midnight.Add(-20*24*time.Hour+5*time.Minute), 100, 40)
	b.cpu("known", midnight.Add(time.Hour), 90)
	regular := b.must(beginning, now, nil)
	for _, state := range [][]byte{nil, regular.state} {
		a := b.republish(midnight.Add(-16*24*time.Hour), midnight, state)
		if got := measured(a.last("known")).cpu; a.err != nil || got != 140 {
			t.Errorf("known: %d %v", got, a.err)
		}
		if a.last("old") != nil || !a.hasDiagnostic("1 servers are left out of this republished window") {
			t.Errorf("%v %v", a.last("old"), a.diagnostics)
		}
	}
	// A first window that ends in the past is not a republished one: it has every server.
	if a := b.must(midnight.Add(-16*24*time.Hour), midnight, nil); a.last("old") == nil || a.hasDiagnostic("are left out") {
		t.Errorf("a first window: %v", a.diagnostics)
	}
}

// TestSilent: servers without samples keep their last totals, in one warning for the project.
func TestSilent(t *testing.T) {
	for name, telemetry := range bothArchives {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, standin.Options{Empty: true, Telemetry: telemetry}, nil)
			for _, id := range []string{"a", "b", "never"} {
				b.server(id, now.Add(-30*time.Hour))
			}
			for _, id := range []string{"a", "b"} {
				b.cpu(id, now.Add(-29*time.Hour), 100, 40)
				b.traffic(id, "tap", now.Add(-29*time.Hour), 3, 1)
			}
			first := b.must(beginning, now.Add(-20*time.Hour), nil)
			second := b.must(now.Add(-20*time.Hour), now.Add(-10*time.Hour), first.state)
			b.cpu("b", now.Add(-time.Hour), 70)
			b.traffic("b", "tap", now.Add(-time.Hour), 2)
			third := b.must(now.Add(-10*time.Hour), now, second.state)
			for i, want := range []figures{{140, 4, 8}, {140, 4, 8}, {170, 5, 10}} {
				if got := measured([]answer{first, second, third}[i].last("b")); got != want {
					t.Errorf("window %d: %v, want %v", i, got, want)
				}
			}
			if got := measured(third.last("a")); got != (figures{140, 4, 8}) {
				t.Errorf("silent: %v", got)
			}
			if got := measured(third.last("never")); got != (figures{-1, -1, -1}) {
				t.Errorf("never measured: %v", got)
			}
			if len(third.diagnostics) != 1 || !third.hasDiagnostic("2 of 3 servers") || !third.hasDiagnostic("1 keep their last totals, 1 are") || third.diagnostics[0].Project != b.project {
				t.Errorf("%v", third.diagnostics)
			}
		})
	}
}

// TestLateSamples: a sample that arrives after its window was reported counts in the next, also if
// it matters only because the counter restarted after it.
func TestLateSamples(t *testing.T) {
	b := newBench(t, standin.Options{Empty: true, Telemetry: standin.TelemetryGnocchi}, nil)
	b.server("a", now.Add(-5*time.Hour))
	b.cpu("a", now.Add(-60*time.Minute), 100)
	b.cpu("a", now.Add(-50*time.Minute), 10)
	first := b.must(beginning, now.Add(-40*time.Minute), nil)
	b.cpu("a", now.Add(-55*time.Minute), 130)
	b.cpu("a", now.Add(-30*time.Minute), 20)
	second := b.must(now.Add(-40*time.Minute), now, first.state)
	if a, c := measured(first.last("a")).cpu, measured(second.last("a")).cpu; a != 110 || c != 150 {
		t.Errorf("%d, then %d", a, c)
	}
}

// TestEndedServers: the last samples before a server's end count in its last record, and the next
// state is without the server.
func TestEndedServers(t *testing.T) {
	b := newBench(t, standin.Options{Empty: true, Telemetry: standin.TelemetryGnocchi}, nil)
	b.server("a", now.Add(-5*time.Hour))
	b.server("soft", now.Add(-5*time.Hour))
	for _, id := range []string{"a", "soft"} {
		b.cpu(id, now.Add(-5*time.Hour), 10, 20)
		b.cpu(id, now.Add(-3*time.Minute), 500)
	}
	// The window ends in the time span of the last sample.
	b.end("a", now.Add(-150*time.Second))
	b.cloud.UpdateServer("soft", func(s *standin.Server) { s.Status, s.Updated = "SOFT_DELETED", now.Add(-150*time.Second) })
	got := b.must(beginning, now.Add(-2*time.Minute), nil)
	if cpu := measured(got.last("a")).cpu; cpu != 500 {
		t.Errorf("%d", cpu)
	}
	if state := measurerState(t, got.state); strings.Contains(state, "\na\n") || !strings.Contains(state, "\nsoft\n") {
		t.Errorf("state: %s", state)
	}
	// It is restored.
	b.cloud.UpdateServer("soft", func(s *standin.Server) { s.Status = "ACTIVE" })
	again := b.must(now.Add(-2*time.Minute), now, got.state)
	if cpu := measured(again.last("soft")).cpu; cpu != 500 {
		t.Errorf("restored: %d", cpu)
	}
}

// TestArchiveAway: where samples cannot be read the window fails, and nothing is reported as zero.
func TestArchiveAway(t *testing.T) {
	for _, test := range []struct {
		name      string
		telemetry standin.Telemetry
		settings  map[string]string
		fault     standin.Fault
		say       string
	}{
		{"gnocchi: 500", standin.TelemetryGnocchi, nil, standin.Fault{Status: 500, Match: path("/metric/")}, "reading cpu from Gnocchi"},
		{"gnocchi: 503 for ever", standin.TelemetryGnocchi, nil, standin.Fault{Status: 503, Match: path("/metric/")}, "503"},
		{"gnocchi: 403", standin.TelemetryGnocchi, nil, standin.Fault{Status: 403, Match: path("/metric/")}, "openstack role add"},
		{"gnocchi: connection breaks", standin.TelemetryGnocchi, nil, standin.Fault{Reset: true, Match: path("/metric/")}, "reading cpu"},
		{"gnocchi: HTML", standin.TelemetryGnocchi, nil, standin.Fault{Status: 200, Body: "<html>", Match: path("/metric/")}, "JSON"},
		{"gnocchi: a measure of nothing", standin.TelemetryGnocchi, nil, standin.Fault{Status: 200, Match: path("/metric/"),
			Body: `[{"group":{"id":"a"},"measures":{"measures":{"a":{"cpu":{"max":[["today",300,1]]}}}}}]`}, "today"},
		{"ceilometer: 500", standin.TelemetryCeilometer, nil, standin.Fault{Status: 500, Match: path("/metering/")}, "reading cpu from Ceilometer"},
		{"ceilometer: a sample without a time", standin.TelemetryCeilometer, nil, standin.Fault{Status: 200, Body: `[{"resource_id":"a"}]`, Match: path("/metering/")}, "time"},
		{"ceilometer: no list", standin.TelemetryCeilometer, nil, standin.Fault{Status: 200, Body: `{}`, Match: path("/metering/")}, "JSON"},
		{"none", standin.TelemetryNone, nil, standin.Fault{}, "neither a service of type metric"},
		{"no gnocchi", standin.TelemetryCeilometer, map[string]string{"ceilometer.backend": "gnocchi"}, standin.Fault{}, "no service of type metric"},
		{"no ceilometer", standin.TelemetryGnocchi, map[string]string{"ceilometer.backend": "ceilometer"}, standin.Fault{}, "no service of type metering"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t, standin.Options{Empty: true, Telemetry: test.telemetry}, test.settings)
			b.server("a", now.Add(-5*time.Hour))
			b.cpu("a", now.Add(-time.Hour), 10)
			if test.fault.Match != nil {
				b.cloud.Fault(test.fault)
			}
			a := b.run(b.extractor, beginning, now, nil)
			if a.err == nil || len(a.records) != 0 || !a.hasDiagnostic(test.say) {
				t.Errorf("%d records, %v", len(a.records), a.diagnostics)
			}
		})
	}
}

// TestBackend: auto prefers Gnocchi.
func TestBackend(t *testing.T) {
	for backend, want := range map[string]string{"auto": "/metric/", "gnocchi": "/metric/", "ceilometer": "/metering/"} {
		b := newBench(t, standin.Options{Empty: true, Telemetry: standin.TelemetryBoth}, map[string]string{"ceilometer.backend": backend})
		b.server("a", now.Add(-5*time.Hour))
		b.cpu("a", now.Add(-time.Hour), 10)
		b.must(beginning, now, nil)
		for _, service := range []string{"/metric/", "/metering/"} {
			if n := b.cloud.CountRequests("", service); (n > 0) != (service == want) {
				t.Errorf("backend %s: %d requests to %s", backend, n, service)
			}
		}
	}
}

// TestUnreadableServer: a server that could not be parsed in one window, or never before, loses no
// measured usage.
func TestUnreadableServer(t *testing.T) {
	start := now.Add(-10 * time.Hour)
	b := newBench(t, standin.Options{Empty: true, Telemetry: standin.TelemetryGnocchi}, nil)
	for _, id := range []string{"known", "late"} {
		b.server(id, start.Add(time.Second))
		b.cpu(id, start.Add(time.Minute), 100, 200)
		b.cpu(id, start.Add(5*time.Hour), 900, 30)
		b.cpu(id, start.Add(9*time.Hour), 40)
	}
	b.server("other", start)
	broken := func(ids ...string) func() {
		return b.cloud.Fault(standin.Fault{Match: path("/servers/detail"), Edit: func(body []byte) []byte {
			for _, id := range ids {
				body = bytes.ReplaceAll(body, []byte(`"name":"`+id+`"`), []byte(`"name":7`))
			}
			return body
		}})
	}
	mend := broken("late")
	first := b.must(beginning, start.Add(4*time.Hour), nil)
	mend()
	mend = broken("late", "known")
	second := b.must(start.Add(4*time.Hour), start.Add(8*time.Hour), first.state)
	if second.last("known") != nil || second.last("late") != nil || second.last("other") == nil {
		t.Fatalf("the fault has no effect: %v", second.records)
	}
	mend()
	third := b.must(start.Add(8*time.Hour), now, second.state)
	for _, id := range []string{"known", "late"} {
		if got := measured(third.last(id)).cpu; got != 940 {
			t.Errorf("%s: %d", id, got)
		}
	}
}

// measurerState returns the part of an extractor's state that is the measurer's.
func measurerState(t *testing.T, state []byte) string {
	t.Helper()
	_, frame, _ := bytes.Cut(state, []byte("\n"))
	reader, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	body, err := reader.DecodeAll(frame, nil)
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Measurer []byte `json:"measurer"`
	}
	if err := json.Unmarshal(body, &document); err != nil {
		t.Fatal(err)
	}
	return string(document.Measurer)
}
