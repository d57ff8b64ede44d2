package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/gophercloud/gophercloud/v2"
	tokens2 "github.com/gophercloud/gophercloud/v2/openstack/identity/v2/tokens"
	tokens3 "github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"

	"github.com/caso-project/caso/plugins/internal/openstack/api"
)

// token is a token with what keystone's answer has about it.
type token struct {
	id      string
	project Project
	userID  string
	// roles are the names of the user's roles in the scope, sorted.
	roles   []string
	catalog []catalogEndpoint
}

// requestToken gets a token of a scope. Keystone checks the password (or the secret) for the first
// token only: the others are requested with that one, because the check costs keystone a bcrypt.
func (c *Cloud) requestToken(ctx context.Context, id *identity, wanted scope) (token, error) {
	switch {
	case id.v2 && c.settings.method != byPassword:
		return token{}, fmt.Errorf("%s: [keystone_auth] auth_type needs the Identity API v3", id.url())
	case id.v2:
		return c.requestV2Token(ctx, id, wanted)
	case c.settings.method == byFederation && wanted == (scope{}):
		return c.requestFederatedToken(ctx, id)
	case c.settings.Bound() || wanted == (scope{}) || c.tokenMethod.Load() == methodUnusable:
		return c.requestV3Token(ctx, id, c.v3Options(wanted))
	}
	parent, err := c.UnscopedSession(ctx)
	if err != nil {
		return token{}, err
	}
	return c.exchangeToken(ctx, id, parent, wanted)
}

// The values of Cloud.tokenMethod.
const (
	methodUntried int32 = iota
	methodUsable
	methodUnusable
)

// exchangeToken gets a token of a scope with the token of another session. Where keystone does not
// allow that (`[token] allow_rescope_scoped_token = false`, `[auth] methods` without `token`), the
// password is used, for all further tokens too.
func (c *Cloud) exchangeToken(
	ctx context.Context, id *identity, parent *Session, wanted scope,
) (token, error) {
	options := c.v3Options(wanted)
	byToken := tokens3.AuthOptions{Scope: options.Scope, TokenID: parent.provider.Token()}
	exchanged, err := c.requestV3Token(ctx, id, v3Request{AuthOptions: &byToken})
	// 404 is the answer for a token that has expired, 401 the one for a scope in which the user has
	// no role (keystone 22), and in older releases for both.
	notFound := api.Status(err) == http.StatusNotFound
	if (notFound || isUnauthorized(err)) && c.renewed(ctx, parent, byToken.TokenID) {
		byToken.TokenID = parent.provider.Token()
		exchanged, err = c.requestV3Token(ctx, id, v3Request{AuthOptions: &byToken})
	}
	switch {
	case err == nil:
		c.tokenMethod.Store(methodUsable)
		return exchanged, nil
	case c.settings.method != byPassword,
		isUnauthorized(err) && c.tokenMethod.Load() == methodUsable,
		!errors.Is(err, ErrRefused) && api.Status(err) != http.StatusNotFound:
		return token{}, err
	}
	exchanged, err = c.requestV3Token(ctx, id, options)
	if err == nil {
		c.tokenMethod.Store(methodUnusable)
	}
	return exchanged, err
}

func isUnauthorized(err error) bool { return api.Status(err) == http.StatusUnauthorized }

// renewed reports whether a session has another token than a previous one. It asks keystone about
// the previous one, and the session signs in again if that has expired.
func (c *Cloud) renewed(ctx context.Context, session *Session, previous string) bool {
	service := session.Identity()
	response, err := service.Get(ctx, service.ServiceURL("auth", "tokens"), nil, &gophercloud.RequestOpts{
		MoreHeaders: map[string]string{"X-Subject-Token": previous}, OkCodes: []int{http.StatusOK}})
	if err == nil {
		_ = response.Body.Close()
	}
	return session.provider.Token() != previous
}

func (c *Cloud) requestV2Token(ctx context.Context, id *identity, wanted scope) (token, error) {
	result := tokens2.Create(ctx, c.keystone(id), &tokens2.AuthOptions{
		Username:   c.settings.User,
		Password:   c.settings.password,
		TenantID:   wanted.projectID,
		TenantName: wanted.projectName,
	})
	if result.Err != nil {
		return token{}, c.explainSignIn(id, result.Err)
	}
	t, err := c.readV2Token(result)
	return t, checkToken(id, t, err)
}

// v3Request is a request for a token. An unscoped one asks for that explicitly: keystone scopes a
// token otherwise to the user's default project, and may refuse to exchange it for another.
type v3Request struct {
	*tokens3.AuthOptions
	unscoped bool
}

// ToTokenV3CreateMap returns the body of the request.
func (r v3Request) ToTokenV3CreateMap(scope map[string]any) (map[string]any, error) {
	body, err := r.AuthOptions.ToTokenV3CreateMap(scope)
	if request, ok := body["auth"].(map[string]any); ok && r.unscoped {
		request["scope"] = "unscoped"
	}
	return body, err
}

