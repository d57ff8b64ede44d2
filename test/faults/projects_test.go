package faults

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caso-project/caso/core/report"
	"github.com/caso-project/caso/test/standin"
)

// testProjects lets a project vanish after a run, with a server that ended since. The end is
// reported where the project can be read, and every run is incomplete until its checkpoint
// is deleted.
func testProjects(t *testing.T, bin string) {
	for name, test := range map[string]struct {
		vanish func(cloud *standin.Cloud, project string)
		// readable is whether the project can be read afterwards.
		readable bool
		// line is a part of the error.
		line string
	}{
		"untagged": {func(cloud *standin.Cloud, project string) {
			cloud.UpdateProject(project, func(p *standin.Project) { p.Tags = nil })
		}, true, "can still be read"},
		"empty lists": {func(cloud *standin.Cloud, _ string) {
			cloud.Fault(standin.Fault{Match: isProjectList, Edit: func([]byte) []byte { return []byte(`{"projects": []}`) }})
		}, true, "can still be read"},
		"disabled": {func(cloud *standin.Cloud, project string) {
			cloud.UpdateProject(project, func(p *standin.Project) { p.Disabled, p.Tags = true, nil })
		}, false, "is disabled"},
		"role lost": {func(cloud *standin.Cloud, project string) {
			cloud.UpdateProject(project, func(p *standin.Project) { p.Tags = nil })
			cloud.Revoke(cloud.UserID(standin.AccountingUser), project)
		}, false, "the user has no role on it"},
		"deleted": {func(cloud *standin.Cloud, project string) { cloud.DeleteProject(project) }, false, "keystone has no such project"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, bin, standin.Options{})
			project := s.cloud.ProjectID("vo-biomed")
			hourAgo := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
			s.extract(0, "--extract-from", "2020-01-01", "--extract-to", hourAgo)
			n := slices.IndexFunc(s.cloud.Servers(project), func(server standin.Server) bool { return server.Status == "ACTIVE" })
			ended := s.cloud.Servers(project)[n].ID
			s.cloud.DeleteServer(ended, time.Now().Add(-time.Minute))
			before := s.countSpooled(ended)
			test.vanish(s.cloud, project)
			for range 2 {
				run := s.extract(1)
				lines := slices.DeleteFunc(problemLines(run.Problems), func(line string) bool {
					return !strings.Contains(line, "no longer listed") || !strings.Contains(line, project)
				})
				if len(lines) != 1 || !strings.Contains(lines[0], test.line) || !strings.Contains(lines[0], "caso projects forget --extractor nova --region RegionOne "+project) {
					t.Errorf("%q in %q", test.line, lines)
				}
				if got := s.countSpooled(ended) - before; (got > 0) != test.readable {
					t.Errorf("%d more records of the server that ended", got)
				}
				if slices.ContainsFunc(run.Windows, func(w report.WindowResult) bool { return w.Failed }) {
					t.Errorf("failed windows: %+v", run.Windows)
				}
			}
			if name != "empty lists" {
				s.run(0, "projects", "forget", "--extractor", "nova", project)
				s.extract(0)
			}
		})
	}
}

func isProjectList(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/projects") }

// countSpooled returns the number of records of a server in the SSM spool.
func (s *site) countSpooled(id string) int {
	count := 0
	for _, key := range s.spooled() {
		if strings.HasPrefix(key, id+" ") {
			count++
		}
	}
	return count
}
