package openstack_test

import (
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caso-project/caso/plugins/internal/openstack"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
	"github.com/caso-project/caso/test/standin"
)

// writeClouds writes a clouds.yaml, with {url} replaced, and sets OS_CLIENT_CONFIG_FILE to it.
func writeClouds(t *testing.T, url, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "clouds.yaml")
	writeFile(t, path, strings.ReplaceAll(text, "{url}", url))
	t.Setenv("OS_CLIENT_CONFIG_FILE", path)
	return path
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

const cloudsYAML = `
clouds:
  password:
    region_name: South
    auth:
      auth_url: {url}/v3
      username: accounting
      password: stand-in
      user_domain_name: Default
      project_name: vo-biomed
      project_domain_name: Default
  credential:
    auth_type: v3applicationcredential
    auth:
      auth_url: {url}/v3
      application_credential_id: c0ffee00c0ffee00c0ffee00c0ffee00
      application_credential_secret: stand-in-credential
  wrong:
    region_name: West
    auth:
      auth_url: http://127.0.0.1:1/v3
      user_id: somebody
      password: wrong
  token:
    auth:
      auth_url: {url}/v3
      token: top-secret-token
  internal:
    interface: internal
    auth: {auth_url: "{url}/v3", username: accounting, password: stand-in}
  nothing: {}
`

// listWith configures an extractor with an entry of clouds.yaml and lists its projects.
func listWith(t *testing.T, settings map[string]string) (*openstack.Extractor, []*pluginv1.Project, error) {
	t.Helper()
	extractor := newAddresses()
	if err := configure(t, extractor, settings); err != nil {
		return nil, nil, err
	}
	projects, err := extractor.ListProjects(t.Context(), sdk.ListProjectsRequest{IncludeMarked: true})
	return extractor, projects, err
}

// TestCloudsEntry: an entry of clouds.yaml signs in with a password or an application credential;
// the options of [keystone_auth] win over it, and it wins over [extractor].
func TestCloudsEntry(t *testing.T) {
	_, url := newCloud(t, standin.Options{Regions: []string{"North", "South"}})
	writeClouds(t, url, cloudsYAML)
	for _, test := range []struct {
		name     string
		settings map[string]string
		projects int
	}{
		{"password", map[string]string{"keystone_auth.cloud": "password"}, 2},
		{"application credential", map[string]string{"keystone_auth.cloud": "credential"}, 1},
		{"over [extractor]", map[string]string{"keystone_auth.cloud": "password", "extractor.user": "nobody",
			"extractor.password": "wrong", "extractor.endpoint": "http://127.0.0.1:1/v3"}, 2},
		{"below [keystone_auth]", map[string]string{"keystone_auth.cloud": "wrong", "keystone_auth.auth_url": url + "/v3",
			"keystone_auth.username": standin.AccountingUser, "keystone_auth.password": standin.AccountingPassword}, 2},
		{"a password over an application credential", map[string]string{"keystone_auth.cloud": "credential",
			"keystone_auth.username": standin.AccountingUser, "keystone_auth.password": standin.AccountingPassword}, 2},
		{"an application credential over a password", map[string]string{"keystone_auth.cloud": "password",
			"keystone_auth.application_credential_id":     standin.AppCredentialID,
			"keystone_auth.application_credential_secret": standin.AppCredentialSecret}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, projects, err := listWith(t, test.settings); contains(err, sdk.SeverityError, "") || len(projects) != test.projects {
				t.Errorf("%v %v, want %d projects", projects, err, test.projects)
			}
		})
	}
}

