package standin_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caso-project/caso/test/standin"
)

func TestOldClouds(t *testing.T) {
	for _, tc := range []struct {
		max                        string
		newHeader, usagePages, emb bool
	}{
		{"2.1", false, false, false},
		{"2.38", true, false, false},
		{"2.40", true, true, false},
		{"2.47", true, true, true},
	} {
		t.Run(tc.max, func(t *testing.T) {
			_, c := serve(t, standin.Options{Seed: 1, MaxMicroversion: tc.max, MaxLimit: 10})
			token := c.signIn(project("vo-biomed"))
			version := c.get("/compute/v2.1/")["version"].(map[string]any)
			if version["version"] != tc.max {
				t.Errorf("version document says %v", version["version"])
			}
			a := c.wantStatus(200, "/compute/v2.1/servers/detail", "X-OpenStack-Nova-API-Version", "latest", "OpenStack-API-Version", "compute latest")
			if got := a.Header.Get("X-OpenStack-Nova-API-Version"); got != tc.max {
				t.Errorf("latest is %q", got)
			}
			if got := a.Header.Get("OpenStack-API-Version") != ""; got != tc.newHeader {
				t.Errorf("new header: %v", got)
			}
			flavor := a.json(t)["servers"].([]any)[0].(map[string]any)["flavor"].(map[string]any)
			if _, embedded := flavor["vcpus"]; embedded != tc.emb {
				t.Errorf("flavor %v", flavor)
			}
			c.wantStatus(406, "/compute/v2.1/servers/detail", "X-OpenStack-Nova-API-Version", "2.93", "OpenStack-API-Version", "compute 2.93")
			pid := token["project"].(map[string]any)["id"].(string)
			usage := c.get("/compute/v2.1/os-simple-tenant-usage/"+pid+"?start=2000-01-01T00:00:00", tc.max)
			_, linked := usage["tenant_usage_links"]
			n := len(usage["tenant_usage"].(map[string]any)["server_usages"].([]any))
			if linked != tc.usagePages || n != 10 {
				t.Errorf("usage of %d servers, linked on: %v", n, linked)
			}
		})
	}
}

func TestServersArePagedByTheServersLimit(t *testing.T) {
	cloud, c := serve(t, standin.Options{Seed: 1, MaxLimit: 7, ServersPerProject: 100})
	c.signIn(project("vo-biomed"))
	every := len(cloud.Servers(cloud.ProjectID("vo-biomed")))
	got, pages := c.all("/compute/v2.1/servers/detail?changes-since=1970-01-01T00:00:00Z&limit=1000", "2.93")
	if len(got) != 100 || every != 100 || pages != 15 {
		t.Errorf("%d of %d servers on %d pages", len(got), every, pages)
	}
	// A full last page is followed by an empty one.
	if got, pages := c.all("/compute/v2.1/servers?limit=5&changes-since=1970-01-01T00:00:00Z", "2.1"); len(got) != 100 || pages != 21 {
		t.Errorf("%d servers on %d pages", len(got), pages)
	}
	// A marker that was deleted between two pages stays valid; one that was archived does not.
	list := c.get("/compute/v2.1/servers?limit=3")["servers"].([]any)
	marker := list[2].(map[string]any)["id"].(string)
	next := "/compute/v2.1/servers?limit=3&marker=" + marker
	before := names(c.get(next)["servers"])
	cloud.DeleteServer(marker, cloud.Now())
	if after := names(c.get(next)["servers"]); !slices.Equal(before, after) {
		t.Errorf("after %s was deleted: %q, before: %q", marker, after, before)
	}
	if cloud.ArchiveDeleted(cloud.Now().Add(time.Second)) == 0 {
		t.Error("nothing archived")
	}
	c.wantStatus(400, next)
}

