package standin

import (
	"cmp"
	"net/http"
	"strings"
	"unicode"
)

// serverView is a server in nova's form. Fields that a microversion added are pointers, nil below
// it.
type serverView struct {
	ID         string              `json:"id"`
	Name       string              `json:"name"`
	Status     string              `json:"status"`
	TenantID   string              `json:"tenant_id"`
	UserID     string              `json:"user_id"`
	Metadata   map[string]string   `json:"metadata"`
	HostID     string              `json:"hostId"`
	Image      any                 `json:"image"`
	Flavor     any                 `json:"flavor"`
	Created    string              `json:"created"`
	Updated    string              `json:"updated"`
	Addresses  map[string][]nicsIP `json:"addresses"`
	AccessIPv4 string              `json:"accessIPv4"`
	AccessIPv6 string              `json:"accessIPv6"`
	Links      []linkView          `json:"links"`
	DiskConfig string              `json:"OS-DCF:diskConfig"`
	Progress   *int                `json:"progress,omitempty"`
	Fault      *faultView          `json:"fault,omitempty"`
	AZ         string              `json:"OS-EXT-AZ:availability_zone"`
	Drive      string              `json:"config_drive"`
	KeyName    *string             `json:"key_name"`
	Launched   *string             `json:"OS-SRV-USG:launched_at"`
	Terminated *string             `json:"OS-SRV-USG:terminated_at"`
	Groups     []groupView         `json:"security_groups,omitempty"`
	TaskState  *string             `json:"OS-EXT-STS:task_state"`
	VMState    string              `json:"OS-EXT-STS:vm_state"`
	PowerState int                 `json:"OS-EXT-STS:power_state"`
	Volumes    []object            `json:"os-extended-volumes:volumes_attached"`
	*since9
	*since19
	*since26
	*since63
	*since71
	*since73
	*since90
}

type (
	linkView struct {
		Rel  string `json:"rel"`
		Href string `json:"href"`
	}
	nicsIP struct {
		Version int    `json:"version"`
		Addr    string `json:"addr"`
		Type    string `json:"OS-EXT-IPS:type"`
		MAC     string `json:"OS-EXT-IPS-MAC:mac_addr"`
	}
	faultView struct {
		Code    int    `json:"code"`
		Created string `json:"created"`
		Message string `json:"message"`
	}
	groupView struct {
		Name string `json:"name"`
	}
	refView struct {
		ID    string     `json:"id"`
		Links []linkView `json:"links"`
	}
	embeddedFlavor struct {
		VCPUs      int               `json:"vcpus"`
		RAM        int               `json:"ram"`
		Disk       int               `json:"disk"`
		Ephemeral  int               `json:"ephemeral"`
		Swap       int               `json:"swap"`
		Name       string            `json:"original_name"`
		ExtraSpecs map[string]string `json:"extra_specs"`
	}
	since9 struct {
		Locked bool `json:"locked"`
	}
	since19 struct {
		Description *string `json:"description"`
	}
	since26 struct {
		Tags []string `json:"tags"`
	}
	since63 struct {
		Trusted *string `json:"trusted_image_certificates"`
	}
	since71 struct {
		ServerGroups []string `json:"server_groups"`
	}
	since73 struct {
		LockedReason *string `json:"locked_reason"`
	}
	since90 struct {
		Hostname string `json:"OS-EXT-SRV-ATTR:hostname"`
	}
)

// vmState returns nova's vm_state and power_state of a status.
func vmState(status string) (state string, power int) {
	switch status {
	case "ACTIVE", "REBOOT", "HARD_REBOOT", "PASSWORD", "REBUILD", "MIGRATING", "RESIZE":
		return "active", 1
	case "VERIFY_RESIZE", "REVERT_RESIZE":
		return "resized", 1
	case "SHUTOFF":
		return "stopped", 4
	case "PAUSED":
		return "paused", 3
	case "SUSPENDED":
		return "suspended", 4
	case "SHELVED":
		return "shelved", 4
	case "SHELVED_OFFLOADED":
		return "shelved_offloaded", 4
	case "RESCUE":
		return "rescued", 1
	case "BUILD":
		return "building", 0
	case "SOFT_DELETED":
		return "soft-delete", 4
	default: // ERROR, DELETED
		return strings.ToLower(status), 0
	}
}

