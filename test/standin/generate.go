package standin

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// generateBase adds a domain and the two accounts.
func generateBase(c *Cloud) {
	c.AddDomain(Domain{ID: DefaultDomainID, Name: DefaultDomainName, Description: "The default domain"})
	admin := c.AddUser(User{Name: AdminUser, Password: AdminPassword})
	accounting := c.AddUser(User{Name: AccountingUser, Password: AccountingPassword, Email: "accounting@example.org"})
	c.GrantSystem(admin, "admin")
	c.GrantSystem(accounting, "reader")
	c.Grant(admin, c.AddProject(Project{Name: AdminProject, Description: "Bootstrap project"}), "admin")
}

// generate fills the cloud; seed and current time determine everything.
func generate(c *Cloud) {
	g := &generator{cloud: c, now: c.opts.Now, random: rand.New(rand.NewPCG(c.opts.Seed, 1))}
	g.users()
	g.flavors()
	accounting := c.UserID(AccountingUser)
	var first string
	for i := range c.opts.Projects {
		name, vo := projectName(i)
		// The three names of the property that sites use.
		key := []string{"accounting:VO", "VO", "accounting_VO"}[i%3]
		id := c.AddProject(Project{Name: name, Description: "Project of " + vo,
			Tags: []string{ProjectTag}, Properties: map[string]string{key: vo}})
		c.Grant(accounting, id, "reader")
		if i == 0 {
			first = id
		}
		g.project(id, i, max(c.opts.ServersPerProject, 0))
	}
	if first != "" {
		c.AddAppCredential(AppCredential{ID: AppCredentialID, Name: AppCredentialName, Secret: AppCredentialSecret,
			UserID: accounting, ProjectID: first})
	}
	sandbox := c.AddProject(Project{Name: ProjectWithoutVO, Description: "For trying things out"})
	c.Grant(accounting, sandbox, "reader")
	private := c.AddProject(Project{Name: ProjectWithoutRole, Description: "No role here"})
	for i, id := range []string{sandbox, private} {
		g.project(id, c.opts.Projects+i, min(max(c.opts.ServersPerProject, 0), 5))
	}
	// Servers still refer to these, but the services have deleted them.
	c.DeleteFlavor(g.flavor["m1.retired"])
	c.DeleteUser(g.goneUser)
}

// projectName returns the name of the i-th project and its VO.
func projectName(i int) (name, vo string) {
	names := []string{"biomed", "enmr", "climate", "lofar", "astro", "covid", "mathlab", "ocean"}
	vos := []string{"vo.biomed.example.org", "enmr.example.eu", "climate.example.org/earth", "lofar.example.nl"}
	name = names[i%len(names)]
	if i >= len(names) {
		name = fmt.Sprintf("%s-%d", name, i/len(names)+1)
	}
	if i < len(vos) {
		return "vo-" + name, vos[i]
	}
	return "vo-" + name, name + ".example.org"
}

// generator has what the parts of a generated cloud share.
type generator struct {
	cloud    *Cloud
	now      time.Time
	random   *rand.Rand
	people   []string          // user ids
	goneUser string            // one of a user who is deleted at the end
	flavor   map[string]string // name to id
}

func (g *generator) users() {
	for _, name := range []string{"alice", "josé", "李雷", "dora", "Zoë Ångström", "bob@example.org"} {
		g.people = append(g.people, g.cloud.AddUser(User{Name: name, Email: "user@example.org"}))
	}
	g.goneUser = g.cloud.AddUser(User{Name: "formerly-here"})
}

func (g *generator) flavors() {
	bench := func(more ...string) map[string]string {
		specs := map[string]string{"accounting:benchmark_type": "HEPscore23", "accounting:benchmark_value": "11.35"}
		for i := 0; i+1 < len(more); i += 2 {
			specs[more[i]] = more[i+1]
		}
		return specs
	}
	g.flavor = map[string]string{}
	for _, f := range []Flavor{
		{Name: "m1.tiny", VCPUs: 1, RAM: 512, Disk: 1},
		{Name: "m1.small", VCPUs: 2, RAM: 4096, Disk: 20, ExtraSpecs: bench()},
		{Name: "m1.large", VCPUs: 4, RAM: 8192, Disk: 80, ExtraSpecs: bench("hw:cpu_policy", "dedicated")},
		{Name: "vol.small", VCPUs: 2, RAM: 4096, ExtraSpecs: bench()},
		{Name: "eph.medium", VCPUs: 2, RAM: 4096, Disk: 20, Ephemeral: 40, Swap: 512, ExtraSpecs: bench()},
		{Name: "half.bench", VCPUs: 2, RAM: 2048, Disk: 10,
			ExtraSpecs: map[string]string{"accounting:benchmark_type": "HEP-SPEC06"}},
		{Name: "odd.bench", VCPUs: 2, RAM: 2048, Disk: 10,
			ExtraSpecs: map[string]string{"accounting:benchmark_type": "HEPscore23", "accounting:benchmark_value": "fast"}},
		{Name: "gpu.a100", VCPUs: 8, RAM: 65536, Disk: 100, ExtraSpecs: bench("Accelerator:Type", "GPU",
			"Accelerator:Vendor", "NVIDIA", "Accelerator:Model", "A100", "Accelerator:Number", "2")},
		{Name: "m1.retired", VCPUs: 3, RAM: 3072, Disk: 30, Ephemeral: 5, ExtraSpecs: bench()},
		{Name: "m1.impossible", VCPUs: 9000, RAM: 9_000_000, Disk: 20},
		{Name: "private.special", VCPUs: 2, RAM: 2048, Disk: 10, Private: true},
	} {
		g.flavor[f.Name] = g.cloud.AddFlavor(f)
	}
}

