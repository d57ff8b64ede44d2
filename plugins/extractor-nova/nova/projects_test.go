package nova

import (
	"maps"
	"slices"
	"strings"
	"testing"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
	"github.com/caso-project/caso/test/standin"
)

// names returns the sorted names of projects.
func names(projects []*pluginv1.Project) []string {
	var names []string
	for _, project := range projects {
		names = append(names, project.GetName())
	}
	slices.Sort(names)
	return names
}

// errorsOf returns the projects of errors.
func errorsOf(diagnostics []*sdk.Diagnostic) []string {
	var projects []string
	for _, d := range diagnostics {
		if d.Severity == sdk.SeverityError {
			projects = append(projects, d.Project)
		}
	}
	return projects
}

func TestListProjects(t *testing.T) {
	b := newBench(t, standin.Options{Seed: 1}, nil)
	biomed, lab := b.cloud.ProjectID("vo-biomed"), b.cloud.ProjectID(standin.ProjectWithoutRole)
	far := b.cloud.AddDomain(standin.Domain{Name: "far"})
	farAway := b.cloud.AddProject(standin.Project{Name: "far-away", DomainID: far})
	twin := b.cloud.AddProject(standin.Project{Name: "vo-biomed", DomainID: far})
	off := b.cloud.AddProject(standin.Project{Name: "switched-off", Disabled: true, Tags: []string{"caso"}})
	for _, id := range []string{farAway, twin, off} {
		b.cloud.Grant(b.cloud.UserID(standin.AccountingUser), id, "reader")
	}
	for _, test := range []struct {
		name     string
		marked   bool
		named    []string
		want     []string
		wrong    []string
		say      string
		sayWrong string
	}{
		{name: "by name", named: []string{"sandbox"}, want: []string{"sandbox"}},
		{name: "by id", named: []string{biomed}, want: []string{"vo-biomed"}},
		{name: "the same by name and id", named: []string{"vo-biomed", biomed, "vo-biomed"}, want: []string{"vo-biomed"}},
		{name: "named alone means these alone", named: []string{"sandbox"}, want: []string{"sandbox"}},
		{name: "marked", marked: true, want: []string{"vo-biomed", "vo-enmr"}, wrong: []string{off}, say: "disabled"},
		{name: "marked and named", marked: true, named: []string{"sandbox", "vo-enmr"}, want: []string{"sandbox", "vo-biomed", "vo-enmr"}, wrong: []string{off}},
		{name: "without a role, by name", named: []string{standin.ProjectWithoutRole, "sandbox"}, want: []string{"sandbox"},
			wrong: []string{lab}, say: "openstack role add --user accounting --project " + lab + " reader"},
		{name: "without a role, by id", named: []string{lab}, wrong: []string{lab}, say: "no role"},
		{name: "unknown", named: []string{"nowhere", "sandbox"}, want: []string{"sandbox"}, wrong: []string{"nowhere"}, say: "no such project"},
		{name: "disabled", named: []string{"switched-off"}, wrong: []string{off}, say: "is disabled"},
		{name: "in another domain", named: []string{"far-away"}, want: []string{"far-away"}},
		{name: "nothing", want: nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			projects, diagnostics := b.listProjects(test.marked, test.named...)
			if got := names(projects); !slices.Equal(got, test.want) {
				t.Errorf("projects %v, want %v", got, test.want)
			}
			if got := errorsOf(diagnostics); !slices.Equal(got, test.wrong) {
				t.Errorf("errors about %v, want %v: %v", got, test.wrong, diagnostics)
			}
			if !hasDiagnostic(diagnostics, test.say) && test.say != "" {
				t.Errorf("no diagnostic with %q: %v", test.say, diagnostics)
			}
		})
	}
}

// TestProjectDomain: names are looked up in the configured domain only.
func TestProjectDomain(t *testing.T) {
	for name, settings := range map[string]map[string]string{
		"by id":      {"keystone_auth.project_domain_id": "d-far", "keystone_auth.user_domain_id": "default"},
		"by name":    {"keystone_auth.project_domain_name": "far", "keystone_auth.user_domain_name": "Default"},
		"by default": {"keystone_auth.default_domain_id": "d-far", "keystone_auth.user_domain_id": "default"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, standin.Options{Seed: 1}, settings)
			b.cloud.AddDomain(standin.Domain{ID: "d-far", Name: "far"})
			twin := b.cloud.AddProject(standin.Project{Name: "vo-biomed", DomainID: "d-far"})
			b.cloud.Grant(b.cloud.UserID(standin.AccountingUser), twin, "reader")
			projects, diagnostics := b.listProjects(false, "vo-biomed", "sandbox")
			if len(projects) != 1 || projects[0].GetId() != twin || projects[0].GetDomainName() != "far" {
				t.Errorf("%v", projects)
			}
			if got := errorsOf(diagnostics); !slices.Equal(got, []string{"sandbox"}) {
				t.Errorf("%v", diagnostics)
			}
		})
	}
}