func (c *Cloud) requestV3Token(ctx context.Context, id *identity, request v3Request) (token, error) {
	result := tokens3.Create(ctx, c.keystone(id), request)
	if result.Err != nil {
		return token{}, c.explainSignIn(id, result.Err, request.TokenID)
	}
	t, err := c.readV3Token(result)
	return t, checkToken(id, t, err)
}

// keystone returns a client for keystone without a token.
func (c *Cloud) keystone(id *identity) *gophercloud.ServiceClient {
	return &gophercloud.ServiceClient{ProviderClient: c.newProvider(id.base), Endpoint: id.url()}
}

func (c *Cloud) v3Options(wanted scope) v3Request {
	s := c.settings
	options := &tokens3.AuthOptions{UserID: s.UserID, Username: s.User}
	if s.UserID == "" {
		options.DomainID, options.DomainName = s.UserDomain.ID, s.UserDomain.Name
	}
	if s.hasAppCred() {
		options.ApplicationCredentialID = s.AppCredID
		options.ApplicationCredentialName = s.AppCredName
		options.ApplicationCredentialSecret = s.appCredSecret
		if s.AppCredID != "" {
			options.UserID, options.Username, options.DomainID, options.DomainName = "", "", "", ""
		}
		return v3Request{AuthOptions: options}
	}
	switch s.method {
	case byToken:
		options = &tokens3.AuthOptions{TokenID: s.token}
	case byPasscode:
		options.Passcode = s.passcode
	default:
		options.Password = s.password
	}
	options.Scope = tokens3.Scope{
		ProjectID:   wanted.projectID,
		ProjectName: wanted.projectName,
		DomainID:    wanted.domain.ID,
		DomainName:  wanted.domain.Name,
		System:      wanted.system,
		TrustID:     s.Trust,
	}
	return v3Request{AuthOptions: options, unscoped: options.Scope == (tokens3.Scope{})}
}

func (c *Cloud) readV3Token(result tokens3.CreateResult) (token, error) {
	var document struct {
		User    struct{ ID string } `json:"user"`
		Project *tokens3.Project    `json:"project"`
		Roles   []tokens3.Role      `json:"roles"`
		Catalog []struct {
			Type      string             `json:"type"`
			Endpoints []tokens3.Endpoint `json:"endpoints"`
		} `json:"catalog"`
	}
	t := token{id: result.Header.Get("X-Subject-Token")}
	if err := result.ExtractInto(&document); err != nil {
		return t, err
	}
	t.userID = document.User.ID
	if p := document.Project; p != nil {
		t.project = Project{ID: p.ID, Name: p.Name, DomainID: p.Domain.ID, DomainName: p.Domain.Name}
	}
	for _, role := range document.Roles {
		t.roles = append(t.roles, role.Name)
	}
	slices.Sort(t.roles)
	for _, entry := range document.Catalog {
		for _, endpoint := range entry.Endpoints {
			region := endpoint.Region
			if region == "" {
				region = endpoint.RegionID
			}
			t.catalog = append(t.catalog, catalogEndpoint{serviceType: entry.Type, region: region,
				endpointType: endpoint.Interface, url: endpoint.URL})
		}
	}
	t.catalog = c.catalogs.share(t.catalog, t.project.ID)
	return t, nil
}

func (c *Cloud) readV2Token(result tokens2.CreateResult) (token, error) {
	// gophercloud's Token lacks the user.
	raw, err := json.Marshal(result.Body)
	if err != nil {
		return token{}, err
	}
	var body struct {
		Access struct {
			Token struct {
				ID     string
				Tenant struct{ ID, Name string }
			}
			User struct{ ID string }
		}
	}
	if err := json.Unmarshal(raw, &body); err != nil {
		return token{}, err
	}
	t := token{id: body.Access.Token.ID, userID: body.Access.User.ID,
		project: Project{ID: body.Access.Token.Tenant.ID, Name: body.Access.Token.Tenant.Name}}
	catalog, err := result.ExtractServiceCatalog()
	if err != nil {
		return t, err
	}
	for _, entry := range catalog.Entries {
		for _, endpoint := range entry.Endpoints {
			urls := map[string]string{
				"public": endpoint.PublicURL, "admin": endpoint.AdminURL, "internal": endpoint.InternalURL,
			}
			for _, endpointType := range slices.Sorted(maps.Keys(urls)) {
				if url := urls[endpointType]; url != "" {
					t.catalog = append(t.catalog, catalogEndpoint{serviceType: entry.Type,
						region: endpoint.Region, endpointType: endpointType, url: url})
				}
			}
		}
	}
	t.catalog = c.catalogs.share(t.catalog, t.project.ID)
	return t, nil
}

// checkToken returns the error for an answer that is not a token.
func checkToken(id *identity, t token, err error) error {
	if err == nil && t.id == "" {
		err = errors.New("the answer has no token")
	}
	if err != nil {
		return fmt.Errorf("reading the token of %s: %w", id.url(), err)
	}
	return nil
}
