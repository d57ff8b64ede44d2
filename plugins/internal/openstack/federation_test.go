package openstack_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caso-project/caso/plugins/internal/openstack"
	"github.com/caso-project/caso/sdk"
	"github.com/caso-project/caso/test/standin"
)

// provider is an OpenID provider with one client, `accounting` with the secret `s3cret/+`, and one
// user.
type provider struct {
	*httptest.Server
	requests int
	// answer, if not nil, replaces the answer of the token endpoint.
	answer http.HandlerFunc
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	p := &provider{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /realm/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]any{"issuer": p.URL + "/realm", "token_endpoint": p.URL + "/token"})
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		p.requests++
		if p.answer != nil {
			p.answer(w, r)
			return
		}
		client, secret, _ := r.BasicAuth()
		credentials := r.FormValue("grant_type") == "client_credentials" ||
			r.FormValue("grant_type") == "password" && r.FormValue("username") == "alice" && r.FormValue("password") == "wonder"
		if client != "accounting" || secret != "s3cret%2F%2B" || !credentials || r.FormValue("scope") != "openid profile" {
			writeJSON(w, http.StatusUnauthorized, map[string]any{"error": "invalid_client", "error_description": "no client " + client + " with " + secret})
			return
		}
		writeJSON(w, http.StatusOK, map[string]any{"access_token": "access-token", "id_token": "id-token", "token_type": "Bearer", "expires_in": 60})
	})
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// newFederatedCloud returns a cloud whose keystone accepts the access token `access-token` and the
// ID token `id-token`, and settings for auth_type v3oidcclientcredentials.
func newFederatedCloud(t *testing.T, p *provider, options standin.Options) (*standin.Cloud, map[string]string) {
	t.Helper()
	options.Federation = standin.Federation{IdentityProvider: "egi.eu", Protocol: "openid",
		ValidToken: func(given string) bool { return given == "access-token" || given == "id-token" }}
	cloud, url := newCloud(t, options)
	return cloud, map[string]string{"keystone_auth.auth_url": url + "/v3",
		"keystone_auth.auth_type": "v3oidcclientcredentials", "keystone_auth.identity_provider": "egi.eu", "keystone_auth.protocol": "openid",
		"keystone_auth.client_id": "accounting", "keystone_auth.client_secret": "s3cret/+",
		"keystone_auth.discovery_endpoint": p.URL + "/realm/.well-known/openid-configuration"}
}

// TestFederation: each OpenID type signs in and extracts with a token of the project.
func TestFederation(t *testing.T) {
	for _, test := range []struct {
		name     string
		settings map[string]string
		requests int // to the token endpoint
	}{
		{"client credentials", nil, 1},
		{"token endpoint", map[string]string{"keystone_auth.access_token_endpoint": "{provider}/token", "keystone_auth.discovery_endpoint": "http://127.0.0.1:1/"}, 1},
		{"ID token", map[string]string{"keystone_auth.access_token_type": "id_token"}, 1},
		{"password", map[string]string{"keystone_auth.auth_type": "v3oidcpassword", "keystone_auth.username": "alice", "keystone_auth.password": "wonder"}, 1},
		{"access token", map[string]string{"keystone_auth.auth_type": "v3oidcaccesstoken", "keystone_auth.access_token": "access-token"}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newProvider(t)
			cloud, settings := newFederatedCloud(t, p, standin.Options{})
			for name, value := range test.settings {
				settings[name] = strings.ReplaceAll(value, "{provider}", p.URL)
			}
			extractor := newAddresses()
			if err := configure(t, extractor, settings); err != nil {
				t.Fatal(err)
			}
			projects, err := extractor.ListProjects(t.Context(), sdk.ListProjectsRequest{IncludeMarked: true})
			if err != nil || len(projects) != 2 {
				t.Fatalf("%v, %v", projects, err)
			}
			for _, name := range []string{"vo-biomed", "vo-enmr"} {
				if _, err := extract(t, extractor, cloud.ProjectID(name)); contains(err, sdk.SeverityError, "") {
					t.Errorf("%s: %v", name, err)
				}
			}
			if p.requests != test.requests {
				t.Errorf("%d access tokens, want %d", p.requests, test.requests)
			}
		})
	}
}

// TestFederatedTokenIsRenewed: a run that takes longer than a token of keystone gets a new access
// token.
func TestFederatedTokenIsRenewed(t *testing.T) {
	p := newProvider(t)
	cloud, settings := newFederatedCloud(t, p, standin.Options{TokenLifetime: time.Hour})
	extractor := newAddresses()
	if err := configure(t, extractor, settings); err != nil {
		t.Fatal(err)
	}
	project := cloud.ProjectID("vo-biomed")
	if _, err := extract(t, extractor, project); contains(err, sdk.SeverityError, "") {
		t.Fatal(err)
	}
	cloud.ExpireTokens()
	if _, err := extract(t, extractor, project); contains(err, sdk.SeverityError, "") {
		t.Errorf("after the tokens expired: %v", err)
	}
	if p.requests != 2 {
		t.Errorf("%d access tokens, want 2", p.requests)
	}
}

