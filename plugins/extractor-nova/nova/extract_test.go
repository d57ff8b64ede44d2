package nova

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
	"github.com/caso-project/caso/test/standin"
)

// TestFirstRun compares every record of a generated cloud with the data of the stand-in.
func TestFirstRun(t *testing.T) {
	for _, microversion := range []string{"2.93", "2.47", "2.40", "2.1"} {
		t.Run(microversion, func(t *testing.T) {
			limit := 10
			if microversion == "2.1" {
				limit = 1000 // below 2.40 usage does not page, see TestUsageIsCut
			}
			b := newBench(t, standin.Options{Seed: 7, MaxMicroversion: microversion, MaxLimit: limit}, nil)
			project := b.cloud.ProjectID("vo-biomed")
			got := b.must(project, beginning, now, nil)
			last := map[string]*pluginv1.CloudRecord{}
			for _, record := range got.records {
				last[record.GetCloud().GetVmUuid()] = record.GetCloud()
			}
			servers := b.cloud.Servers(project)
			if len(last) != len(servers) || len(servers) < 40 {
				t.Errorf("%d of %d servers are reported", len(last), len(servers))
			}
			for _, want := range servers {
				check(t, b, want, last[want.ID], microversion)
			}
			if !hasDiagnostic(got.diagnostics, "half.bench") || !hasDiagnostic(got.diagnostics, "odd.bench") {
				t.Errorf("no warning about flavors with an incomplete or invalid benchmark: %v", got.diagnostics)
			}
		})
	}
}

// check compares a record with the data of the stand-in about a server.
func check(t *testing.T, b *bench, want standin.Server, got *pluginv1.CloudRecord, microversion string) {
	t.Helper()
	if got == nil {
		t.Errorf("%s (%s) is not reported", want.Name, want.Status)
		return
	}
	wrong := func(what string, got, want any) { t.Helper(); t.Errorf("%s: %v, want %v", what, got, want) }
	if got.GetMachineName() != want.Name || got.GetLocalUserId() != want.UserID {
		wrong("name and user", got.GetMachineName()+got.GetLocalUserId(), want.Name+want.UserID)
	}
	if !got.GetStartTime().AsTime().Equal(want.Created) {
		wrong("start", got.GetStartTime().AsTime(), want.Created)
	}
	end := want.Terminated
	switch {
	case want.Launched.IsZero() && (want.Status == "ERROR" || want.Status == "DELETED"):
		end = want.Created
	case want.Status == "DELETED" && end.IsZero() && microversion == "2.1":
		end = want.Updated // the actions of a deleted server can be read from 2.21
	case want.Status == "DELETED" && end.IsZero():
		end = want.Deleted
	case want.Status == "SOFT_DELETED":
		end = want.Updated
	}
	until := now
	if !end.IsZero() {
		until = end
		if !got.GetEndTime().AsTime().Equal(end) || got.GetStatus() != pluginv1.CloudStatus_CLOUD_STATUS_COMPLETED {
			wrong(want.Name+"'s end", got.GetEndTime().AsTime().String()+got.GetStatus().String(), end)
		}
	} else if got.GetEndTime() != nil {
		wrong(want.Name+"'s end", got.GetEndTime().AsTime(), "none")
	}
	wall := int64(until.Sub(want.Created) / time.Second)
	if got.GetWallDuration().GetSeconds() != wall {
		wrong(want.Name+"'s wall", got.GetWallDuration().GetSeconds(), wall)
	}
	flavor := want.Flavor
	if flavor == nil {
		t.Fatalf("the stand-in has no flavor for %s", want.Name)
	}
	if got.GetCpuCount() != float64(flavor.VCPUs) || got.GetCpuDuration().GetSeconds() != wall*int64(flavor.VCPUs) ||
		got.GetMemoryMb() != int64(flavor.RAM) || got.GetDiskGb() != int64(flavor.Disk+flavor.Ephemeral) {
		wrong(want.Name+"'s figures", got, fmt.Sprintf("%+v", *flavor))
	}
	name := ""
	for _, user := range b.cloud.Users() {
		if user.ID == want.UserID {
			name = user.Name
		}
	}
	if got.GetGlobalUserName() != name || (got.GlobalUserName == nil) != (name == "") {
		wrong(want.Name+"'s user", got.GetGlobalUserName(), name)
	}
	image := want.ImageID
	for _, one := range b.cloud.Images() {
		if uri := one.Properties["vmcatcher_event_ad_mpuri"]; one.ID == want.ImageID && uri != "" {
			image = uri
		}
	}
	if got.GetImageId() != image || (got.ImageId == nil) != (image == "") {
		wrong(want.Name+"'s image", got.GetImageId(), image)
	}
	addresses := int64(0)
	for _, ip := range b.cloud.FloatingIPs(want.ProjectID) {
		if ip.ServerID == want.ID {
			addresses++
		}
	}
	if got.GetPublicIpCount() != addresses {
		wrong(want.Name+"'s floating addresses", got.GetPublicIpCount(), addresses)
	}
}

