package auth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/gophercloud/gophercloud/v2"
	tokens3 "github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/caso-project/caso/plugins/internal/openstack/api"
	"github.com/caso-project/caso/sdk"
)

// ErrIdentityProvider is the error of an OpenID provider that gives no access token.
var ErrIdentityProvider = errors.New("no access token from the identity provider")

// Federation is how to sign in by an OpenID provider. The zero value is not to.
type Federation struct {
	// AuthType is the name of keystoneauth's plugin.
	AuthType string
	// IdentityProvider and Protocol are their IDs in keystone.
	IdentityProvider, Protocol string
	// DiscoveryURL is the URL of the provider's configuration document; TokenURL that of its token
	// endpoint, which wins.
	DiscoveryURL, TokenURL string
	ClientID               string
	Scopes                 []string
	// UseIDToken sends keystone the ID token instead of the access token.
	UseIDToken bool

	clientSecret, accessToken string
}

// federationOptions returns the options for an OpenID provider, as keystoneauth names them.
func federationOptions() []sdk.Option {
	keystone := func(name, help string) sdk.Option {
		return sdk.StringOption(sectionKeystone, name, help)
	}
	return []sdk.Option{
		keystone("identity_provider", "ID in keystone of the identity provider (v3oidc...)."),
		keystone("protocol", "ID in keystone of the federation protocol, such as openid (v3oidc...)."),
		keystone("client_id", "ID of the OpenID client (v3oidcclientcredentials, v3oidcpassword)."),
		keystone("client_secret", "Secret of the OpenID client.").Secret(),
		keystone("openid_scope", "Scopes to ask the OpenID provider for, separated by blanks.").
			Default("openid profile").OldName(sectionKeystone, "scope"),
		keystone("discovery_endpoint", "URL of the configuration document of the OpenID provider, which ends in /.well-known/openid-configuration."),
		keystone("access_token_endpoint", "URL of the token endpoint of the OpenID provider. It wins over discovery_endpoint."),
		keystone("access_token_type", "Which token of the OpenID provider to send to keystone.").
			Choices("access_token", "id_token").Default("access_token"),
		keystone("access_token", "Access token of the OpenID provider (v3oidcaccesstoken).").Secret(),
	}
}

// readFederation reads the options. Its result is the zero value if auth_type is not one of the
// OpenID types.
func readFederation(config sdk.Config, authType string) Federation {
	if methodOf(authType) != byFederation {
		return Federation{}
	}
	keystone := func(name string) string { return config.String(sectionKeystone, name) }
	return Federation{
		AuthType:         authType,
		IdentityProvider: keystone("identity_provider"),
		Protocol:         keystone("protocol"),
		DiscoveryURL:     keystone("discovery_endpoint"),
		TokenURL:         keystone("access_token_endpoint"),
		ClientID:         keystone("client_id"),
		Scopes:           strings.Fields(keystone("openid_scope")),
		UseIDToken:       keystone("access_token_type") == "id_token",
		clientSecret:     keystone("client_secret"),
		accessToken:      keystone("access_token"),
	}
}

// missingOptions returns the options that the type needs and that are not set.
func (f Federation) missingOptions() []string {
	var names []string
	need := func(name, value string) {
		if value == "" {
			names = append(names, name)
		}
	}
	need("identity_provider", f.IdentityProvider)
	need("protocol", f.Protocol)
	if f.AuthType == typeOIDCAccessToken {
		need("access_token", f.accessToken)
		return names
	}
	need("client_id", f.ClientID)
	need("discovery_endpoint", cmp.Or(f.TokenURL, f.DiscoveryURL))
	return names
}

// requestFederatedToken gets an unscoped token for an access token of the OpenID provider
// (OS-FEDERATION).
func (c *Cloud) requestFederatedToken(ctx context.Context, id *identity) (token, error) {
	f := c.settings.Federation
	accessToken, err := c.accessToken(ctx)
	if err != nil {
		return token{}, err
	}
	service := c.keystone(id)
	address := service.ServiceURL("OS-FEDERATION", "identity_providers", url.PathEscape(f.IdentityProvider),
		"protocols", url.PathEscape(f.Protocol), "auth")
	var result tokens3.CreateResult
	//nolint:bodyclose // gophercloud closes it after it decoded the body
	response, err := service.Post(ctx, address, nil, &result.Body, &gophercloud.RequestOpts{
		MoreHeaders: map[string]string{"Authorization": "Bearer " + accessToken},
		OkCodes:     []int{http.StatusOK, http.StatusCreated},
	})
	if err != nil {
		return token{}, c.explainSignIn(id, err, accessToken)
	}
	result.Header = response.Header
	t, err := c.readV3Token(result)
	return t, checkToken(id, t, err)
}

// accessToken gets an access token from the OpenID provider, with the HTTP client of the cloud.
func (c *Cloud) accessToken(ctx context.Context) (string, error) {
	f := c.settings.Federation
	if f.AuthType == typeOIDCAccessToken {
		return f.accessToken, nil
	}
	ctx = context.WithValue(ctx, oauth2.HTTPClient, c.client)
	endpoint := oauth2.Endpoint{TokenURL: f.TokenURL}
	if endpoint.TokenURL == "" {
		issuer := strings.TrimSuffix(f.DiscoveryURL, "/.well-known/openid-configuration")
		provider, err := oidc.NewProvider(ctx, issuer)
		if err != nil {
			return "", c.explainProvider(f.DiscoveryURL, err)
		}
		endpoint = provider.Endpoint()
	}
	var given *oauth2.Token
	var err error
	if f.AuthType == typeOIDCPassword {
		config := oauth2.Config{ClientID: f.ClientID, ClientSecret: f.clientSecret, Endpoint: endpoint, Scopes: f.Scopes}
		given, err = config.PasswordCredentialsToken(ctx, c.settings.User, c.settings.password)
	} else {
		config := clientcredentials.Config{ClientID: f.ClientID, ClientSecret: f.clientSecret,
			TokenURL: endpoint.TokenURL, Scopes: f.Scopes}
		given, err = config.Token(ctx)
	}
	if err != nil {
		return "", c.explainProvider(endpoint.TokenURL, err)
	}
	if !f.UseIDToken {
		return given.AccessToken, nil
	}
	idToken, _ := given.Extra("id_token").(string)
	if idToken == "" {
		return "", fmt.Errorf("%w: %s: the answer has no id_token; openid_scope must have openid", ErrIdentityProvider, endpoint.TokenURL)
	}
	return idToken, nil
}

// explainProvider makes an error of the OpenID provider safe to print: it may quote the request.
func (c *Cloud) explainProvider(address string, err error) error {
	for _, cause := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, cause) {
			return fmt.Errorf("%w: %s: %w", ErrIdentityProvider, address, cause)
		}
	}
	text := err.Error()
	if answer, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		text = answer.Response.Status
		if answer.ErrorCode != "" {
			text += ": " + answer.ErrorCode
		}
		if answer.ErrorDescription != "" {
			text += ": " + answer.ErrorDescription
		}
	} else if request, ok := errors.AsType[*url.Error](err); ok {
		text = request.Err.Error()
	}
	text = api.HideSecrets(api.ShortLine(text), c.settings.secrets()...)
	return fmt.Errorf("%w: %s: %s", ErrIdentityProvider, api.WithoutUserinfo(address), text)
}
