package standin

import "time"

// Project is a keystone project. An ID that is left empty is made from the name.
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

// User is a keystone user. An ID that is left empty is made from the name.
type User struct {
	ID, Name, Email string
	DomainID        string // "default" when empty
	Password        string // empty: can not sign in
	Disabled        bool
}

// AppCredential is a keystone application credential: a way into one project.
type AppCredential struct {
	ID, Name, Secret  string
	UserID, ProjectID string
	// Roles limits what the credential can do; empty means all that the user has.
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
	// ExtraSpecs holds what an operator attached, benchmarks and accelerators among it.
	ExtraSpecs map[string]string
	// Private flavors show only to Projects.
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

// Server is a nova server: plain data that a test can write down. The zero value of a time
// means that nova answers null there.
type Server struct {
	ID, Name          string // ID is made from project, name and order when empty
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
	// Deleted is when its deletion began; it is shown only as an instance action.
	Deleted time.Time

	// Flavor is the one it was built with; FlavorID fills it in from the cloud's flavors.
	Flavor   *Flavor
	FlavorID string
	ImageID  string // "" for a server booted from a volume
	Volumes  []Volume

	Addresses      []Address
	SecurityGroups []string // "default" per address when nil
	Metadata       map[string]string
	Tags           []string
	Host           string // "" when it is on no host
	HostID         string // made from Host and ProjectID when empty
	AZ             string // "nova" when empty and there is a host
	KeyName        string
	Description    string
	Fault          string

	// Actions are its instance actions, newest first; made from the times above when nil.
	Actions []Action
	// CellDown puts it in a cell that nova can not reach.
	CellDown bool

	seq int
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
	// Floating tells a floating address from a fixed one.
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
