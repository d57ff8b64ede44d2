package auth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caso-project/caso/plugins/internal/openstack/api"
	"github.com/caso-project/caso/plugins/internal/openstack/auth"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
	"github.com/caso-project/caso/test/standin"
)

// newCloud serves a stand-in cloud with projects on which the user is a reader, and returns a Cloud
// for it.
func newCloud(
	t *testing.T, options standin.Options, projects int,
) (*standin.Cloud, *auth.Cloud, []string) {
	t.Helper()
	options.Empty = true
	served := standin.New(options)
	server := httptest.NewServer(served)
	t.Cleanup(server.Close)
	var ids []string
	for i := range projects {
		id := served.AddProject(standin.Project{Name: fmt.Sprint("project-", i)})
		served.Grant(served.UserID(standin.AccountingUser), id, "reader")
		ids = append(ids, id)
	}
	var values []*pluginv1.OptionValue
	for name, value := range map[string]string{"auth_url": server.URL + "/identity/v3",
		"username": standin.AccountingUser, "password": standin.AccountingPassword} {
		values = append(values, &pluginv1.OptionValue{
			Option: &pluginv1.OptionRef{Section: "keystone_auth", Name: name},
			Value:  &pluginv1.OptionValue_StringValue{StringValue: value}})
	}
	read, err := auth.ReadSettings(sdk.NewConfig("nova", values))
	if err != nil {
		t.Fatal(err)
	}
	read.Transport.Wait = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	cloud, err := auth.NewCloud(read, "test")
	if err != nil {
		t.Fatal(err)
	}
	return served, cloud, ids
}

// TestOnePasswordCheck: however many projects there are, keystone checks the password once, if it
// gives tokens for a token; otherwise once for each project.
func TestOnePasswordCheck(t *testing.T) {
	const projects = 30
	for _, test := range []struct {
		name    string
		options standin.Options
		checks  int
	}{
		{"as a rule", standin.Options{}, 1},
		{"scoped tokens cannot be exchanged", standin.Options{ForbidRescope: true}, 1},
		{"no token can be exchanged", standin.Options{ForbidTokenMethod: true}, 1 + projects},
	} {
		t.Run(test.name, func(t *testing.T) {
			served, cloud, ids := newCloud(t, test.options, projects)
			for _, id := range ids {
				session, err := cloud.ProjectSession(t.Context(), id)
				if err != nil || session.Project.ID != id {
					t.Fatalf("%+v %v", session, err)
				}
			}
			if got := served.PasswordChecks(); got != test.checks {
				t.Errorf("%d password checks, want %d", got, test.checks)
			}
		})
	}
}

// TestExpiredTokens: after the expiry of all tokens one password check renews those of all
// projects.
func TestExpiredTokens(t *testing.T) {
	served, cloud, ids := newCloud(t, standin.Options{}, 20)
	request := func(id string) error {
		session, err := cloud.ProjectSession(t.Context(), id)
		if err != nil {
			return err
		}
		var document any
		service := session.Service("compute", "")
		return api.Get(t.Context(), service, service.ServiceURL("servers"), &document)
	}
	for _, id := range ids {
		if err := request(id); err != nil {
			t.Fatal(err)
		}
	}
	served.ExpireTokens()
	var group sync.WaitGroup
	for _, id := range ids {
		group.Go(func() {
			if err := request(id); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if got := served.PasswordChecks(); got != 2 {
		t.Errorf("%d password checks, want 2", got)
	}
}

// TestRefusedProjects: a project without a role is refused, without a password check for each.
func TestRefusedProjects(t *testing.T) {
	served, cloud, ids := newCloud(t, standin.Options{}, 1)
	if _, err := cloud.ProjectSession(t.Context(), ids[0]); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		id := served.AddProject(standin.Project{Name: fmt.Sprint("other-", i)})
		if _, err := cloud.ProjectSession(t.Context(), id); !errors.Is(err, auth.ErrRefused) {
			t.Errorf("%v", err)
		}
	}
	if got := served.PasswordChecks(); got != 1 {
		t.Errorf("%d password checks, want 1", got)
	}
}

// TestSessionMemory: the sessions of 1,000 projects share their catalog.
func TestSessionMemory(t *testing.T) {
	regions := make([]string, 4)
	for i := range regions {
		regions[i] = fmt.Sprint("Region-", i)
	}
	const projects = 1000
	_, cloud, ids := newCloud(t,
		standin.Options{Regions: regions, ProjectInComputeURL: true}, projects)
	open := func(ids []string) {
		for _, id := range ids {
			if _, err := cloud.ProjectSession(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		}
	}
	open(ids[:50])
	before := heapInUse()
	open(ids[50:])
	if grown := heapInUse() - before; grown > 4<<20 {
		t.Errorf("%d sessions take %d KB", projects-50, grown>>10)
	}
	session, err := cloud.ProjectSession(t.Context(), ids[7])
	if err != nil || len(session.Regions("compute")) != len(regions) {
		t.Fatalf("%v %v", session, err)
	}
	endpoint := session.Service("compute", "Region-3").Endpoint
	if !strings.HasSuffix(endpoint, "/region/Region-3/compute/v2.1/"+ids[7]+"/") {
		t.Error(endpoint)
	}
}

func heapInUse() int {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int(stats.HeapAlloc)
}