// TestFederationErrors: each failure names the service, what it answered and the remedy, without
// secrets.
func TestFederationErrors(t *testing.T) {
	refuse := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	for _, test := range []struct {
		name     string
		settings map[string]string
		answer   http.HandlerFunc
		want     []string
	}{
		{"wrong secret", map[string]string{"keystone_auth.client_secret": "wr0ng-secret"}, nil,
			[]string{"no access token from the identity provider", "/token: 401 Unauthorized: invalid_client", "client_secret in [keystone_auth]"}},
		{"an error page", nil, refuse(http.StatusBadGateway, "<html>s3cret/+"), []string{"/token: 502 Bad Gateway"}},
		{"no JSON", nil, refuse(http.StatusOK, "<html>s3cret/+"), []string{"/token: "}},
		{"no ID token", map[string]string{"keystone_auth.access_token_type": "id_token"},
			refuse(http.StatusOK, `{"access_token": "access-token", "token_type": "Bearer"}`), []string{"has no id_token"}},
		{"provider down", map[string]string{"keystone_auth.discovery_endpoint": "http://127.0.0.1:1/realm"}, nil,
			[]string{"no access token from the identity provider: http://127.0.0.1:1/realm: ", "connection refused"}},
		{"token endpoint down", map[string]string{"keystone_auth.access_token_endpoint": "http://127.0.0.1:1/token"}, nil,
			[]string{"http://127.0.0.1:1/token: ", "connection refused"}},
		{"expired access token", map[string]string{"keystone_auth.auth_type": "v3oidcaccesstoken", "keystone_auth.access_token": "expired-token"}, nil,
			[]string{"sign-in refused", "401 Unauthorized", "set a new one in [keystone_auth] access_token"}},
		{"unknown to keystone", map[string]string{"keystone_auth.identity_provider": "other"}, nil, []string{"404 Not Found", "identity provider: other"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newProvider(t)
			p.answer = test.answer
			_, settings := newFederatedCloud(t, p, standin.Options{})
			maps.Copy(settings, test.settings)
			extractor := newAddresses()
			if err := configure(t, extractor, settings); err != nil {
				t.Fatal(err)
			}
			_, err := extractor.ListProjects(t.Context(), sdk.ListProjectsRequest{IncludeMarked: true})
			text := ""
			for _, d := range sdk.Diagnostics(err) {
				text += d.Summary + "\n" + d.Detail + "\n"
			}
			for _, want := range test.want {
				if !strings.Contains(text, want) {
					t.Errorf("no %q in %q", want, text)
				}
			}
			for _, secret := range []string{"s3cret", "wr0ng-secret", "expired-token", "wonder"} {
				if strings.Contains(text, secret) {
					t.Errorf("a secret in %q", text)
				}
			}
		})
	}
}

// TestAuthTypeNeeds: an option that the type needs and that is missing is an error of the
// configuration.
func TestAuthTypeNeeds(t *testing.T) {
	for authType, want := range map[string][]string{
		"token":                   {"token"},
		"v3token":                 {"token"},
		"v3totp":                  {"passcode"},
		"v3oidcaccesstoken":       {"identity_provider", "protocol", "access_token"},
		"v3oidcclientcredentials": {"identity_provider", "protocol", "client_id", "discovery_endpoint"},
		"v3oidcpassword":          {"identity_provider", "protocol", "client_id", "discovery_endpoint", "password"},
	} {
		err := configure(t, newAddresses(), map[string]string{"keystone_auth.auth_url": "http://127.0.0.1:1/v3",
			"keystone_auth.auth_type": authType, "keystone_auth.username": "u"})
		var got []string
		for _, d := range sdk.Diagnostics(err) {
			got = append(got, d.Option)
		}
		if strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("%s: errors about %q, want %q", authType, got, want)
		}
	}
}

// TestTokenAndPasscode: a token of keystone and a passcode sign in; the passcode once a run.
func TestTokenAndPasscode(t *testing.T) {
	cloud, url := newCloud(t, standin.Options{})
	user := cloud.AddUser(standin.User{Name: "device", Passcode: "123456"})
	for _, project := range []string{"vo-biomed", "vo-enmr"} {
		cloud.Grant(user, cloud.ProjectID(project), "reader")
	}
	for name, settings := range map[string]map[string]string{
		"token":    {"keystone_auth.auth_type": "v3token", "keystone_auth.token": cloud.Token(standin.AccountingUser)},
		"passcode": {"keystone_auth.auth_type": "v3totp", "keystone_auth.username": "device", "keystone_auth.passcode": "123456"},
	} {
		t.Run(name, func(t *testing.T) {
			settings["keystone_auth.auth_url"] = url + "/v3"
			extractor := newAddresses()
			if err := configure(t, extractor, settings); err != nil {
				t.Fatal(err)
			}
			for _, project := range []string{"vo-biomed", "vo-enmr"} {
				if _, err := extract(t, extractor, cloud.ProjectID(project)); contains(err, sdk.SeverityError, "") {
					t.Errorf("%s: %v", project, err)
				}
			}
		})
	}
	extractor := newAddresses()
	err := configure(t, extractor, map[string]string{"keystone_auth.auth_url": url + "/v3",
		"keystone_auth.auth_type": "token", "keystone_auth.token": "expired-token"})
	if err != nil {
		t.Fatal(err)
	}
	err = listError(t, extractor)
	if !contains(err, sdk.SeverityError, "set a new one in [keystone_auth] token") || strings.Contains(err.Error(), "expired-token") {
		t.Errorf("an unknown token: %v", err)
	}
}

func listError(t *testing.T, extractor *openstack.Extractor) error {
	t.Helper()
	_, err := extractor.ListProjects(t.Context(), sdk.ListProjectsRequest{IncludeMarked: true})
	return err
}
