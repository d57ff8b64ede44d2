package standin_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/caso-project/caso/test/standin"
)

func TestScopesAndWhoMayHaveThem(t *testing.T) {
	cloud, c := serve(t, standin.Options{Seed: 3})
	other := cloud.AddDomain(standin.Domain{Name: "Elsewhere"})
	far := cloud.AddProject(standin.Project{Name: "vo-biomed", DomainID: other})
	me := cloud.UserID(standin.AccountingUser)
	cloud.Grant(me, far, "reader")
	cloud.GrantDomain(me, other, "reader")
	disabled := cloud.AddProject(standin.Project{Name: "asleep", Disabled: true})
	cloud.Grant(me, disabled, "reader")

	id := func(p string) object { return object{"project": object{"id": p}} }
	for name, tc := range map[string]struct {
		scope   any
		project string
		status  int
	}{
		"by name":                 {project("vo-biomed"), cloud.ProjectID("vo-biomed"), 201},
		"by id":                   {id(cloud.ProjectID("vo-enmr")), cloud.ProjectID("vo-enmr"), 201},
		"same name, other domain": {object{"project": object{"name": "vo-biomed", "domain": object{"id": other}}}, far, 201},
		"system":                  {system(), "", 201},
		"domain":                  {object{"domain": object{"id": other}}, "", 201},
		"none":                    {nil, "", 201},
		"said to be none":         {"unscoped", "", 201},
		"no role":                 {project(standin.ProjectWithoutRole), "", 401},
		"no project":              {project("nowhere"), "", 401},
		"no domain":               {object{"project": object{"name": "vo-biomed", "domain": object{"name": "Nowhere"}}}, "", 401},
		"disabled":                {id(disabled), "", 401},
		"domain without role":     {object{"domain": object{"id": "default"}}, "", 401},
	} {
		t.Run(name, func(t *testing.T) {
			a := c.do(http.MethodPost, "/v3/auth/tokens", password(standin.AccountingUser, standin.AccountingPassword, tc.scope))
			if a.StatusCode != tc.status {
				t.Fatalf("%s: %s", a.Status, a.body)
			}
			if tc.status != 201 {
				return
			}
			token := a.json(t)["token"].(map[string]any)
			if p, _ := token["project"].(map[string]any); tc.project != "" && p["id"] != tc.project {
				t.Errorf("project %v, want %s", p, tc.project)
			}
			if _, scoped := token["catalog"]; scoped != (tc.scope != nil && tc.scope != "unscoped") {
				t.Errorf("a catalogue: %v", scoped)
			}
		})
	}
}

func TestApplicationCredential(t *testing.T) {
	cloud, c := serve(t, standin.Options{Seed: 3})
	signIn := func(credential object, scope any) answer {
		auth := object{"identity": object{"methods": []string{"application_credential"}, "application_credential": credential}}
		if scope != nil {
			auth["scope"] = scope
		}
		return c.do(http.MethodPost, "/identity/v3/auth/tokens", object{"auth": auth})
	}
	byID := object{"id": standin.AppCredentialID, "secret": standin.AppCredentialSecret}
	a := signIn(byID, nil)
	if a.StatusCode != 201 {
		t.Fatalf("%s: %s", a.Status, a.body)
	}
	if got := a.json(t)["token"].(map[string]any)["project"].(map[string]any)["id"]; got != cloud.ProjectID("vo-biomed") {
		t.Errorf("project %v", got)
	}
	byName := object{"name": standin.AppCredentialName, "secret": standin.AppCredentialSecret,
		"user": object{"name": standin.AccountingUser, "domain": object{"id": "default"}}}
	if a := signIn(byName, nil); a.StatusCode != 201 {
		t.Errorf("by name: %s: %s", a.Status, a.body)
	}
	for name, status := range map[string]int{
		"scope":  signIn(byID, project("vo-enmr")).StatusCode,
		"secret": signIn(object{"id": standin.AppCredentialID, "secret": "no"}, nil).StatusCode,
	} {
		if status != 401 {
			t.Errorf("%s: %d, want 401", name, status)
		}
	}
	if a := signIn(object{"id": "nobody", "secret": "x"}, nil); a.StatusCode != 404 {
		t.Errorf("unknown: %s", a.Status)
	}
	c.token = a.Header.Get("X-Subject-Token")
	c.wantStatus(403, "/identity/v3/users")
	exchange := object{"auth": object{"identity": object{"methods": []string{"token"}, "token": object{"id": c.token}},
		"scope": project("vo-enmr")}}
	if a := c.do(http.MethodPost, "/v3/auth/tokens", exchange); a.StatusCode != 401 {
		t.Errorf("a credential's token was exchanged: %s", a.Status)
	}
}