// project fills a project with images, servers and floating IPs.
func (g *generator) project(id string, number, servers int) {
	images := g.images(id, number)
	cycles := lifeCycles()
	g.cloud.mu.Lock()
	for i := range servers {
		s := &Server{ProjectID: id}
		cycle := cycles[i%len(cycles)]
		if i >= len(cycles) { // after one of each life cycle, ordinary servers
			cycle = ordinaryCycle(g.random)
		}
		s.ID = uuid("server", id, fmt.Sprint(g.cloud.opts.Seed), fmt.Sprint(i))
		s.Name = cycle.name
		if i >= len(cycles) {
			s.Name = fmt.Sprintf("%s-%05d", cycle.name, i)
		}
		s.UserID = g.people[g.random.IntN(len(g.people))]
		s.ImageID = images.ordinary[g.random.IntN(len(images.ordinary))]
		s.FlavorID = g.flavor[[]string{"m1.small", "m1.small", "m1.large", "m1.tiny"}[g.random.IntN(4)]]
		s.Host = fmt.Sprintf("node-%02d", g.random.IntN(20))
		s.Addresses = []Address{{Network: "internal", Addr: fmt.Sprintf("10.%d.%d.%d", number%250, i/250%250, i%250+2),
			MAC: macOf(s.ID)}}
		cycle.live(s, &cycleInput{generator: g, images: images})
		g.cloud.addServer(s)
	}
	g.cloud.mu.Unlock()
	g.floatingIPs(id, number)
}

// projectImages adds the images of a project's servers.
type projectImages struct {
	ordinary     []string
	hidden, gone string
}

func (g *generator) images(project string, number int) projectImages {
	add := func(i Image) string {
		i.Created = g.now.Add(-time.Duration(400+len(i.Name)) * 24 * time.Hour)
		i.ID = uuid("image", i.Name, fmt.Sprint(g.cloud.opts.Seed))
		return g.cloud.AddImage(i)
	}
	owner := hexID("project", DefaultDomainID, AdminProject)
	return projectImages{
		ordinary: []string{
			add(Image{Name: "debian-12", Owner: owner, MinDisk: 1}),
			add(Image{Name: "Image for Ubuntu", Owner: owner, Properties: map[string]string{
				"vmcatcher_event_ad_mpuri": "https://appdb.example.org/store/vo/image/11111111-2222-3333-4444-555555555555:1/",
				"vmcatcher_event_dc_title": "Image for Ubuntu [22.04/KVM]"}}),
			add(Image{Name: fmt.Sprintf("own-%d", number), Owner: project, Visibility: "private"}),
		},
		hidden: add(Image{Name: "debian-10 (retired)", Owner: owner, Hidden: true, Properties: map[string]string{
			"vmcatcher_event_ad_mpuri": "https://appdb.example.org/store/vo/image/99999999-8888-7777-6666-555555555555:7/"}}),
		gone: uuid("image", "deleted", fmt.Sprint(number)),
	}
}

// floatingIPs adds two to one server, one to another, one IPv6 address and one free address.
func (g *generator) floatingIPs(project string, number int) {
	live := g.cloud.liveServers(project, 3)
	plan := []struct {
		address string
		server  int // -1 is none
	}{
		{"192.0.2.%d", 0}, {"198.51.100.%d", 0}, {"203.0.113.%d", 1}, {"2001:db8::%d", 2}, {"192.0.2.1%02d", -1},
	}
	for _, p := range plan {
		ip := FloatingIP{ProjectID: project, Address: fmt.Sprintf(p.address, number%50+10),
			Created: g.now.AddDate(0, 0, -5-p.server)}
		if p.server >= len(live) {
			continue
		}
		if p.server >= 0 {
			s := live[p.server]
			ip.ServerID, ip.FixedAddress, ip.MAC = s.ID, s.Addresses[0].Addr, s.Addresses[0].MAC
			g.cloud.UpdateServer(s.ID, func(s *Server) {
				s.Addresses = append(slices.Clip(s.Addresses),
					Address{Network: "internal", Addr: ip.Address, MAC: ip.MAC, Floating: true})
			})
		}
		g.cloud.AddFloatingIP(ip)
	}
}

// liveServers returns at most n of the newest running servers of a project.
func (c *Cloud) liveServers(project string, most int) (live []Server) {
	c.lockSorted()
	defer c.mu.RUnlock()
	index := c.store.byProject[project]
	if index == nil {
		return nil
	}
	for _, s := range index.byCreated {
		if len(live) < most && s.Status == "ACTIVE" && len(s.Addresses) > 0 {
			live = append(live, *s)
		}
	}
	return live
}
