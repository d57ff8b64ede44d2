package nova

import (
	"bytes"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/caso-project/caso/sdk"
	"github.com/caso-project/caso/test/standin"
)

// run extracts the window that follows on the last one with a new extractor, as a new run does.
type run struct {
	*bench
	settings map[string]string
	project  string
	from     time.Time
	state    []byte
}

func newRuns(t *testing.T, options standin.Options, settings map[string]string) *run {
	options.DateOfNow = true
	b, project := small(t, options, settings)
	return &run{bench: b, settings: settings, project: project, from: now.Add(-time.Hour)}
}

// until lets the cloud's time pass and extracts a window that ends then. An error keeps the window.
func (r *run) until(to time.Time) answer {
	r.t.Helper()
	r.cloud.SetNow(to.Add(20 * time.Second))
	return r.windowUntil(to)
}

func (r *run) windowUntil(to time.Time) answer {
	r.t.Helper()
	r.extractor, _ = configured(r.t, settingsFor(r.bench, r.settings))
	r.cloud.ResetRequests()
	a := r.extract(r.project, r.from, to, r.state)
	if a.err == nil {
		r.from, r.state = to, a.state
	}
	return a
}

func (r *run) mustUntil(to time.Time) answer {
	r.t.Helper()
	a := r.until(to)
	if a.err != nil {
		r.t.Fatal(a.err)
	}
	return a
}

// novaRequests returns the paths of the requests to nova, with `changes` for a list of changes.
func (r *run) novaRequests() (paths []string) {
	for _, request := range r.cloud.Requests() {
		if strings.HasPrefix(request.Path, "/compute") {
			paths = append(paths, strings.TrimPrefix(request.Path, "/compute/v2.1/"))
		}
	}
	return paths
}

func (r *run) addServers(count int) {
	for i := range count {
		r.cloud.AddServer(server(r.project, fmt.Sprintf("s%d", i), now.AddDate(0, 0, -2)))
	}
}

// TestQuietHour: a window in which nothing changed takes three requests to nova, whatever the
// number of servers.
func TestQuietHour(t *testing.T) {
	r := newRuns(t, standin.Options{QuotaCounts: true, MaxLimit: 50}, nil)
	r.addServers(230)
	first := r.mustUntil(now)
	if len(first.records) != 230 {
		t.Fatalf("%d records", len(first.records))
	}
	quiet := r.mustUntil(now.Add(time.Hour))
	if len(quiet.records) != 230 || len(quiet.diagnostics) != 0 {
		t.Errorf("%d records, %v", len(quiet.records), quiet.diagnostics)
	}
	if got := strings.Join(r.novaRequests(), " "); got != " servers/detail limits" {
		t.Errorf("requests %q", got)
	}
	for i, record := range quiet.records {
		want := first.records[i].GetCloud()
		got := record.GetCloud()
		got.RecordCreateTime, got.WallDuration, got.CpuDuration = want.RecordCreateTime, want.WallDuration, want.CpuDuration
		if got.String() != want.String() {
			t.Errorf("%v, want %v", got, want)
		}
	}
}

