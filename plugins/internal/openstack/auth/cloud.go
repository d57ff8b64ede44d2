package auth

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/caso-project/caso/plugins/internal/openstack/api"
	"github.com/caso-project/caso/plugins/internal/openstack/cache"
	"github.com/caso-project/caso/plugins/internal/openstack/transport"
)

// ErrRefused is the error of a sign-in that keystone answers with 401: for a wrong password, for an
// unknown project and for one on which the user has no role.
var ErrRefused = errors.New("sign-in refused")

// ErrUnreachable is the error of a sign-in without a connection to keystone.
var ErrUnreachable = errors.New("keystone cannot be reached")

// ErrNoProject is the error for a token of another scope than the requested project. nova answers
// such a token with 200 and an empty list, which looks like an empty cloud.
var ErrNoProject = errors.New("token is not of the project")

// Cloud opens the sessions of one cloud. It is safe for concurrent use.
type Cloud struct {
	settings Settings
	client   *http.Client

	identities cache.Cache[*identity] // with one key
	sessions   cache.Cache[*Session]  // by scope.key
	catalogs   catalogs
	// tokenMethod is whether keystone gives tokens for a token.
	tokenMethod atomic.Int32
	// directoryRefused is set where the user may not read all users and projects.
	directoryRefused atomic.Bool
}

// scope is the requested scope of a token. The zero value asks for none.
type scope struct {
	projectID, projectName string
	domain                 Domain
	system                 bool
}

func (s scope) key() string { return fmt.Sprintf("%#v", s) }

// NewCloud prepares for a cloud. It opens no connection.
func NewCloud(settings Settings, userAgent string) (*Cloud, error) {
	options := settings.Transport
	options.UserAgent = userAgent
	client, err := transport.New(options)
	if err != nil {
		return nil, err
	}
	return &Cloud{settings: settings, client: client}, nil
}

// Settings returns the settings of the cloud.
func (c *Cloud) Settings() Settings { return c.settings }

// ProjectSession returns the session of a project, by its ID.
func (c *Cloud) ProjectSession(ctx context.Context, id string) (*Session, error) {
	session, err := c.session(ctx, c.allowedScope(scope{projectID: id}))
	if err != nil {
		return nil, err
	}
	if session.Project.ID != id {
		return nil, fmt.Errorf("%w %s: it is of %s", ErrNoProject, id, session.describeScope())
	}
	return session, nil
}

// ProjectSessionByName returns the session of a project, by its name in the configured domain.
func (c *Cloud) ProjectSessionByName(ctx context.Context, name string) (*Session, error) {
	wanted := scope{projectName: name, domain: c.settings.ProjectDomain}
	session, err := c.session(ctx, c.allowedScope(wanted))
	if err != nil {
		return nil, err
	}
	if session.Project.Name != name {
		return nil, fmt.Errorf("%w %s: it is of %s", ErrNoProject, name, session.describeScope())
	}
	return session, nil
}

// UnscopedSession returns a session without a scope; where the credential is bound to a project,
// the session of that project.
func (c *Cloud) UnscopedSession(ctx context.Context) (*Session, error) {
	return c.session(ctx, scope{})
}

// DirectorySession returns a session that may read all users and projects: of the configured
// domain, else of the system. The error is ErrRefused where the user has no role there.
func (c *Cloud) DirectorySession(ctx context.Context) (*Session, error) {
	identity, err := c.discover(ctx)
	if err != nil {
		return nil, err
	}
	if identity.v2 || c.settings.Bound() || c.directoryRefused.Load() {
		return nil, ErrRefused
	}
	wanted := scope{domain: c.settings.DirectoryDomain}
	wanted.system = wanted == scope{}
	session, err := c.session(ctx, wanted)
	if errors.Is(err, ErrRefused) {
		c.directoryRefused.Store(true)
	}
	return session, err
}

// allowedScope returns the scope to ask for: none where the credential is bound to a project.
func (c *Cloud) allowedScope(wanted scope) scope {
	if c.settings.Bound() {
		return scope{}
	}
	return wanted
}

// session returns the session of a scope. The first call signs in.
func (c *Cloud) session(ctx context.Context, wanted scope) (*Session, error) {
	return c.sessions.Get(ctx, wanted.key(), func(ctx context.Context) (*Session, error) {
		return c.signIn(ctx, wanted)
	})
}

// signIn asks keystone for a token of a scope.
func (c *Cloud) signIn(ctx context.Context, wanted scope) (*Session, error) {
	identity, err := c.discover(ctx)
	if err != nil {
		return nil, err
	}
	signedIn, err := c.requestToken(ctx, identity, wanted)
	if err != nil {
		return nil, err
	}
	provider := c.newProvider(identity.base)
	provider.SetToken(signedIn.id)
	provider.ReauthFunc = func(ctx context.Context) error {
		renewed, err := c.requestToken(ctx, identity, wanted)
		if err == nil {
			provider.SetToken(renewed.id)
		}
		return err
	}
	return newSession(provider, identity, c.settings.EndpointType, signedIn), nil
}

// newProvider returns a gophercloud client with the HTTP client of the cloud.
func (c *Cloud) newProvider(base string) *gophercloud.ProviderClient {
	provider := &gophercloud.ProviderClient{
		IdentityBase: base, IdentityEndpoint: base, HTTPClient: *c.client}
	provider.UseTokenLock()
	return provider
}

// explainSignIn makes an error of a sign-in safe to print: its request has the password or a token.
func (c *Cloud) explainSignIn(identity *identity, err error, tokenID ...string) error {
	secrets := append(c.settings.secrets(), tokenID...)
	explained := api.Explain(err, secrets...)
	switch api.Status(explained) {
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Errorf("%w: %w", ErrRefused, explained)
	case http.StatusNotFound:
		// The answer for a token that is invalid or has expired (keystone 22). A password is never
		// answered so.
		if c.settings.method == byToken {
			return fmt.Errorf("%w: %w", ErrRefused, explained)
		}
	case 0:
		doing := "signing in at " + identity.base
		for _, cause := range []error{context.Canceled, context.DeadlineExceeded} {
			if errors.Is(err, cause) {
				return fmt.Errorf("%s: %w", doing, cause)
			}
		}
		// Not wrapped: the error may quote the request.
		text := api.HideSecrets(explained.Error(), secrets...)
		if operation, ok := errors.AsType[*net.OpError](err); ok && operation.Op == "dial" {
			return fmt.Errorf("%s: %w: %s", doing, ErrUnreachable, text)
		}
		return fmt.Errorf("%s: %s", doing, text)
	}
	return fmt.Errorf("signing in: %w", explained)
}