// TestCloudsRegion: the region of the entry is the one to report, unless region_name is set.
func TestCloudsRegion(t *testing.T) {
	cloud, url := newCloud(t, standin.Options{Regions: []string{"North", "South"}})
	writeClouds(t, url, cloudsYAML)
	extractor, _, err := listWith(t, map[string]string{"keystone_auth.cloud": "password"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := extract(t, extractor, cloud.ProjectID("vo-biomed")); contains(err, sdk.SeverityWarning, "several regions") {
		t.Errorf("the region of the entry is ignored: %v", err)
	}
	settings := map[string]string{"keystone_auth.cloud": "password", "DEFAULT.region_name": "East"}
	extractor, _, err = listWith(t, settings)
	if err != nil {
		t.Fatal(err)
	}
	if err := extractor.Check(t.Context()); !contains(err, sdk.SeverityError, "in region East") {
		t.Errorf("region_name does not win over the entry: %v", err)
	}
}

// TestCloudsInterface: the interface of the entry selects the endpoints of the catalog.
func TestCloudsInterface(t *testing.T) {
	cloud, url := newCloud(t, standin.Options{})
	writeClouds(t, url, cloudsYAML)
	cloud.Fault(standin.Fault{Edit: func(body []byte) []byte {
		return []byte(strings.ReplaceAll(string(body), `"interface":"internal"`, `"interface":"secret"`))
	}})
	extractor, _, err := listWith(t, map[string]string{"keystone_auth.cloud": "internal"})
	if !contains(err, sdk.SeverityError, "no internal network service") {
		t.Errorf("listing the projects: %v", err)
	}
	if err := extractor.Check(t.Context()); !contains(err, sdk.SeverityError, "no internal network service") {
		t.Errorf("%v", err)
	}
}

// TestCloudsTLS: cacert and verify of the entry.
func TestCloudsTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(standin.New(standin.Options{Seed: 1}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	writeFile(t, ca, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	auth := `{auth_url: "{url}/v3", username: accounting, password: stand-in}`
	writeClouds(t, server.URL, `
clouds:
  unknown: {auth: `+auth+`}
  cacert: {cacert: "`+ca+`", auth: `+auth+`}
  insecure: {verify: false, auth: `+auth+`}
  missing: {cacert: /nowhere/ca.pem, auth: `+auth+`}
`)
	if _, _, err := listWith(t, map[string]string{"keystone_auth.cloud": "unknown"}); !contains(err, sdk.SeverityError, "cafile") {
		t.Errorf("an unknown authority: %v", err)
	}
	for _, settings := range []map[string]string{
		{"keystone_auth.cloud": "cacert"},
		{"keystone_auth.cloud": "unknown", "keystone_auth.cafile": ca},
	} {
		if _, projects, err := listWith(t, settings); err != nil || len(projects) != 2 {
			t.Errorf("%v: %v %v", settings, projects, err)
		}
	}
	extractor := newAddresses()
	err := configure(t, extractor, map[string]string{"keystone_auth.cloud": "insecure"})
	if !contains(err, sdk.SeverityWarning, "TLS verification is disabled") {
		t.Errorf("no warning about verify: false: %v", err)
	}
	if projects, err := extractor.ListProjects(t.Context(), sdk.ListProjectsRequest{IncludeMarked: true}); err != nil || len(projects) != 2 {
		t.Errorf("verify: false: %v %v", projects, err)
	}
	if err := configure(t, newAddresses(), map[string]string{"keystone_auth.cloud": "missing"}); !contains(err, sdk.SeverityError, "/nowhere/ca.pem") {
		t.Errorf("a missing cacert: %v", err)
	}
}

// TestInsecureCatalog: where keystone is https, the token is not sent to an http endpoint.
func TestInsecureCatalog(t *testing.T) {
	cloud := standin.New(standin.Options{Seed: 1})
	requests := 0
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests++
		cloud.ServeHTTP(w, r)
	}))
	t.Cleanup(plain.Close)
	secure := httptest.NewTLSServer(standin.New(standin.Options{Seed: 1, PublicURL: plain.URL}))
	t.Cleanup(secure.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	writeFile(t, ca, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw})))
	for _, test := range []struct {
		allow string
		want  string
	}{
		{"false", "Change the endpoint in the service catalog to https"},
		{"true", ""},
	} {
		requests = 0
		extractor := newConfigured(t, secure.URL, map[string]string{
			"keystone_auth.cafile": ca, "keystone_auth.allow_insecure_catalog": test.allow})
		_, err := extract(t, extractor, cloud.ProjectID("vo-biomed"))
		switch {
		case test.want != "" && (!contains(err, sdk.SeverityError, test.want) || requests != 0):
			t.Errorf("not allowed: %v after %d requests", err, requests)
		case test.want == "" && strings.Contains(fmt.Sprint(err), "https"):
			t.Errorf("allowed: %v", err)
		case test.want == "" && requests == 0:
			t.Error("allowed: no request to the endpoint")
		}
	}
}

// TestCloudsErrors: an entry that cannot be used is an error of [keystone_auth] cloud, without
// secrets.
func TestCloudsErrors(t *testing.T) {
	_, url := newCloud(t, standin.Options{})
	for _, test := range []struct{ name, text, cloud, want string }{
		{"no such entry", cloudsYAML, "other", `cloud "other"`},
		{"no auth section", cloudsYAML, "nothing", "no valid auth section"},
		{"a token only", cloudsYAML, "token", "a token only"},
		{"not YAML", "clouds: [top-secret", "a", "line 1"},
		{"a secret in the wrong place", "clouds:\n  a:\n    auth: top-secret\n", "a", "line 3"},
		{"a secret as a name", "clouds:\n  a:\n    auth: {? {top-secret: 1} : 2}\n", "a", "clouds.yaml"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := writeClouds(t, url, test.text)
			err := configure(t, newAddresses(), map[string]string{"keystone_auth.cloud": test.cloud})
			found := sdk.Diagnostics(err)
			if len(found) != 1 || found[0].Section != "keystone_auth" || found[0].Option != "cloud" ||
				!strings.Contains(found[0].Summary, test.want) || !strings.Contains(err.Error(), path) || found[0].Detail == "" {
				t.Errorf("%v, want %q", err, test.want)
			}
			if strings.Contains(err.Error(), "top-secret") {
				t.Errorf("a secret is printed: %v", err)
			}
		})
	}
}

// TestCloudsLocations: without OS_CLIENT_CONFIG_FILE the file is looked for in the user's
// configuration directory, with secure.yaml beside it. A missing file is an error with the
// searched paths.
func TestCloudsLocations(t *testing.T) {
	_, url := newCloud(t, standin.Options{})
	home := t.TempDir()
	t.Setenv("OS_CLIENT_CONFIG_FILE", "")
	t.Setenv("XDG_CONFIG_HOME", "")
	t.Setenv("HOME", home)
	directory := filepath.Join(home, ".config", "openstack")
	settings := map[string]string{"keystone_auth.cloud": "site"}
	err := configure(t, newAddresses(), settings)
	if !contains(err, sdk.SeverityError, filepath.Join(directory, "clouds.yaml")) || !contains(err, sdk.SeverityError, "OS_CLIENT_CONFIG_FILE") {
		t.Errorf("%v", err)
	}
	writeFile(t, filepath.Join(directory, "clouds.yaml"), "clouds: {site: {auth: {auth_url: "+url+"/v3, username: accounting}}}")
	if err := configure(t, newAddresses(), settings); !contains(err, sdk.SeverityError, "password") {
		t.Errorf("an entry without a password: %v", err)
	}
	writeFile(t, filepath.Join(directory, "secure.yaml"), "clouds: {site: {auth: {password: stand-in}}}")
	if _, projects, err := listWith(t, settings); err != nil || len(projects) != 2 {
		t.Errorf("%v %v", projects, err)
	}
}
