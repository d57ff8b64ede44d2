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

	"github.com/caso-project/caso/plugins/internal/openstack/api"
	"github.com/caso-project/caso/plugins/internal/openstack/auth"
	"github.com/caso-project/caso/plugins/internal/openstack/memory"
	"github.com/caso-project/caso/sdk"
)

// Wanted selects projects.
type Wanted struct {
	// Named are IDs or names, as the operator spelled them.
	Named []string
	// Tag adds the projects with the tag; empty adds none.
	Tag string
	// VOProperty is the configured property with the VO; empty if none is configured.
	VOProperty string
}

// maxProjects is the memory of a list of projects, in bytes. It is enough for 100,000.
const maxProjects = 64 << 20

// Find returns projects, each once. Skipped joins an error for each project that cannot be
// reported; err is set where the list could not be made.
func Find(
	ctx context.Context, cloud *auth.Cloud, wanted Wanted,
) (found []Project, skipped error, err error) {
	session, err := cloud.UnscopedSession(ctx)
	if err != nil {
		return nil, nil, err
	}
	f := &finder{cloud: cloud, voProperty: wanted.VOProperty, seen: map[string]bool{}}
	if err := f.readOwn(ctx, session); err != nil {
		return nil, nil, err
	}
	if len(wanted.Named) > 0 {
		if err := f.resolveDomain(ctx); err != nil {
			return nil, nil, err
		}
	}
	for _, spelling := range wanted.Named {
		if err := f.findNamed(ctx, spelling); err != nil {
			return nil, nil, err
		}
	}
	if wanted.Tag != "" {
		if err := f.findTagged(ctx, wanted.Tag); err != nil {
			return nil, nil, err
		}
	}
	f.addDomainNames(ctx)
	return f.found, errors.Join(f.skipped...), nil
}

// finder holds the projects found so far.
type finder struct {
	cloud      *auth.Cloud
	voProperty string
	// own are the enabled projects on which the user has a role.
	own []Project
	// domain is the ID of the domain in which names are looked up; empty where it is not known.
	domain  string
	found   []Project
	skipped []error
	seen    map[string]bool // project IDs and spellings in found or skipped
}

// addFound adds a project that can be reported.
func (f *finder) addFound(project Project) {
	if !f.seen[project.ID] {
		f.seen[project.ID] = true
		f.found = append(f.found, project)
	}
}

// addSkipped adds the error of a project that cannot be reported.
func (f *finder) addSkipped(project string, diagnostic *sdk.Diagnostic) {
	if !f.seen[project] {
		f.seen[project] = true
		f.skipped = append(f.skipped, diagnostic.WithProject(project))
	}
}

// readOwn lists the projects that the user may scope to, which needs no right. Keystone lists them
// with tags and properties.
func (f *finder) readOwn(ctx context.Context, session *auth.Session) error {
	service := session.Identity()
	address, key := service.ServiceURL("auth/projects"), "projects"
	if session.V2 {
		address, key = service.ServiceURL("tenants"), "tenants"
	}
	kept := memory.NewLimit("projects of the user", maxProjects)
	err := api.EachItem(ctx, service, address, key, func(raw json.RawMessage) error {
		project, err := parseProject(raw, f.voProperty)
		if err != nil || project.ID == "" {
			return fmt.Errorf("%s: one of the %s does not match keystone's API reference", address, key)
		}
		if err := kept.Add(project.allTexts()...); err != nil {
			return fmt.Errorf("%s: %w", address, err)
		}
		if project.Enabled {
			f.own = append(f.own, project)
		}
		return nil
	})
	if status := api.Status(err); status == http.StatusNotFound || status == http.StatusForbidden {
		// Some clouds disable the list; named projects are then tried one by one.
		return nil
	}
	if err != nil {
		return fmt.Errorf("listing the projects on which the user has a role: %w", err)
	}
	if f.cloud.Settings().Bound() {
		// The user may have roles on others, but the credential is of this project.
		f.own = slices.DeleteFunc(f.own, func(p Project) bool { return p.ID != session.Project.ID })
	}
	return nil
}

// findNamed finds a project by its ID or else by its name.
func (f *finder) findNamed(ctx context.Context, spelling string) error {
	for _, project := range f.own {
		if project.ID == spelling {
			f.addFound(project)
			return nil
		}
	}
	switch same := f.ownByName(spelling); len(same) {
	case 1:
		f.addFound(same[0])
		return nil
	case 0:
		return f.findOutsideOwn(ctx, spelling)
	default:
		ids := make([]string, len(same))
		for i, project := range same {
			ids[i] = project.ID
		}
		f.addSkipped(spelling, sdk.Errorf("project %s: several projects have this name: %s",
			spelling, strings.Join(ids, ", ")).
			WithDetail("Use the ID in [DEFAULT] projects, or set [keystone_auth] project_domain_name."))
		return nil
	}
}

