package standin_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caso-project/caso/test/standin"
)

// recording is a request to a real OpenStack Zed and its answer.
type recording struct {
	name    string
	Request struct {
		Method  string            `json:"method"`
		URL     string            `json:"url"`
		Headers map[string]string `json:"headers"`
		Body    json.RawMessage   `json:"body"`
	} `json:"request"`
	Response struct {
		Status  int               `json:"status"`
		Headers map[string]string `json:"headers"`
		JSON    json.RawMessage   `json:"json"`
	} `json:"response"`
}

func recordings(t testing.TB) []recording {
	t.Helper()
	files, err := filepath.Glob("testdata/recordings/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	var all []recording
	for _, file := range files {
		all = append(all, load(t, strings.TrimSuffix(filepath.Base(file), ".json")))
	}
	return all
}

func load(t testing.TB, name string) recording {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata/recordings", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	r := recording{name: name}
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return r
}

// into decodes a recording's answer into v.
func (r recording) into(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal(r.Response.JSON, v); err != nil {
		t.Fatalf("%s: %v", r.name, err)
	}
}

const (
	recordedPassword = "rig-user"
	deltaID          = "a88a471a030d487e9fe273f3b6fcdb51" // vo-delta, where accounting has no role
)

// rebuildCloud returns a cloud with the contents of the recorded lists.
func rebuildCloud(t testing.TB) *standin.Cloud {
	t.Helper()
	now := time.Date(2026, 11, 23, 16, 5, 56, 0, time.UTC) // when the usage was recorded
	c := standin.New(standin.Options{Empty: true, Now: now})
	for _, p := range c.Projects() {
		c.DeleteProject(p.ID)
	}
	for _, u := range c.Users() {
		c.DeleteUser(u.ID)
	}
	rebuildIdentity(t, c)
	rebuildFlavors(t, c)
	rebuildImages(t, c)
	rebuildFloatingIPs(t, c)
	// The last one adds the deleted server of vo-beta that the first does not list.
	for _, list := range []string{"nova-servers-plain-beta-2.96-or-max", "nova-servers-changes-since-1970-2.93",
		"nova-servers-changes-since-tz"} {
		rebuildServers(t, c, list)
	}
	rebuildActions(t, c)
	return c
}

func rebuildIdentity(t testing.TB, c *standin.Cloud) {
	var users struct {
		Users []struct{ ID, Name, Email string } `json:"users"`
	}
	load(t, "keystone-users").into(t, &users)
	accounting := ""
	for _, u := range users.Users {
		c.AddUser(standin.User{ID: u.ID, Name: u.Name, Email: u.Email, Password: recordedPassword})
		if u.Name == "accounting" {
			accounting = u.ID
		}
	}
	c.GrantSystem(accounting, "reader")
	var projects struct {
		Projects []map[string]any `json:"projects"`
	}
	load(t, "keystone-auth-projects").into(t, &projects)
	for _, p := range projects.Projects {
		project := standin.Project{ID: p["id"].(string), Name: p["name"].(string), Description: p["description"].(string)}
		for _, tag := range p["tags"].([]any) {
			project.Tags = append(project.Tags, tag.(string))
		}
		if vo, ok := p["VO"].(string); ok {
			project.Properties = map[string]string{"VO": vo}
		}
		c.Grant(accounting, c.AddProject(project), "reader")
	}
	c.AddProject(standin.Project{ID: deltaID, Name: "vo-delta"})
}

func rebuildFlavors(t testing.TB, c *standin.Cloud) {
	var flavors struct {
		Flavors []struct {
			ID, Name         string
			VCPUs, RAM, Disk int
			Ephemeral        int               `json:"OS-FLV-EXT-DATA:ephemeral"`
			Swap             any               `json:"swap"`
			Public           bool              `json:"os-flavor-access:is_public"`
			Specs            map[string]string `json:"extra_specs"`
		}
	}
	load(t, "nova-flavors-2.61").into(t, &flavors)
	for _, f := range flavors.Flavors {
		swap, _ := f.Swap.(float64) // an empty string is 0
		c.AddFlavor(standin.Flavor{ID: f.ID, Name: f.Name, VCPUs: f.VCPUs, RAM: f.RAM, Disk: f.Disk, Ephemeral: f.Ephemeral,
			Swap: int(swap), ExtraSpecs: f.Specs, Private: !f.Public, Projects: []string{c.ProjectID("vo-alpha")}})
	}
}

func rebuildImages(t testing.TB, c *standin.Cloud) {
	var images struct{ Images []map[string]any }
	load(t, "glance-images").into(t, &images)
	for _, i := range images.Images {
		at := func(key string) time.Time {
			at, err := time.Parse(time.RFC3339, i[key].(string))
			if err != nil {
				t.Fatal(err)
			}
			return at
		}
		image := standin.Image{ID: i["id"].(string), Name: i["name"].(string), Owner: i["owner"].(string), Created: at("created_at"), Updated: at("updated_at"),
			Status: i["status"].(string), Visibility: i["visibility"].(string), MinDisk: int(i["min_disk"].(float64)),
			Properties: map[string]string{}}
		for key, value := range i {
			if strings.HasPrefix(key, "vmcatcher_") || slices.Contains([]string{"base_image_ref", "owner_user_name",
				"owner_project_name", "boot_roles", "instance_uuid", "user_id", "image_type"}, key) {
				image.Properties[key] = value.(string)
			}
		}
		c.AddImage(image)
	}
}

func rebuildFloatingIPs(t testing.TB, c *standin.Cloud) {
	var list struct {
		FloatingIPs []struct {
			ID, Status, Description string
			ProjectID               string `json:"project_id"`
			Address                 string `json:"floating_ip_address"`
			Network                 string `json:"floating_network_id"`
			Router                  string `json:"router_id"`
			Port                    string `json:"port_id"`
			Fixed                   string `json:"fixed_ip_address"`
			Details                 *struct {
				Network string `json:"network_id"`
				MAC     string `json:"mac_address"`
				Device  string `json:"device_id"`
			} `json:"port_details"`
			Created  time.Time `json:"created_at"`
			Updated  time.Time `json:"updated_at"`
			Revision int       `json:"revision_number"`
		}
	}
	load(t, "neutron-floatingips").into(t, &list)
	for _, f := range list.FloatingIPs {
		ip := standin.FloatingIP{ID: f.ID, ProjectID: f.ProjectID, Address: f.Address, NetworkID: f.Network, Status: f.Status,
			Description: f.Description, RouterID: f.Router, PortID: f.Port, FixedAddress: f.Fixed,
			Created: f.Created, Updated: f.Updated, Revision: f.Revision}
		if f.Details != nil {
			ip.ServerID, ip.MAC, ip.PortNetworkID = f.Details.Device, f.Details.MAC, f.Details.Network
		}
		c.AddFloatingIP(ip)
	}
}

// recordedServer is a server of a list at 2.90 or later.
type recordedServer struct {
	ID, Name, Status string
	Project          string `json:"tenant_id"`
	User             string `json:"user_id"`
	Metadata         map[string]string
	HostID           string `json:"hostId"`
	Image            any
	Flavor           struct {
		ID                                string // below 2.47
		VCPUs, RAM, Disk, Ephemeral, Swap int
		Name                              string            `json:"original_name"`
		Specs                             map[string]string `json:"extra_specs"`
	}
	Created, Updated time.Time
	Addresses        map[string][]struct {
		Addr string
		Type string `json:"OS-EXT-IPS:type"`
		MAC  string `json:"OS-EXT-IPS-MAC:mac_addr"`
	}
	AZ          string                  `json:"OS-EXT-AZ:availability_zone"`
	Key         string                  `json:"key_name"`
	Description string                  `json:"description"`
	Launched    string                  `json:"OS-SRV-USG:launched_at"`
	Terminated  string                  `json:"OS-SRV-USG:terminated_at"`
	Security    []struct{ Name string } `json:"security_groups"`
	Task        string                  `json:"OS-EXT-STS:task_state"`
	VM          string                  `json:"OS-EXT-STS:vm_state"`
	Power       int                     `json:"OS-EXT-STS:power_state"`
	Volumes     []struct {
		ID     string
		Delete bool `json:"delete_on_termination"`
	} `json:"os-extended-volumes:volumes_attached"`
}

func rebuildServers(t testing.TB, c *standin.Cloud, list string) {
	var servers struct{ Servers []recordedServer }
	load(t, list).into(t, &servers)
	slices.Reverse(servers.Servers) // the oldest first, so that rows have the order of creation
	for _, r := range servers.Servers {
		if _, ok := c.Server(r.ID); ok {
			continue
		}
		s := standin.Server{ID: r.ID, Name: r.Name, Status: r.Status, ProjectID: r.Project, UserID: r.User,
			Metadata: r.Metadata, HostID: r.HostID, Created: r.Created, Updated: r.Updated,
			Launched: microTime(t, r.Launched), Terminated: microTime(t, r.Terminated), AZ: r.AZ, KeyName: r.Key,
			TaskState: r.Task, VMState: r.VM, PowerState: &r.Power, Description: r.Description, SecurityGroups: []string{},
			Flavor: flavorOf(t, c, r)}
		if image, ok := r.Image.(map[string]any); ok {
			s.ImageID = image["id"].(string)
		}
		for network, addresses := range r.Addresses {
			for _, a := range addresses {
				s.Addresses = append(s.Addresses, standin.Address{Network: network, Addr: a.Addr, MAC: a.MAC, Floating: a.Type == "floating"})
			}
		}
		for _, g := range r.Security {
			s.SecurityGroups = append(s.SecurityGroups, g.Name)
		}
		for _, v := range r.Volumes {
			s.Volumes = append(s.Volumes, standin.Volume{ID: v.ID, DeleteOnTermination: v.Delete})
		}
		if r.Name == "error-nohost" {
			s.Fault = "No valid host was found. "
		}
		c.AddServer(s)
	}
}

// flavorOf returns the flavor by name, or a deleted one with the data in the server.
func flavorOf(t testing.TB, c *standin.Cloud, r recordedServer) *standin.Flavor {
	t.Helper()
	f := standin.Flavor{Name: r.Flavor.Name, VCPUs: r.Flavor.VCPUs, RAM: r.Flavor.RAM, Disk: r.Flavor.Disk,
		Ephemeral: r.Flavor.Ephemeral, Swap: r.Flavor.Swap, ExtraSpecs: r.Flavor.Specs}
	for _, known := range c.Flavors() {
		if known.ID == r.Flavor.ID {
			return &known
		}
		if known.Name == f.Name {
			f.ID = known.ID
		}
	}
	if f.ID == "" {
		var gone struct {
			Server struct{ Flavor struct{ ID string } }
		}
		load(t, "nova-server-flavor-gone-2.1").into(t, &gone)
		f.ID = gone.Server.Flavor.ID
	}
	return &f
}

func rebuildActions(t testing.TB, c *standin.Cloud) {
	for _, name := range []string{"nova-actions", "nova-actions-resized", "nova-actions-deleted-server"} {
		var list struct {
			Actions []struct {
				Action  string
				Server  string `json:"instance_uuid"`
				Request string `json:"request_id"`
				User    string `json:"user_id"`
				Start   string `json:"start_time"`
				Updated string `json:"updated_at"`
				Message string
			} `json:"instanceActions"`
		}
		load(t, name).into(t, &list)
		var actions []standin.Action
		for _, a := range list.Actions {
			actions = append(actions, standin.Action{Name: a.Action, RequestID: a.Request, UserID: a.User, Message: a.Message,
				Start: microTime(t, a.Start), Updated: microTime(t, a.Updated)})
		}
		if !c.UpdateServer(list.Actions[0].Server, func(s *standin.Server) { s.Actions = actions }) {
			t.Fatalf("%s: no such server", name)
		}
	}
}

func microTime(t testing.TB, s string) time.Time {
	t.Helper()
	if s == "" {
		return time.Time{}
	}
	at, err := time.Parse("2006-01-02T15:04:05.000000", s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}
