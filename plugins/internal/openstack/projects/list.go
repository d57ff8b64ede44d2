package projects

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gophercloud/gophercloud/v2"

	sdk "github.com/caso-project/caso/internal/oldsdk"
	"github.com/caso-project/caso/plugins/internal/openstack/api"
	"github.com/caso-project/caso/plugins/internal/openstack/auth"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Wanted says which projects to find.
type Wanted struct {
	// Named are IDs or names, as the operator spelled them.
	Named []string
	// Tag adds the projects that have it; empty adds none.
	Tag string
	// VOProperty is the property with the VO that the operator chose.
	VOProperty string
}

// List finds projects, each once. A project that cannot be reported is a diagnostic of severity ERROR that
// names it; an error means that nothing could be listed.
func List(ctx context.Context, cloud *auth.Cloud, wanted Wanted) ([]Project, []*pluginv1.Diagnostic, error) {
	session, err := cloud.Any(ctx)
	if err != nil {
		return nil, nil, err
	}
	f := &finder{cloud: cloud, reader: reader{VOProperties(wanted.VOProperty)}, seen: map[string]bool{}}
	if err := f.readMine(ctx, session); err != nil {
		return nil, nil, err
	}
	if cloud.Settings().Bound() {
		// The user may have roles in others, but the credential is one of this project.
		f.mine = slices.DeleteFunc(f.mine, func(p Project) bool { return p.ID != session.Project.ID })
	}
	if len(wanted.Named) > 0 {
		if err := f.resolveDomain(ctx); err != nil {
			return nil, nil, err
		}
	}
	for _, spelling := range wanted.Named {
		if err := f.named(ctx, spelling); err != nil {
			return nil, nil, err
		}
	}
	if wanted.Tag != "" {
		if err := f.tagged(ctx, wanted.Tag); err != nil {
			return nil, nil, err
		}
	}
	f.nameDomains(ctx)
	return f.found, f.diagnostics, nil
}

// finder collects the answer.
type finder struct {
	cloud  *auth.Cloud
	reader reader
	// mine are the projects in which the user has a role and which are enabled.
	mine []Project
	// domain is the ID of the one in which names are looked up.
	domain      string
	found       []Project
	seen        map[string]bool
	diagnostics []*pluginv1.Diagnostic
}

// readMine lists the projects that the user may scope to, which needs no right. Keystone gives them whole,
// with tags and properties.
func (f *finder) readMine(ctx context.Context, session *auth.Session) error {
	service := session.Identity()
	address, key := service.ServiceURL("auth/projects"), "projects"
	if session.V2 {
		address, key = service.ServiceURL("tenants"), "tenants"
	}
	err := api.Each(ctx, service, address, key, func(raw json.RawMessage) error {
		project, err := f.reader.parse(raw)
		if err != nil || project.ID == "" {
			return fmt.Errorf("%s: one of the %s is not what keystone's API reference says", address, key)
		}
		if project.Enabled {
			f.mine = append(f.mine, project)
		}
		return nil
	})
	if status := api.Status(err); status == http.StatusNotFound || status == http.StatusForbidden {
		// Some keystones keep the list to themselves; named projects are then tried one by one.
		err = nil
	}
	if err != nil {
		return fmt.Errorf("listing the projects in which the user has a role: %w", err)
	}
	return nil
}

// take adds a project that can be reported.
func (f *finder) take(project Project) {
	if !f.seen[project.ID] {
		f.seen[project.ID] = true
		f.found = append(f.found, project)
	}
}

// complain adds what is wrong with a project, once.
func (f *finder) complain(project string, diagnostic *pluginv1.Diagnostic) {
	if !f.seen[project] {
		f.seen[project] = true
		diagnostic.Project = project
		f.diagnostics = append(f.diagnostics, diagnostic)
	}
}

// named finds a project by ID or else by name.
func (f *finder) named(ctx context.Context, spelling string) error {
	for _, project := range f.mine {
		if project.ID == spelling {
			f.take(project)
			return nil
		}
	}
	switch same := f.byName(spelling); len(same) {
	case 1:
		f.take(same[0])
		return nil
	case 0:
		return f.notMine(ctx, spelling)
	default:
		ids := make([]string, len(same))
		for i, project := range same {
			ids[i] = project.ID
		}
		diagnostic := sdk.Errorf("project %s: there are several of that name: %s", spelling, strings.Join(ids, ", "))
		diagnostic.Detail = "Name it by its ID, or set [keystone_auth] project_domain_name."
		f.complain(spelling, diagnostic)
		return nil
	}
}