func TestVO(t *testing.T) {
	for _, test := range []struct {
		name, configured, want, fallback string
		properties                       map[string]string
	}{
		{"cASO's manual", "", "a", "", map[string]string{"accounting:VO": "a", "VO": "b"}},
		{"as keystone keeps it", "", "a", "", map[string]string{"accounting_VO": "a", "VO": "b"}},
		{"cASO's code", "", "b", "", map[string]string{"VO": "b"}},
		{"none", "", "", "", map[string]string{"other": "a"}},
		{"empty", "", "b", "", map[string]string{"accounting:VO": "", "VO": "b"}},
		{"configured", "egi.VO", "c", "a", map[string]string{"accounting:VO": "a", "egi.VO": "c"}},
		{"configured, as keystone keeps it", "egi.eu:VO", "c", "", map[string]string{"egi.eu_VO": "c"}},
		{"configured and not there", "egi.VO", "", "a", map[string]string{"accounting:VO": "a"}},
	} {
		b := newBench(t, standin.Options{Empty: true}, map[string]string{"DEFAULT.vo_property": test.configured})
		id := b.cloud.AddProject(standin.Project{Name: "p", Properties: test.properties})
		b.cloud.Grant(b.cloud.UserID(standin.AccountingUser), id, "reader")
		if projects, _ := b.listProjects(false, "p"); len(projects) != 1 || projects[0].GetVo() != test.want || projects[0].GetFallbackVo() != test.fallback {
			t.Errorf("%s: %v, want VO %q, fallback %q", test.name, projects, test.want, test.fallback)
		}
	}
}

// TestWithoutSystemRole: a user with roles on projects only finds the tagged ones.
func TestWithoutSystemRole(t *testing.T) {
	b := newBench(t, standin.Options{Seed: 1}, nil)
	b.cloud.RevokeSystem(b.cloud.UserID(standin.AccountingUser))
	projects, diagnostics := b.listProjects(true, "nowhere")
	if got := names(projects); !slices.Equal(got, []string{"vo-biomed", "vo-enmr"}) || projects[0].GetVo() == "" {
		t.Errorf("%v", projects)
	}
	if got := errorsOf(diagnostics); !slices.Equal(got, []string{"nowhere"}) || !hasDiagnostic(diagnostics, "or the user has no role") {
		t.Errorf("%v", diagnostics)
	}
	first := b.must(projects[0].GetId(), beginning, now, nil)
	second := b.must(projects[1].GetId(), beginning, now, nil)
	if !hasDiagnostic(first.diagnostics, "openstack role add --user accounting --system all reader") {
		t.Errorf("no warning about the missing role: %v", first.diagnostics)
	}
	if hasDiagnostic(second.diagnostics, "--system all reader") {
		t.Error("the missing role is reported more than once")
	}
	for _, record := range first.records {
		if record.GetCloud().GlobalUserName != nil {
			t.Fatalf("a user name without a right to read it: %v", record)
		}
	}
	if n := b.cloud.CountRequests("GET", "/v3/users/"); n > 3 {
		t.Errorf("%d requests for users that are refused", n)
	}
}

// TestUsersOneByOne: users that may be read but not listed are read once each.
func TestUsersOneByOne(t *testing.T) {
	b := newBench(t, standin.Options{Seed: 1, ForbidUserList: true}, nil)
	for _, name := range []string{"vo-biomed", "vo-enmr"} {
		got := b.must(b.cloud.ProjectID(name), beginning, now, nil)
		if got.last()["web-01"].GetGlobalUserName() == "" || hasDiagnostic(got.diagnostics, "GlobalUserName") {
			t.Errorf("%s: %v", name, got.diagnostics)
		}
	}
	if n := b.cloud.CountRequests("GET", "/v3/users/"); n > len(b.cloud.Users())+1 {
		t.Errorf("%d requests for %d users", n, len(b.cloud.Users()))
	}
}

