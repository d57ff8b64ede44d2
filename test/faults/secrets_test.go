package faults

import (
	"fmt"
	"strings"
	"testing"

	"github.com/caso-project/caso/test/standin"
)

// testSecrets searches the output of runs with --debug for passwords and tokens, with and without
// faults.
func testSecrets(t *testing.T, bin string) {
	const right, wrong = "r1ght-and-s3cret", "wr0ng-and-s3cret"
	s := newSite(t, bin, standin.Options{})
	user := s.cloud.AddUser(standin.User{Name: "spy", Password: right})
	s.cloud.GrantSystem(user, "reader")
	for _, project := range s.cloud.Projects() {
		s.cloud.Grant(user, project.ID, "reader")
	}
	s.set("keystone_auth", "username", "spy")
	s.set("keystone_auth", "password", right)
	s.set("DEFAULT", "debug", "true")
	runs := 0
	check := func(what string, status int, arguments ...string) {
		t.Helper()
		// Each is a first run, so that there is something to extract.
		runs++
		s.set("DEFAULT", "spooldir", s.path(fmt.Sprint("spool", runs)))
		got := s.run(status, arguments...)
		for _, secret := range []string{right, wrong} {
			if strings.Contains(got.stdout+got.stderr, secret) {
				t.Errorf("%s: %s is printed:\n%s%s", what, secret, got.stdout, got.stderr)
			}
		}
	}
	check("extract", 0, "extract")
	check("config show", 0, "config", "show")
	s.cloud.Fault(standin.Fault{Match: standin.On("GET", "/servers"), Status: 500, Body: "user spy with password " + right + " is not welcome"})
	check("nova fails", 1, "extract")
	s.cloud.ClearFaults()
	s.set("keystone_auth", "password", wrong)
	check("wrong password", 1, "extract")
	s.cloud.Fault(standin.Fault{Match: standin.On("POST", "/tokens"), Status: 400, ContentType: "application/json",
		Body: `{"error": {"code": 400, "title": "Bad Request", "message": "cannot read {\"password\": \"` + wrong + `\"}"}}`})
	check("keystone quotes it", 1, "extract")
	s.set("keystone_auth", "auth_url", strings.Replace(s.settings["keystone_auth"]["auth_url"], "http://", "http://me:"+wrong+"@", 1))
	check("in the URL", 1, "extract")
}
