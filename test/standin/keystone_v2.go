package standin

import (
	"encoding/json"
	"net/http"
)

// keystoneV2 answers below /v2.0, the identity API that was removed in Queens. It has the default
// domain only, calls projects tenants, and lists users for administrators only.
func (q *call) keystoneV2(parts []string) {
	switch {
	case len(parts) == 0:
		q.write(http.StatusOK, "application/json", object{"version": q.v2Version()})
		return
	case len(parts) == 1 && parts[0] == "tokens" && q.r.Method == http.MethodPost:
		q.v2SignIn()
		return
	case !q.keystoneToken():
		return
	case q.r.Method != http.MethodGet:
		q.keystoneError(http.StatusMethodNotAllowed, "The method is not allowed for the requested URL.")
		return
	}
	q.cloud.mu.RLock()
	defer q.cloud.mu.RUnlock()
	st := &q.cloud.store
	switch {
	case len(parts) == 1 && parts[0] == "tenants":
		q.v2Tenants()
	case len(parts) == 2 && parts[0] == "tenants":
		p := st.projects.byID[parts[1]]
		if q.v2Admin() {
			if p == nil || p.DomainID != DefaultDomainID {
				q.keystoneError(http.StatusNotFound, "Could not find project: %s", parts[1])
				return
			}
			q.write(http.StatusOK, "application/json", object{"tenant": v2Tenant(p)})
		}
	case len(parts) == 1 && parts[0] == "users":
		q.v2Users()
	case len(parts) == 2 && parts[0] == "users":
		q.v2User(parts[1])
	default:
		q.keystoneError(http.StatusNotFound, "The resource could not be found.")
	}
}

// v2Admin answers 403 unless the user is an administrator.
func (q *call) v2Admin() bool {
	if q.token.has("admin") {
		return true
	}
	q.keystoneForbidden("admin_required")
	return false
}

func (q *call) v2SignIn() {
	var body struct {
		Auth *struct {
			TenantID, TenantName string
			PasswordCredentials  *struct{ Username, UserID, Password string }
			Token                *struct{ ID string }
		}
	}
	if err := json.NewDecoder(q.r.Body).Decode(&body); err != nil || body.Auth == nil {
		q.keystoneError(http.StatusBadRequest, "Expecting to find auth in request body. "+
			"The server could not comply with the request since it is either malformed or otherwise incorrect.")
		return
	}
	auth := body.Auth
	st := &q.cloud.store
	domain := domainRef{ID: DefaultDomainID}
	t := &token{methods: []string{"password"}}
	var parent *token
	q.cloud.mu.RLock()
	var user *User
	switch {
	case auth.PasswordCredentials != nil:
		in := auth.PasswordCredentials
		user = st.findUser(userRef{ID: in.UserID, Name: in.Username, Domain: domain})
		if user != nil && (user.Password == "" || user.Password != in.Password || user.DomainID != DefaultDomainID) {
			user = nil
		}
	case auth.Token != nil:
		if parent = q.cloud.tokens.valid(auth.Token.ID); parent != nil {
			user = st.users.byID[parent.userID]
			t.methods = append([]string{"token"}, parent.methods...)
		}
	}
	ok := user != nil && !user.Disabled
	if ok {
		t.userID = user.ID
		if auth.TenantID != "" || auth.TenantName != "" {
			ok = st.scopeProject(t, st.findProject(auth.TenantID, auth.TenantName, domain))
		}
	}
	q.cloud.mu.RUnlock()
	if !ok {
		q.keystoneUnauthorized()
		return
	}
	t = q.cloud.tokens.issue(t, parent)
	q.cloud.mu.RLock()
	defer q.cloud.mu.RUnlock()
	q.write(http.StatusOK, "application/json", object{"access": q.v2Access(t, user)})
}

func (q *call) v2Access(t *token, user *User) object {
	view := object{"id": t.id, "issued_at": t.issued.Format(tokenTime), "expires": t.expires.Format(zTime),
		"audit_ids": t.auditIDs}
	names, ids := []any{}, []any{}
	for _, role := range t.roles {
		names, ids = append(names, object{"name": role}), append(ids, hexID("role", role))
	}
	catalog := []any{}
	if p := q.cloud.store.projects.byID[t.projectID]; p != nil {
		view["tenant"], catalog = v2Tenant(p), q.v2Catalog(t)
	}
	admin := 0
	if t.has("admin") {
		admin = 1
	}
	return object{
		"token": view, "serviceCatalog": catalog, "metadata": object{"is_admin": admin, "roles": ids},
		"user": object{"id": user.ID, "name": user.Name, "username": user.Name, "roles": names, "roles_links": []any{}},
	}
}

// v2Tenant returns a project with its extra properties, like v3.
func v2Tenant(p *Project) object {
	view := object{"id": p.ID, "name": p.Name, "description": p.Description, "enabled": !p.Disabled}
	for k, v := range p.Properties {
		view[k] = v
	}
	return view
}

// v2Tenants lists the tenants of the user.
func (q *call) v2Tenants() {
	tenants := []any{}
	q.cloud.store.projects.each(func(p *Project) bool {
		if p.DomainID == DefaultDomainID && !p.Disabled && len(q.cloud.store.rolesOf(q.token.userID, p.ID)) > 0 {
			tenants = append(tenants, v2Tenant(p))
		}
		return true
	})
	q.write(http.StatusOK, "application/json", object{"tenants": tenants, "tenants_links": []any{}})
}

func v2UserView(u *User) object {
	return object{"id": u.ID, "name": u.Name, "username": u.Name, "email": nullString(u.Email), "enabled": !u.Disabled}
}

func (q *call) v2Users() {
	if q.cloud.opts.ForbidUserList {
		q.keystoneForbidden("admin_required")
		return
	}
	if !q.v2Admin() {
		return
	}
	users := []any{}
	q.cloud.store.users.each(func(u *User) bool {
		if u.DomainID == DefaultDomainID {
			users = append(users, v2UserView(u))
		}
		return true
	})
	q.write(http.StatusOK, "application/json", object{"users": users})
}

func (q *call) v2User(id string) {
	if q.cloud.opts.ForbidUserGet {
		q.keystoneForbidden("admin_required")
		return
	}
	if !q.v2Admin() {
		return
	}
	u := q.cloud.store.users.byID[id]
	if u == nil || u.DomainID != DefaultDomainID {
		q.keystoneError(http.StatusNotFound, "Could not find user: %s", id)
		return
	}
	q.write(http.StatusOK, "application/json", object{"user": v2UserView(u)})
}