func TestDownCells(t *testing.T) {
	cloud, c := serve(t, standin.Options{Seed: 1})
	p := cloud.ProjectID("vo-biomed")
	lost := cloud.Servers(p)[0].ID
	cloud.UpdateServer(lost, func(s *standin.Server) { s.CellDown = true })
	c.signIn(project("vo-biomed"))
	stubs := func(address, version string) (n int) {
		for _, s := range c.get(address, version)["servers"].([]any) {
			s := s.(map[string]any)
			if s["status"] == "UNKNOWN" {
				n++
				if _, ok := s["name"]; ok || s["id"] != lost {
					t.Errorf("stub %v", s)
				}
			}
		}
		return n
	}
	const list = "/compute/v2.1/servers/detail"
	for address, want := range map[string]int{
		list: 1, list + "?limit=1000": 0, list + "?changes-since=1970-01-01T00:00:00Z": 0} {
		if got := stubs(address, "2.69"); got != want {
			t.Errorf("2.69 %s: %d stubs, want %d", address, got, want)
		}
		if got := stubs(address, "2.68"); got != 0 {
			t.Errorf("2.68 %s: %d stubs", address, got)
		}
	}
	if s := c.get("/compute/v2.1/servers/"+lost, "2.93")["server"].(map[string]any); s["status"] != "UNKNOWN" || s["flavor"] == nil {
		t.Errorf("single: %v", s)
	}
	c.wantStatus(500, "/compute/v2.1/servers/"+lost)
}

func TestServersByHand(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	cloud, c := serve(t, standin.Options{Empty: true, Now: now})
	p := cloud.AddProject(standin.Project{Name: "mine"})
	cloud.Grant(cloud.UserID(standin.AccountingUser), p, "reader")
	flavor := cloud.AddFlavor(standin.Flavor{Name: "small", VCPUs: 2, RAM: 2048, Disk: 10, Ephemeral: 5})
	id := cloud.AddServer(standin.Server{Name: "only", ProjectID: p, FlavorID: flavor, Host: "n1",
		Created: now.Add(-2 * time.Hour), Launched: now.Add(-119 * time.Minute)})
	c.signIn(project("mine"))
	s := c.get("/compute/v2.1/servers/"+id, "2.93")["server"].(map[string]any)
	for key, want := range map[string]any{"status": "ACTIVE", "created": "2026-03-01T10:00:00Z", "image": "",
		"updated": "2026-03-01T10:01:00Z", "OS-SRV-USG:launched_at": "2026-03-01T10:01:00.000000",
		"OS-SRV-USG:terminated_at": nil, "OS-EXT-STS:vm_state": "active"} {
		if s[key] != want {
			t.Errorf("%s is %v, want %v", key, s[key], want)
		}
	}
	// A server keeps its flavor when the flavor is deleted.
	cloud.DeleteFlavor(flavor)
	c.wantStatus(404, "/compute/v2.1/flavors/"+flavor)
	if f := c.get("/compute/v2.1/servers/"+id, "2.93")["server"].(map[string]any)["flavor"].(map[string]any); f["ephemeral"] != 5.0 {
		t.Errorf("flavor %v", f)
	}
	cloud.DeleteServer(id, now.Add(-time.Minute))
	c.wantStatus(404, "/compute/v2.1/servers/"+id)
	if got := c.get("/compute/v2.1/servers/detail")["servers"].([]any); len(got) != 0 {
		t.Errorf("still listed: %v", got)
	}
	since := func(at string) int {
		return len(c.get("/compute/v2.1/servers/detail?changes-since=" + at)["servers"].([]any))
	}
	if since("2026-03-01T11:59:00Z") != 1 || since("2026-03-01T11:59:01Z") != 0 || since("2026-03-01T12:59:00%2B01:00") != 1 {
		t.Error("changes-since is not inclusive by the second")
	}
	actions := c.get("/compute/v2.1/servers/"+id+"/os-instance-actions", "2.93")["instanceActions"].([]any)
	first := actions[0].(map[string]any)
	if len(actions) != 2 || first["action"] != "delete" || first["start_time"] != "2026-03-01T11:59:00.000000" {
		t.Errorf("actions %v", actions)
	}
	c.wantStatus(404, "/compute/v2.1/servers/"+id+"/os-instance-actions") // below 2.21
	usage := c.get("/compute/v2.1/os-simple-tenant-usage/" + p + "?start=2026-03-01T11:00:00&end=2026-04-01T00:00:00")["tenant_usage"].(map[string]any)
	if u := usage["server_usages"].([]any)[0].(map[string]any); u["hours"] != 59.0/60 || u["local_gb"] != 15.0 || u["state"] != "terminated" {
		t.Errorf("usage %v", u)
	}
}