// byName gives the projects of a name: in the configured domain, or, where none was configured, in the
// default one and only then in others.
func (f *finder) byName(name string) []Project {
	var here, elsewhere []Project
	for _, project := range f.mine {
		switch {
		case project.Name != name:
		case f.domain == "" || project.DomainID == "" || project.DomainID == f.domain:
			here = append(here, project)
		default:
			elsewhere = append(elsewhere, project)
		}
	}
	if len(here) > 0 || !f.cloud.Settings().AnyDomain {
		return here
	}
	return elsewhere
}

// resolveDomain finds the ID of the configured domain of projects, where the configuration has its name and
// the user may read domains. Where not, it stays empty, and names have to be unique among the user's projects.
func (f *finder) resolveDomain(ctx context.Context) error {
	domain := f.cloud.Settings().ProjectDomain
	f.domain = domain.ID
	if domain.ID != "" || domain.Name == "" {
		return nil
	}
	session, err := f.cloud.Directory(ctx)
	if errors.Is(err, auth.ErrRefused) {
		return nil
	}
	if err != nil {
		return err
	}
	service := session.Identity()
	err = api.Each(ctx, service, service.ServiceURL("domains")+"?name="+url.QueryEscape(domain.Name), "domains", func(raw json.RawMessage) error {
		var one struct {
			ID string `json:"id"`
		}
		if json.Unmarshal(raw, &one) == nil {
			f.domain = one.ID
		}
		return nil
	})
	if api.Status(err) != 0 {
		return nil
	}
	return err
}

// nameDomains adds the domains' names, which are for people alone: what cannot be had is left out.
func (f *finder) nameDomains(ctx context.Context) {
	names := map[string]string{}
	for i := range f.found {
		project := &f.found[i]
		if project.DomainName != "" || project.DomainID == "" {
			continue
		}
		if _, asked := names[project.DomainID]; !asked {
			names[project.DomainID] = ""
			if session, err := f.cloud.Directory(ctx); err == nil {
				var document struct {
					Domain struct {
						Name string `json:"name"`
					} `json:"domain"`
				}
				service := session.Identity()
				if api.Get(ctx, service, service.ServiceURL("domains", url.PathEscape(project.DomainID)), &document) == nil {
					names[project.DomainID] = document.Domain.Name
				}
			}
		}
		project.DomainName = names[project.DomainID]
	}
}

// notMine deals with a project that is not in the user's list: it may be scoped to all the same, and if
// not, whoever may read all projects can tell why.
func (f *finder) notMine(ctx context.Context, spelling string) error {
	for _, try := range []func(context.Context, string) (*auth.Session, error){f.cloud.Project, f.cloud.ProjectByName} {
		session, err := try(ctx, spelling)
		if err == nil {
			f.take(f.whole(ctx, session))
			return nil
		}
		if !errors.Is(err, auth.ErrRefused) && !errors.Is(err, auth.ErrNoProject) && api.Status(err) != http.StatusBadRequest {
			return err
		}
	}
	if f.cloud.Settings().Bound() {
		diagnostic := sdk.Errorf("project %s: the credential is not one of this project", spelling)
		diagnostic.Detail = "An application credential and a trust are tied to one project. Sign in with a password, or make a credential in that project."
		f.complain(spelling, diagnostic)
		return nil
	}
	project, known, err := f.lookUp(ctx, spelling)
	switch {
	case err != nil:
		return err
	case !known:
		diagnostic := sdk.Errorf("project %s: keystone has no such project, or the user has no role on it", spelling)
		diagnostic.Detail = "Check the name and its domain ([keystone_auth] project_domain_name).\n" + f.grant(spelling)
		f.complain(spelling, diagnostic)
	case project.ID == "":
		diagnostic := sdk.Errorf("project %s: keystone has no such project; it may have been deleted", spelling)
		diagnostic.Detail = "Remove it from [DEFAULT] projects, or check the name and its domain ([keystone_auth] project_domain_name)."
		f.complain(spelling, diagnostic)
	default:
		f.refuse(project)
	}
	return nil
}

