package nova

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/caso-project/caso/test/standin"
)

// cloudHistory changes the servers of several projects at random.
type cloudHistory struct {
	t        *rapid.T
	cloud    *standin.Cloud
	projects []string
	servers  []string
	now      time.Time
}

// pass lets time pass, with changes in it.
func (h *cloudHistory) pass(to time.Time) {
	for range rapid.IntRange(0, 8).Draw(h.t, "changes") {
		at := h.now.Add(time.Duration(rapid.Int64Range(0, int64(to.Sub(h.now)/time.Second)).Draw(h.t, "at")) * time.Second)
		kind := rapid.SampledFrom([]string{"add", "delete", "resize", "confirm", "suspend", "resume", "touch", "soft delete", "archive", "address", "free"}).Draw(h.t, "change")
		if kind == "add" || len(h.servers) == 0 {
			id := fmt.Sprintf("s%03d", len(h.servers))
			one := server(rapid.SampledFrom(h.projects).Draw(h.t, "project"), id, at)
			one.UserID = rapid.SampledFrom([]string{"u1", h.cloud.UserID(standin.AccountingUser)}).Draw(h.t, "user")
			h.cloud.AddServer(one)
			h.servers = append(h.servers, id)
			for range rapid.IntRange(0, 2).Draw(h.t, "addresses") {
				h.cloud.AddFloatingIP(standin.FloatingIP{ProjectID: one.ProjectID, ServerID: id, Address: "192.0.2.1", Created: at})
			}
			continue
		}
		id := rapid.SampledFrom(h.servers).Draw(h.t, "server")
		one, ok := h.cloud.Server(id)
		if !ok || one.Status == "DELETED" || at.Before(one.Updated) {
			continue
		}
		switch kind {
		case "delete":
			h.cloud.DeleteServer(id, at)
		case "resize":
			h.cloud.ResizeServer(id, rapid.SampledFrom([]string{"f1", "f8"}).Draw(h.t, "flavor"), at)
		case "confirm":
			h.cloud.ConfirmResize(id, at)
		case "suspend":
			h.cloud.SuspendServer(id, at)
		case "resume":
			h.cloud.ResumeServer(id, at)
		case "touch":
			h.cloud.UpdateServer(id, func(s *standin.Server) { s.Updated = at })
		case "soft delete":
			h.cloud.UpdateServer(id, func(s *standin.Server) { s.Status, s.Deleted, s.Updated = "SOFT_DELETED", at, at })
		case "archive":
			h.cloud.ArchiveDeleted(at)
		case "address":
			h.cloud.AddFloatingIP(standin.FloatingIP{ProjectID: one.ProjectID, ServerID: id, Address: "192.0.2.1", Created: at})
		case "free":
			for _, address := range h.cloud.FloatingIPs(one.ProjectID) {
				h.cloud.DeleteFloatingIP(address.ID)
			}
		}
	}
	h.now = to
}

// drawFault draws a fault of nova or neutron. Those of the lists of all projects change no record.
func (h *cloudHistory) drawFault() {
	allProjects := func(r *http.Request) bool { return r.URL.Query().Has("all_tenants") }
	unreadable := func(id string) func([]byte) []byte {
		return func(body []byte) []byte {
			return bytes.ReplaceAll(body, []byte(`"name":"`+id+`"`), []byte(`"name":7`))
		}
	}
	switch rapid.SampledFrom([]string{"", "", "", "forbidden", "failing", "cut", "unreadable", "no project", "addresses"}).Draw(h.t, "fault") {
	case "forbidden":
		h.cloud.Fault(standin.Fault{Match: allProjects, Status: 403, Body: "{}"})
	case "failing":
		h.cloud.Fault(standin.Fault{Match: allProjects, Status: 500, Body: "{}"})
	case "cut":
		h.cloud.Fault(standin.Fault{Match: allProjects, MalformedJSON: true})
	case "unreadable":
		if len(h.servers) > 0 {
			h.cloud.Fault(standin.Fault{Match: path("/servers"), Edit: unreadable(rapid.SampledFrom(h.servers).Draw(h.t, "server"))})
		}
	case "no project":
		h.cloud.Fault(standin.Fault{Match: allProjects, Edit: func(body []byte) []byte {
			return bytes.ReplaceAll(body, []byte(`"tenant_id"`), []byte(`"other"`))
		}})
	case "addresses":
		h.cloud.Fault(standin.Fault{Match: path(rapid.SampledFrom([]string{"/quotas/", "/details.json"}).Draw(h.t, "path")), Status: rapid.SampledFrom([]int{403, 404, 500}).Draw(h.t, "status"), Body: "{}"})
	}
}

