package nova

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
	"github.com/caso-project/caso/test/standin"
)

// projectRuns runs an extractor over several projects, as the host does.
type projectRuns struct {
	*bench
	settings map[string]string
	projects []string
	from     map[string]time.Time
	states   map[string][]byte
	// shared is the number of requests for lists of all projects in the last run.
	shared int
}

// newProjectRuns returns runs over projects of a cloud on which the user has a role, with servers
// in each.
func newProjectRuns(
	t *testing.T, options standin.Options, role string, projects, servers int, settings map[string]string,
) *projectRuns {
	t.Helper()
	options.DateOfNow, options.Empty = true, true
	b := newBench(t, options, settings)
	r := &projectRuns{bench: b, settings: settings, from: map[string]time.Time{}, states: map[string][]byte{}}
	b.cloud.AddFlavor(standin.Flavor{ID: "f1", Name: "m1.small", VCPUs: 2, RAM: 4096, Disk: 20})
	for i := range projects {
		id := r.addProject(fmt.Sprint("project-", i), role, true)
		for j := range servers {
			b.cloud.AddServer(server(id, fmt.Sprintf("s%d-%d", i, j), now.AddDate(0, 0, -2)))
		}
	}
	return r
}

// addProject adds a project to the cloud, and to those that are reported if it is marked.
func (r *projectRuns) addProject(name, role string, marked bool) string {
	project := standin.Project{Name: name, Properties: map[string]string{"VO": "one.example.org"}}
	if marked {
		project.Tags = []string{"caso"}
	}
	id := r.cloud.AddProject(project)
	r.cloud.Grant(r.cloud.UserID(standin.AccountingUser), id, role)
	if marked {
		r.projects = append(r.projects, id)
		r.from[id] = now.Add(-time.Hour)
	}
	return id
}

// until extracts the windows of all projects that end at a time.
func (r *projectRuns) until(to time.Time) map[string]answer { return r.untilOf(to, r.projects) }

// untilOf extracts the windows of projects that end at a time, four at once, with a new extractor.
// Projects with an error keep their window.
func (r *projectRuns) untilOf(to time.Time, ids []string) map[string]answer {
	r.t.Helper()
	r.cloud.SetNow(to.Add(20 * time.Second))
	r.extractor, _ = configured(r.t, settingsFor(r.bench, r.settings))
	r.cloud.ResetRequests()
	projects, _ := r.listProjects(true)
	listed := map[string]*pluginv1.Project{}
	for _, project := range projects {
		listed[project.GetId()] = project
	}
	answers := map[string]answer{}
	var mutex sync.Mutex
	var group sync.WaitGroup
	queue := make(chan string)
	for range 4 {
		group.Go(func() {
			for id := range queue {
				mutex.Lock()
				from, state := r.from[id], r.states[id]
				mutex.Unlock()
				a := r.run(sdk.ExtractRequest{Project: listed[id], Window: sdk.Window{From: from, To: to}, State: state}, id)
				mutex.Lock()
				answers[id] = a
				if a.err == nil {
					r.from[id], r.states[id] = to, a.state
				}
				mutex.Unlock()
			}
		})
	}
	for _, id := range ids {
		queue <- id
	}
	close(queue)
	group.Wait()
	r.shared = r.requested("all_tenants")
	return answers
}

// mustUntil is until for windows that must succeed.
func (r *projectRuns) mustUntil(to time.Time) map[string]answer {
	r.t.Helper()
	answers := r.until(to)
	for id, a := range answers {
		if a.err != nil {
			r.t.Fatalf("%s: %v", id, a.err)
		}
	}
	return answers
}

// touch changes a server.
func (r *projectRuns) touch(id string) {
	at := r.cloud.Now()
	r.cloud.UpdateServer(id, func(s *standin.Server) { s.Updated = at })
}

// requested returns the number of requests with a path that has a text.
func (r *projectRuns) requested(text string) int {
	count := 0
	for _, request := range r.cloud.Requests() {
		if strings.Contains(request.Path+"?"+request.Query.Encode(), text) {
			count++
		}
	}
	return count
}

// TestQuietProjects: in an hour without changes, the requests do not depend on the number of
// projects if the user may list those of all, and are three for each project otherwise.
func TestQuietProjects(t *testing.T) {
	for _, test := range []struct {
		name, role, setting string
		options             standin.Options
		projects            int
		most                int
	}{
		{"an administrator", "admin", "auto", standin.Options{}, 30, 12},
		{"an administrator, more projects", "admin", "auto", standin.Options{}, 120, 12},
		{"an administrator, never", "admin", "never", standin.Options{}, 120, 372},
		{"a reader", "reader", "auto", standin.Options{}, 120, 372},
		{"a reader who may not read users", "reader", "auto",
			standin.Options{ForbidUserList: true, ForbidUserGet: true}, 120, 372},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newProjectRuns(t, test.options, test.role, test.projects, 2, map[string]string{"nova.all_projects": test.setting})
			r.mustUntil(now)
			for hour := 1; hour < 3; hour++ {
				answers := r.mustUntil(now.Add(time.Duration(hour) * time.Hour))
				for id, a := range answers {
					if len(a.records) != 2 {
						t.Errorf("%s: %d records", id, len(a.records))
					}
				}
				requests := r.cloud.Requests()
				if len(requests) > test.most {
					t.Errorf("%d requests, want at most %d", len(requests), test.most)
				}
				if len(requests) < 40 {
					for _, request := range requests {
						t.Log(request.Method, request.Path, request.Query.Encode())
					}
				}
			}
		})
	}
}

