package standin

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// keystoneV3 answers below /v3.
func (q *call) keystoneV3(parts []string) {
	path := strings.Join(parts, "/")
	switch {
	case path == "":
		q.write(http.StatusOK, "application/json", object{"version": q.v3Version()})
	case path == "auth/tokens" && q.r.Method == http.MethodPost:
		q.v3SignIn()
	case len(parts) == 6 && parts[0] == "OS-FEDERATION" && parts[5] == "auth":
		q.v3Federate(parts[2], parts[4])
	case !q.keystoneToken():
	case len(parts) == 2 && parts[0] == "projects" && q.r.Method == http.MethodPatch:
		q.v3ChangeProject(parts[1])
	case len(parts) == 4 && parts[0] == "projects" && parts[2] == "tags" && q.r.Method == http.MethodPut:
		q.v3TagProject(parts[1], parts[3])
	case q.r.Method != http.MethodGet:
		q.keystoneError(http.StatusMethodNotAllowed, "The method is not allowed for the requested URL.")
	case path == "auth/tokens":
		q.v3ValidateToken()
	case path == "auth/projects":
		q.v3AuthProjects()
	case path == "auth/system":
		q.v3AuthSystem()
	case path == "auth/catalog":
		q.write(http.StatusOK, "application/json", object{"catalog": q.v3Catalog(q.token),
			"links": object{"self": q.base + "/v3/auth/catalog"}})
	case path == "projects":
		q.v3Projects()
	case path == "users":
		q.v3Users()
	case path == "domains":
		q.v3Domains()
	case len(parts) == 2 && parts[0] == "projects":
		q.v3Project(parts[1])
	case len(parts) == 2 && parts[0] == "users":
		q.v3User(parts[1])
	case len(parts) == 2 && parts[0] == "domains":
		q.v3Domain(parts[1])
	default:
		q.keystoneNotFound()
	}
}

func (q *call) v3ValidateToken() {
	subject := q.cloud.tokens.valid(q.r.Header.Get("X-Subject-Token"))
	if subject == nil {
		q.keystoneError(http.StatusNotFound, "Could not find token.")
		return
	}
	if subject != q.token && !q.token.systemReader() {
		q.keystoneForbidden("identity:validate_token")
		return
	}
	q.cloud.mu.RLock()
	view := q.v3TokenView(subject)
	q.cloud.mu.RUnlock()
	q.header("X-Subject-Token", subject.id)
	q.write(http.StatusOK, "application/json", object{"token": view})
}

func (q *call) v3ProjectView(p *Project) object {
	view := object{
		"id": p.ID, "name": p.Name, "domain_id": p.DomainID, "description": p.Description,
		"enabled": !p.Disabled, "parent_id": p.DomainID, "is_domain": false, "options": object{},
		"tags": append([]string{}, p.Tags...), "links": object{"self": q.base + "/v3/projects/" + p.ID},
	}
	for k, v := range p.Properties {
		view[k] = v
	}
	return view
}

func (q *call) v3AuthProjects() {
	q.cloud.mu.RLock()
	defer q.cloud.mu.RUnlock()
	views := []any{}
	q.cloud.store.projects.each(func(p *Project) bool {
		if !p.Disabled && len(q.cloud.store.rolesOf(q.token.userID, p.ID)) > 0 {
			views = append(views, q.v3ProjectView(p))
		}
		return true
	})
	q.v3List("projects", views, "")
}

func (q *call) v3AuthSystem() {
	q.cloud.mu.RLock()
	defer q.cloud.mu.RUnlock()
	system := []any{}
	if len(q.cloud.store.rolesOf(q.token.userID, "")) > 0 {
		system = append(system, object{"all": true})
	}
	q.write(http.StatusOK, "application/json", object{"system": system,
		"links": object{"self": q.base + "/v3/auth/system"}})
}

// v3Projects lists projects: all for readers of the system, else those of the reader's domain.
func (q *call) v3Projects() {
	domain := q.r.URL.Query().Get("domain_id")
	if !q.token.systemReader() {
		if q.token.domainID == "" || domain != "" && domain != q.token.domainID {
			q.keystoneForbidden("identity:list_projects")
			return
		}
		domain = q.token.domainID
	}
	q.cloud.mu.RLock()
	defer q.cloud.mu.RUnlock()
	query := q.r.URL.Query()
	views := []any{}
	q.cloud.store.projects.each(func(p *Project) bool {
		if (domain == "" || p.DomainID == domain) && matchProject(p, query) {
			views = append(views, q.v3ProjectView(p))
		}
		return true
	})
	next := q.page(&views)
	q.v3List("projects", views, next)
}

// matchProject applies keystone's filters: name, enabled and the four kinds of tags.
func matchProject(p *Project, query url.Values) bool {
	has := func(tag string) bool { return slices.Contains(p.Tags, tag) }
	for key, values := range query {
		value := values[0]
		tags := strings.Split(value, ",")
		ok := true
		switch key {
		case "name":
			ok = p.Name == value
		case "enabled":
			ok = p.Disabled == (value == "0" || strings.EqualFold(value, "false"))
		case "tags":
			ok = !slices.ContainsFunc(tags, func(t string) bool { return !has(t) })
		case "tags-any":
			ok = slices.ContainsFunc(tags, has)
		case "not-tags":
			ok = slices.ContainsFunc(tags, func(t string) bool { return !has(t) })
		case "not-tags-any":
			ok = !slices.ContainsFunc(tags, has)
		}
		if !ok {
			return false
		}
	}
	return true
}

