// Package users finds the names of users by their IDs, with as few requests as the cloud's policies allow,
// and remembers them, also those it could not find.
package users

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"

	"github.com/gophercloud/gophercloud/v2"

	sdk "github.com/caso-project/caso/internal/oldsdk"
	"github.com/caso-project/caso/plugins/internal/openstack/api"
	"github.com/caso-project/caso/plugins/internal/openstack/auth"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// giveUp is how many users in a row are refused before no more are asked for: the policy is about the one
// who asks, not about them.
const giveUp = 3

// Directory holds the names of one cloud's users. It is safe for concurrent use.
type Directory struct {
	cloud *auth.Cloud

	mutex   sync.Mutex
	listed  bool
	names   map[string]string // empty: not to be had
	client  *gophercloud.ServiceClient
	refused int
	warned  bool
}

// New makes an empty directory.
func New(cloud *auth.Cloud) *Directory {
	return &Directory{cloud: cloud, names: map[string]string{}}
}

// Names gives the names of users; those it cannot find are not in the map. A user that was deleted is
// nothing to talk about; a policy that forbids to ask is, once. The session is that of the project the users
// have servers in.
func (d *Directory) Names(ctx context.Context, session *auth.Session, ids []string) (map[string]string, []*pluginv1.Diagnostic) {
	// One caller at a time: the others find what it has found.
	d.mutex.Lock()
	defer d.mutex.Unlock()
	var failed error
	if !d.listed && len(ids) > 0 {
		failed = d.list(ctx, session)
	}
	names := make(map[string]string, len(ids))
	for _, id := range ids {
		if id == "" {
			continue
		}
		name, known := d.names[id]
		if !known && !unreachable(failed) {
			var err error
			if name, err = d.one(ctx, id); err != nil {
				failed = err
			}
		}
		if name != "" {
			names[id] = name
		}
	}
	if failed == nil || d.warned {
		return names, nil
	}
	d.warned = true
	return names, []*pluginv1.Diagnostic{d.warning(failed)}
}

// unreachable says that keystone gave no answer at all, so that asking it for more is in vain.
func unreachable(err error) bool { return err != nil && api.Status(err) == 0 }

// list reads all users at once, with the widest right there is.
func (d *Directory) list(ctx context.Context, session *auth.Session) error {
	wide, err := d.cloud.Directory(ctx)
	switch {
	case err == nil:
		session = wide
	case !errors.Is(err, auth.ErrRefused):
		// Not known whether it may: ask again for the next project.
		d.client = session.IdentityAdmin()
		return err
	}
	d.client = session.IdentityAdmin()
	d.listed = true
	err = api.Each(ctx, d.client, d.client.ServiceURL("users"), "users", func(raw json.RawMessage) error {
		var user user
		if err := json.Unmarshal(raw, &user); err == nil && user.ID != "" {
			d.names[user.ID] = user.name()
		}
		return nil
	})
	if status := api.Status(err); status == http.StatusForbidden || status == http.StatusNotFound || status == http.StatusUnauthorized {
		// One by one may still be allowed.
		return nil
	}
	return err
}

// one reads a single user: one that the list did not have (keystone cuts long lists, and lists only the
// default domain where others have drivers of their own), or where there may be no list.
func (d *Directory) one(ctx context.Context, id string) (string, error) {
	if d.refused >= giveUp {
		return "", nil
	}
	var document struct {
		User user `json:"user"`
	}
	err := api.Get(ctx, d.client, d.client.ServiceURL("users", url.PathEscape(id)), &document)
	switch status := api.Status(err); {
	case err == nil:
		d.refused = 0
		d.names[id] = document.User.name()
		return d.names[id], nil
	case status == http.StatusNotFound:
		d.names[id] = ""
		return "", nil
	case status == http.StatusForbidden || status == http.StatusUnauthorized:
		d.refused++
	}
	d.names[id] = ""
	return "", err
}

// user is a user as keystone writes it. In v2.0 the name people know may be in username.
type user struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Username string `json:"username"`
}

func (u user) name() string {
	if u.Name == "" {
		return u.Username
	}
	return u.Name
}

func (d *Directory) warning(err error) *pluginv1.Diagnostic {
	warning := sdk.Warnf("the names of some users cannot be had, their records are without GlobalUserName: %s", err)
	switch api.Status(err) {
	case http.StatusForbidden, http.StatusUnauthorized:
		who := d.cloud.Settings().User
		if who == "" {
			who = d.cloud.Settings().UserID
		}
		warning.Summary = fmt.Sprintf("user %s may not read users, records are without GlobalUserName: "+
			"the role reader on the system is missing", who)
		warning.Detail = fmt.Sprintf("An administrator gives it with: openstack role add --user %s --system all reader\n"+
			"An application credential cannot have it; sign in with a password then.", who)
	}
	return warning
}
