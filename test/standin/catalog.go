package standin

// service is an entry of the service catalogue.
type service struct{ kind, name string }

func (c *Cloud) services() []service {
	all := []service{{"identity", "keystone"}, {"compute", "nova"}, {"image", "glance"}, {"network", "neutron"}}
	if c.opts.Telemetry.gnocchi() {
		all = append(all, service{"metric", "gnocchi"})
	}
	if c.opts.Telemetry.ceilometer() {
		all = append(all, service{"metering", "ceilometer"})
	}
	return all
}

// endpoint returns the address of a service in a region, or "" if the address needs a project and
// the token has none: keystone leaves such an endpoint out.
func (q *call) endpoint(s service, region string, t *token) string {
	base := q.cloud.base(q.r)
	if region != q.cloud.opts.Regions[0] && s.kind != "identity" {
		base += "/region/" + region
	}
	switch s.kind {
	case "identity":
		if q.cloud.opts.Identity.v3() {
			return base + "/identity/v3"
		}
		return base + "/identity/v2.0"
	case "compute":
		if q.cloud.opts.ProjectInComputeURL {
			if t.projectID == "" {
				return ""
			}
			return base + "/compute/v2.1/" + t.projectID
		}
		return base + "/compute/v2.1"
	default:
		return base + "/" + s.kind
	}
}

func (q *call) v3Catalog(t *token) []any {
	catalog := []any{}
	for _, s := range q.cloud.services() {
		endpoints := []any{}
		for _, region := range q.cloud.opts.Regions {
			url := q.endpoint(s, region, t)
			if url == "" {
				continue
			}
			for _, face := range []string{"public", "internal", "admin"} {
				endpoints = append(endpoints, object{
					"id": hexID("endpoint", s.kind, region, face), "interface": face,
					"region_id": region, "region": region, "url": url,
				})
			}
		}
		catalog = append(catalog, object{
			"id": hexID("service", s.kind), "type": s.kind, "name": s.name, "endpoints": endpoints})
	}
	return catalog
}

func (q *call) v2Catalog(t *token) []any {
	catalog := []any{}
	for _, s := range q.cloud.services() {
		endpoints := []any{}
		for _, region := range q.cloud.opts.Regions {
			url := q.endpoint(s, region, t)
			if s.kind == "identity" {
				url = q.cloud.base(q.r) + "/identity/v2.0"
			}
			endpoints = append(endpoints, object{"id": hexID("endpoint", s.kind, region),
				"region": region, "publicURL": url, "internalURL": url, "adminURL": url})
		}
		catalog = append(catalog, object{
			"type": s.kind, "name": s.name, "endpoints": endpoints, "endpoints_links": []any{}})
	}
	return catalog
}