// TestUsageIsCut: in an old cloud the figures of a server with a deleted flavor may not be found.
// The server is reported without them, never with zero CPUs.
func TestUsageIsCut(t *testing.T) {
	b, project := small(t, standin.Options{MaxMicroversion: "2.1", MaxLimit: 1}, nil)
	b.cloud.AddFlavor(standin.Flavor{ID: "f2", Name: "retired", VCPUs: 3, RAM: 3072, Disk: 30})
	for _, name := range []string{"a", "b"} {
		one := server(project, name, now.AddDate(0, 0, -1))
		one.FlavorID = "f2"
		b.cloud.AddServer(one)
	}
	b.cloud.DeleteFlavor("f2")
	got := b.must(project, now.Add(-time.Hour), now, nil)
	known := 0
	for name, r := range got.last() {
		switch {
		case r.CpuCount == nil && r.CpuDuration == nil:
			if !hasDiagnostic(got.diagnostics, "server "+name+" ") {
				t.Errorf("%s: no warning about missing figures", name)
			}
		case r.GetCpuCount() == 3 && r.GetDiskGb() == 30:
			known++
		default:
			t.Errorf("%s: %v", name, r)
		}
	}
	if len(got.last()) != 2 || known != 1 {
		t.Errorf("%d servers, %d with figures", len(got.last()), known)
	}
}

// TestRequests: the number of requests of a first run does not depend on the number of servers.
func TestRequests(t *testing.T) {
	b := newBench(t, standin.Options{Seed: 3, ServersPerProject: 2500}, nil)
	projects, _ := b.listProjects(true)
	if len(projects) != 2 {
		t.Fatalf("%d projects, want 2", len(projects))
	}
	b.cloud.ResetRequests()
	for _, project := range projects {
		b.must(project.GetId(), beginning, now, nil)
	}
	counts := map[string]int{}
	for _, request := range b.cloud.Requests() {
		switch {
		case strings.Contains(request.Path, "/servers/detail"):
			counts["servers"]++
		case strings.HasSuffix(request.Path, "/servers"):
			counts["newest"]++
		case strings.Contains(request.Path, "/users/"):
			counts["user"]++
		default:
			parts := strings.Split(strings.Trim(request.Path, "/"), "/")
			counts[parts[len(parts)-1]]++
		}
		if !strings.HasPrefix(request.UserAgent, "caso/") {
			t.Errorf("user agent %q", request.UserAgent)
		}
	}
	for what, most := range map[string]int{
		"tokens": 3, "users": 1, "user": 1, "v2.1": 1, "images": 4, "floatingips": 2,
		"servers":             6, // for each project three pages
		"newest":              2,
		"os-instance-actions": 8,
		"limits":              2, // to check later lists of changes with
	} {
		if counts[what] > most {
			t.Errorf("%d requests for %s, want at most %d", counts[what], what, most)
		}
		delete(counts, what)
	}
	for what, n := range counts {
		t.Errorf("%d unnecessary requests for %s", n, what)
	}
}

