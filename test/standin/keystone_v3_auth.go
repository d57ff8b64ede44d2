package standin

import (
	"encoding/json"
	"net/http"
	"slices"
)

// authRequest is the body of POST /v3/auth/tokens.
type authRequest struct {
	Auth struct {
		Identity *struct {
			Methods  []string `json:"methods"`
			Password struct {
				User struct {
					userRef
					Password string `json:"password"`
				} `json:"user"`
			} `json:"password"`
			Token struct {
				ID string `json:"id"`
			} `json:"token"`
			TOTP struct {
				User struct {
					userRef
					Passcode string `json:"passcode"`
				} `json:"user"`
			} `json:"totp"`
			Credential struct {
				ID     string  `json:"id"`
				Name   string  `json:"name"`
				Secret string  `json:"secret"`
				User   userRef `json:"user"`
			} `json:"application_credential"`
		} `json:"identity"`
		Scope json.RawMessage `json:"scope"`
	} `json:"auth"`
}

type domainRef struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

type userRef struct {
	ID     string    `json:"id"`
	Name   string    `json:"name"`
	Domain domainRef `json:"domain"`
}

type scopeRequest struct {
	Project *struct {
		ID     string    `json:"id"`
		Name   string    `json:"name"`
		Domain domainRef `json:"domain"`
	} `json:"project"`
	Domain *domainRef `json:"domain"`
	System *struct {
		All bool `json:"all"`
	} `json:"system"`
}

// v3SignIn answers POST /v3/auth/tokens. A wrong user, password or scope is always 401: keystone
// does not distinguish a missing project from a missing role.
func (q *call) v3SignIn() {
	var body authRequest
	if err := json.NewDecoder(q.r.Body).Decode(&body); err != nil {
		q.keystoneError(http.StatusBadRequest, "Could not parse the request's body as JSON.")
		return
	}
	if body.Auth.Identity == nil {
		q.keystoneError(http.StatusBadRequest, "'identity' is a required property\n\nFailed validating 'required' in schema")
		return
	}
	q.cloud.mu.RLock()
	t, parent, status := q.v3Identify(&body)
	q.cloud.mu.RUnlock()
	switch status {
	case http.StatusOK:
	case http.StatusNotFound:
		what := "Application Credential: " + body.Auth.Identity.Credential.ID
		if slices.Contains(body.Auth.Identity.Methods, "token") {
			what = "token"
		}
		q.keystoneError(status, "Could not find %s.", what)
		return
	case http.StatusForbidden:
		q.keystoneError(status, "You are not authorized to perform the requested action: rescope a scoped token.")
		return
	default:
		q.keystoneUnauthorized()
		return
	}
	t = q.cloud.tokens.issue(t, parent)
	q.cloud.mu.RLock()
	view := q.v3TokenView(t)
	q.cloud.mu.RUnlock()
	q.header("X-Subject-Token", t.id)
	q.write(http.StatusCreated, "application/json", object{"token": view})
}

// v3Identify returns the user and the scope that the credentials allow.
func (q *call) v3Identify(body *authRequest) (t, parent *token, status int) {
	id, st := body.Auth.Identity, &q.cloud.store
	t = &token{methods: id.Methods}
	var user *User
	switch {
	case slices.Contains(id.Methods, "password"):
		q.cloud.tokens.addPasswordCheck()
		user = st.findUser(id.Password.User.userRef)
		if user == nil || user.Password == "" || user.Password != id.Password.User.Password {
			return nil, nil, http.StatusUnauthorized
		}
	case slices.Contains(id.Methods, "totp"):
		user = st.findUser(id.TOTP.User.userRef)
		if user == nil || !q.cloud.tokens.usePasscode(user.Passcode, id.TOTP.User.Passcode) {
			return nil, nil, http.StatusUnauthorized
		}
	case slices.Contains(id.Methods, "token") && q.cloud.opts.ForbidTokenMethod:
		return nil, nil, http.StatusUnauthorized
	case slices.Contains(id.Methods, "token"):
		parent = q.cloud.tokens.valid(id.Token.ID)
		switch {
		case parent == nil:
			return nil, nil, http.StatusNotFound
		case parent.credential != nil:
			return nil, nil, http.StatusUnauthorized
		case q.cloud.opts.ForbidRescope && (parent.projectID != "" || parent.domainID != ""):
			return nil, nil, http.StatusForbidden
		}
		user = st.users.byID[parent.userID]
		t.methods = append(slices.Clone(parent.methods), "token")
		slices.Sort(t.methods)
		t.methods = slices.Compact(t.methods)
	case slices.Contains(id.Methods, "application_credential"):
		c := st.findCredential(id.Credential.ID, id.Credential.Name, id.Credential.User)
		if c == nil {
			return nil, nil, http.StatusNotFound
		}
		if c.Secret != id.Credential.Secret || len(body.Auth.Scope) > 0 {
			return nil, nil, http.StatusUnauthorized // a credential has a fixed scope
		}
		user, t.credential = st.users.byID[c.UserID], c
	}
	if user == nil || user.Disabled {
		return nil, nil, http.StatusUnauthorized
	}
	t.userID = user.ID
	if !st.scope(t, body.Auth.Scope) {
		return nil, nil, http.StatusUnauthorized
	}
	return t, parent, http.StatusOK
}