func TestAdministratorsSeeMore(t *testing.T) {
	cloud, c := serve(t, standin.Options{Seed: 1})
	c.signInAs(standin.AdminUser, standin.AdminPassword, project(standin.AdminProject))
	total := len(cloud.Servers(""))
	if got, _ := c.all("/compute/v2.1/servers?all_tenants=1&changes-since=1970-01-01T00:00:00Z", "2.1"); len(got) != total {
		t.Errorf("%d of %d servers", len(got), total)
	}
	for _, query := range []string{"status=deleted", "deleted=True"} {
		list := c.get("/compute/v2.1/servers/detail?all_tenants=1&" + query)["servers"].([]any)
		if len(list) == 0 {
			t.Errorf("%s: none", query)
		}
		for _, s := range list {
			if s.(map[string]any)["status"] != "DELETED" {
				t.Errorf("%s: %v", query, s)
			}
		}
	}
	if got := c.get("/network/v2.0/floatingips")["floatingips"].([]any); len(got) != len(cloud.FloatingIPs("")) {
		t.Errorf("%d floating IPs", len(got))
	}
}

func TestProjectInAddress(t *testing.T) {
	cloud, c := serve(t, standin.Options{Seed: 1, ProjectInComputeURL: true})
	c.signIn(project("vo-biomed"))
	p := cloud.ProjectID("vo-biomed")
	page := c.get("/compute/v2.1/" + p + "/servers?limit=1")
	if href := page["servers_links"].([]any)[0].(map[string]any)["href"].(string); !strings.Contains(href, "/v2.1/"+p+"/servers?") {
		t.Errorf("next is %s", href)
	}
	c.wantStatus(400, "/compute/v2.1/"+cloud.ProjectID("vo-enmr")+"/servers")
}

// TestSeed checks that seed and time determine the cloud, and that another seed gives another
// cloud.
func TestSeed(t *testing.T) {
	now := time.Date(2026, 11, 23, 16, 0, 0, 0, time.UTC)
	print := func(seed uint64) string {
		c := standin.New(standin.Options{Seed: seed, Now: now, ServersPerProject: 200})
		var b strings.Builder
		for _, s := range c.Servers("") {
			f := *s.Flavor
			s.Flavor, s.PowerState = nil, nil
			_, _ = fmt.Fprintf(&b, "%+v %+v\n", s, f)
		}
		_, _ = fmt.Fprintf(&b, "%+v %+v %+v %+v", c.Projects(), c.Users(), c.Images(), c.FloatingIPs(""))
		return b.String()
	}
	first, again, other := print(1), print(1), print(2)
	if first != again {
		t.Error("the same seed made two clouds")
	}
	if first == other {
		t.Error("two seeds made the same cloud")
	}
}

// TestEveryStatus checks that a generated project has a server in every status.
func TestEveryStatus(t *testing.T) {
	cloud := standin.New(standin.Options{Seed: 1})
	have := map[string]int{}
	for _, s := range cloud.Servers(cloud.ProjectID("vo-biomed")) {
		have[s.Status]++
		if s.Updated.After(cloud.Now()) || s.Created.After(cloud.Now()) {
			t.Errorf("%s comes from the future: %v", s.Name, s.Updated)
		}
	}
	for _, status := range []string{"ACTIVE", "SHUTOFF", "PAUSED", "SUSPENDED", "SHELVED", "SHELVED_OFFLOADED", "RESCUE",
		"VERIFY_RESIZE", "ERROR", "BUILD", "SOFT_DELETED", "DELETED"} {
		if have[status] == 0 {
			t.Errorf("no server is %s", status)
		}
	}
}

// TestChangesWhileServing is for the race detector.
func TestChangesWhileServing(t *testing.T) {
	cloud, c := serve(t, standin.Options{Seed: 1, MaxLimit: 10})
	c.signIn(project("vo-biomed"))
	p := cloud.ProjectID("vo-biomed")
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 200 {
			id := cloud.AddServer(standin.Server{Name: fmt.Sprint(i), ProjectID: p, Created: cloud.Now(), Flavor: &standin.Flavor{Name: "f"}})
			cloud.DeleteServer(id, cloud.Now())
			cloud.UpdateProject(p, func(p *standin.Project) { p.Description += "." })
			cloud.SetNow(cloud.Now().Add(time.Second))
		}
	}()
	for range 20 {
		c.all("/compute/v2.1/servers/detail?changes-since=1970-01-01T00:00:00Z", "2.93")
		c.wantStatus(200, "/identity/v3/projects/"+p)
	}
	<-done
}