func (q *call) v3Project(id string) {
	q.cloud.mu.RLock()
	defer q.cloud.mu.RUnlock()
	p := q.cloud.store.projects.byID[id]
	allowed := q.token.systemReader() || q.token.projectID == id ||
		p != nil && q.token.domainID != "" && p.DomainID == q.token.domainID
	switch {
	case !allowed:
		q.keystoneForbidden("identity:get_project")
	case p == nil:
		q.keystoneError(http.StatusNotFound, "Could not find project: %s.", id)
	default:
		q.write(http.StatusOK, "application/json", object{"project": q.v3ProjectView(p)})
	}
}

func (q *call) v3UserView(u *User) object {
	view := object{"id": u.ID, "name": u.Name, "domain_id": u.DomainID, "enabled": !u.Disabled,
		"password_expires_at": nil, "options": object{}, "links": object{"self": q.base + "/v3/users/" + u.ID}}
	if u.Email != "" {
		view["email"] = u.Email
	}
	return view
}

// v3Users lists users: all for readers of the system, else those of the reader's domain.
func (q *call) v3Users() {
	if q.cloud.opts.ForbidUserList || !q.token.systemReader() && q.token.domainID == "" {
		q.keystoneForbidden("identity:list_users")
		return
	}
	query := q.r.URL.Query()
	domain := query.Get("domain_id")
	if !q.token.systemReader() {
		domain = q.token.domainID
	}
	q.cloud.mu.RLock()
	defer q.cloud.mu.RUnlock()
	views := []any{}
	q.cloud.store.users.each(func(u *User) bool {
		if (domain == "" || u.DomainID == domain) && (!query.Has("name") || query.Get("name") == u.Name) {
			views = append(views, q.v3UserView(u))
		}
		return true
	})
	next := q.page(&views)
	q.v3List("users", views, next)
}

func (q *call) v3User(id string) {
	q.cloud.mu.RLock()
	defer q.cloud.mu.RUnlock()
	u := q.cloud.store.users.byID[id]
	allowed := q.token.systemReader() || q.token.userID == id ||
		u != nil && q.token.domainID != "" && u.DomainID == q.token.domainID
	switch {
	case !allowed || q.cloud.opts.ForbidUserGet:
		q.keystoneForbidden("identity:get_user")
	case u == nil:
		q.keystoneError(http.StatusNotFound, "Could not find user: %s.", id)
	default:
		q.write(http.StatusOK, "application/json", object{"user": q.v3UserView(u)})
	}
}

func (q *call) v3DomainView(d *Domain) object {
	return object{"id": d.ID, "name": d.Name, "description": d.Description, "enabled": true,
		"tags": []any{}, "options": object{}, "links": object{"self": q.base + "/v3/domains/" + d.ID}}
}

func (q *call) v3Domains() {
	if !q.token.systemReader() {
		q.keystoneForbidden("identity:list_domains")
		return
	}
	q.cloud.mu.RLock()
	defer q.cloud.mu.RUnlock()
	views := []any{}
	name := q.r.URL.Query().Get("name")
	q.cloud.store.domains.each(func(d *Domain) bool {
		if name == "" || d.Name == name {
			views = append(views, q.v3DomainView(d))
		}
		return true
	})
	q.v3List("domains", views, "")
}

func (q *call) v3Domain(id string) {
	q.cloud.mu.RLock()
	defer q.cloud.mu.RUnlock()
	d := q.cloud.store.domains.byID[id]
	if d == nil {
		q.keystoneError(http.StatusNotFound, "Could not find domain: %s.", id)
		return
	}
	q.write(http.StatusOK, "application/json", object{"domain": q.v3DomainView(d)})
}

// page returns one page of a list and the marker of the next, "" if it is the last.
func (q *call) page(views *[]any) string {
	n := len(*views)
	id := func(i int) string { return (*views)[i].(object)["id"].(string) }
	query := q.r.URL.Query()
	limit := q.cloud.opts.UserPage
	if asked, err := strconv.Atoi(query.Get("limit")); err == nil && asked > 0 && (limit == 0 || asked < limit) {
		limit = asked
	}
	start := 0
	if marker := query.Get("marker"); marker != "" {
		for i := range n {
			if id(i) == marker {
				start = i + 1
			}
		}
	}
	end, next := n, ""
	if limit > 0 && start+limit < n {
		end = start + limit
		next = id(end - 1)
	}
	*views = (*views)[start:end]
	return next
}

// v3List sends a list in keystone's form; next is the marker of the following page.
func (q *call) v3List(name string, views []any, next string) {
	address := q.base + "/v3/" + strings.TrimPrefix(strings.TrimPrefix(q.path, "/v3"), "/")
	self := address
	if q.r.URL.RawQuery != "" {
		self += "?" + q.r.URL.RawQuery
	}
	links := object{"self": self, "previous": nil, "next": nil}
	if next != "" {
		links["next"] = q.nextLink(address, next)
	}
	q.write(http.StatusOK, "application/json", object{name: views, "links": links})
}
