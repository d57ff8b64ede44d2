package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	tokens2 "github.com/gophercloud/gophercloud/v2/openstack/identity/v2/tokens"
	tokens3 "github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"

	"github.com/caso-project/caso/plugins/internal/openstack/api"
	"github.com/caso-project/caso/plugins/internal/openstack/transport"
)

// ErrRefused says that keystone knows the user or the project not, or not together: it answers 401 for a
// wrong password, for a project that is not there and for one where the user has no role.
var ErrRefused = errors.New("sign-in refused")

// ErrNoProject says that a token was given that is not one of the project asked for. Nova answers such a
// token with 200 and an empty list, which would look like an empty cloud.
var ErrNoProject = errors.New("the token is not one of the project")

// Cloud signs in to one cloud. It is safe for concurrent use.
type Cloud struct {
	settings Settings
	client   *http.Client

	mutex    sync.Mutex
	identity *identity
	sessions map[scope]*signIn
}

// scope is what a token is asked for. The zero value asks for no scope.
type scope struct {
	projectID, projectName string
	domain                 Domain
	system                 bool
}

// signIn is a session that is there or on its way: many ask, one signs in.
type signIn struct {
	done    chan struct{}
	session *Session
	err     error
}

// New prepares for a cloud; it opens no connection.
func New(settings Settings, userAgent string) (*Cloud, error) {
	options := settings.Transport
	options.UserAgent = userAgent
	client, err := transport.New(options)
	if err != nil {
		return nil, err
	}
	return &Cloud{settings: settings, client: client, sessions: map[scope]*signIn{}}, nil
}

// Settings are those that the cloud was made with.
func (c *Cloud) Settings() Settings { return c.settings }

// Project is the session of a project by its ID.
func (c *Cloud) Project(ctx context.Context, id string) (*Session, error) {
	session, err := c.session(ctx, c.bind(scope{projectID: id}))
	if err != nil {
		return nil, err
	}
	if session.Project.ID != id {
		return nil, fmt.Errorf("%w %s: it is %s", ErrNoProject, id, session.describe())
	}
	return session, nil
}

// ProjectByName is the session of a project by its name, in the configured domain.
func (c *Cloud) ProjectByName(ctx context.Context, name string) (*Session, error) {
	session, err := c.session(ctx, c.bind(scope{projectName: name, domain: c.settings.ProjectDomain}))
	if err != nil {
		return nil, err
	}
	if session.Project.Name != name {
		return nil, fmt.Errorf("%w %s: it is %s", ErrNoProject, name, session.describe())
	}
	return session, nil
}

// Any is a session without a wish for a scope. Keystone may still give it the user's default project.
func (c *Cloud) Any(ctx context.Context) (*Session, error) {
	return c.session(ctx, scope{})
}

// Directory is a session with the right to read all users and projects, as far as there is one: of the
// configured domain, else of the system. ErrRefused where the user has no role there.
func (c *Cloud) Directory(ctx context.Context) (*Session, error) {
	version, err := c.discover(ctx)
	if err != nil {
		return nil, err
	}
	if version.v2 || c.settings.Bound() {
		return nil, ErrRefused
	}
	if c.settings.Scope != (Domain{}) {
		return c.session(ctx, scope{domain: c.settings.Scope})
	}
	return c.session(ctx, scope{system: true})
}

// bind drops the wish for a project where the credential leaves no choice.
func (c *Cloud) bind(wanted scope) scope {
	if c.settings.Bound() {
		return scope{}
	}
	return wanted
}

// session gives the session of a scope, signing in the first time. A failure is not remembered: it may pass.
func (c *Cloud) session(ctx context.Context, wanted scope) (*Session, error) {
	c.mutex.Lock()
	pending, ok := c.sessions[wanted]
	if !ok {
		pending = &signIn{done: make(chan struct{})}
		c.sessions[wanted] = pending
	}
	c.mutex.Unlock()
	if !ok {
		pending.session, pending.err = c.signIn(ctx, wanted)
		if pending.err != nil {
			c.mutex.Lock()
			delete(c.sessions, wanted)
			c.mutex.Unlock()
		}
		close(pending.done)
	}
	select {
	case <-pending.done:
		return pending.session, pending.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// signIn asks keystone for a token of a scope.
func (c *Cloud) signIn(ctx context.Context, wanted scope) (*Session, error) {
	version, err := c.discover(ctx)
	if err != nil {
		return nil, err
	}
	provider := c.provider(version.base)
	if version.v2 {
		err = openstack.AuthenticateV2(ctx, provider, c.v2Options(wanted), gophercloud.EndpointOpts{})
	} else {
		err = openstack.AuthenticateV3(ctx, provider, c.v3Options(wanted), gophercloud.EndpointOpts{})
	}
	if err != nil {
		return nil, c.explain(version, err)
	}
	return newSession(provider, version)
}

// provider makes a gophercloud client of our own HTTP client.
func (c *Cloud) provider(base string) *gophercloud.ProviderClient {
	provider := &gophercloud.ProviderClient{IdentityBase: base, IdentityEndpoint: base, HTTPClient: *c.client}
	provider.UseTokenLock()
	return provider
}

func (c *Cloud) v2Options(wanted scope) *tokens2.AuthOptions {
	return &tokens2.AuthOptions{
		Username:    c.settings.User,
		Password:    c.settings.password,
		TenantID:    wanted.projectID,
		TenantName:  wanted.projectName,
		AllowReauth: true,
	}
}

func (c *Cloud) v3Options(wanted scope) *tokens3.AuthOptions {
	s := c.settings
	options := &tokens3.AuthOptions{AllowReauth: true, UserID: s.UserID, Username: s.User}
	if s.UserID == "" {
		options.DomainID, options.DomainName = s.UserDomain.ID, s.UserDomain.Name
	}
	if s.appCred() {
		options.ApplicationCredentialID = s.AppCredID
		options.ApplicationCredentialName = s.AppCredName
		options.ApplicationCredentialSecret = s.appCredSecret
		if s.AppCredID != "" {
			options.UserID, options.Username, options.DomainID, options.DomainName = "", "", "", ""
		}
		return options
	}
	options.Password = s.password
	options.Scope = tokens3.Scope{
		ProjectID:   wanted.projectID,
		ProjectName: wanted.projectName,
		DomainID:    wanted.domain.ID,
		DomainName:  wanted.domain.Name,
		System:      wanted.system,
		TrustID:     s.Trust,
	}
	return options
}

// explain makes an error of a sign-in readable; the request it is about held the password.
func (c *Cloud) explain(version *identity, err error) error {
	explained := api.Explain(err, c.settings.secrets()...)
	switch api.Status(explained) {
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Errorf("%w: %w", ErrRefused, explained)
	case 0:
		return fmt.Errorf("signing in at %s: %s", version.base, api.Scrub(explained.Error(), c.settings.secrets()...))
	}
	return fmt.Errorf("signing in: %w", explained)
}