// serverView builds the view; single is GET /servers/ID, which has more fields.
func (q *call) serverView(s *Server, single bool) *serverView {
	state, power := vmState(s.Status)
	if s.PowerState != nil {
		power = *s.PowerState
	}
	v := &serverView{
		ID: s.ID, Name: s.Name, Status: s.Status, TenantID: s.ProjectID, UserID: s.UserID,
		Metadata: s.Metadata, HostID: s.hostID(), Image: q.imageRef(s), Flavor: q.flavorRef(s),
		Created: s.Created.UTC().Format(zTime), Updated: s.Updated.UTC().Format(zTime),
		Addresses: addressViews(s.Addresses), Links: q.serverLinks(s), DiskConfig: "MANUAL",
		AZ: s.AZ, KeyName: nullString(s.KeyName),
		Launched: nullTime(s.Launched), Terminated: nullTime(s.Terminated),
		TaskState: nullString(s.TaskState), VMState: cmp.Or(s.VMState, state), PowerState: power,
		Volumes: []object{},
	}
	if v.Metadata == nil {
		v.Metadata = map[string]string{}
	}
	if v.AZ == "" && v.HostID != "" {
		v.AZ = "nova"
	}
	switch s.Status {
	case "ACTIVE", "BUILD", "REBUILD", "RESIZE", "VERIFY_RESIZE", "MIGRATING":
		v.Progress = new(int)
	case "ERROR", "DELETED":
		// Lists lack the faults of servers that never reached a cell.
		if s.Fault != "" && (single || v.HostID != "") {
			v.Fault = &faultView{Code: 500, Created: s.Updated.UTC().Format(zTime), Message: s.Fault}
		}
	}
	for _, name := range s.securityGroups() {
		v.Groups = append(v.Groups, groupView{name})
	}
	for _, volume := range s.Volumes {
		view := object{"id": volume.ID}
		if q.minor >= minorVolumeOptions {
			view["delete_on_termination"] = volume.DeleteOnTermination
		}
		v.Volumes = append(v.Volumes, view)
	}
	q.addNewer(v, s, single)
	return v
}

func (q *call) addNewer(v *serverView, s *Server, single bool) {
	if q.minor >= minorLocked {
		v.since9 = &since9{}
	}
	if q.minor >= minorDescription {
		v.since19 = &since19{nullString(s.Description)}
	}
	if q.minor >= minorTags {
		v.since26 = &since26{append([]string{}, s.Tags...)}
	}
	if q.minor >= minorTrusted {
		v.since63 = &since63{}
	}
	if q.minor >= minorServerGroups && single {
		v.since71 = &since71{[]string{}}
	}
	if q.minor >= minorLockedReason {
		v.since73 = &since73{}
	}
	if q.minor >= minorHostname {
		v.since90 = &since90{hostname(s)}
	}
}

// serverStub returns the fields of a server whose cell is down ("Handling Down Cells", nova API
// guide).
func (q *call) serverStub(s *Server) object {
	return object{"id": s.ID, "status": "UNKNOWN", "tenant_id": s.ProjectID,
		"created": s.Created.UTC().Format(zTime), "links": q.serverLinks(s)}
}

