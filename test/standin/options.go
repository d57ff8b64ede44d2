package standin

import "time"

// What the generated cloud calls the things that its users need to name.
const (
	// AccountingUser and AccountingPassword sign in the account that a collector uses: a
	// reader of every project but ProjectWithoutRole, and a reader of the system.
	AccountingUser     = "accounting"
	AccountingPassword = "stand-in"
	// AdminUser and AdminPassword sign in the administrator (of project AdminProject).
	AdminUser     = "admin"
	AdminPassword = "stand-in-admin"
	AdminProject  = "admin"
	// AppCredentialID and AppCredentialSecret sign in AccountingUser to the first project.
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

// Options say what cloud New makes and how it behaves. The zero value is a small believable
// cloud of one region with the services of OpenStack Zed.
type Options struct {
	// Seed and Now decide all generated data: the same two give the same cloud.
	Seed uint64
	// Now is the cloud's idea of the present for its data (usage reports, ages). Tokens live
	// by the real clock. The start of the present second when zero.
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
	// MaxLimit is the most servers nova gives at once (1000 when 0).
	MaxLimit int
	// ImageLimit is glance's page size without a limit in the request (25 when 0, as glance).
	ImageLimit int
	// FloatingIPLimit is neutron's pagination_max_limit (none when 0).
	FloatingIPLimit int
	// UserPage makes keystone page its lists of users and projects by so many (0: one page).
	UserPage int

	// Telemetry says which archives of samples there are. The zero value is none.
	Telemetry Telemetry
	// SampleLimit is the most samples Ceilometer gives at once, whatever limit it is asked for (0: no such bound).
	SampleLimit int

	// Identity says which identity APIs there are. The zero value is v3 alone, as every
	// OpenStack since Queens has it.
	Identity IdentityVersions
	// ForbidUserList and ForbidUserGet answer 403 to those requests whoever asks.
	ForbidUserList, ForbidUserGet bool
	// ProjectInComputeURL puts the project id into the catalogue's compute address
	// (/v2.1/PROJECT), as clouds of before Ocata do.
	ProjectInComputeURL bool
	// TokenLifetime is how long a token is valid (4 hours when 0).
	TokenLifetime time.Duration
	// Regions are the names in the catalogue ("RegionOne" when empty).
	Regions []string
	// PublicURL replaces the address by which a request came in the catalogue and in links.
	PublicURL string
	// FailOnDownCells makes nova answer 500 rather than leave out the servers of a cell
	// that is down ([api]list_records_by_skipping_down_cells = false).
	FailOnDownCells bool
}

// IdentityVersions says which identity APIs a cloud has.
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
