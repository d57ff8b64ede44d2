// Package auth signs in to an OpenStack cloud. It declares the options for that, reads them into
// Settings, and opens Sessions: one per project and run, each with a token that renews itself and
// the service catalog.
package auth

import "github.com/caso-project/caso/sdk"

// The sections of the options.
const (
	sectionDefault   = "DEFAULT"
	sectionExtractor = "extractor"
	sectionKeystone  = "keystone_auth"
)

// Options returns the options to sign in, which all extractors for OpenStack share: [extractor] as
// in cASO until 1.0, [keystone_auth] as keystoneauth names them, and region_name.
func Options() []sdk.Option {
	const (
		unusedProject = "Accepted for compatibility with keystoneauth and ignored: the projects are those of [DEFAULT] projects and those with the tag."
		insecure      = "Disable the verification of the cloud's TLS certificates. Not for production: set [keystone_auth] cafile instead."
	)
	extractor := func(name, help string) sdk.Option {
		return sdk.StringOption(sectionExtractor, name, help)
	}
	keystone := func(name, help string) sdk.Option {
		return sdk.StringOption(sectionKeystone, name, help)
	}
	options := []sdk.Option{
		sdk.StringOption(sectionDefault, "region_name", "The region to report, or several, separated by commas. Needed where the cloud has more than one; the default is the region of [keystone_auth] cloud, else the first one in the service catalog."),

		extractor("user", "Name of the user. [keystone_auth] username wins over it.").Default("accounting"),
		extractor("password", "Password of the user. [keystone_auth] password wins over it.").Secret(),
		extractor("endpoint", "URL of keystone, with or without /v3. [keystone_auth] auth_url wins over it."),
		sdk.BoolOption(sectionExtractor, "insecure", insecure).Default("false"),

		keystone("cloud", "Name of an entry of clouds.yaml with the credentials. The other options of this section win over the entry, and the entry wins over [extractor]. The file is the one that the environment variable OS_CLIENT_CONFIG_FILE names, else clouds.yaml in ~/.config/openstack or /etc/openstack. A secure.yaml in the same directory is read too."),
		keystone("auth_type", "How to sign in. `password` uses Keystone v3 where it is offered, else v2.0. The default is v3applicationcredential where an application credential is set, else password.").
			Choices(typePassword, typeV3Password, typeV2Password, typeV3AppCred, typeToken, typeV3Token, typeV3TOTP,
				typeOIDCCredentials, typeOIDCAccessToken, typeOIDCPassword).
			OldName(sectionKeystone, "auth_plugin"),
		keystone("auth_url", "URL of keystone, with or without /v3."),
		keystone("username", "Name of the user.").OldName(sectionKeystone, "user_name"),
		keystone("user_id", "ID of the user; needs no domain."),
		keystone("password", "Password of the user.").Secret(),
		keystone("user_domain_id", "ID of the domain of the user. Without any domain: `default`."),
		keystone("user_domain_name", "Name of the domain of the user."),
		keystone("project_domain_id", "ID of the domain in which projects are looked up by name. Without any domain: `default`."),
		keystone("project_domain_name", "Name of the domain in which projects are looked up by name."),
		keystone("default_domain_id", "ID of the domain of the user and of projects where theirs are not set."),
		keystone("default_domain_name", "Name of the domain of the user and of projects where theirs are not set."),
		keystone("application_credential_id", "ID of the application credential."),
		keystone("application_credential_name", "Name of the application credential; needs the user too."),
		keystone("application_credential_secret", "Secret of the application credential.").Secret(),
		keystone("token", "A token of keystone (token, v3token).").Secret(),
		keystone("passcode", "Passcode of a device of the user (v3totp), which is valid for one run.").Secret(),
		keystone("trust_id", "ID of a trust. Only the project of the trust can be reported then."),
		keystone("domain_id", "ID of a domain on which the user may read users and projects, where it may not on the system."),
		keystone("domain_name", "Name of a domain on which the user may read users and projects, where it may not on the system."),
		keystone("system_scope", "Accepted for compatibility with keystoneauth and ignored: users and projects are always read with a token of the system where the user may have one, servers never."),
		keystone("project_id", unusedProject).OldName(sectionKeystone, "tenant_id"),
		keystone("project_name", unusedProject).OldName(sectionKeystone, "tenant_name"),
		keystone("cafile", "File with the PEM certificates of the authorities to trust, instead of the system's."),
		keystone("certfile", "File with a PEM client certificate."),
		keystone("keyfile", "File with the key of certfile, if that does not hold it."),
		sdk.BoolOption(sectionKeystone, "insecure", insecure).Default("false"),
		sdk.BoolOption(sectionKeystone, "allow_insecure_catalog", "Allow endpoints of services that are http where the URL of keystone is https: anyone on the way can read the token."),
		sdk.IntOption(sectionKeystone, "timeout", "Timeout of one request, in seconds. The default is 120.").Min(0),
		keystone("auth_section", "Accepted for compatibility with keystoneauth and ignored: the options are read from [keystone_auth] only."),
		sdk.BoolOption(sectionKeystone, "collect_timing", "Accepted for compatibility with keystoneauth and ignored."),
		sdk.BoolOption(sectionKeystone, "split_loggers", "Accepted for compatibility with keystoneauth and ignored."),
	}
	return append(options, federationOptions()...)
}