func TestTokensExpire(t *testing.T) {
	cloud, c := serve(t, standin.Options{Seed: 3})
	c.signIn(project("vo-biomed"))
	c.wantStatus(200, "/compute/v2.1/servers")
	cloud.ExpireTokens()
	for _, path := range []string{"/compute/v2.1/servers", "/image/v2/images", "/network/v2.0/floatingips", "/v3/auth/projects"} {
		c.wantStatus(401, path)
	}
	c.signIn(project("vo-biomed"))
	c.wantStatus(200, "/compute/v2.1/servers")
	if n := cloud.TokensIssued(); n != 2 {
		t.Errorf("%d tokens issued, want 2", n)
	}
	_, brief := serve(t, standin.Options{TokenLifetime: time.Nanosecond})
	brief.signIn(project("vo-biomed"))
	brief.wantStatus(401, "/compute/v2.1/servers")
}

func TestUsersArePagedAndForbidden(t *testing.T) {
	cloud, c := serve(t, standin.Options{Seed: 3, UserPage: 3})
	c.signIn(system())
	var got []string
	pages := 0
	for address := "/identity/v3/users"; address != ""; pages++ {
		page := c.get(address)
		got = append(got, names(page["users"])...)
		address, _ = page["links"].(map[string]any)["next"].(string)
	}
	var want []string
	for _, u := range cloud.Users() {
		want = append(want, u.Name)
	}
	if !slices.Equal(got, want) || pages != 3 {
		t.Errorf("%d pages: %q, want %q", pages, got, want)
	}
	if !slices.Contains(got, "李雷") || slices.Contains(got, "formerly-here") {
		t.Errorf("users %q", got)
	}
	cloud, c = serve(t, standin.Options{Seed: 3, ForbidUserList: true})
	c.signIn(system())
	c.wantStatus(403, "/v3/users")
	c.wantStatus(200, "/v3/users/"+cloud.UserID("alice"))
}