// TestProjectsListedAlone: which projects have lists of their own although the user may list those
// of all.
func TestProjectsListedAlone(t *testing.T) {
	const projects = 6
	for _, test := range []struct {
		name string
		act  func(*projectRuns)
		// alone is the number of projects with a list of their own.
		alone int
	}{
		{"none", nil, 0},
		{"one whose last list is old", func(r *projectRuns) {
			for hour := 1; hour < 30; hour++ {
				r.untilOf(now.Add(time.Duration(hour)*time.Hour), r.projects[1:])
			}
		}, 1},
		{"one without a state", func(r *projectRuns) { delete(r.states, r.projects[2]) }, 1},
		{"one with an unreadable server", func(r *projectRuns) {
			r.touch("s3-0")
			r.cloud.Fault(standin.Fault{Match: path("/servers/detail"), Edit: func(body []byte) []byte {
				return bytes.ReplaceAll(body, []byte(`"name":"s3-0"`), []byte(`"name":7`))
			}})
		}, 1},
		{"all, if a server has no project", func(r *projectRuns) {
			r.touch("s3-0")
			r.cloud.Fault(standin.Fault{Match: func(q *http.Request) bool { return q.URL.Query().Has("all_tenants") },
				Edit: func(body []byte) []byte { return bytes.ReplaceAll(body, []byte(`"tenant_id"`), []byte(`"other"`)) }})
		}, projects},
		{"all, if nova fails", func(r *projectRuns) {
			r.cloud.Fault(standin.Fault{Match: func(q *http.Request) bool { return q.URL.Query().Has("all_tenants") }, Status: 500})
		}, projects},
		{"all, if nova refuses", func(r *projectRuns) {
			r.cloud.Fault(standin.Fault{Match: func(q *http.Request) bool { return q.URL.Query().Has("all_tenants") }, Status: 403, Body: "{}"})
		}, projects},
		{"all, if too many servers of other projects changed", func(r *projectRuns) {
			other := r.addProject("other", "reader", false)
			for i := range 1000*projects + 1 {
				r.cloud.AddServer(server(other, fmt.Sprint("other-", i), r.cloud.Now()))
			}
		}, projects},
		{"all of a nova before 2.47", nil, projects},
	} {
		t.Run(test.name, func(t *testing.T) {
			options := standin.Options{}
			if strings.Contains(test.name, "2.47") {
				options.MaxMicroversion = "2.46"
			}
			r := newProjectRuns(t, options, "admin", projects, 2, map[string]string{"nova.full_list_interval": "864000"})
			r.mustUntil(now)
			if test.act != nil {
				test.act(r)
			}
			answers := r.mustUntil(r.cloud.Now().Truncate(time.Hour).Add(time.Hour))
			records := 0
			for _, a := range answers {
				records += len(a.records)
			}
			if records < projects*2-1 {
				t.Errorf("%d records", records)
			}
			alone := 0
			for _, request := range r.cloud.Requests() {
				if strings.HasSuffix(request.Path, "/servers/detail") && request.Query.Has("changes-since") && !request.Query.Has("all_tenants") {
					alone++
				}
			}
			if alone != test.alone {
				t.Errorf("%d projects are listed alone, want %d", alone, test.alone)
			}
		})
	}
}

// TestRolesOfProjects: nova's refusal to a user with one role does not count for another role, and
// is not repeated for each project.
func TestRolesOfProjects(t *testing.T) {
	r := newProjectRuns(t, standin.Options{}, "reader", 20, 1, nil)
	r.mustUntil(now)
	r.mustUntil(now.Add(time.Hour))
	if r.shared != 1 {
		t.Errorf("%d lists of all projects were requested, want 1", r.shared)
	}
	r.cloud.Grant(r.cloud.UserID(standin.AccountingUser), r.projects[10], "admin")
	r.mustUntil(now.Add(2 * time.Hour))
	if r.shared != 2 {
		t.Errorf("%d lists of all projects were requested, want 2", r.shared)
	}
	if alone := r.cloud.CountRequests("GET", "/servers/detail") - r.shared; alone > 16 {
		t.Errorf("%d projects were listed alone", alone)
	}
}