// refuse says why a project that exists cannot be scoped to.
func (f *finder) refuse(project Project) {
	if !project.Enabled {
		diagnostic := sdk.Errorf("project %s (%s) is disabled: its servers cannot be read", project.Name, project.ID)
		diagnostic.Detail = "Enable it with: openstack project set --enable " + project.ID
		f.complain(project.ID, diagnostic)
		return
	}
	diagnostic := sdk.Errorf("project %s (%s): the user has no role on it", project.Name, project.ID)
	diagnostic.Detail = f.grant(project.ID)
	f.complain(project.ID, diagnostic)
}

// grant is the command that gives the role.
func (f *finder) grant(project string) string {
	user := f.cloud.Settings().User
	if user == "" {
		user = f.cloud.Settings().UserID
	}
	return fmt.Sprintf("Give the role with: openstack role add --user %s --project %s reader", user, project)
}

// whole reads the project of a token, for its properties; every user may read the project it is in.
func (f *finder) whole(ctx context.Context, session *auth.Session) Project {
	project := scoped(session)
	if session.V2 {
		return project
	}
	if full, err := f.get(ctx, session.Identity(), project.ID); err == nil {
		full.DomainName = project.DomainName
		return full
	}
	return project
}

// get reads a project by its ID.
func (f *finder) get(ctx context.Context, service *gophercloud.ServiceClient, id string) (Project, error) {
	var document struct {
		Project json.RawMessage `json:"project"`
	}
	if err := api.Get(ctx, service, service.ServiceURL("projects", url.PathEscape(id)), &document); err != nil {
		return Project{}, err
	}
	return f.reader.parse(document.Project)
}

// lookUp asks with the right to read all projects. Known is false where the user has not that right; a
// project without an ID is one that does not exist.
func (f *finder) lookUp(ctx context.Context, spelling string) (project Project, known bool, err error) {
	session, err := f.cloud.Directory(ctx)
	if errors.Is(err, auth.ErrRefused) {
		return Project{}, false, nil
	}
	if err != nil {
		return Project{}, false, err
	}
	project, err = f.get(ctx, session.Identity(), spelling)
	switch api.Status(err) {
	case http.StatusForbidden, http.StatusUnauthorized:
		return Project{}, false, nil
	case http.StatusNotFound:
	default:
		return project, err == nil, err
	}
	same, err := f.query(ctx, session, "name="+url.QueryEscape(spelling))
	if err != nil {
		return Project{}, false, err
	}
	for _, project := range same {
		if f.domain == "" || f.cloud.Settings().AnyDomain || project.DomainID == f.domain {
			return project, true, nil
		}
	}
	return Project{}, true, nil
}

// query lists all projects of the cloud that match.
func (f *finder) query(ctx context.Context, session *auth.Session, query string) ([]Project, error) {
	var found []Project
	service := session.Identity()
	err := api.Each(ctx, service, service.ServiceURL("projects")+"?"+query, "projects", func(raw json.RawMessage) error {
		project, err := f.reader.parse(raw)
		if err == nil {
			found = append(found, project)
		}
		return err
	})
	return found, err
}

// tagged takes the user's own projects that have the tag. Where the user may read all projects, those that
// have it but cannot be reported are named too, since "the tag is there and no record comes" is the
// question that operators ask.
func (f *finder) tagged(ctx context.Context, tag string) error {
	for _, project := range f.mine {
		if slices.Contains(project.Tags, tag) {
			f.take(project)
		}
	}
	session, err := f.cloud.Directory(ctx)
	if errors.Is(err, auth.ErrRefused) {
		return nil
	}
	if err != nil {
		return err
	}
	all, err := f.query(ctx, session, "tags="+url.QueryEscape(tag))
	if status := api.Status(err); status != 0 && status < http.StatusInternalServerError {
		return nil
	}
	if err != nil {
		return fmt.Errorf("listing the projects with tag %s: %w", tag, err)
	}
	for _, project := range all {
		// A keystone from before tags ignores the question and answers with all projects.
		if !slices.Contains(project.Tags, tag) || f.seen[project.ID] {
			continue
		}
		_, err := f.cloud.Project(ctx, project.ID)
		switch {
		case err == nil:
			f.take(project)
		case errors.Is(err, auth.ErrRefused) || errors.Is(err, auth.ErrNoProject):
			f.refuse(project)
		default:
			return err
		}
	}
	return nil
}