// TestMonths: a window over several months has a record for each, in time order.
func TestMonths(t *testing.T) {
	b, project := small(t, standin.Options{}, nil)
	b.cloud.AddServer(server(project, "old", time.Date(2026, 1, 20, 10, 0, 0, 0, time.UTC)))
	gone := server(project, "gone", time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC))
	gone.Status, gone.Terminated, gone.Updated = "DELETED", time.Date(2026, 3, 31, 23, 59, 59, 0, time.UTC), now.Add(-time.Hour)
	b.cloud.AddServer(gone)
	got := b.must(project, beginning, now, nil)
	var lines []string
	for _, record := range got.records {
		r := record.GetCloud()
		line := fmt.Sprintf("%s %s %s %d", r.GetMachineName(), r.GetRecordCreateTime().AsTime().Format(time.DateTime),
			strings.TrimPrefix(r.GetStatus().String(), "CLOUD_STATUS_"), r.GetWallDuration().GetSeconds())
		if r.GetEndTime() != nil {
			line += " " + r.GetEndTime().AsTime().Format(time.DateTime)
		}
		lines = append(lines, line)
	}
	want := `old 2026-01-31 23:59:59 STARTED 1000799
old 2026-02-28 23:59:59 STARTED 3419999
gone 2026-02-28 23:59:59 STARTED 2419199
old 2026-03-31 23:59:59 STARTED 6098399
gone 2026-03-31 23:59:59 COMPLETED 5097599 2026-03-31 23:59:59
old 2026-04-10 12:00:00 STARTED 6919200`
	if strings.Join(lines, "\n") != want {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(lines, "\n"), want)
	}
	if cloudType := got.records[0].GetCloudType(); !strings.HasPrefix(cloudType, "caso/") || !strings.HasSuffix(cloudType, " (OpenStack)") {
		t.Errorf("cloud type %q", cloudType)
	}
}

// TestUnchangedServersAreInEveryWindow: a server that did not change is in no list of changed ones.
func TestUnchangedServersAreInEveryWindow(t *testing.T) {
	b, project := small(t, standin.Options{}, nil)
	b.cloud.AddServer(server(project, "quiet", now.AddDate(0, -1, 0)))
	if got := b.must(project, now.Add(-time.Hour), now, nil); got.last()["quiet"] == nil {
		t.Error("a server that did not change is missing")
	}
}

// TestLateEnd: the deletion of a server on a host that is down begins in one window and becomes
// known in the next.
func TestLateEnd(t *testing.T) {
	b, project := small(t, standin.Options{}, nil)
	stuck := server(project, "stuck", now.AddDate(0, 0, -1))
	stuck.TaskState, stuck.Deleted, stuck.Updated = "deleting", now.Add(-30*time.Second), now.Add(-30*time.Second)
	b.cloud.AddServer(stuck)
	first := b.must(project, now.Add(-time.Hour), now, nil)
	if r := first.last()["stuck"]; r.GetEndTime() != nil || r.GetStatus() != pluginv1.CloudStatus_CLOUD_STATUS_STARTED {
		t.Errorf("a server that is being deleted has not ended: %v", r)
	}
	later := now.Add(time.Hour)
	b.cloud.SetNow(later)
	b.cloud.UpdateServer("stuck", func(s *standin.Server) {
		s.Status, s.TaskState, s.Updated = "DELETED", "", now.Add(5*time.Minute)
	})
	second := b.must(project, now, later, first.state)
	r := second.last()["stuck"]
	if !r.GetEndTime().AsTime().Equal(now.Add(-30 * time.Second)) {
		t.Errorf("the end of a deletion that became known late is not reported: %v", r)
	}
	if again := b.must(project, later, later.Add(time.Hour), second.state); again.last()["stuck"] != nil {
		t.Error("an end is reported once")
	}
	if without := b.must(project, now, later, nil); without.last()["stuck"] != nil {
		t.Error("a window without a state has other records than its own")
	}
	for _, state := range [][]byte{nil, first.state, second.state} {
		republished := b.run(sdk.ExtractRequest{Window: sdk.Window{From: now, To: later}, State: state, Republish: true}, project)
		if republished.err != nil || republished.last()["stuck"] != nil {
			t.Error("a republished window has other records than its own")
		}
	}
}