// scope sets the requested scope and its roles; it returns false if that is not allowed.
func (st *store) scope(t *token, raw json.RawMessage) bool {
	if t.credential != nil {
		t.projectID = t.credential.ProjectID
		return st.scopeProject(t, st.projects.byID[t.projectID])
	}
	var s scopeRequest
	if len(raw) == 0 || json.Unmarshal(raw, &s) != nil { // "unscoped" is a string
		return true
	}
	switch {
	case s.Project != nil:
		return st.scopeProject(t, st.findProject(s.Project.ID, s.Project.Name, s.Project.Domain))
	case s.Domain != nil:
		d := st.findDomain(*s.Domain)
		if d == nil {
			return false
		}
		t.domainID = d.ID
		t.roles = st.rolesOf(t.userID, "domain:"+d.ID)
	case s.System != nil && s.System.All:
		t.system = true
		t.roles = st.rolesOf(t.userID, "")
	}
	return len(t.roles) > 0 || (s.Domain == nil && s.System == nil)
}

func (st *store) scopeProject(t *token, p *Project) bool {
	if p == nil || p.Disabled {
		return false
	}
	t.projectID = p.ID
	t.roles = st.rolesOf(t.userID, p.ID)
	if t.credential != nil && len(t.credential.Roles) > 0 {
		t.roles = slices.DeleteFunc(t.roles, func(r string) bool { return !slices.Contains(t.credential.Roles, r) })
	}
	return len(t.roles) > 0
}

// rolesOf adds implied roles: admin implies member, member implies reader.
func (st *store) rolesOf(user, scope string) []string {
	roles := slices.Clone(st.roles[grant{user, scope}])
	for _, implied := range [][2]string{{"admin", "member"}, {"member", "reader"}} {
		if slices.Contains(roles, implied[0]) && !slices.Contains(roles, implied[1]) {
			roles = append(roles, implied[1])
		}
	}
	return roles
}

func (st *store) findDomain(ref domainRef) *Domain {
	return st.domains.find(func(d *Domain) bool { return d.ID == ref.ID || ref.ID == "" && d.Name == ref.Name })
}

func (st *store) findUser(ref userRef) *User {
	if ref.ID != "" {
		return st.users.byID[ref.ID]
	}
	d := st.findDomain(ref.Domain)
	return st.users.find(func(u *User) bool { return d != nil && u.Name == ref.Name && u.DomainID == d.ID })
}

func (st *store) findProject(projectID, name string, domain domainRef) *Project {
	if projectID != "" {
		return st.projects.byID[projectID]
	}
	d := st.findDomain(domain)
	return st.projects.find(func(p *Project) bool { return d != nil && p.Name == name && p.DomainID == d.ID })
}

func (st *store) findCredential(id, name string, user userRef) *AppCredential {
	if id != "" {
		return st.creds.byID[id]
	}
	u := st.findUser(user)
	return st.creds.find(func(c *AppCredential) bool { return u != nil && c.Name == name && c.UserID == u.ID })
}

// v3TokenView returns the token in the API's form.
func (q *call) v3TokenView(t *token) object {
	st := &q.cloud.store
	domain := func(id string) object {
		d := object{"id": id, "name": id}
		if found := st.domains.byID[id]; found != nil {
			d["name"] = found.Name
		}
		return d
	}
	user := st.users.byID[t.userID]
	if user == nil { // deleted since
		user = &User{ID: t.userID, DomainID: DefaultDomainID}
	}
	view := object{
		"methods": t.methods,
		"user": object{"domain": domain(user.DomainID), "id": user.ID, "name": user.Name,
			"password_expires_at": nil},
		"audit_ids":  t.auditIDs,
		"expires_at": t.expires.Format(tokenTime),
		"issued_at":  t.issued.Format(tokenTime),
	}
	if t.credential != nil {
		view["application_credential"] = object{"id": t.credential.ID, "name": t.credential.Name, "restricted": true}
	}
	switch {
	case t.projectID != "":
		p := st.projects.byID[t.projectID]
		if p == nil {
			p = &Project{ID: t.projectID, DomainID: DefaultDomainID}
		}
		view["project"] = object{"domain": domain(p.DomainID), "id": p.ID, "name": p.Name}
		view["is_domain"] = false
	case t.domainID != "":
		view["domain"] = domain(t.domainID)
	case t.system:
		view["system"] = object{"all": true}
	default:
		return view // no scope: neither roles nor services
	}
	roles := []any{}
	for _, name := range t.roles {
		roles = append(roles, object{"id": hexID("role", name), "name": name})
	}
	view["roles"], view["catalog"] = roles, q.v3Catalog(t)
	return view
}