// TestFullLists: when a list of changes is not enough.
func TestFullLists(t *testing.T) {
	for _, test := range []struct {
		name     string
		settings map[string]string
		act      func(*run)
		to       time.Time
		full     bool
	}{
		{"the next hour", nil, nil, now.Add(time.Hour), false},
		{"full_list_interval", nil, nil, now.Add(24 * time.Hour), true},
		{"full_list_interval, shorter", map[string]string{"nova.full_list_interval": "1800"}, nil, now.Add(time.Hour), true},
		{"full_list_interval = 0", map[string]string{"nova.full_list_interval": "0"}, nil, now.Add(time.Minute), true},
		{"the first run of a month", map[string]string{"nova.full_list_interval": "864000000"}, nil, time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC), true},
		{"no state", nil, func(r *run) { r.state = nil }, now.Add(time.Hour), true},
		{"a damaged state", nil, func(r *run) { r.state = r.state[:20] }, now.Add(time.Hour), true},
		{"a checkpoint that was moved", nil, func(r *run) { r.from = now.Add(-time.Minute) }, now.Add(time.Hour), true},
		{"a change that the list lacks", nil, func(r *run) {
			r.cloud.UpdateServer("s5", func(s *standin.Server) { s.Status = "DELETED" })
		}, now.Add(time.Hour), true},
		{"a resize that the list lacks", nil, func(r *run) {
			r.cloud.UpdateServer("s5", func(s *standin.Server) { s.Flavor = &standin.Flavor{ID: "f3", Name: "c3", VCPUs: 3} })
		}, now.Add(time.Hour), true},
		{"an id that is another server's", nil, func(r *run) {
			r.cloud.UpdateServer("s5", func(s *standin.Server) { s.Created, s.Updated = now.Add(time.Minute), now.Add(time.Minute) })
		}, now.Add(time.Hour), true},
		{"a change that the list has", nil, func(r *run) { r.cloud.DeleteServer("s5", now.Add(time.Minute)) }, now.Add(time.Hour), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRuns(t, standin.Options{QuotaCounts: true}, test.settings)
			r.addServers(120)
			r.mustUntil(now)
			if test.act != nil {
				test.act(r)
			}
			r.until(test.to)
			full := false
			for _, request := range r.cloud.Requests() {
				full = full || strings.HasSuffix(request.Path, "/servers/detail") && !request.Query.Has("changes-since")
			}
			if full != test.full {
				t.Errorf("full list: %t, want %t: %v", full, test.full, r.novaRequests())
			}
		})
	}
}

// TestSizes: CpuDuration is the sum over sizes, and the other figures are those as of the record
// time, also in republished windows.
func TestSizes(t *testing.T) {
	r := newRuns(t, standin.Options{}, nil)
	r.cloud.AddFlavor(standin.Flavor{ID: "f8", Name: "large", VCPUs: 8, RAM: 16384, Disk: 80})
	r.cloud.AddServer(server(r.project, "a", now.Add(-10*time.Hour)))
	r.mustUntil(now)
	cpus := func(a answer) string {
		c := a.last()["a"]
		return fmt.Sprint(c.GetCpuCount(), c.GetMemoryMb(), c.GetDiskGb(), c.GetBenchmark().GetValue(), c.GetCpuDuration().GetSeconds()/3600)
	}
	r.cloud.ResizeServer("a", "f8", now.Add(10*time.Minute))
	if got := cpus(r.mustUntil(now.Add(time.Hour))); got != "2 4096 25 11.35 22" {
		t.Errorf("not confirmed: %s", got)
	}
	r.cloud.RevertResize("a", now.Add(70*time.Minute))
	if got := cpus(r.mustUntil(now.Add(2 * time.Hour))); got != "2 4096 25 11.35 24" {
		t.Errorf("reverted: %s", got)
	}
	r.cloud.ResizeServer("a", "f8", now.Add(130*time.Minute))
	r.cloud.ConfirmResize("a", now.Add(150*time.Minute))
	r.cloud.MigrateServer("a", now.Add(160*time.Minute))
	r.cloud.ConfirmResize("a", now.Add(170*time.Minute))
	if got := cpus(r.mustUntil(now.Add(3 * time.Hour))); got != "8 16384 80 0 29" {
		t.Errorf("confirmed: %s", got) // 12.5 h x 2 + 0.5 h x 8
	}
	r.cloud.DeleteServer("a", now.Add(4*time.Hour))
	if got := cpus(r.mustUntil(now.Add(5 * time.Hour))); got != "8 16384 80 0 37" {
		t.Errorf("deleted: %s", got)
	}
	republished := r.run(sdk.ExtractRequest{Window: sdk.Window{From: now, To: now.Add(2 * time.Hour)}, State: r.state, Republish: true}, r.project)
	if got := cpus(republished); got != "2 4096 25 11.35 24" {
		t.Errorf("republished: %s", got)
	}
}

