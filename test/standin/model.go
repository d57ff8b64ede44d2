package standin

import "time"

// Project is a keystone project. An empty ID is derived from the name.
type Project struct {
	ID, Name, Description string
	DomainID              string // "default" when empty
	Tags                  []string
	// Properties are the extra top-level keys of the project, such as accounting:VO.
	Properties map[string]string
	Disabled   bool
}

// Domain is a keystone domain.
type Domain struct {
	ID, Name, Description string
}

// User is a keystone user. An empty ID is derived from the name.
type User struct {
	ID, Name, Email string
	DomainID        string // "default" when empty
	Password        string // empty: cannot sign in with one
	Passcode        string // accepted once; empty: none
	Disabled        bool
}

// AppCredential is a keystone application credential, for one project.
type AppCredential struct {
	ID, Name, Secret  string
	UserID, ProjectID string
	// Roles are the roles of the credential; empty means all roles of the user.
	Roles []string
}

// Flavor is a nova flavor.
type Flavor struct {
	ID, Name  string
	VCPUs     int
	RAM       int // MB
	Disk      int // GB
	Ephemeral int // GB
	Swap      int // MB
	// ExtraSpecs has the operator's properties, for example benchmarks and accelerators.
	ExtraSpecs map[string]string
	// Private flavors are visible to Projects only.
	Private  bool
	Projects []string
	Disabled bool
}

// Image is a glance image.
type Image struct {
	ID, Name   string
	Owner      string // project id
	Visibility string // "public" when empty
	Status     string // "active" when empty
	Hidden     bool   // os_hidden
	Created    time.Time
	Updated    time.Time // Created when zero
	MinDisk    int
	Size       int64 // 1024 when 0
	// Properties are extra top-level keys, such as vmcatcher_event_ad_mpuri.
	Properties map[string]string
}

// Server is a nova server as plain data. The zero value of a time means that nova answers null.
type Server struct {
	ID, Name          string // derived from project, name and order when empty
	ProjectID, UserID string
	Region            string // "" is the cloud's first region
	// Status as the API shows it: ACTIVE, SHUTOFF, DELETED, ...
	Status string
	// VMState and PowerState follow from Status when empty.
	VMState    string
	PowerState *int
	TaskState  string

	Created    time.Time
	Updated    time.Time // the latest of Created, Launched and Deleted when zero
	Launched   time.Time
	Terminated time.Time
	// Deleted is when the deletion began; the API has it only as an instance action.
	Deleted time.Time

	// Flavor is the flavor it was built with; FlavorID fills it in from the cloud's flavors.
	Flavor   *Flavor
	FlavorID string
	ImageID  string // "" for a server booted from a volume
	Volumes  []Volume

	Addresses      []Address
	SecurityGroups []string // "default" per address when nil
	Metadata       map[string]string
	Tags           []string
	Host           string // "" without a host
	HostID         string // derived from Host and ProjectID when empty
	AZ             string // "nova" when empty and Host is set
	KeyName        string
	Description    string
	Fault          string

	// Actions are its instance actions, newest first; derived from the times above when nil.
	Actions []Action
	// CellDown puts it in a cell that nova cannot reach.
	CellDown bool

	// flavorBefore is the flavor before a resize that is not confirmed.
	flavorBefore *Flavor
	seq          int
}

// Volume is a volume attached to a server.
type Volume struct {
	ID                  string
	DeleteOnTermination bool
}

// Address is one address of a server as nova shows it.
type Address struct {
	Network string
	Addr    string
	MAC     string
	// Floating is true for a floating address, false for a fixed one.
	Floating bool
}

// Action is a nova instance action.
type Action struct {
	Name, RequestID   string
	UserID, ProjectID string // the server's when empty
	Start             time.Time
	Updated           time.Time
	Message           string // null when empty
}

// FloatingIP is a neutron floating IP.
type FloatingIP struct {
	ID, ProjectID string
	Region        string // "" is the cloud's first region
	Address       string
	NetworkID     string
	Description   string
	Created       time.Time
	Updated       time.Time // Created when zero
	Status        string    // "ACTIVE" when attached, else "DOWN", when empty
	// ServerID, PortID and FixedAddress are set while it is attached.
	ServerID, PortID, FixedAddress string
	RouterID, MAC, PortNetworkID   string
	Revision                       int
}
