package standin

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// store has the contents of the cloud. Lists keep the order of addition.
type store struct {
	domains   list[Domain]
	projects  list[Project]
	users     list[User]
	creds     list[AppCredential]
	flavors   list[Flavor]
	images    list[Image]
	floating  list[FloatingIP]
	roles     map[grant][]string
	servers   map[string]*Server
	byProject map[string]*serverIndex // "" is the index of all servers
	seq       int
}

// grant is the target of a user's roles: a project, a domain ("domain:ID") or the system ("").
type grant struct{ user, scope string }

func newStore() store {
	return store{roles: map[grant][]string{}, servers: map[string]*Server{}, byProject: map[string]*serverIndex{}}
}

// list is a map by id that keeps the order of addition.
type list[T any] struct {
	order []string
	byID  map[string]*T
}

func (l *list[T]) add(id string, v *T) {
	if l.byID == nil {
		l.byID = map[string]*T{}
	}
	if _, ok := l.byID[id]; !ok {
		l.order = append(l.order, id)
	}
	l.byID[id] = v
}

func (l *list[T]) remove(id string) bool {
	if _, ok := l.byID[id]; !ok {
		return false
	}
	delete(l.byID, id)
	l.order = slices.DeleteFunc(l.order, func(o string) bool { return o == id })
	return true
}

// find returns the first item that matches, or nil.
func (l *list[T]) find(matches func(*T) bool) *T {
	for _, id := range l.order {
		if v := l.byID[id]; matches(v) {
			return v
		}
	}
	return nil
}

func (l *list[T]) each(yield func(*T) bool) {
	for _, id := range l.order {
		if !yield(l.byID[id]) {
			return
		}
	}
}

func (l *list[T]) copies() []T {
	out := make([]T, 0, len(l.order))
	l.each(func(v *T) bool { out = append(out, *v); return true })
	return out
}

// serverIndex has the servers of a project in nova's two orders.
type serverIndex struct {
	byCreated []*Server // newest first: /servers
	byID      []*Server // /os-simple-tenant-usage
	dirty     bool
}

// compareCreated is nova's default order: created_at, then the row id, both descending.
func compareCreated(a, b *Server) int {
	return cmp.Or(b.Created.Compare(a.Created), cmp.Compare(b.seq, a.seq))
}

func (x *serverIndex) add(s *Server) {
	x.byCreated = append(x.byCreated, s)
	x.byID = append(x.byID, s)
}

func (x *serverIndex) removeIf(gone func(*Server) bool) {
	x.byCreated = slices.DeleteFunc(x.byCreated, gone)
	x.byID = slices.DeleteFunc(x.byID, gone)
}

// lockSorted locks the store for reading, with every index sorted. Adding a server only flags an
// index, so that adding many costs one sort by the next reader.
func (c *Cloud) lockSorted() {
	for {
		c.mu.RLock()
		if !c.unsorted {
			return
		}
		c.mu.RUnlock()
		c.sortIndexes()
	}
}

func (c *Cloud) sortIndexes() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, x := range c.store.byProject {
		if x.dirty {
			slices.SortFunc(x.byCreated, compareCreated)
			slices.SortFunc(x.byID, func(a, b *Server) int { return strings.Compare(a.ID, b.ID) })
			x.dirty = false
		}
	}
	c.unsorted = false
}

// markUnsorted flags the indexes that a server is in.
func (c *Cloud) markUnsorted(project string) {
	c.unsorted = true
	c.store.byProject[""].dirty, c.store.byProject[project].dirty = true, true
}

// AddServer adds a server and returns its id. The project must exist; so must the flavor when
// it is named by FlavorID. It panics otherwise: that is a mistake in the test.
func (c *Cloud) AddServer(s Server) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.addServer(&s)
}

func (c *Cloud) addServer(s *Server) string {
	if c.store.projects.byID[s.ProjectID] == nil {
		panic(fmt.Sprintf("standin: server %q is in project %q, which does not exist", s.Name, s.ProjectID))
	}
	c.store.seq++
	s.seq = c.store.seq
	if s.ID == "" {
		s.ID = uuid("server", s.ProjectID, s.Name, fmt.Sprint(s.seq))
	}
	if s.Flavor == nil {
		f := c.store.flavors.byID[s.FlavorID]
		if f == nil {
			panic(fmt.Sprintf("standin: server %q has flavor %q, which does not exist", s.Name, s.FlavorID))
		}
		s.Flavor = f
	}
	if s.Flavor.ID == "" {
		f := *s.Flavor
		f.ID = uuid("flavor", f.Name)
		s.Flavor = &f
	}
	s.FlavorID = s.Flavor.ID
	if s.Status == "" {
		s.Status = "ACTIVE"
	}
	if s.Updated.IsZero() {
		s.Updated = latest(s.Created, s.Launched, s.Deleted, s.Terminated)
	}
	c.store.servers[s.ID] = s
	for _, key := range []string{"", s.ProjectID} {
		if c.store.byProject[key] == nil {
			c.store.byProject[key] = &serverIndex{}
		}
		c.store.byProject[key].add(s)
	}
	c.markUnsorted(s.ProjectID)
	return s.ID
}

func latest(times ...time.Time) time.Time {
	return slices.MaxFunc(times, time.Time.Compare)
}

// UpdateServer changes a server and reports whether it exists. ID and ProjectID must stay.
func (c *Cloud) UpdateServer(id string, change func(*Server)) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.store.servers[id]
	if s == nil {
		return false
	}
	next := *s
	change(&next)
	if next.ID != s.ID || next.ProjectID != s.ProjectID {
		panic("standin: UpdateServer changed the id or the project of " + s.ID)
	}
	moved := !next.Created.Equal(s.Created)
	*s = next
	if moved {
		c.markUnsorted(s.ProjectID)
	}
	return true
}

// DeleteServer deletes a server as nova does: its row stays, DELETED, until it is archived.
func (c *Cloud) DeleteServer(id string, at time.Time) bool {
	return c.UpdateServer(id, func(s *Server) {
		s.Status, s.VMState, s.TaskState, s.PowerState = "DELETED", "", "", nil
		s.Deleted, s.Terminated, s.Updated = at, at, at
		s.Addresses = nil
	})
}

// ArchiveDeleted removes the rows of servers deleted before a time, like
// "nova-manage db archive_deleted_rows", and returns their number.
func (c *Cloud) ArchiveDeleted(before time.Time) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	gone := func(s *Server) bool {
		return s.Status == "DELETED" && latest(s.Deleted, s.Terminated).Before(before)
	}
	n := 0
	for _, s := range c.store.servers {
		if gone(s) {
			n++
		}
	}
	for _, x := range c.store.byProject {
		x.removeIf(gone)
	}
	maps.DeleteFunc(c.store.servers, func(_ string, s *Server) bool { return gone(s) })
	return n
}

// Server returns a server.
func (c *Cloud) Server(id string) (Server, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	s := c.store.servers[id]
	if s == nil {
		return Server{}, false
	}
	return *s, true
}

// Servers returns the servers of a project ("": of all), deleted ones too, newest first.
func (c *Cloud) Servers(projectID string) []Server {
	c.lockSorted()
	defer c.mu.RUnlock()
	x := c.store.byProject[projectID]
	if x == nil {
		return nil
	}
	out := make([]Server, len(x.byCreated))
	for i, s := range x.byCreated {
		out[i] = *s
	}
	return out
}