// TestSignIn: every way to sign in and to spell the endpoint yields the same records.
func TestSignIn(t *testing.T) {
	app := map[string]string{
		"keystone_auth.auth_url":                      "{url}/identity/v3",
		"keystone_auth.application_credential_id":     standin.AppCredentialID,
		"keystone_auth.application_credential_secret": standin.AppCredentialSecret,
	}
	with := func(more ...string) map[string]string {
		settings := map[string]string{}
		for i := 0; i+1 < len(more); i += 2 {
			settings[more[i]] = more[i+1]
		}
		return settings
	}
	appType := with("keystone_auth.auth_type", "v3applicationcredential")
	maps.Copy(appType, app)
	for _, test := range []struct {
		name     string
		options  standin.Options
		settings map[string]string
	}{
		{"with /v3", standin.Options{}, nil},
		{"with /v3/", standin.Options{}, with("extractor.endpoint", "{url}/identity/v3/")},
		{"without a version", standin.Options{}, with("extractor.endpoint", "{url}/identity")},
		{"without a version, with slashes", standin.Options{}, with("extractor.endpoint", "{url}/identity//")},
		{"at the root", standin.Options{}, with("extractor.endpoint", "{url}")},
		{"at the root with /v3", standin.Options{}, with("extractor.endpoint", "{url}/v3")},
		{"with /v2.0 at a cloud of v3", standin.Options{}, with("extractor.endpoint", "{url}/v2.0")},
		{"v2.0 alone", standin.Options{Identity: standin.IdentityV2}, with("extractor.endpoint", "{url}/identity/v2.0")},
		{"v2.0 alone, without a version", standin.Options{Identity: standin.IdentityV2}, with("extractor.endpoint", "{url}/identity")},
		{"v2password where there are both", standin.Options{Identity: standin.IdentityBoth}, with("keystone_auth.auth_type", "v2password")},
		{"both", standin.Options{Identity: standin.IdentityBoth}, with("extractor.endpoint", "{url}/identity/v2.0")},
		{"v3password", standin.Options{}, with("keystone_auth.auth_type", "v3password", "extractor.endpoint", "{url}/identity")},
		{"the project in nova's address", standin.Options{ProjectInComputeURL: true, MaxMicroversion: "2.1"}, nil},
		{"[keystone_auth] over [extractor]", standin.Options{}, with("extractor.user", "nobody", "extractor.password", "wrong", "extractor.endpoint", "http://127.0.0.1:1",
			"keystone_auth.username", standin.AccountingUser, "keystone_auth.password", standin.AccountingPassword, "keystone_auth.auth_url", "{url}/identity/v3",
			"keystone_auth.user_domain_name", "Default")},
		{"an application credential", standin.Options{}, app},
		{"an application credential by type", standin.Options{}, appType},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.options.Seed = 1
			b := newBench(t, test.options, test.settings)
			projects, diagnostics := b.listProjects(false, "vo-biomed")
			if len(projects) != 1 || len(diagnostics) != 0 {
				t.Fatalf("%v %v", projects, diagnostics)
			}
			if got := b.must(projects[0].GetId(), beginning, now, nil); len(got.last()) < 40 {
				t.Errorf("%d servers", len(got.last()))
			}
		})
	}
}

// TestUserID: a user named by ID needs no domain, and the default of [extractor] user is ignored.
func TestUserID(t *testing.T) {
	b := newBench(t, standin.Options{Seed: 1}, nil)
	extractor, diagnostics := configured(t, map[string]string{
		"keystone_auth.auth_url": b.url + "/v3",
		"keystone_auth.user_id":  b.cloud.UserID(standin.AccountingUser),
		"keystone_auth.password": standin.AccountingPassword,
	})
	projects, err := extractor.ListProjects(t.Context(), sdk.ListProjectsRequest{Projects: []string{"sandbox"}})
	if err != nil || len(diagnostics) != 0 || len(projects) != 1 {
		t.Errorf("%v %v %v", projects, diagnostics, err)
	}
}

// TestAppCredentialIsOfOneProject: other projects are errors with the reason.
func TestAppCredentialIsOfOneProject(t *testing.T) {
	b := newBench(t, standin.Options{Seed: 1}, map[string]string{
		"keystone_auth.application_credential_id":     standin.AppCredentialID,
		"keystone_auth.application_credential_secret": standin.AppCredentialSecret,
	})
	if projects, diagnostics := b.listProjects(true); !slices.Equal(names(projects), []string{"vo-biomed"}) || len(diagnostics) != 0 {
		t.Errorf("marked: %v %v", projects, diagnostics)
	}
	if projects, diagnostics := b.listProjects(false, "vo-enmr", "vo-biomed"); len(projects) != 1 || !hasDiagnostic(diagnostics, "not of this project") {
		t.Errorf("named: %v %v", projects, diagnostics)
	}
	got := b.extract(b.cloud.ProjectID("vo-enmr"), beginning, now, nil)
	if got.err == nil || !hasDiagnostic(got.diagnostics, "bound to one project") {
		t.Errorf("%d records, %v", len(got.records), got.diagnostics)
	}
}

// TestRefused: a wrong password is an error of the list, a missing role one of the project. No
// message has the password.
func TestRefused(t *testing.T) {
	const password = "top-secret-password"
	b := newBench(t, standin.Options{Seed: 1}, map[string]string{"extractor.password": password})
	_, err := b.extractor.ListProjects(t.Context(), sdk.ListProjectsRequest{IncludeMarked: true})
	if err == nil || !strings.Contains(err.Error(), "sign-in refused") || strings.Contains(err.Error(), password) {
		t.Errorf("%v", err)
	}
	for _, d := range sdk.Diagnostics(err) {
		if strings.Contains(d.Error(), password) {
			t.Error("the password is printed")
		}
	}
	good := newBench(t, standin.Options{Seed: 1}, nil)
	lab := good.cloud.ProjectID(standin.ProjectWithoutRole)
	got := good.extract(lab, beginning, now, nil)
	if got.err == nil || got.diagnostics[0].Project != lab || !hasDiagnostic(got.diagnostics, "--project "+lab+" reader") {
		t.Errorf("%v", got.diagnostics)
	}
}