// TestSuspendDuration: suspended and shelved time counts from the switch-on.
func TestSuspendDuration(t *testing.T) {
	for _, mode := range []string{"none", "actions"} {
		settings := map[string]string{"DEFAULT.suspend_duration": mode}
		r := newRuns(t, standin.Options{}, settings)
		for _, id := range []string{"a", "asleep"} {
			r.cloud.AddServer(server(r.project, id, now.Add(-10*time.Hour)))
		}
		r.cloud.SuspendServer("asleep", now.Add(-5*time.Hour))
		first := r.mustUntil(now)
		r.cloud.ShelveServer("a", now.Add(10*time.Minute-5*time.Second))
		r.cloud.FailAction("a", "unshelve", now.Add(20*time.Minute))
		second := r.mustUntil(now.Add(time.Hour))
		r.cloud.UnshelveServer("a", now.Add(70*time.Minute-5*time.Second))
		third := r.mustUntil(now.Add(2 * time.Hour))
		var got []string
		for _, a := range []answer{first, second, third} {
			for _, id := range []string{"a", "asleep"} {
				c := a.last()[id]
				got = append(got, fmt.Sprint(c.GetSuspendDuration().GetSeconds()/60, "+", c.GetWallDuration().GetSeconds()/60, ":", c.GetCpuDuration().GetSeconds()/60))
			}
		}
		want := "0+600:1200 0+600:1200 50+610:1220 60+600:1200 60+660:1320 120+600:1200"
		if mode == "none" {
			want = "0+600:1200 0+600:1200 0+660:1320 0+660:1320 0+720:1440 0+720:1440"
		}
		if text := strings.ReplaceAll(strings.ReplaceAll(strings.Join(got, " "), " + ", "+"), " : ", ":"); text != want {
			t.Errorf("%s: %s\nwant %s", mode, text, want)
		}
	}
}

// TestCloudClockBehind: a server that lives for five minutes in a cloud whose clock is ten minutes
// behind the host's is reported once.
func TestCloudClockBehind(t *testing.T) {
	r := newRuns(t, standin.Options{}, nil)
	r.addServers(1)
	behind := 10 * time.Minute
	reported := 0
	for hour := range 4 {
		to := now.Add(time.Duration(hour) * time.Hour)
		if hour == 1 {
			short := server(r.project, "short", now.Add(-8*time.Minute))
			r.cloud.AddServer(short)
			r.cloud.DeleteServer("short", now.Add(-3*time.Minute))
		}
		r.cloud.SetNow(to.Add(20*time.Second - behind))
		a := r.windowUntil(to)
		if a.err != nil {
			t.Fatal(a.err)
		}
		if c := a.last()["short"]; c != nil {
			reported++
			if !c.GetEndTime().AsTime().Equal(now.Add(-3*time.Minute)) || c.GetWallDuration().GetSeconds() != 300 {
				t.Errorf("%v", c)
			}
		}
	}
	if reported != 1 {
		t.Errorf("reported %d times", reported)
	}
}

// TestHostClockAhead: the ends between a run whose clock is two hours ahead and the next one are
// reported.
func TestHostClockAhead(t *testing.T) {
	r := newRuns(t, standin.Options{}, nil)
	r.addServers(2)
	r.mustUntil(now.Add(-30 * time.Minute))
	r.cloud.SetNow(now)
	r.windowUntil(now.Add(2 * time.Hour))
	r.cloud.DeleteServer("s0", now.Add(30*time.Minute))
	r.cloud.AddServer(server(r.project, "short", now.Add(40*time.Minute)))
	r.cloud.DeleteServer("short", now.Add(45*time.Minute))
	a := r.mustUntil(now.Add(3 * time.Hour))
	for _, request := range r.cloud.Requests() {
		// Back to the previous list by the cloud's clock, less an hour.
		since, err := time.Parse("2006-01-02T15:04:05", request.Query.Get("changes-since"))
		if request.Query.Has("changes-since") && (err != nil || since.Sub(now.Add(-time.Hour)).Abs() > 5*time.Second) {
			t.Errorf("changes since %s", request.Query.Get("changes-since"))
		}
	}
	for id, end := range map[string]time.Time{"s0": now.Add(30 * time.Minute), "short": now.Add(45 * time.Minute)} {
		if c := a.last()[id]; !c.GetEndTime().AsTime().Equal(end) {
			t.Errorf("%s: %v", id, c)
		}
	}
}