// TestSoftDeletedIsNotReportedAgain: nova reclaims a soft-deleted server with another end, which is
// not reported.
func TestSoftDeletedIsNotReportedAgain(t *testing.T) {
	b, project := small(t, standin.Options{}, nil)
	soft := server(project, "soft", now.AddDate(0, 0, -3))
	soft.Status, soft.Updated, soft.Deleted = "SOFT_DELETED", now.Add(-10*time.Minute), now.Add(-11*time.Minute)
	b.cloud.AddServer(soft)
	first := b.must(project, now.Add(-time.Hour), now, nil)
	if r := first.last()["soft"]; r.GetStatus() != pluginv1.CloudStatus_CLOUD_STATUS_COMPLETED || !r.GetEndTime().AsTime().Equal(now.Add(-11*time.Minute)) {
		t.Fatalf("soft-deleted: %v", r)
	}
	between := b.must(project, now, now.Add(time.Hour), first.state)
	if len(between.records) != 0 {
		t.Errorf("reported again: %v", between.records)
	}
	b.cloud.SetNow(now.Add(2 * time.Hour))
	b.cloud.UpdateServer("soft", func(s *standin.Server) {
		s.Status, s.Terminated, s.Updated = "DELETED", now.Add(90*time.Minute), now.Add(90*time.Minute)
	})
	if got := b.must(project, now.Add(time.Hour), now.Add(2*time.Hour), between.state); len(got.records) != 0 {
		t.Errorf("reported again when it was reclaimed: %v", got.records)
	}
}

// TestVanishedServers: a server whose row was archived between two runs is a warning.
func TestVanishedServers(t *testing.T) {
	b, project := small(t, standin.Options{}, map[string]string{"nova.full_list_interval": "0"})
	gone := server(project, "gone", now.AddDate(0, 0, -1))
	b.cloud.AddServer(gone)
	first := b.must(project, now.Add(-time.Hour), now, nil)
	b.cloud.SetNow(now.Add(time.Hour))
	b.cloud.DeleteServer("gone", now.Add(10*time.Minute))
	b.cloud.ArchiveDeleted(now.Add(time.Hour))
	if second := b.must(project, now, now.Add(time.Hour), first.state); !hasDiagnostic(second.diagnostics, "gone") {
		t.Errorf("no warning about a vanished server: %v", second.diagnostics)
	}
}