func TestImagesAndFloatingIPs(t *testing.T) {
	cloud, c := serve(t, standin.Options{Seed: 1, ImageLimit: 2})
	c.signIn(project("vo-biomed"))
	var got []string
	for address := "/v2/images"; address != ""; {
		page := c.get("/image" + address)
		got = append(got, names(page["images"])...)
		address, _ = page["next"].(string)
	}
	slices.Sort(got)
	if want := []string{"Image for Ubuntu", "debian-12", "own-0"}; !slices.Equal(got, want) {
		t.Errorf("images %q, want %q", got, want)
	}
	hidden := c.get("/image/v2/images?os_hidden=true")["images"].([]any)
	if len(hidden) != 1 {
		t.Fatalf("hidden: %v", hidden)
	}
	id := hidden[0].(map[string]any)["id"].(string)
	if i := c.get("/image/v2/images/" + id); i["vmcatcher_event_ad_mpuri"] == nil || i["os_hidden"] != true {
		t.Errorf("hidden image %v", i)
	}
	if n := len(c.get("/image/v2/images?id=in:" + id + ",x")["images"].([]any)); n != 0 {
		t.Errorf("a hidden image is listed by id: %d", n)
	}
	p := cloud.ProjectID("vo-biomed")
	ips := cloud.FloatingIPs(p)
	if n := len(c.get("/network/v2.0/floatingips?project_id=" + p)["floatingips"].([]any)); n != len(ips) || n < 4 {
		t.Errorf("%d of %d floating IPs", n, len(ips))
	}
	if n := len(c.get("/network/v2.0/floatingips?project_id=" + cloud.ProjectID("vo-enmr"))["floatingips"].([]any)); n != 0 {
		t.Errorf("%d floating IPs of another project", n)
	}
}

func TestRequestsAreLogged(t *testing.T) {
	cloud, c := serve(t, standin.Options{Seed: 1})
	c.signIn(project("vo-biomed"))
	c.get("/compute/v2.1/servers/detail?limit=3", "2.93")
	c.wantStatus(404, "/compute/v2.1/servers/none")
	log := cloud.Requests()
	last, first := log[len(log)-1], log[0]
	if len(log) != 3 || first.Method != http.MethodPost || first.Status != 201 || last.Status != 404 {
		t.Fatalf("log %+v", log)
	}
	if r := log[1]; r.Microversion != "2.93" || r.Query.Get("limit") != "3" || r.ProjectID != cloud.ProjectID("vo-biomed") {
		t.Errorf("logged %+v", r)
	}
	if cloud.CountRequests(http.MethodGet, "/servers") != 2 {
		t.Error("two requests went to /servers")
	}
	cloud.ResetRequests()
	if len(cloud.Requests()) != 0 {
		t.Error("the log was not reset")
	}
}

// FuzzRequest checks that no request makes the stand-in panic.
func FuzzRequest(f *testing.F) {
	for _, target := range []string{"/", "/v3/projects?tags=a", "/compute/v2.1/servers/detail?changes-since=2026-01-01&limit=2",
		"/compute/v2.1/servers/detail?name=(", "/image/v2/images?id=in:a", "/network/v2.0/floatingips?fields=id",
		"/region/x/compute/v2.1/servers", "/compute/v2.1/os-simple-tenant-usage/x?start=1"} {
		f.Add(target, "2.93", `{"auth":{}}`)
	}
	cloud := standin.New(standin.Options{Seed: 1, ServersPerProject: 5})
	token := handle(cloud, http.MethodPost, "/v3/auth/tokens", "", signInBody).Header().Get("X-Subject-Token")
	if token == "" {
		f.Fatal("no token")
	}
	f.Fuzz(func(t *testing.T, target, version, body string) {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			rec := handle(cloud, method, target, version, body, "X-Auth-Token", token)
			if rec != nil && rec.Code >= 500 {
				t.Errorf("%s %q: %d", method, target, rec.Code)
			}
		}
		cloud.ResetRequests()
	})
}
