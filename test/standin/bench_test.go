package standin_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/caso-project/caso/test/standin"
)

// handle sends a request to a cloud without a network; it returns nil if the target is invalid.
func handle(cloud *standin.Cloud, method, target, microversion, body string, headers ...string) *httptest.ResponseRecorder {
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return nil
	}
	r := &http.Request{Method: method, URL: u, Host: "cloud.example.org", Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
	r.Header.Set("X-OpenStack-Nova-API-Version", microversion)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	cloud.ServeHTTP(rec, r)
	return rec
}

var signInBody = fmt.Sprintf(`{"auth": {"identity": {"methods": ["password"], "password": {"user": {"name": %q,
	"domain": {"id": "default"}, "password": %q}}}, "scope": {"project": {"name": "vo-biomed", "domain": {"id": "default"}}}}}`,
	standin.AccountingUser, standin.AccountingPassword)

func BenchmarkNew100000(b *testing.B) {
	for b.Loop() {
		standin.New(standin.Options{Seed: 1, Projects: 1, ServersPerProject: 100_000})
	}
}

// BenchmarkPage measures one page in the middle of a list of 100,000 servers.
func BenchmarkPage(b *testing.B) {
	cloud := standin.New(standin.Options{Seed: 1, Projects: 1, ServersPerProject: 100_000})
	token := handle(cloud, http.MethodPost, "/v3/auth/tokens", "", signInBody).Header().Get("X-Subject-Token")
	middle := cloud.Servers(cloud.ProjectID("vo-biomed"))[50_000].ID
	for b.Loop() {
		rec := handle(cloud, http.MethodGet, "/compute/v2.1/servers/detail?limit=1000&marker="+middle, "2.93", "", "X-Auth-Token", token)
		if rec.Code != http.StatusOK {
			b.Fatal(rec.Body)
		}
		b.SetBytes(int64(rec.Body.Len()))
	}
}
