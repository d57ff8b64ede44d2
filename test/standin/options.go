package standin

import "time"

// Names in the generated cloud.
const (
	// AccountingUser and AccountingPassword are the credentials of the account for accounting: a
	// reader of every project but ProjectWithoutRole, and a reader of the system.
	AccountingUser     = "accounting"
	AccountingPassword = "stand-in"
	// AdminUser and AdminPassword are the administrator's credentials (project AdminProject).
	AdminUser     = "admin"
	AdminPassword = "stand-in-admin"
	AdminProject  = "admin"
	// AppCredentialID and AppCredentialSecret are a credential of AccountingUser for the first
	// project.
	AppCredentialID     = "c0ffee00c0ffee00c0ffee00c0ffee00"
	AppCredentialName   = "accounting-credential"
	AppCredentialSecret = "stand-in-credential"
	// ProjectTag is on each project that has a VO.
	ProjectTag = "caso"
	// ProjectWithoutVO has servers and a role but no VO property and no tag.
	ProjectWithoutVO = "sandbox"
	// ProjectWithoutRole has servers; AccountingUser has no role there.
	ProjectWithoutRole = "private-lab"
	// DefaultDomainID and DefaultDomainName are keystone's own defaults.
	DefaultDomainID   = "default"
	DefaultDomainName = "Default"
)

// Options are the contents and the behaviour of a new cloud. The zero value is a small cloud of one
// region with the services of OpenStack Zed.
type Options struct {
	// Seed and Now determine all generated data.
	Seed uint64
	// Now is the current time of the cloud's data (usage reports, ages). Tokens use the real
	// clock. The start of the current second when zero.
	Now time.Time

	// Empty leaves out all generated data but the domain, AccountingUser (reader of the
	// system) and AdminUser.
	Empty bool
	// Projects is the number of projects with a VO (2 when 0).
	Projects int
	// ServersPerProject is the number of servers in each of them (one of every life cycle
	// when 0, none when negative).
	ServersPerProject int

	// MaxMicroversion is the newest compute microversion ("2.93" when empty).
	MaxMicroversion string
	// MaxLimit is nova's largest page of servers (1000 when 0).
	MaxLimit int
	// ImageLimit is glance's page size without a limit in the request (25 when 0, as glance).
	ImageLimit int
	// FloatingIPLimit is neutron's pagination_max_limit (none when 0).
	FloatingIPLimit int
	// UserPage is the page size of keystone's lists of users and projects (0: one page).
	UserPage int

	// Telemetry selects the archives of samples. The zero value is none.
	Telemetry Telemetry
	// SampleLimit is the most samples in an answer of Ceilometer, whatever the limit (0: unlimited).
	SampleLimit int

	// Identity selects the identity APIs. The zero value is v3 alone, as in OpenStack since Queens.
	Identity IdentityVersions
	// ForbidUserList and ForbidUserGet make keystone answer 403 to these requests of every user.
	ForbidUserList, ForbidUserGet bool
	// ForbidRescope makes keystone refuse a token for a token that has a scope ([token]
	// allow_rescope_scoped_token = false), ForbidTokenMethod one for any token ([auth] methods without
	// token).
	ForbidRescope, ForbidTokenMethod bool
	// Federation is the identity provider that keystone accepts.
	Federation Federation
	// ProjectInComputeURL adds the project id to the catalogue's compute address
	// (/v2.1/PROJECT), as in clouds before Ocata.
	ProjectInComputeURL bool
	// TokenLifetime is how long a token is valid (4 hours when 0).
	TokenLifetime time.Duration
	// Regions are the names in the catalogue ("RegionOne" when empty).
	Regions []string
	// PublicURL replaces the request's own address in the catalogue and in links.
	PublicURL string
	// QuotaCounts makes nova's /limits count what the servers of the project occupy, as all quota
	// drivers but `unlimited` do.
	QuotaCounts bool
	// ReadersListAll makes nova list the servers of all projects for readers too, as a site's policy
	// os_compute_api:servers:detail:get_all_tenants can do.
	ReadersListAll bool
	// DateOfNow makes the Date header of every answer the cloud's Now, as a service on another host
	// sends it. Otherwise it is the time of the test's host.
	DateOfNow bool
	// FailOnDownCells makes nova answer 500 instead of omitting the servers of a cell
	// that is down ([api]list_records_by_skipping_down_cells = false).
	FailOnDownCells bool
}

// IdentityVersions is a set of identity APIs.
type IdentityVersions int

// The identity APIs of a cloud.
const (
	IdentityV3   IdentityVersions = iota // v3 alone
	IdentityV2                           // v2.0 alone
	IdentityBoth                         // both, as Kilo to Pike
)

func (v IdentityVersions) v2() bool { return v == IdentityV2 || v == IdentityBoth }
func (v IdentityVersions) v3() bool { return v == IdentityV3 || v == IdentityBoth }

func (o Options) withDefaults() Options {
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	o.Now = o.Now.UTC().Truncate(time.Second)
	if o.Projects == 0 {
		o.Projects = 2
	}
	if o.ServersPerProject == 0 {
		o.ServersPerProject = len(lifeCycles())
	}
	if o.MaxMicroversion == "" {
		o.MaxMicroversion = "2.93"
	}
	if o.MaxLimit == 0 {
		o.MaxLimit = 1000
	}
	if o.ImageLimit == 0 {
		o.ImageLimit = 25
	}
	if o.TokenLifetime == 0 {
		o.TokenLifetime = 4 * time.Hour
	}
	if len(o.Regions) == 0 {
		o.Regions = []string{"RegionOne"}
	}
	return o
}
