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

// Project is the project of a token. Its fields are empty where the token has none.
type Project struct{ ID, Name, DomainID, DomainName string }

// Session is a signed-in user with a scope. Its token renews itself when a service answers 401.
type Session struct {
	// Project is the token's.
	Project Project
	// UserID is the ID of the signed-in user.
	UserID string
	// V2 is set where keystone has v2.0 only.
	V2 bool

	provider     *gophercloud.ProviderClient
	identity     *identity
	catalog      []catalogEndpoint
	endpointType string
}

// catalogEndpoint is an endpoint of the service catalog.
type catalogEndpoint struct{ serviceType, region, endpointType, url string }

// newSession returns the session of a token that the provider has got.
func newSession(
	provider *gophercloud.ProviderClient, identity *identity, endpointType string,
) (*Session, error) {
	session := &Session{provider: provider, identity: identity, V2: identity.v2, endpointType: endpointType}
	var err error
	switch result := provider.GetAuthResult().(type) {
	case tokens3.CreateResult:
		err = session.readV3Token(result)
	case tokens2.CreateResult:
		err = session.readV2Token(result)
	default:
		err = fmt.Errorf("unexpected answer of type %T", result)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the token of %s: %w", identity.url(), err)
	}
	return session, nil
}

func (s *Session) readV3Token(result tokens3.CreateResult) error {
	project, err := result.ExtractProject()
	if err != nil {
		return err
	}
	if project != nil {
		s.Project = Project{ID: project.ID, Name: project.Name,
			DomainID: project.Domain.ID, DomainName: project.Domain.Name}
	}
	if user, err := result.ExtractUser(); err == nil && user != nil {
		s.UserID = user.ID
	}
	catalog, err := result.ExtractServiceCatalog()
	if err != nil {
		return err
	}
	for _, entry := range catalog.Entries {
		for _, endpoint := range entry.Endpoints {
			region := endpoint.Region
			if region == "" {
				region = endpoint.RegionID
			}
			s.catalog = append(s.catalog, catalogEndpoint{serviceType: entry.Type, region: region,
				endpointType: endpoint.Interface, url: endpoint.URL})
		}
	}
	return nil
}

func (s *Session) readV2Token(result tokens2.CreateResult) error {
	// gophercloud's Token lacks the user.
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
		for _, endpoint := range entry.Endpoints {
			for endpointType, url := range map[string]string{
				"public": endpoint.PublicURL, "admin": endpoint.AdminURL, "internal": endpoint.InternalURL,
			} {
				if url != "" {
					s.catalog = append(s.catalog, catalogEndpoint{serviceType: entry.Type,
						region: endpoint.Region, endpointType: endpointType, url: url})
				}
			}
		}
	}
	return nil
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
			return s.newService(serviceType, endpoint.url)
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
			return s.newService("identity", endpoint.url)
		}
	}
	return s.Identity()
}

func (s *Session) newService(serviceType, url string) *gophercloud.ServiceClient {
	return &gophercloud.ServiceClient{ProviderClient: s.provider, Type: serviceType,
		Endpoint: gophercloud.NormalizeURL(url)}
}