// TestSeveralRegions: a project is listed once for each region to report, and an Extract call is
// for one of them. A region costs no sign-in.
func TestSeveralRegions(t *testing.T) {
	for _, test := range []struct{ setting, servers, word string }{
		{"North, South", "n s", ""},
		{"South", "s", ""},
		{"", "n", "several regions"},
	} {
		settings := map[string]string{}
		if test.setting != "" {
			settings["DEFAULT.region_name"] = test.setting
		}
		b, project := small(t, standin.Options{Regions: []string{"North", "South"}}, settings)
		for name, region := range map[string]string{"n": "North", "s": "South"} {
			one := server(project, name, now.AddDate(0, 0, -1))
			one.Region = region
			b.cloud.AddServer(one)
		}
		listed, err := b.extractor.ListProjects(t.Context(), sdk.ListProjectsRequest{IncludeMarked: true})
		var names []string
		for _, one := range listed {
			got := b.run(sdk.ExtractRequest{Project: one, Window: sdk.Window{From: now.Add(-time.Hour), To: now}}, project)
			if got.err != nil {
				t.Fatal(got.err)
			}
			for _, record := range got.records {
				names = append(names, record.GetCloud().GetMachineName())
			}
		}
		if strings.Join(names, " ") != test.servers {
			t.Errorf("region %q: servers %v, want %s", test.setting, names, test.servers)
		}
		if (test.word != "") != hasDiagnostic(sdk.Diagnostics(err), "several regions") {
			t.Errorf("region %q: %v", test.setting, err)
		}
		signIns := 0
		for _, request := range b.cloud.Requests() {
			if request.Path == "/identity/v3/auth/tokens" && request.Method == http.MethodPost {
				signIns++
			}
		}
		// Without a project, of the system, and of the project.
		if signIns != 3 {
			t.Errorf("region %q: %d sign-ins", test.setting, signIns)
		}
	}
	b, project := small(t, standin.Options{}, nil)
	west := sdk.ExtractRequest{Project: &pluginv1.Project{Id: project, Region: "West"}, Window: sdk.Window{From: beginning, To: now}}
	if got := b.run(west, project); got.err == nil || !hasDiagnostic(got.diagnostics, "RegionOne") {
		t.Errorf("a region that the catalog lacks: %v", got.diagnostics)
	}
}

// TestConcurrentProjects: windows that are extracted at the same time share the list of users.
func TestConcurrentProjects(t *testing.T) {
	b := newBench(t, standin.Options{Seed: 5, Projects: 6}, nil)
	projects, _ := b.listProjects(true)
	results := make(chan answer)
	for _, project := range projects {
		go func() { results <- b.extract(project.GetId(), beginning, now, nil) }()
	}
	for range projects {
		if a := <-results; a.err != nil || len(a.records) == 0 {
			t.Errorf("%d records, %v", len(a.records), a.err)
		}
	}
	if n := b.cloud.CountRequests("GET", "/v3/users") - b.cloud.CountRequests("GET", "/v3/users/"); n != 1 {
		t.Errorf("users were listed %d times", n)
	}
}

// failingOutput fails to emit.
type failingOutput struct{ err error }

func (o failingOutput) Emit(*pluginv1.Record) error { return o.err }

func (o failingOutput) Progress(string, int64) {}

// TestEmitError: Extract returns the error of Emit.
func TestEmitError(t *testing.T) {
	b, project := small(t, standin.Options{}, nil)
	b.cloud.AddServer(server(project, "one", now.AddDate(0, 0, -1)))
	gone := fmt.Errorf("the host has ended the call")
	_, err := b.extractor.Extract(t.Context(), sdk.ExtractRequest{
		Project:     &pluginv1.Project{Id: project},
		Window:      sdk.Window{From: now.Add(-time.Hour), To: now},
		RecordTypes: []pluginv1.RecordType{sdk.Cloud},
	}, failingOutput{gone})
	if err == nil || !strings.Contains(err.Error(), gone.Error()) {
		t.Errorf("%v", err)
	}
}

// TestUnreadableState: a state of another version is a warning and does not fail the window.
func TestUnreadableState(t *testing.T) {
	b, project := small(t, standin.Options{}, nil)
	b.cloud.AddServer(server(project, "one", now.AddDate(0, 0, -1)))
	got := b.must(project, now.Add(-time.Hour), now, []byte("something else\n"))
	if len(got.records) != 1 || !hasDiagnostic(got.diagnostics, "not readable") {
		t.Errorf("%d records, %v", len(got.records), got.diagnostics)
	}
	for _, d := range got.diagnostics {
		if d.Severity == sdk.SeverityError {
			t.Errorf("an error: %v", d)
		}
	}
}
