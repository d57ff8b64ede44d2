package standin

import (
	"net/http"
	"strings"
)

// Federation is an identity provider of keystone. The zero value is none.
type Federation struct {
	// IdentityProvider and Protocol are their IDs in keystone.
	IdentityProvider, Protocol string
	// ValidToken reports whether an access token is valid. Its user is AccountingUser.
	ValidToken func(accessToken string) bool
}

// v3Federate gives an unscoped token for an access token, as keystone does behind a front end that
// checks the access token.
func (q *call) v3Federate(provider, protocol string) {
	f := q.cloud.opts.Federation
	accessToken, isBearer := strings.CutPrefix(q.r.Header.Get("Authorization"), "Bearer ")
	switch {
	case f.ValidToken == nil || provider != f.IdentityProvider || protocol != f.Protocol:
		q.keystoneError(http.StatusNotFound, "Could not find identity provider: %s.", provider)
		return
	case !isBearer || !f.ValidToken(accessToken):
		q.keystoneUnauthorized()
		return
	}
	t := &token{methods: []string{protocol}, userID: q.cloud.UserID(AccountingUser)}
	t = q.cloud.tokens.issue(t, nil)
	q.cloud.mu.RLock()
	view := q.v3TokenView(t)
	q.cloud.mu.RUnlock()
	q.header("X-Subject-Token", t.id)
	q.write(http.StatusCreated, "application/json", object{"token": view})
}