// TestSameRecords: over any changes, windows and faults, all_projects = auto reports the records of
// all_projects = never, also where projects have windows of different ages, other projects have
// changes, and a run fails.
func TestSameRecords(t *testing.T) {
	var cloud *standin.Cloud
	// One address for the clouds of all checks.
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { cloud.ServeHTTP(w, r) }))
	defer web.Close()
	shared := 0
	rapid.Check(t, func(rt *rapid.T) {
		cloud = standin.New(standin.Options{DateOfNow: true, Empty: true, Now: now,
			ReadersListAll: rapid.Bool().Draw(rt, "readers list all"),
			MaxLimit:       rapid.SampledFrom([]int{2, 1000}).Draw(rt, "page")})
		cloud.AddFlavor(standin.Flavor{ID: "f1", Name: "small", VCPUs: 2, RAM: 4096, Disk: 20})
		cloud.AddFlavor(standin.Flavor{ID: "f8", Name: "large", VCPUs: 8, RAM: 16384, Disk: 20})
		settings := map[string]string{
			"DEFAULT.suspend_duration": rapid.SampledFrom([]string{"none", "actions"}).Draw(rt, "suspend_duration"),
			"nova.full_list_interval":  rapid.SampledFrom([]string{"86400", "8640000"}).Draw(rt, "full_list_interval"),
		}
		var runs []*projectRuns
		for _, mode := range []string{"auto", "never"} {
			own := maps.Clone(settings)
			own["nova.all_projects"] = mode
			runs = append(runs, &projectRuns{bench: &bench{t: t, cloud: cloud, url: web.URL}, settings: own,
				from: map[string]time.Time{}, states: map[string][]byte{}})
		}
		history := &cloudHistory{t: rt, cloud: cloud, now: now.Add(-48 * time.Hour)}
		for i := range 5 {
			role := rapid.SampledFrom([]string{"admin", "admin", "reader"}).Draw(rt, "role")
			id := runs[0].addProject(fmt.Sprint("project-", i), role, i < 4)
			if i < 4 {
				runs[1].projects, runs[1].from[id] = append(runs[1].projects, id), runs[0].from[id]
			}
			history.projects = append(history.projects, id)
		}
		to := now
		history.pass(to)
		for range rapid.IntRange(2, 6).Draw(rt, "runs") {
			history.drawFault()
			var left []string
			for _, id := range runs[0].projects {
				if rapid.IntRange(0, 9).Draw(rt, "is extracted") > 0 {
					left = append(left, id)
				}
			}
			auto, never := runs[0].untilOf(to, left), runs[1].untilOf(to, left)
			for _, request := range cloud.Requests() {
				if request.Query.Has("all_tenants") {
					rt.Fatalf("all_projects = never: %v", request)
				}
			}
			shared += runs[0].shared
			for _, id := range left {
				compareAnswers(rt, auto[id], never[id])
			}
			cloud.ClearFaults()
			pause := time.Duration(rapid.SampledFrom([]int{1, 1, 1, 3, 20, 40}).Draw(rt, "hours"))*time.Hour +
				time.Duration(rapid.IntRange(0, 600).Draw(rt, "seconds"))*time.Second
			to = to.Add(pause)
			history.pass(to)
		}
	})
	if shared == 0 {
		t.Error("no list of all projects was used")
	}
}

// compareAnswers fails the check if two answers differ.
func compareAnswers(t *rapid.T, a, b answer) {
	t.Helper()
	if (a.err == nil) != (b.err == nil) || len(a.records) != len(b.records) {
		t.Fatalf("%v, %d records; %v, %d records", a.err, len(a.records), b.err, len(b.records))
	}
	for i, record := range a.records {
		if record.String() != b.records[i].String() {
			t.Fatalf("%v\n%v", record, b.records[i])
		}
	}
}