// ownByName returns the user's projects with a name: those in the configured domain, or, where
// none was configured, in the default domain and only if there is none, in others.
func (f *finder) ownByName(name string) []Project {
	var inDomain, elsewhere []Project
	for _, project := range f.own {
		switch {
		case project.Name != name:
		case f.domain == "" || project.DomainID == "" || project.DomainID == f.domain:
			inDomain = append(inDomain, project)
		default:
			elsewhere = append(elsewhere, project)
		}
	}
	if len(inDomain) > 0 || !f.cloud.Settings().AnyDomain {
		return inDomain
	}
	return elsewhere
}

// resolveDomain sets the ID of the configured domain of projects, where the configuration has its
// name and the user may read domains. Otherwise it stays empty, and names must be unique among the
// user's projects.
func (f *finder) resolveDomain(ctx context.Context) error {
	domain := f.cloud.Settings().ProjectDomain
	f.domain = domain.ID
	if domain.ID != "" || domain.Name == "" {
		return nil
	}
	session, err := f.cloud.DirectorySession(ctx)
	if errors.Is(err, auth.ErrRefused) {
		return nil
	}
	if err != nil {
		return err
	}
	service := session.Identity()
	address := service.ServiceURL("domains") + "?name=" + url.QueryEscape(domain.Name)
	err = api.EachItem(ctx, service, address, "domains", func(raw json.RawMessage) error {
		var document struct {
			ID string `json:"id"`
		}
		if json.Unmarshal(raw, &document) == nil {
			f.domain = document.ID
		}
		return nil
	})
	if api.Status(err) != 0 {
		return nil
	}
	return err
}

// addDomainNames adds the names of the domains, for people. A name that cannot be read stays empty.
func (f *finder) addDomainNames(ctx context.Context) {
	names := map[string]string{}
	for i := range f.found {
		project := &f.found[i]
		if project.DomainName != "" || project.DomainID == "" {
			continue
		}
		if _, ok := names[project.DomainID]; !ok {
			names[project.DomainID] = f.readDomainName(ctx, project.DomainID)
		}
		project.DomainName = names[project.DomainID]
	}
}

// readDomainName returns the name of a domain, empty where it cannot be read.
func (f *finder) readDomainName(ctx context.Context, id string) string {
	session, err := f.cloud.DirectorySession(ctx)
	if err != nil {
		return ""
	}
	var document struct {
		Domain struct {
			Name string `json:"name"`
		} `json:"domain"`
	}
	service := session.Identity()
	if api.Get(ctx, service, service.ServiceURL("domains", url.PathEscape(id)), &document) != nil {
		return ""
	}
	return document.Domain.Name
}

// findOutsideOwn finds a project that is not in the user's list. It may be possible to scope to it
// nevertheless; if not, a user who may read all projects can find out why.
func (f *finder) findOutsideOwn(ctx context.Context, spelling string) error {
	for _, signIn := range []func(context.Context, string) (*auth.Session, error){
		f.cloud.ProjectSession, f.cloud.ProjectSessionByName,
	} {
		session, err := signIn(ctx, spelling)
		if err == nil {
			f.addFound(f.readProjectOfToken(ctx, session))
			return nil
		}
		if !errors.Is(err, auth.ErrRefused) && !errors.Is(err, auth.ErrNoProject) &&
			api.Status(err) != http.StatusBadRequest {
			return err
		}
	}
	if f.cloud.Settings().Bound() {
		f.addSkipped(spelling, sdk.Errorf("project %s: the credential is not of this project", spelling).
			WithDetail("An application credential and a trust are bound to one project. "+
				"Sign in with a password, or create a credential in that project."))
		return nil
	}
	project, known, err := f.lookUp(ctx, spelling)
	switch {
	case err != nil:
		return err
	case !known:
		f.addSkipped(spelling, sdk.Errorf(
			"project %s: keystone has no such project, or the user has no role on it", spelling).
			WithDetail("Check the name and its domain ([keystone_auth] project_domain_name).\n"+
				f.grantCommand(spelling)))
	case project.ID == "":
		f.addSkipped(spelling, sdk.Errorf(
			"project %s: keystone has no such project; it may have been deleted", spelling).
			WithDetail("Remove it from [DEFAULT] projects, or check the name and its domain "+
				"([keystone_auth] project_domain_name)."))
	default:
		f.addRefused(project)
	}
	return nil
}

