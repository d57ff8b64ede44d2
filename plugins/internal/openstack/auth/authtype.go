package auth

// The values of [keystone_auth] auth_type: names of keystoneauth's plugins.
const (
	typePassword        = "password"
	typeV3Password      = "v3password"
	typeV2Password      = "v2password"
	typeV3AppCred       = "v3applicationcredential"
	typeToken           = "token"
	typeV3Token         = "v3token"
	typeV3TOTP          = "v3totp"
	typeOIDCPassword    = "v3oidcpassword"
	typeOIDCCredentials = "v3oidcclientcredentials" //nolint:gosec // the name of a type
	typeOIDCAccessToken = "v3oidcaccesstoken"
)

// method is what the first token of a run is requested with.
type method int

const (
	byPassword method = iota // a password or an application credential
	byToken
	byPasscode
	byFederation
)

func methodOf(authType string) method {
	switch authType {
	case typeToken, typeV3Token:
		return byToken
	case typeV3TOTP:
		return byPasscode
	case typeOIDCPassword, typeOIDCCredentials, typeOIDCAccessToken:
		return byFederation
	}
	return byPassword
}

// RefusedRemedy returns what to do where keystone refuses the sign-in.
func (s Settings) RefusedRemedy() string {
	switch {
	case s.method == byToken:
		return "The token may have expired: set a new one in [keystone_auth] token."
	case s.method == byPasscode:
		return "A passcode is valid for seconds and one sign-in: set a new one in [keystone_auth] passcode."
	case s.Federation.AuthType == typeOIDCAccessToken:
		return "The access token may have expired: set a new one in [keystone_auth] access_token, or sign in " +
			"with auth_type = " + typeOIDCCredentials + ", which gets one in every run."
	case s.method == byFederation:
		return "Check [keystone_auth] identity_provider and protocol, and that keystone's mapping has a rule for " +
			"the user or client: openstack mapping show MAPPING"
	}
	return "Check the user, its domain and its password in [keystone_auth] or [extractor]."
}
