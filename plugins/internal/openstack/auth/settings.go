package auth

import (
	"errors"
	"net/url"
	"strings"
	"time"

	sdk "github.com/caso-project/caso/internal/oldsdk"
	"github.com/caso-project/caso/plugins/internal/openstack/transport"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Domain names a keystone domain by ID, or else by name.
type Domain struct{ ID, Name string }

// Settings is what the options say, with [keystone_auth] merged over [extractor].
type Settings struct {
	// URL is keystone's, as the operator wrote it.
	URL string
	// V2 and V3 say that the operator wants this version and no other.
	V2, V3 bool
	// User and UserID name the user; one of them is set, unless an application credential has an ID.
	User, UserID string
	// UserDomain is where User is looked up.
	UserDomain Domain
	// ProjectDomain is where projects are looked up by name; AnyDomain says that none was configured.
	ProjectDomain Domain
	AnyDomain     bool
	// Scope is the domain on which users and projects may be read; empty: the system.
	Scope Domain
	// Trust, AppCredID and AppCredName tie a sign-in to one project.
	Trust, AppCredID, AppCredName string
	// Regions are those to report on; none: the first of the catalog.
	Regions []string
	// Transport is how to connect.
	Transport transport.Options

	password, appCredSecret string
}

// Bound says whether the sign-in is tied to one project that it cannot choose.
func (s Settings) Bound() bool { return s.appCred() || s.Trust != "" }

func (s Settings) appCred() bool { return s.AppCredID != "" || s.AppCredName != "" }

// secrets are what no message may hold.
func (s Settings) secrets() []string { return []string{s.password, s.appCredSecret} }

// Read makes Settings of the options and says what is wrong with them.
func Read(config sdk.Config) (Settings, []*pluginv1.Diagnostic) {
	r := reader{config: config}
	kind := config.String(sectionKeystone, "auth_type")
	s := Settings{
		URL:           r.either("auth_url", "endpoint"),
		User:          r.either("username", "user"),
		UserID:        r.keystone("user_id"),
		password:      r.either("password", "password"),
		Trust:         r.keystone("trust_id"),
		AppCredID:     r.keystone("application_credential_id"),
		AppCredName:   r.keystone("application_credential_name"),
		appCredSecret: r.keystone("application_credential_secret"),
		V2:            kind == typeV2Password,
		V3:            kind == typeV3Password || kind == typeV3AppCred,
		Scope:         Domain{ID: r.keystone("domain_id"), Name: r.keystone("domain_name")},
		Regions:       list(config.String(sectionDefault, "region_name")),
		Transport: transport.Options{
			CAFile:   r.keystone("cafile"),
			CertFile: r.keystone("certfile"),
			KeyFile:  r.keystone("keyfile"),
			Insecure: config.Bool(sectionKeystone, "insecure") || config.Bool(sectionExtractor, "insecure"),
			Timeout:  time.Duration(config.Int(sectionKeystone, "timeout")) * time.Second,
		},
	}
	if kind == typePassword || kind == typeV3Password || kind == typeV2Password {
		s.AppCredID, s.AppCredName, s.appCredSecret = "", "", ""
	}
	if s.UserID != "" {
		// [extractor] user has a default, which must not stand beside an ID that was written.
		s.User = ""
	}
	common := Domain{ID: r.keystone("default_domain_id"), Name: r.keystone("default_domain_name")}
	s.UserDomain, _ = domain(Domain{ID: r.keystone("user_domain_id"), Name: r.keystone("user_domain_name")}, common)
	s.ProjectDomain, s.AnyDomain = domain(Domain{ID: r.keystone("project_domain_id"), Name: r.keystone("project_domain_name")}, common)
	return s, append(s.check(kind), s.checkFiles()...)
}

// check says what is missing or wrong.
func (s Settings) check(kind string) []*pluginv1.Diagnostic {
	var found []*pluginv1.Diagnostic
	complain := func(name, format string, args ...any) {
		found = append(found, sdk.OptionErrorf(sectionKeystone, name, format, args...))
	}
	switch parsed, err := url.Parse(s.URL); {
	case s.URL == "":
		complain("auth_url", "the URL of keystone is not set: set [keystone_auth] auth_url or [extractor] endpoint")
	case err != nil || parsed.Host == "" || parsed.Scheme != "http" && parsed.Scheme != "https":
		complain("auth_url", "the URL of keystone is not one: it must begin with http:// or https:// and name a host")
	}
	switch {
	case kind == typeV3AppCred || s.appCred():
		if !s.appCred() {
			complain("application_credential_id", "auth_type %s needs application_credential_id, or application_credential_name and a user", typeV3AppCred)
		}
		if s.appCredSecret == "" {
			complain("application_credential_secret", "the application credential has no application_credential_secret")
		}
	default:
		if s.User == "" && s.UserID == "" {
			complain("username", "no user to sign in as: set [keystone_auth] username or [extractor] user")
		}
		if s.password == "" {
			complain("password", "the user has no password: set [keystone_auth] password or [extractor] password")
		}
	}
	if s.Transport.Insecure {
		warning := sdk.Warnf("the certificates of the cloud's services are not checked (insecure = true): anybody on the way can read the password")
		warning.Detail = "Set [keystone_auth] cafile to the certificate of the authority that signed theirs, and remove insecure."
		found = append(found, warning)
	}
	return found
}

// checkFiles reads the certificate files, so that a wrong one is found where the configuration is checked.
func (s Settings) checkFiles() []*pluginv1.Diagnostic {
	_, err := transport.New(s.Transport)
	if err == nil {
		return nil
	}
	name := "cafile"
	var file *transport.FileError
	if errors.As(err, &file) {
		name = file.Option
	}
	return []*pluginv1.Diagnostic{sdk.OptionErrorf(sectionKeystone, name, "%s", err)}
}

// reader reads strings; an empty one is as good as none.
type reader struct{ config sdk.Config }

func (r reader) keystone(name string) string { return r.config.String(sectionKeystone, name) }

// either is the option of [keystone_auth], or that of [extractor] where the first is not set.
func (r reader) either(name, extractorName string) string {
	if value := r.keystone(name); value != "" {
		return value
	}
	return r.config.String(sectionExtractor, extractorName)
}

// domain picks the domain to look a name up in, and says whether nothing was configured. keystoneauth
// insists on one; configurations from before there were domains have none, and there `default` is right.
func domain(own, common Domain) (Domain, bool) {
	for _, d := range []Domain{own, common} {
		if d.ID != "" {
			return Domain{ID: d.ID}, false
		}
		if d.Name != "" {
			return d, false
		}
	}
	return Domain{ID: "default"}, true
}

// list splits at commas.
func list(value string) []string {
	var items []string
	for item := range strings.SplitSeq(value, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}