// addRefused adds the error of a project that exists but cannot be scoped to.
func (f *finder) addRefused(project Project) {
	if !project.Enabled {
		f.addSkipped(project.ID, sdk.Errorf(
			"project %s (%s) is disabled: its servers cannot be read", project.Name, project.ID).
			WithDetail("Enable it with: openstack project set --enable "+project.ID))
		return
	}
	f.addSkipped(project.ID, sdk.Errorf(
		"project %s (%s): the user has no role on it", project.Name, project.ID).
		WithDetail(f.grantCommand(project.ID)))
}

// grantCommand returns the command that gives the role.
func (f *finder) grantCommand(project string) string {
	return fmt.Sprintf("Give the role with: openstack role add --user %s --project %s reader",
		f.cloud.Settings().UserOrID(), project)
}

// readProjectOfToken reads the project of a token with its properties, which every user of the
// project may read.
func (f *finder) readProjectOfToken(ctx context.Context, session *auth.Session) Project {
	project := projectOfToken(session)
	if session.V2 {
		return project
	}
	if full, err := f.readProject(ctx, session.Identity(), project.ID); err == nil {
		full.DomainName = project.DomainName
		return full
	}
	return project
}

// readProject reads a project by its ID.
func (f *finder) readProject(
	ctx context.Context, service *gophercloud.ServiceClient, id string,
) (Project, error) {
	var document struct {
		Project json.RawMessage `json:"project"`
	}
	if err := api.Get(ctx, service, service.ServiceURL("projects", url.PathEscape(id)), &document); err != nil {
		return Project{}, err
	}
	return parseProject(document.Project, f.voProperty)
}

// lookUp finds a project with the right to read all projects. Known is false where the user has not
// that right; a project without an ID is one that does not exist.
func (f *finder) lookUp(
	ctx context.Context, spelling string,
) (project Project, known bool, err error) {
	session, err := f.cloud.DirectorySession(ctx)
	if errors.Is(err, auth.ErrRefused) {
		return Project{}, false, nil
	}
	if err != nil {
		return Project{}, false, err
	}
	project, err = f.readProject(ctx, session.Identity(), spelling)
	switch api.Status(err) {
	case http.StatusForbidden, http.StatusUnauthorized:
		return Project{}, false, nil
	case http.StatusNotFound:
	default:
		return project, err == nil, err
	}
	same, err := f.queryAll(ctx, session, "name="+url.QueryEscape(spelling))
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

// queryAll lists all projects of the cloud that match a query.
func (f *finder) queryAll(
	ctx context.Context, session *auth.Session, query string,
) ([]Project, error) {
	var found []Project
	service := session.Identity()
	address := service.ServiceURL("projects") + "?" + query
	kept := memory.NewLimit("projects", maxProjects)
	err := api.EachItem(ctx, service, address, "projects", func(raw json.RawMessage) error {
		project, err := parseProject(raw, f.voProperty)
		if err == nil {
			err = kept.Add(project.allTexts()...)
		}
		if err == nil {
			found = append(found, project)
		}
		return err
	})
	return found, err
}

// findTagged finds the user's projects with the tag. Where the user may read all projects, those
// with the tag that cannot be reported are errors: a tagged project without records is what
// operators ask about.
func (f *finder) findTagged(ctx context.Context, tag string) error {
	for _, project := range f.own {
		if slices.Contains(project.Tags, tag) {
			f.addFound(project)
		}
	}
	session, err := f.cloud.DirectorySession(ctx)
	if errors.Is(err, auth.ErrRefused) {
		return nil
	}
	if err != nil {
		return err
	}
	all, err := f.queryAll(ctx, session, "tags="+url.QueryEscape(tag))
	if status := api.Status(err); status != 0 && status < http.StatusInternalServerError {
		return nil
	}
	if err != nil {
		return fmt.Errorf("listing the projects with tag %s: %w", tag, err)
	}
	for _, project := range all {
		// A keystone without tags (before Queens) ignores the query and lists all projects.
		if !slices.Contains(project.Tags, tag) || f.seen[project.ID] {
			continue
		}
		_, err := f.cloud.ProjectSession(ctx, project.ID)
		switch {
		case err == nil:
			f.addFound(project)
		case errors.Is(err, auth.ErrRefused) || errors.Is(err, auth.ErrNoProject):
			f.addRefused(project)
		default:
			return err
		}
	}
	return nil
}

// ListOwn returns the enabled projects on which the user has a role.
func ListOwn(ctx context.Context, cloud *auth.Cloud) ([]Project, error) {
	session, err := cloud.UnscopedSession(ctx)
	if err != nil {
		return nil, err
	}
	f := &finder{cloud: cloud}
	if err := f.readOwn(ctx, session); err != nil {
		return nil, err
	}
	return f.own, nil
}