// novaServer answers GET /servers/ID. A deleted server is not found.
func (q *call) novaServer(id string) {
	s := q.visibleServer(id)
	if s == nil || s.Status == "DELETED" {
		q.novaServerNotFound(id)
		return
	}
	if !s.CellDown {
		q.write(http.StatusOK, "application/json", object{"server": q.serverView(s, true)})
		return
	}
	if q.minor < minorDownCells {
		q.novaError(http.StatusInternalServerError, "computeFault",
			"Unexpected API Error. The cell of this server is not responding.\n<class 'nova.exception.NovaException'>")
		return
	}
	stub := q.serverStub(s)
	stub["image"], stub["flavor"], stub["user_id"] = q.imageRef(s), q.flavorRef(s), s.UserID
	stub["OS-EXT-AZ:availability_zone"], stub["OS-EXT-STS:power_state"] = cmp.Or(s.AZ, "UNKNOWN"), 0
	if q.minor >= minorServerGroups {
		stub["server_groups"] = []string{}
	}
	q.write(http.StatusOK, "application/json", object{"server": stub})
}

func (q *call) novaServerNotFound(id string) {
	q.novaError(http.StatusNotFound, "itemNotFound", "Instance %s could not be found.", id)
}

// visibleServer returns a server of the token's project, deleted or not.
func (q *call) visibleServer(id string) *Server {
	s := q.cloud.store.servers[id]
	if s == nil || !q.inRegion(s.Region) || s.ProjectID != q.token.projectID && !q.token.has("admin") {
		return nil
	}
	return s
}

func (q *call) serverLinks(s *Server) []linkView {
	return []linkView{{"self", q.novaAddress() + "/servers/" + s.ID}, {"bookmark", q.base + "/servers/" + s.ID}}
}

// imageRef returns the image; for a server booted from a volume it is an empty string.
func (q *call) imageRef(s *Server) any {
	if s.ImageID == "" {
		return ""
	}
	return refView{s.ImageID, []linkView{{"bookmark", q.base + "/images/" + s.ImageID}}}
}

// flavorRef returns the flavor it was built with (from 2.47) or an id, maybe of a deleted flavor.
func (q *call) flavorRef(s *Server) any {
	f := s.Flavor
	if q.minor < minorFlavorEmbedded {
		return refView{f.ID, []linkView{{"bookmark", q.base + "/flavors/" + f.ID}}}
	}
	specs := f.ExtraSpecs
	if specs == nil {
		specs = map[string]string{}
	}
	return embeddedFlavor{f.VCPUs, f.RAM, f.Disk, f.Ephemeral, f.Swap, f.Name, specs}
}

// hostID hashes the host's name with the project, like nova.
func (s *Server) hostID() string {
	if s.HostID != "" || s.Host == "" {
		return s.HostID
	}
	return (hexID("host", s.ProjectID, s.Host) + hexID("host", s.Host, s.ProjectID))[:56]
}

func (s *Server) securityGroups() []string {
	if s.SecurityGroups != nil {
		return s.SecurityGroups
	}
	var names []string
	seen := map[string]bool{}
	for _, a := range s.Addresses { // one for each interface
		if !a.Floating && !seen[a.MAC] {
			seen[a.MAC] = true
			names = append(names, "default")
		}
	}
	return names
}

func addressViews(addresses []Address) map[string][]nicsIP {
	views := map[string][]nicsIP{}
	for _, a := range addresses {
		v := nicsIP{4, a.Addr, "fixed", a.MAC}
		if strings.Contains(a.Addr, ":") {
			v.Version = 6
		}
		if a.Floating {
			v.Type = "floating"
		}
		views[a.Network] = append(views[a.Network], v)
	}
	return views
}

// hostname derives a hostname from a display name: letters, digits and dashes of latin-1
// (nova.utils.sanitize_hostname).
func hostname(s *Server) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r == ' ' || r == '_' || r == '.':
			return '-'
		case r == '-' || r <= unicode.MaxLatin1 && (unicode.IsLetter(r) || unicode.IsDigit(r)):
			return unicode.ToLower(r)
		}
		return -1
	}, s.Name)
	runes := []rune(strings.Trim(name, "-"))
	if len(runes) == 0 {
		return "Server-" + s.ID
	}
	return string(runes[:min(len(runes), 63)])
}
