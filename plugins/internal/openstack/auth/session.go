package auth

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/gophercloud/gophercloud/v2"
)

// Project is the project of a token. Its fields are empty where the token has none.
type Project struct{ ID, Name, DomainID, DomainName string }

// Session is a signed-in user with a scope. Its token renews itself when a service answers 401.
type Session struct {
	// Project is the token's.
	Project Project
	// UserID is the ID of the signed-in user.
	UserID string
	// Roles are the names of the user's roles in the scope, sorted; none where keystone has v2.0
	// only.
	Roles []string
	// V2 is set where keystone has v2.0 only.
	V2 bool

	provider     *gophercloud.ProviderClient
	identity     *identity
	catalog      []catalogEndpoint
	endpointType string
}

// newSession returns the session of a token.
func newSession(
	provider *gophercloud.ProviderClient, identity *identity, endpointType string, t token,
) *Session {
	return &Session{Project: t.project, UserID: t.userID, Roles: t.roles, V2: identity.v2,
		provider: provider, identity: identity, catalog: t.catalog, endpointType: endpointType}
}

// describeScope returns the scope of the token, for error messages.
func (s *Session) describeScope() string {
	if s.Project.ID == "" {
		return "no project (the system, a domain or no scope)"
	}
	return fmt.Sprintf("project %s (%s)", s.Project.Name, s.Project.ID)
}

// Regions returns the regions in which the catalog has a type of service, in the order of the
// catalog.
func (s *Session) Regions(serviceType string) []string {
	var regions []string
	seen := map[string]bool{}
	for _, endpoint := range s.catalog {
		if endpoint.serviceType == serviceType && endpoint.endpointType == s.endpointType && !seen[endpoint.region] {
			seen[endpoint.region] = true
			regions = append(regions, endpoint.region)
		}
	}
	return regions
}

// Service returns a client for a type of service (`compute`, `image`, `network`) in a region, with
// the token of the session; nil where the catalog has none. An empty region is any.
func (s *Session) Service(serviceType, region string) *gophercloud.ServiceClient {
	for _, endpoint := range s.catalog {
		if endpoint.serviceType == serviceType && endpoint.endpointType == s.endpointType &&
			(region == "" || endpoint.region == region) {
			return s.newService(serviceType, endpoint.endpointURL(s.Project.ID))
		}
	}
	return nil
}

// anyVersion matches the version at the end of an endpoint.
var anyVersion = regexp.MustCompile(`/v\d+(\.\d+)?/*$`)

// VersionedService is like Service, for services whose endpoint the catalog may have without the
// version, which is then added.
func (s *Session) VersionedService(serviceType, region, version string) *gophercloud.ServiceClient {
	service := s.Service(serviceType, region)
	if service != nil && !anyVersion.MatchString(service.Endpoint) {
		service.Endpoint = strings.TrimRight(service.Endpoint, "/") + "/" + version + "/"
	}
	return service
}

// Identity returns a client for keystone.
func (s *Session) Identity() *gophercloud.ServiceClient {
	return s.newService("identity", s.identity.url())
}

// IdentityAdmin returns a client for the API of keystone that lists users; v2.0 has it on another
// port.
func (s *Session) IdentityAdmin() *gophercloud.ServiceClient {
	for _, endpoint := range s.catalog {
		if s.V2 && endpoint.serviceType == "identity" && endpoint.endpointType == "admin" {
			return s.newService("identity", endpoint.endpointURL(s.Project.ID))
		}
	}
	return s.Identity()
}

func (s *Session) newService(serviceType, url string) *gophercloud.ServiceClient {
	return &gophercloud.ServiceClient{ProviderClient: s.provider, Type: serviceType,
		Endpoint: gophercloud.NormalizeURL(url)}
}
