package standin

import (
	"slices"
	"time"
)

// This file changes servers as a user's requests to nova do (nova 26): the status, the times, the
// flavor that the server shows, and the instance actions, newest first. Each change begins at a
// time and takes changeTime.

// changeTime is how long a change takes.
const changeTime = 5 * time.Second

// changeServer begins an action at a time and makes a change when it is over.
func (c *Cloud) changeServer(id, action string, at time.Time, change func(*Server)) bool {
	return c.UpdateServer(id, func(s *Server) {
		s.Actions = slices.Concat([]Action{{Name: action, Start: at, Updated: at.Add(changeTime)}}, s.actions())
		s.Updated = at.Add(changeTime)
		change(s)
	})
}

// ResizeServer resizes a server to a flavor. It is then VERIFY_RESIZE and shows the new flavor,
// until ConfirmResize or RevertResize. It is launched again.
func (c *Cloud) ResizeServer(id, flavor string, at time.Time) bool {
	next := c.flavor(flavor)
	return next != nil && c.changeServer(id, "resize", at, func(s *Server) {
		s.flavorBefore, s.Flavor, s.FlavorID = s.Flavor, next, next.ID
		s.Status, s.Launched = "VERIFY_RESIZE", s.Updated
	})
}

// MigrateServer begins a cold migration, which is confirmed or reverted like a resize.
func (c *Cloud) MigrateServer(id string, at time.Time) bool {
	return c.changeServer(id, "migrate", at, func(s *Server) {
		s.flavorBefore = s.Flavor
		s.Status, s.Launched = "VERIFY_RESIZE", s.Updated
	})
}

// ConfirmResize confirms a resize or a cold migration.
func (c *Cloud) ConfirmResize(id string, at time.Time) bool {
	return c.changeServer(id, "confirmResize", at, func(s *Server) {
		s.Status, s.flavorBefore = "ACTIVE", nil
	})
}

// RevertResize takes a resize or a cold migration back.
func (c *Cloud) RevertResize(id string, at time.Time) bool {
	return c.changeServer(id, "revertResize", at, func(s *Server) {
		s.Flavor, s.FlavorID, s.flavorBefore = s.flavorBefore, s.flavorBefore.ID, nil
		s.Status, s.Launched = "ACTIVE", s.Updated
	})
}

// SuspendServer suspends a server.
func (c *Cloud) SuspendServer(id string, at time.Time) bool {
	return c.changeServer(id, "suspend", at, func(s *Server) { s.Status = "SUSPENDED" })
}

// ResumeServer resumes a suspended server.
func (c *Cloud) ResumeServer(id string, at time.Time) bool {
	return c.changeServer(id, "resume", at, func(s *Server) { s.Status = "ACTIVE" })
}

// ShelveServer shelves a server and offloads it at once, which are two actions.
func (c *Cloud) ShelveServer(id string, at time.Time) bool {
	return c.changeServer(id, "shelve", at, func(s *Server) { s.Status = "SHELVED" }) &&
		c.changeServer(id, "shelveOffload", at.Add(changeTime), func(s *Server) {
			s.Status, s.Host = "SHELVED_OFFLOADED", ""
		})
}

// UnshelveServer unshelves a server, which is launched again.
func (c *Cloud) UnshelveServer(id string, at time.Time) bool {
	return c.changeServer(id, "unshelve", at, func(s *Server) {
		s.Status, s.Launched, s.Host = "ACTIVE", s.Updated, "node"
	})
}

// FailAction adds an action that failed and changed nothing.
func (c *Cloud) FailAction(id, action string, at time.Time) bool {
	return c.changeServer(id, action, at, func(s *Server) { s.Actions[0].Message = "Error" })
}

func (c *Cloud) flavor(id string) *Flavor {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.store.flavors.byID[id]
}
