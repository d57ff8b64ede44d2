// Package users finds the names of users by their IDs, with as few requests as the policies of the
// cloud allow, and keeps them, also those that cannot be found.
package users

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"sync"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/caso-project/caso/plugins/internal/openstack/api"
	"github.com/caso-project/caso/plugins/internal/openstack/auth"
	"github.com/caso-project/caso/plugins/internal/openstack/memory"
	"github.com/caso-project/caso/sdk"
)

// maxRefusals is the number of users in a row that keystone refuses to show before no more are
// requested: its policy depends on the requesting user, not on the requested one.
const maxRefusals = 3

// maxNames is the memory of the names, in bytes. It is enough for 150,000 users.
const maxNames = 32 << 20

// Directory holds the names of the users of one cloud. It is safe for concurrent use.
type Directory struct {
	cloud *auth.Cloud

	// kept bounds names.
	kept *memory.Limit

	// mutex is held during requests, so that other callers find what the first one has read.
	mutex    sync.Mutex
	listed   bool
	names    map[string]string // by ID; empty for one that cannot be found or shown
	failed   map[string]bool   // IDs that could not be read in this run
	client   *gophercloud.ServiceClient
	refusals int
	warned   bool
}

// NewDirectory returns an empty directory.
func NewDirectory(cloud *auth.Cloud) *Directory {
	return &Directory{cloud: cloud, names: map[string]string{}, failed: map[string]bool{},
		kept: memory.NewLimit("names of users", maxNames)}
}

// Names returns the names of users: empty for those whom keystone does not have or does not show to
// this user; those that could not be read are not in the map. A deleted user is skipped silently; a
// policy that forbids the requests is a warning, once. The session is of the project whose
// resources the users have; it is opened only where no other may read users.
func (d *Directory) Names(
	ctx context.Context, session func(context.Context) (*auth.Session, error), ids []string,
) (map[string]string, error) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	var failure error
	if !d.listed && len(ids) > 0 {
		failure = d.readAll(ctx, session)
	}
	names := make(map[string]string, len(ids))
	for _, id := range ids {
		if id == "" {
			continue
		}
		name, known := d.names[id]
		if !known && d.listed && !d.failed[id] && !isUnreachable(failure) {
			var err error
			if name, known, err = d.readUser(ctx, id); err != nil {
				failure = err
			}
		}
		if known {
			names[id] = name
		}
	}
	if failure == nil || d.warned {
		return names, nil
	}
	d.warned = true
	return names, d.warning(failure)
}

// isUnreachable reports whether an error is of a request without any answer. More requests would
// fail in the same way.
func isUnreachable(err error) bool { return err != nil && api.Status(err) == 0 }

// readAll reads all users at once, with the widest right that the user has.
func (d *Directory) readAll(
	ctx context.Context, projectSession func(context.Context) (*auth.Session, error),
) error {
	session, err := d.cloud.DirectorySession(ctx)
	if errors.Is(err, auth.ErrRefused) {
		session, err = projectSession(ctx)
	}
	if err != nil {
		// The right is not known; the next project tries again.
		return err
	}
	d.client = session.IdentityAdmin()
	d.listed = true
	address := d.client.ServiceURL("users")
	err = api.EachItem(ctx, d.client, address, "users", func(raw json.RawMessage) error {
		var user userDocument
		if err := json.Unmarshal(raw, &user); err == nil && user.ID != "" {
			// Those that are too many are read one by one when they are needed.
			_ = d.keep(user.ID, user.displayName())
		}
		return nil
	})
	switch api.Status(err) {
	case http.StatusForbidden, http.StatusNotFound, http.StatusUnauthorized:
		// Reading single users may still be allowed.
		return nil
	}
	return err
}

// readUser reads a user that the list lacks: keystone shortens long lists, and lists only the
// default domain where other domains have drivers of their own. Known is false for a user that may
// be readable in a later run.
func (d *Directory) readUser(ctx context.Context, id string) (name string, known bool, err error) {
	if d.refusals >= maxRefusals {
		return "", true, nil
	}
	var document struct {
		User userDocument `json:"user"`
	}
	err = api.Get(ctx, d.client, d.client.ServiceURL("users", url.PathEscape(id)), &document)
	switch status := api.Status(err); {
	case err == nil:
		d.refusals = 0
		name = document.User.displayName()
		return name, true, d.keep(id, name)
	case status == http.StatusNotFound:
		return "", true, d.keep(id, "")
	case status == http.StatusForbidden || status == http.StatusUnauthorized:
		d.refusals++
		return "", true, errors.Join(err, d.keep(id, ""))
	}
	if d.kept.Add(id) == nil {
		d.failed[id] = true
	}
	return "", false, err
}

// keep keeps the name of a user.
func (d *Directory) keep(id, name string) error {
	if _, known := d.names[id]; !known {
		if err := d.kept.Add(id, name); err != nil {
			return err
		}
	}
	d.names[id] = name
	return nil
}

// userDocument is a user in keystone's JSON. v2.0 may have the name in username.
type userDocument struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Username string `json:"username"`
}

func (u userDocument) displayName() string {
	if u.Name == "" {
		return u.Username
	}
	return u.Name
}

// warning returns the warning about users whose names cannot be read.
func (d *Directory) warning(err error) *sdk.Diagnostic {
	switch api.Status(err) {
	case http.StatusForbidden, http.StatusUnauthorized:
		user, who := d.cloud.Settings().UserOrID(), "user "+d.cloud.Settings().UserOrID()
		if d.cloud.Settings().Bound() {
			who = "the credential"
		}
		return sdk.Warnf("%s may not read users, records are without GlobalUserName: "+
			"the role reader on the system is missing", who).
			WithDetail("An administrator gives it with: openstack role add --user " + user +
				" --system all reader\n" +
				"An application credential cannot have it; sign in with a password then.")
	}
	return sdk.Warnf("the names of some users cannot be read, their records are without GlobalUserName: %s", err)
}