// TestTooManyUnreadable: more than max_unreadable servers fail the window, whether their answer or
// their record is invalid.
func TestTooManyUnreadable(t *testing.T) {
	for _, test := range []struct {
		name string
		edit func([]byte) []byte
	}{
		{"names that are numbers", func(body []byte) []byte {
			return regexp.MustCompile(`"name":"s\d+"`).ReplaceAll(body, []byte(`"name":7`))
		}},
		{"vcpus of 9e18", func(body []byte) []byte {
			return bytes.ReplaceAll(body, []byte(`"vcpus":2`), []byte(`"vcpus":9000000000000000000`))
		}},
	} {
		for count, fails := range map[int]bool{10: false, 11: true} {
			r := newRuns(t, standin.Options{}, nil)
			r.addServers(count)
			mend := r.cloud.Fault(standin.Fault{Match: path("/servers/detail"), Edit: test.edit})
			a := r.until(now)
			if fails != (a.err != nil) || fails != hasDiagnostic(a.diagnostics, "max_unreadable") || len(a.records) != 0 {
				t.Errorf("%s: %d: %v, %d records", test.name, count, a.err, len(a.records))
			}
			if fails {
				continue
			}
			// They stay open: an end that becomes readable later is reported.
			r.cloud.DeleteServer("s1", now.Add(10*time.Minute))
			r.mustUntil(now.Add(time.Hour))
			mend()
			later := r.mustUntil(now.Add(2 * time.Hour))
			if c := later.last()["s1"]; !c.GetEndTime().AsTime().Equal(now.Add(10*time.Minute)) || len(later.records) != count {
				t.Errorf("%s: %d records, %v", test.name, len(later.records), c)
			}
		}
	}
}

// TestShortLists: a list that lacks servers which nova finds by their ID fails the window, whatever
// it looks like.
func TestShortLists(t *testing.T) {
	empty := func(body string) standin.Fault {
		return standin.Fault{Match: path("/servers/detail"), Serve: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(body))
		}}
	}
	down := func(r *run) {
		for i := range 40 {
			r.cloud.UpdateServer(fmt.Sprintf("s%d", i), func(s *standin.Server) { s.CellDown = true })
		}
	}
	for _, test := range []struct {
		name string
		act  func(*run)
	}{
		{"an empty list", func(r *run) { r.cloud.Fault(empty(`{"servers": []}`)) }},
		{"null", func(r *run) { r.cloud.Fault(empty(`{"servers": null}`)) }},
		{"a short page", func(r *run) {
			r.cloud.Fault(standin.Fault{Match: func(q *http.Request) bool { return q.URL.Query().Has("marker") },
				Serve: empty(`{"servers": []}`).Serve})
		}},
		{"a cell that is down", down},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRuns(t, standin.Options{MaxLimit: 30}, map[string]string{"nova.full_list_interval": "0"})
			r.addServers(80)
			r.mustUntil(now)
			test.act(r)
			a := r.until(now.Add(time.Hour))
			if a.err == nil || len(a.records) != 0 {
				t.Errorf("%d records, %v", len(a.records), a.diagnostics)
			}
			if n := r.cloud.CountRequests("GET", "/servers/s"); n > 20 {
				t.Errorf("%d servers were looked up", n)
			}
		})
	}
}

// TestArchivedProject: when really all servers are gone, a sample is looked up and the list is
// believed.
func TestArchivedProject(t *testing.T) {
	r := newRuns(t, standin.Options{}, map[string]string{"nova.full_list_interval": "0"})
	r.addServers(80)
	r.mustUntil(now)
	for i := range 80 {
		r.cloud.DeleteServer(fmt.Sprintf("s%d", i), now.Add(time.Minute))
	}
	r.cloud.ArchiveDeleted(now.Add(time.Hour))
	a := r.mustUntil(now.Add(time.Hour))
	if len(a.records) != 0 || !hasDiagnostic(a.diagnostics, "80 servers of the last window") {
		t.Errorf("%d records, %v", len(a.records), a.diagnostics)
	}
	if n := r.cloud.CountRequests("GET", "/servers/s"); n == 0 || n > 20 {
		t.Errorf("%d servers were looked up", n)
	}
}
