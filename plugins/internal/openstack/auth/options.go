// Package auth signs in to a cloud: it declares the options for that, reads them into Settings, and gives
// out Sessions, one per project and run, each with a token that renews itself and the service catalog.
// What is then asked of the services is left to others.
package auth

import (
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// The sections and the options that more than one place names.
const (
	sectionDefault   = "DEFAULT"
	sectionExtractor = "extractor"
	sectionKeystone  = "keystone_auth"
)

// The ways to sign in, by the names that keystoneauth gives its plugins.
const (
	typePassword   = "password"
	typeV3Password = "v3password"
	typeV2Password = "v2password"
	typeV3AppCred  = "v3applicationcredential"
)

// Options are the options of every extractor that signs in to OpenStack: [extractor] as cASO had it until
// 1.0, [keystone_auth] as keystoneauth names it, and region_name.
func Options() []*pluginv1.Option {
	return []*pluginv1.Option{
		text(sectionDefault, "region_name", "The region to report on, or several, separated by commas. Needed where the cloud has more than one; without it the first in the service catalog is used."),

		withDefault(text(sectionExtractor, "user", "Name of the user to sign in as. [keystone_auth] username wins over it."), "accounting"),
		secret(text(sectionExtractor, "password", "Password of the user. [keystone_auth] password wins over it.")),
		text(sectionExtractor, "endpoint", "URL of keystone, with or without /v3. [keystone_auth] auth_url wins over it."),
		boolean(sectionExtractor, "insecure", "Take any certificate of the cloud's services. Not for production: use [keystone_auth] cafile."),

		choices(old(text(sectionKeystone, "auth_type", "How to sign in. `password` uses Keystone v3 where it is offered, and v2.0 where not. Without it: v3applicationcredential where an application credential is set, else password."), "auth_plugin"),
			typePassword, typeV3Password, typeV2Password, typeV3AppCred),
		text(sectionKeystone, "auth_url", "URL of keystone, with or without /v3."),
		old(text(sectionKeystone, "username", "Name of the user to sign in as."), "user_name"),
		text(sectionKeystone, "user_id", "ID of the user to sign in as; needs no domain."),
		secret(text(sectionKeystone, "password", "Password of the user.")),
		text(sectionKeystone, "user_domain_id", "ID of the domain that the user is in. Without any domain: `default`."),
		text(sectionKeystone, "user_domain_name", "Name of the domain that the user is in."),
		text(sectionKeystone, "project_domain_id", "ID of the domain in which projects are looked up by name. Without any domain: `default`."),
		text(sectionKeystone, "project_domain_name", "Name of the domain in which projects are looked up by name."),
		text(sectionKeystone, "default_domain_id", "ID of the domain of the user and of projects where theirs are not set."),
		text(sectionKeystone, "default_domain_name", "Name of the domain of the user and of projects where theirs are not set."),
		text(sectionKeystone, "application_credential_id", "ID of the application credential to sign in with."),
		text(sectionKeystone, "application_credential_name", "Name of the application credential to sign in with; needs the user too."),
		secret(text(sectionKeystone, "application_credential_secret", "Secret of the application credential.")),
		text(sectionKeystone, "trust_id", "ID of a trust to use. Only the project of the trust can be reported then."),
		text(sectionKeystone, "domain_id", "ID of a domain on which the user may read users and projects, where it may not on the system."),
		text(sectionKeystone, "domain_name", "Name of a domain on which the user may read users and projects, where it may not on the system."),
		text(sectionKeystone, "system_scope", "Known from keystoneauth and not needed: the system is asked for users and projects by itself, and never for servers."),
		old(text(sectionKeystone, "project_id", "Known from keystoneauth and not used: the projects are those of [DEFAULT] projects and those with the tag."), "tenant_id"),
		old(text(sectionKeystone, "project_name", "Known from keystoneauth and not used: the projects are those of [DEFAULT] projects and those with the tag."), "tenant_name"),
		text(sectionKeystone, "cafile", "File with the PEM certificates of the authorities to trust, instead of the system's."),
		text(sectionKeystone, "certfile", "File with a PEM certificate to show to the services."),
		text(sectionKeystone, "keyfile", "File with the key of certfile, if that does not hold it."),
		boolean(sectionKeystone, "insecure", "Take any certificate of the cloud's services. Not for production: use cafile."),
		timeout(),
		text(sectionKeystone, "auth_section", "Known from keystoneauth and not supported: the options are read from [keystone_auth] alone."),
		boolean(sectionKeystone, "collect_timing", "Known from keystoneauth and not used."),
		boolean(sectionKeystone, "split_loggers", "Known from keystoneauth and not used."),
	}
}

func text(section, name, help string) *pluginv1.Option {
	return &pluginv1.Option{Section: section, Name: name, Help: help, Type: pluginv1.OptionType_OPTION_TYPE_STRING}
}

func boolean(section, name, help string) *pluginv1.Option {
	option := text(section, name, help)
	option.Type = pluginv1.OptionType_OPTION_TYPE_BOOLEAN
	// keystoneauth has a default for `insecure` alone; the others are false where they are not set anyway.
	if name == "insecure" {
		return withDefault(option, "false")
	}
	return option
}

func timeout() *pluginv1.Option {
	var least int64
	option := text(sectionKeystone, "timeout", "How long one request may take, in seconds. Without it: 120.")
	option.Type = pluginv1.OptionType_OPTION_TYPE_INTEGER
	option.Minimum = &least
	return option
}

func withDefault(option *pluginv1.Option, value string) *pluginv1.Option {
	option.DefaultValue = &value
	return option
}

func secret(option *pluginv1.Option) *pluginv1.Option {
	option.Secret = true
	return option
}

func choices(option *pluginv1.Option, values ...string) *pluginv1.Option {
	option.Choices = values
	return option
}

// old adds a name from before, in the same section.
func old(option *pluginv1.Option, name string) *pluginv1.Option {
	option.OldNames = append(option.OldNames, &pluginv1.OptionRef{Section: option.GetSection(), Name: name})
	return option
}