func TestProjectsByTag(t *testing.T) {
	cloud, c := serve(t, standin.Options{Seed: 3, Projects: 3})
	cloud.UpdateProject(cloud.ProjectID("vo-enmr"), func(p *standin.Project) { p.Tags = append(p.Tags, "other") })
	c.signIn(system())
	for query, want := range map[string][]string{
		"tags=caso":              {"vo-biomed", "vo-enmr", "vo-climate"},
		"tags=caso,other":        {"vo-enmr"},
		"tags-any=other,absent":  {"vo-enmr"},
		"not-tags-any=caso":      {"admin", "sandbox", "private-lab"},
		"name=vo-enmr":           {"vo-enmr"},
		"domain_id=nowhere":      nil,
		"tags=caso&name=sandbox": nil,
	} {
		if got := names(c.get("/v3/projects?" + query)["projects"]); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	vo := c.get("/v3/projects/" + cloud.ProjectID("vo-biomed"))["project"].(map[string]any)["accounting:VO"]
	if vo != "vo.biomed.example.org" {
		t.Errorf("VO %v", vo)
	}
	cloud.DeleteProject(cloud.ProjectID("vo-enmr"))
	if got := names(c.get("/v3/projects?tags=caso")["projects"]); len(got) != 2 {
		t.Errorf("after deletion: %q", got)
	}
}

func TestIdentityV2(t *testing.T) {
	cloud, c := serve(t, standin.Options{Seed: 3, Identity: standin.IdentityV2})
	c.wantStatus(404, "/identity/v3")
	versions := c.do(http.MethodGet, "/identity/", nil)
	values := versions.json(t)["versions"].(map[string]any)["values"].([]any)
	if versions.StatusCode != 300 || len(values) != 1 || values[0].(map[string]any)["id"] != "v2.0" {
		t.Errorf("versions: %s %s", versions.Status, versions.body)
	}
	signIn := func(user, secret, tenant string) answer {
		return c.do(http.MethodPost, "/identity/v2.0/tokens", object{"auth": object{"tenantName": tenant,
			"passwordCredentials": object{"username": user, "password": secret}}})
	}
	for name, a := range map[string]answer{
		"password": signIn(standin.AccountingUser, "wrong", "vo-biomed"),
		"role":     signIn(standin.AccountingUser, standin.AccountingPassword, standin.ProjectWithoutRole),
		"tenant":   signIn(standin.AccountingUser, standin.AccountingPassword, "nowhere"),
	} {
		if a.StatusCode != 401 {
			t.Errorf("%s: %s", name, a.Status)
		}
	}
	a := signIn(standin.AccountingUser, standin.AccountingPassword, "vo-biomed")
	if a.StatusCode != 200 {
		t.Fatalf("%s: %s", a.Status, a.body)
	}
	access := a.json(t)["access"].(map[string]any)
	token := access["token"].(map[string]any)
	if token["tenant"].(map[string]any)["id"] != cloud.ProjectID("vo-biomed") {
		t.Errorf("token %v", token)
	}
	c.token = token["id"].(string)
	compute := ""
	for _, s := range access["serviceCatalog"].([]any) {
		if s.(map[string]any)["type"] == "compute" {
			compute = s.(map[string]any)["endpoints"].([]any)[0].(map[string]any)["publicURL"].(string)
		}
	}
	if len(c.get(compute + "/servers/detail")["servers"].([]any)) == 0 {
		t.Error("no servers")
	}
	if got := names(c.get("/identity/v2.0/tenants")["tenants"]); !slices.Equal(got, []string{"vo-biomed", "vo-enmr", "sandbox"}) {
		t.Errorf("tenants %q", got)
	}
	alice := cloud.UserID("alice")
	c.wantStatus(403, "/identity/v2.0/users")
	c.wantStatus(403, "/identity/v2.0/users/"+alice)
	c.token = signIn(standin.AdminUser, standin.AdminPassword, standin.AdminProject).json(t)["access"].(map[string]any)["token"].(map[string]any)["id"].(string)
	if got := names(c.get("/identity/v2.0/users")["users"]); !slices.Contains(got, "josé") {
		t.Errorf("users %q", got)
	}
	if u := c.get("/identity/v2.0/users/" + alice)["user"].(map[string]any); u["username"] != "alice" {
		t.Errorf("user %v", u)
	}
	c.wantStatus(404, "/identity/v2.0/users/nobody")
}

func TestRegions(t *testing.T) {
	cloud, c := serve(t, standin.Options{Seed: 3, Regions: []string{"North", "South"}})
	p := cloud.ProjectID("vo-biomed")
	south := cloud.AddServer(standin.Server{Name: "southern", ProjectID: p, Region: "South",
		Created: cloud.Now(), Flavor: &standin.Flavor{Name: "f", VCPUs: 1}})
	cloud.AddFloatingIP(standin.FloatingIP{ProjectID: p, Region: "South", Address: "192.0.2.250"})
	token := c.signIn(project("vo-biomed"))
	urls := map[string]string{}
	for _, s := range token["catalog"].([]any) {
		s := s.(map[string]any)
		for _, e := range s["endpoints"].([]any) {
			e := e.(map[string]any)
			urls[s["type"].(string)+" "+e["region"].(string)] = e["url"].(string)
		}
	}
	if got := names(c.get(urls["compute South"] + "/servers/detail")["servers"]); !slices.Equal(got, []string{"southern"}) {
		t.Errorf("South has %q", got)
	}
	if got := names(c.get(urls["compute North"] + "/servers/detail")["servers"]); slices.Contains(got, "southern") || len(got) < 10 {
		t.Errorf("North has %q", got)
	}
	c.wantStatus(404, urls["compute North"]+"/servers/"+south)
	if got := c.get(urls["network South"] + "/v2.0/floatingips")["floatingips"].([]any); len(got) != 1 {
		t.Errorf("South has floating IPs %v", got)
	}
	c.wantStatus(200, urls["image South"]+"/v2/images")
}
