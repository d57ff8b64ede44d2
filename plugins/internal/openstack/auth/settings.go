package auth

import (
	"cmp"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/caso-project/caso/plugins/internal/openstack/transport"
	"github.com/caso-project/caso/sdk"
)

// Domain names a keystone domain by ID, or else by name.
type Domain struct{ ID, Name string }

// Settings holds the values of the options: [keystone_auth] over the entry of clouds.yaml over
// [extractor].
type Settings struct {
	// URL is keystone's, as configured.
	URL string
	// V2 and V3 are set where auth_type requires that version of the Identity API.
	V2, V3 bool
	// User and UserID name the user. One of them is set, unless an application credential has an
	// ID.
	User, UserID string
	// UserDomain is the domain of User.
	UserDomain Domain
	// ProjectDomain is the domain in which projects are looked up by name. AnyDomain is set where
	// none was configured.
	ProjectDomain Domain
	AnyDomain     bool
	// DirectoryDomain is the domain on which users and projects may be read; empty: the system.
	DirectoryDomain Domain
	// Trust, AppCredID and AppCredName bind the sign-in to one project.
	Trust, AppCredID, AppCredName string
	// Federation is how to sign in by an OpenID provider.
	Federation Federation
	// Regions are those to report; empty: the first one in the catalog.
	Regions []string
	// EndpointType is the one to use of the catalog: public, internal or admin (`interface` in
	// clouds.yaml).
	EndpointType string
	// Transport configures the HTTP client.
	Transport transport.Options

	method                                   method
	password, appCredSecret, token, passcode string
}

// Bound reports whether the sign-in is bound to one project.
func (s Settings) Bound() bool { return s.hasAppCred() || s.Trust != "" }

// UserOrID returns the name of the user, else the ID, for commands in messages. An application
// credential with an ID, a token and an OpenID provider determine the user, whom the settings need
// not name.
func (s Settings) UserOrID() string {
	if s.AppCredID != "" || s.method == byToken || s.method == byFederation {
		return "USER"
	}
	return cmp.Or(s.User, s.UserID, "USER")
}

func (s Settings) hasAppCred() bool { return s.AppCredID != "" || s.AppCredName != "" }

// secrets returns the values that no message may have.
func (s Settings) secrets() []string {
	return []string{s.password, s.appCredSecret, s.token, s.passcode, s.Federation.clientSecret, s.Federation.accessToken}
}

// ReadSettings reads the options and the entry of clouds.yaml. Its error names the options that are
// missing or wrong.
func ReadSettings(config sdk.Config) (Settings, error) {
	keystone := func(name string) string { return config.String(sectionKeystone, name) }
	extractor := func(name string) string { return config.String(sectionExtractor, name) }
	entry, err := readCloudsEntry(keystone("cloud"))
	if err != nil {
		return Settings{}, err
	}
	if keystone("password") != "" {
		entry.appCredID, entry.appCredName, entry.appCredSecret = "", "", ""
	}
	authType := keystone("auth_type")
	s := Settings{
		URL:           cmp.Or(keystone("auth_url"), entry.url, extractor("endpoint")),
		UserID:        cmp.Or(keystone("user_id"), entry.userID),
		password:      cmp.Or(keystone("password"), entry.password, extractor("password")),
		Trust:         cmp.Or(keystone("trust_id"), entry.trust),
		AppCredID:     cmp.Or(keystone("application_credential_id"), entry.appCredID),
		AppCredName:   cmp.Or(keystone("application_credential_name"), entry.appCredName),
		appCredSecret: cmp.Or(keystone("application_credential_secret"), entry.appCredSecret),
		V2:            authType == typeV2Password,
		V3:            strings.HasPrefix(authType, "v3"),
		method:        methodOf(authType),
		token:         keystone("token"),
		passcode:      keystone("passcode"),
		Federation:    readFederation(config, authType),
		Regions:       splitList(cmp.Or(config.String(sectionDefault, "region_name"), entry.region)),
		EndpointType:  cmp.Or(entry.endpointType, "public"),
		Transport: transport.Options{
			TLS:      entry.tls,
			CAFile:   keystone("cafile"),
			CertFile: keystone("certfile"),
			KeyFile:  keystone("keyfile"),
			Insecure: config.Bool(sectionKeystone, "insecure") || config.Bool(sectionExtractor, "insecure"),
			Timeout:  time.Duration(config.Int(sectionKeystone, "timeout")) * time.Second,
		},
	}
	s.Transport.OnlyTLS = strings.HasPrefix(strings.ToLower(s.URL), "https://") && !config.Bool(sectionKeystone, "allow_insecure_catalog")
	switch {
	case keystone("username") != "" && keystone("user_id") == "":
		// A user named in the file wins over an ID in the entry.
		s.User, s.UserID = keystone("username"), ""
	case s.UserID == "":
		// The default of [extractor] user must not stand beside an ID.
		s.User = cmp.Or(entry.user, extractor("user"))
	}
	if authType != "" && authType != typeV3AppCred {
		s.AppCredID, s.AppCredName, s.appCredSecret = "", "", ""
	}
	common := Domain{ID: keystone("default_domain_id"), Name: keystone("default_domain_name")}
	s.UserDomain, _ = chooseDomain(
		Domain{ID: keystone("user_domain_id"), Name: keystone("user_domain_name")},
		common, entry.userDomain)
	s.ProjectDomain, s.AnyDomain = chooseDomain(
		Domain{ID: keystone("project_domain_id"), Name: keystone("project_domain_name")},
		common, entry.projectDomain)
	s.DirectoryDomain = Domain{ID: keystone("domain_id"), Name: keystone("domain_name")}
	if s.DirectoryDomain == (Domain{}) {
		s.DirectoryDomain = entry.directoryDomain
	}
	return s, errors.Join(s.check(authType), s.checkFiles())
}

