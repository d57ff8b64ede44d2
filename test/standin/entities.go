package standin

import (
	"slices"
)

// This file adds, changes and lists everything but servers.

// AddDomain adds a domain and returns its id.
func (c *Cloud) AddDomain(d Domain) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d.ID == "" {
		d.ID = hexID("domain", d.Name)
	}
	c.store.domains.add(d.ID, &d)
	return d.ID
}

// AddProject adds a project and returns its id.
func (c *Cloud) AddProject(p Project) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p.DomainID == "" {
		p.DomainID = DefaultDomainID
	}
	if p.ID == "" {
		p.ID = hexID("project", p.DomainID, p.Name)
	}
	c.store.projects.add(p.ID, &p)
	return p.ID
}

// UpdateProject changes a project and reports whether it exists.
func (c *Cloud) UpdateProject(id string, change func(*Project)) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.store.projects.byID[id]
	if p == nil {
		return false
	}
	next := *p
	change(&next)
	c.store.projects.byID[id] = &next
	return true
}

// DeleteProject removes a project from keystone. Its servers stay in nova, as in a real cloud.
func (c *Cloud) DeleteProject(id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.store.projects.remove(id)
}

// Projects returns the projects in the order in which they were added.
func (c *Cloud) Projects() []Project {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.store.projects.copies()
}

// ProjectID returns the id of a project of the default domain by name, or "".
func (c *Cloud) ProjectID(name string) string {
	for _, p := range c.Projects() {
		if p.Name == name && p.DomainID == DefaultDomainID {
			return p.ID
		}
	}
	return ""
}

// AddUser adds a user and returns its id.
func (c *Cloud) AddUser(u User) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if u.DomainID == "" {
		u.DomainID = DefaultDomainID
	}
	if u.ID == "" {
		u.ID = hexID("user", u.DomainID, u.Name)
	}
	c.store.users.add(u.ID, &u)
	return u.ID
}

// DeleteUser removes a user; its servers stay.
func (c *Cloud) DeleteUser(id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.store.users.remove(id)
}

// Users returns the users in the order in which they were added.
func (c *Cloud) Users() []User {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.store.users.copies()
}

// UserID returns the id of a user of the default domain by name, or "".
func (c *Cloud) UserID(name string) string {
	for _, u := range c.Users() {
		if u.Name == name && u.DomainID == DefaultDomainID {
			return u.ID
		}
	}
	return ""
}

// Grant gives a user a role (reader, member, admin) on a project.
func (c *Cloud) Grant(userID, projectID, role string) { c.grant(grant{userID, projectID}, role) }

// GrantDomain gives a user a role on a domain.
func (c *Cloud) GrantDomain(userID, domainID, role string) {
	c.grant(grant{userID, "domain:" + domainID}, role)
}

// GrantSystem gives a user a role on the system.
func (c *Cloud) GrantSystem(userID, role string) { c.grant(grant{userID, ""}, role) }

func (c *Cloud) grant(g grant, role string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.Contains(c.store.roles[g], role) {
		c.store.roles[g] = append(c.store.roles[g], role)
	}
}

// Revoke removes all roles of a user on a project; issued tokens stay valid.
func (c *Cloud) Revoke(userID, projectID string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.store.roles, grant{userID, projectID})
}

// RevokeSystem removes all roles of a user on the system.
func (c *Cloud) RevokeSystem(userID string) { c.Revoke(userID, "") }

// AddAppCredential adds an application credential and returns its id.
func (c *Cloud) AddAppCredential(a AppCredential) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a.ID == "" {
		a.ID = hexID("credential", a.UserID, a.Name)
	}
	c.store.creds.add(a.ID, &a)
	return a.ID
}

// AddFlavor adds a flavor and returns its id.
func (c *Cloud) AddFlavor(f Flavor) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.ID == "" {
		f.ID = uuid("flavor", f.Name)
	}
	c.store.flavors.add(f.ID, &f)
	return f.ID
}

// UpdateFlavor changes a flavor for new servers; existing ones keep the flavor they were built
// with.
func (c *Cloud) UpdateFlavor(id string, change func(*Flavor)) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.store.flavors.byID[id]
	if f == nil {
		return false
	}
	next := *f
	change(&next)
	c.store.flavors.byID[id] = &next
	return true
}

// DeleteFlavor removes a flavor; servers keep the flavor they were built with.
func (c *Cloud) DeleteFlavor(id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.store.flavors.remove(id)
}

// Flavors returns the flavors that still exist.
func (c *Cloud) Flavors() []Flavor {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.store.flavors.copies()
}

// AddImage adds an image and returns its id.
func (c *Cloud) AddImage(i Image) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i.ID == "" {
		i.ID = uuid("image", i.Owner, i.Name)
	}
	c.store.images.add(i.ID, &i)
	return i.ID
}

// DeleteImage removes an image; servers keep its id.
func (c *Cloud) DeleteImage(id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.store.images.remove(id)
}

// Images returns the images that still exist.
func (c *Cloud) Images() []Image {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.store.images.copies()
}

// AddFloatingIP adds a floating IP and returns its id. The addresses that nova shows are those of
// the Server: in a real cloud, too, nova's view follows neutron's later.
func (c *Cloud) AddFloatingIP(f FloatingIP) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.ID == "" {
		f.ID = uuid("floatingip", f.ProjectID, f.Address)
	}
	if f.NetworkID == "" {
		f.NetworkID = externalNetworkID
	}
	c.store.floating.add(f.ID, &f)
	return f.ID
}

// DeleteFloatingIP removes a floating IP.
func (c *Cloud) DeleteFloatingIP(id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.store.floating.remove(id)
}

// FloatingIPs returns the floating IPs of a project ("": of all).
func (c *Cloud) FloatingIPs(projectID string) []FloatingIP {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var out []FloatingIP
	c.store.floating.each(func(f *FloatingIP) bool {
		if projectID == "" || f.ProjectID == projectID {
			out = append(out, *f)
		}
		return true
	})
	return out
}
