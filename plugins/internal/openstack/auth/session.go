package auth

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/gophercloud/gophercloud/v2"
	tokens2 "github.com/gophercloud/gophercloud/v2/openstack/identity/v2/tokens"
	tokens3 "github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"
)

// Project is the project that a token is for; its fields are empty where it is for none.
type Project struct{ ID, Name, DomainID, DomainName string }

// Session is a signed-in user with a scope. Its token renews itself when a service answers 401.
type Session struct {
	// Project is the token's.
	Project Project
	// UserID is the user's who signed in.
	UserID string
	// V2 says that keystone speaks v2.0 only.
	V2 bool

	provider *gophercloud.ProviderClient
	identity *identity
	catalog  []endpoint
}

// endpoint is one line of the service catalog.
type endpoint struct{ kind, region, face, url string }

// newSession reads what came with the token.
func newSession(provider *gophercloud.ProviderClient, version *identity) (*Session, error) {
	session := &Session{provider: provider, identity: version, V2: version.v2}
	var err error
	switch result := provider.GetAuthResult().(type) {
	case tokens3.CreateResult:
		err = session.readV3(result)
	case tokens2.CreateResult:
		err = session.readV2(result)
	default:
		err = fmt.Errorf("an answer of type %T", result)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the token that %s gave: %w", version.url(), err)
	}
	return session, nil
}

func (s *Session) readV3(result tokens3.CreateResult) error {
	project, err := result.ExtractProject()
	if err != nil {
		return err
	}
	if project != nil {
		s.Project = Project{ID: project.ID, Name: project.Name, DomainID: project.Domain.ID, DomainName: project.Domain.Name}
	}
	if user, err := result.ExtractUser(); err == nil && user != nil {
		s.UserID = user.ID
	}
	catalog, err := result.ExtractServiceCatalog()
	if err != nil {
		return err
	}
	for _, entry := range catalog.Entries {
		for _, one := range entry.Endpoints {
			region := one.Region
			if region == "" {
				region = one.RegionID
			}
			s.catalog = append(s.catalog, endpoint{kind: entry.Type, region: region, face: one.Interface, url: one.URL})
		}
	}
	return nil
}

func (s *Session) readV2(result tokens2.CreateResult) error {
	// gophercloud's Token leaves out the user.
	raw, err := json.Marshal(result.Body)
	if err != nil {
		return err
	}
	var body struct {
		Access struct {
			Token struct {
				Tenant struct{ ID, Name string }
			}
			User struct{ ID string }
		}
	}
	if err := json.Unmarshal(raw, &body); err != nil {
		return err
	}
	s.Project = Project{ID: body.Access.Token.Tenant.ID, Name: body.Access.Token.Tenant.Name}
	s.UserID = body.Access.User.ID
	catalog, err := result.ExtractServiceCatalog()
	if err != nil {
		return err
	}
	for _, entry := range catalog.Entries {
		for _, one := range entry.Endpoints {
			for face, address := range map[string]string{"public": one.PublicURL, "admin": one.AdminURL, "internal": one.InternalURL} {
				if address != "" {
					s.catalog = append(s.catalog, endpoint{kind: entry.Type, region: one.Region, face: face, url: address})
				}
			}
		}
	}
	return nil
}

// describe says what the token is for, for error messages.
func (s *Session) describe() string {
	if s.Project.ID == "" {
		return "of no project (a token of the system, a domain or nothing)"
	}
	return fmt.Sprintf("of project %s (%s)", s.Project.Name, s.Project.ID)
}

// Regions are the regions in which the catalog has a kind of service for the public, in its order.
func (s *Session) Regions(kind string) []string {
	var regions []string
	seen := map[string]bool{}
	for _, one := range s.catalog {
		if one.kind == kind && one.face == "public" && !seen[one.region] {
			seen[one.region] = true
			regions = append(regions, one.region)
		}
	}
	return regions
}

// Service is a client for a kind of service (`compute`, `image`, `network`) in a region, with the token of
// the session; nil where the catalog has none.
func (s *Session) Service(kind, region string) *gophercloud.ServiceClient {
	for _, one := range s.catalog {
		if one.kind == kind && one.face == "public" && (region == "" || one.region == region) {
			return &gophercloud.ServiceClient{ProviderClient: s.provider, Endpoint: gophercloud.NormalizeURL(one.url), Type: kind}
		}
	}
	return nil
}

// anyVersion is the version at the end of an endpoint.
var anyVersion = regexp.MustCompile(`/v\d+(\.\d+)?/*$`)

// Versioned is like Service, for services whose endpoint may stand in the catalog with or without the
// version, which is then added.
func (s *Session) Versioned(kind, region, version string) *gophercloud.ServiceClient {
	service := s.Service(kind, region)
	if service != nil && !anyVersion.MatchString(service.Endpoint) {
		service.Endpoint = strings.TrimRight(service.Endpoint, "/") + "/" + version + "/"
	}
	return service
}

// Identity is a client for keystone itself.
func (s *Session) Identity() *gophercloud.ServiceClient {
	return &gophercloud.ServiceClient{ProviderClient: s.provider, Endpoint: s.identity.url(), Type: "identity"}
}

// IdentityAdmin is a client for the part of keystone v2.0 that lists users; it stood on another port.
func (s *Session) IdentityAdmin() *gophercloud.ServiceClient {
	for _, one := range s.catalog {
		if s.V2 && one.kind == "identity" && one.face == "admin" {
			return &gophercloud.ServiceClient{ProviderClient: s.provider, Endpoint: gophercloud.NormalizeURL(one.url), Type: "identity"}
		}
	}
	return s.Identity()
}
