package nova

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caso-project/caso/test/standin"
)

// TestBetweenFullLists: the rows of the table in docs/records.md about faults between two full
// lists. Each text has, for a window with a list of changes, for one with the full list, and for
// the one after it, the servers that are reported as running, then after a slash those that are
// reported as ended; `fails` for a window that fails.
func TestBetweenFullLists(t *testing.T) {
	soon := now.Add(10 * time.Minute)
	emptyList := standin.Fault{Match: path("/servers/detail"), Serve: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"servers": []}`))
	}}
	setCell := func(r *run, down bool) {
		for _, id := range []string{"s0", "s1"} {
			r.cloud.UpdateServer(id, func(s *standin.Server) { s.CellDown = down })
		}
	}
	for _, test := range []struct {
		name string
		// act happens before the window with changes, repair before the last window.
		act, repair func(*run)
		want        [3]string
		// warned is a text of a warning of the full list.
		warned string
		// started is the StartTime of s0; zero for that of the first window.
		started time.Time
	}{
		{name: "a cell is down",
			act: func(r *run) {
				r.cloud.DeleteServer("s0", soon)
				setCell(r, true)
			},
			repair: func(r *run) { setCell(r, false) },
			want:   [3]string{"s0 s1 s2", "fails", "s1 s2/s0"}},
		{name: "the list lacks servers",
			act: func(r *run) {
				r.cloud.DeleteServer("s0", soon)
				r.cloud.Fault(emptyList)
			},
			repair: func(r *run) { r.cloud.ClearFaults() },
			want:   [3]string{"s0 s1 s2", "fails", "s1 s2/s0"}},
		{name: "a deleted server is archived",
			act: func(r *run) {
				r.cloud.DeleteServer("s0", soon)
				r.cloud.ArchiveDeleted(now.Add(time.Hour))
			},
			want: [3]string{"s0 s1 s2", "s1 s2", "s1 s2"}, warned: "1 servers of the last window are in no list"},
		{name: "the database is restored",
			act: func(r *run) {
				r.cloud.DeleteServer("s0", soon)
				r.cloud.AddServer(server(r.project, "s3", soon))
				if c := r.mustUntil(now.Add(30 * time.Minute)).last(); c["s0"].GetEndTime() == nil || c["s3"] == nil {
					t.Errorf("%v", c)
				}
				// The copy is from before: s0 runs, and s3 does not exist.
				copied, _ := r.cloud.Server("s1")
				r.cloud.UpdateServer("s0", func(s *standin.Server) {
					s.Status, s.VMState, s.PowerState = copied.Status, copied.VMState, copied.PowerState
					s.Updated, s.Deleted, s.Terminated = copied.Updated, time.Time{}, time.Time{}
				})
				r.cloud.DeleteServer("s3", soon)
				r.cloud.ArchiveDeleted(now.Add(time.Hour))
			},
			want: [3]string{"s1 s2 s3", "s0 s1 s2", "s0 s1 s2"}, warned: "1 servers of the last window are in no list"},
		{name: "an id appears again",
			act: func(r *run) {
				r.cloud.UpdateServer("s0", func(s *standin.Server) { s.Created, s.Launched, s.Updated = soon, soon, soon })
			},
			want: [3]string{"s0 s1 s2", "s0 s1 s2", "s0 s1 s2"}, started: soon},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRuns(t, standin.Options{}, nil)
			r.addServers(3)
			r.mustUntil(now)
			test.act(r)
			for i, hours := range []int{1, 25, 26} {
				if i == 2 && test.repair != nil {
					test.repair(r)
				}
				a := r.until(now.Add(time.Duration(hours) * time.Hour))
				if got := a.names(); got != test.want[i] {
					t.Errorf("after %d hours %q, want %q", hours, got, test.want[i])
				}
				if i == 1 && test.warned != "" && !hasDiagnostic(a.diagnostics, test.warned) {
					t.Errorf("%v", a.diagnostics)
				}
				if c := a.last()["s0"]; c != nil && !test.started.IsZero() && !c.GetStartTime().AsTime().Equal(test.started) {
					t.Errorf("s0 started at %v", c.GetStartTime().AsTime())
				}
				if c := a.last()["s0"]; c.GetEndTime() != nil && !c.GetEndTime().AsTime().Equal(soon) {
					t.Errorf("s0 ended at %v", c.GetEndTime().AsTime())
				}
			}
		})
	}
}

// names returns the names of the servers that are reported as running, and after a slash of those
// that are reported as ended.
func (a answer) names() string {
	if a.err != nil {
		return "fails"
	}
	var running, ended []string
	for name, record := range a.last() {
		if record.GetEndTime() == nil {
			running = append(running, name)
		} else {
			ended = append(ended, name)
		}
	}
	slices.Sort(running)
	text := strings.Join(running, " ")
	if len(ended) > 0 {
		slices.Sort(ended)
		text += "/" + strings.Join(ended, " ")
	}
	return text
}

// TestCountedFaults: where nova counts servers, those that an archived row or a restored database
// takes away are noticed by the next list of changes.
func TestCountedFaults(t *testing.T) {
	r := newRuns(t, standin.Options{QuotaCounts: true}, nil)
	r.addServers(120)
	r.mustUntil(now)
	r.cloud.DeleteServer("s0", now.Add(10*time.Minute))
	r.cloud.ArchiveDeleted(now.Add(time.Hour))
	a := r.mustUntil(now.Add(time.Hour))
	if len(a.records) != 119 || !hasDiagnostic(a.diagnostics, "1 servers of the last window are in no list") {
		t.Errorf("%d records, %v", len(a.records), a.diagnostics)
	}
	if a := r.mustUntil(now.Add(2 * time.Hour)); len(a.records) != 119 || len(a.diagnostics) != 0 {
		t.Errorf("%d records, %v", len(a.records), a.diagnostics)
	}
}
