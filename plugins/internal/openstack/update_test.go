package openstack_test

import (
	"slices"
	"strings"
	"testing"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
	"github.com/caso-project/caso/test/standin"
)

// TestUpdateProjects: an administrator's VOs and tags are in keystone afterwards; a project that
// keystone does not have is an error that does not stop the others.
func TestUpdateProjects(t *testing.T) {
	cloud, url := newCloud(t, standin.Options{})
	admin := cloud.AddUser(standin.User{Name: "root", Password: "secret"})
	cloud.GrantSystem(admin, "admin")
	extractor := newConfigured(t, url, map[string]string{"keystone_auth.username": "root", "keystone_auth.password": "secret"})
	id := cloud.ProjectID("sandbox")
	updates := []*pluginv1.ProjectUpdate{
		{Project: "nowhere", Vo: "vo"}, {Project: "sandbox", Vo: "vo.by.name"}, {Project: id, Report: true}, {Project: id, Report: true},
	}

	commands, err := extractor.UpdateProjects(t.Context(), updates, true)
	want := []string{"openstack project set --property accounting:VO=vo nowhere", "openstack project set --property accounting:VO=vo.by.name sandbox",
		"openstack project set --tag caso " + id, "openstack project set --tag caso " + id}
	if err != nil || !slices.Equal(commands, want) || project(cloud, id).Properties["accounting:VO"] != "" {
		t.Errorf("dry run: %q, %v", commands, err)
	}

	_, err = extractor.UpdateProjects(t.Context(), updates, false)
	found := sdk.Diagnostics(err)
	if len(found) != 1 || found[0].Project != "nowhere" || !strings.Contains(found[0].Summary, "keystone has no such project") {
		t.Errorf("errors: %v", err)
	}
	if changed := project(cloud, id); changed.Properties["accounting:VO"] != "vo.by.name" || !slices.Equal(changed.Tags, []string{"caso"}) {
		t.Errorf("the project is %+v", changed)
	}
}

// TestUpdateCommandsAreQuoted: what a person pastes into a shell has no effect there but its own.
func TestUpdateCommandsAreQuoted(t *testing.T) {
	_, url := newCloud(t, standin.Options{})
	extractor := newConfigured(t, url, nil)
	commands, err := extractor.UpdateProjects(t.Context(), []*pluginv1.ProjectUpdate{{Project: "a; b", Vo: "it's"}}, true)
	want := `openstack project set --property 'accounting:VO=it'"'"'s' 'a; b'`
	if err != nil || len(commands) != 1 || commands[0] != want {
		t.Errorf("got %q, %v", commands, err)
	}
}

func project(cloud *standin.Cloud, id string) standin.Project {
	all := cloud.Projects()
	return all[slices.IndexFunc(all, func(p standin.Project) bool { return p.ID == id })]
}