// check returns an error for each option that is missing or wrong.
func (s Settings) check(authType string) error {
	var errs []error
	report := func(name, format string, args ...any) {
		errs = append(errs, sdk.OptionErrorf(sectionKeystone, name, format, args...))
	}
	switch parsed, err := url.Parse(s.URL); {
	case s.URL == "":
		report("auth_url", "the URL of keystone is missing: set [keystone_auth] auth_url or [extractor] endpoint")
	case err != nil || parsed.Host == "" || parsed.Scheme != "http" && parsed.Scheme != "https":
		report("auth_url", "invalid URL of keystone: it must begin with http:// or https:// and name a host")
	}
	if authType == typeV3AppCred || s.hasAppCred() {
		if !s.hasAppCred() {
			report("application_credential_id", "auth_type %s needs application_credential_id, or application_credential_name and a user", typeV3AppCred)
		}
		if s.appCredSecret == "" {
			report("application_credential_secret", "the secret of the application credential is missing: set [keystone_auth] application_credential_secret")
		}
		return errors.Join(errs...)
	}
	need := func(name, value string) {
		if value == "" {
			report(name, "auth_type %s needs %s", authType, name)
		}
	}
	switch s.method {
	case byPassword:
	case byToken:
		need("token", s.token)
		return errors.Join(errs...)
	case byPasscode:
		need("username", cmp.Or(s.User, s.UserID))
		need("passcode", s.passcode)
		return errors.Join(errs...)
	case byFederation:
		for _, name := range s.Federation.missingOptions() {
			need(name, "")
		}
		if authType != typeOIDCPassword {
			return errors.Join(errs...)
		}
	}
	if s.User == "" && s.UserID == "" {
		report("username", "the user is missing: set [keystone_auth] username or [extractor] user")
	}
	if s.password == "" {
		report("password", "the password of the user is missing: set [keystone_auth] password or [extractor] password")
	}
	return errors.Join(errs...)
}

// InsecureWarning returns a warning where the verification of certificates is disabled.
func (s Settings) InsecureWarning() error {
	if !s.Transport.Insecure && (s.Transport.TLS == nil || !s.Transport.TLS.InsecureSkipVerify) {
		return nil
	}
	return sdk.OptionWarnf(sectionKeystone, "insecure",
		"TLS verification is disabled; credentials can be intercepted").
		WithDetail("Set [keystone_auth] cafile to the certificate of the authority that signed the cloud's, and remove insecure = true (verify: false in clouds.yaml).")
}

// checkFiles reads the certificate files, so that a wrong one is an error of the configuration.
func (s Settings) checkFiles() error {
	_, err := transport.New(s.Transport)
	if err == nil {
		return nil
	}
	name := "cafile"
	if file, ok := errors.AsType[*transport.FileError](err); ok {
		name = file.Option
	}
	return sdk.OptionErrorf(sectionKeystone, name, "%s", err)
}

// chooseDomain returns the first domain that is set and whether none is. keystoneauth requires one;
// configurations from before there were domains have none, and mean `default`.
func chooseDomain(domains ...Domain) (domain Domain, none bool) {
	for _, d := range domains {
		if d.ID != "" {
			return Domain{ID: d.ID}, false
		}
		if d.Name != "" {
			return d, false
		}
	}
	return Domain{ID: "default"}, true
}

// splitList splits a text at commas and drops empty and repeated items.
func splitList(value string) []string {
	var items []string
	for item := range strings.SplitSeq(value, ",") {
		if item = strings.TrimSpace(item); item != "" && !slices.Contains(items, item) {
			items = append(items, item)
		}
	}
	return items
}
