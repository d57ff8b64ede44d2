package standin

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// externalNetworkID is the default network of floating IPs.
const externalNetworkID = "0f0f0f0f-1111-4222-a333-444444444444"

// neutron answers for the network service: floating IPs, networks and quotas.
func (q *call) neutron() {
	parts := segments(q.path)
	if len(parts) == 0 {
		q.write(http.StatusOK, "application/json", object{"versions": []any{object{"id": "v2.0", "status": "CURRENT",
			"links": []any{object{"rel": "self", "href": q.base + "/v2.0/"}}}}})
		return
	}
	q.header("x-openstack-request-id", q.requestID)
	if !q.requireToken() {
		return
	}
	q.cloud.mu.RLock()
	defer q.cloud.mu.RUnlock()
	if q.r.Method == http.MethodGet && parts[0] == "v2.0" {
		switch {
		case len(parts) == 2 && parts[1] == "floatingips":
			q.neutronFloatingIPs()
			return
		case len(parts) == 3 && parts[1] == "floatingips":
			q.neutronFloatingIP(parts[2])
			return
		case len(parts) == 4 && parts[1] == "quotas" && parts[3] == "details.json":
			q.neutronQuotas(parts[2], object{"limit": 50, "used": 0, "reserved": 0})
			return
		case len(parts) == 3 && parts[1] == "quotas":
			q.neutronQuotas(parts[2], 50)
			return
		case len(parts) == 2 && parts[1] == "networks":
			q.neutronNetworks()
			return
		}
	}
	q.neutronError(http.StatusNotFound, "HTTPNotFound", "The resource could not be found.")
}

func (q *call) neutronError(status int, kind, format string, args ...any) {
	q.write(status, "application/json", object{"NeutronError": object{
		"type": kind, "message": fmt.Sprintf(format, args...), "detail": ""}})
}

func (q *call) floatingIPView(f *FloatingIP) object {
	updated, status := f.Updated, f.Status
	if updated.IsZero() {
		updated = f.Created
	}
	if status == "" {
		status = "DOWN"
		if f.ServerID != "" {
			status = "ACTIVE"
		}
	}
	var port any
	portID := f.PortID
	if f.ServerID != "" {
		portID = cmp.Or(f.PortID, uuid("port", f.ServerID, f.FixedAddress))
		port = object{"name": "", "network_id": cmp.Or(f.PortNetworkID, uuid("network", f.ProjectID)),
			"mac_address": cmp.Or(f.MAC, macOf(f.ServerID, f.FixedAddress)), "admin_state_up": true, "status": status,
			"device_id": f.ServerID, "device_owner": "compute:nova"}
	}
	router := f.RouterID
	if router == "" && f.ServerID != "" {
		router = uuid("router", f.ProjectID)
	}
	return object{
		"id": f.ID, "tenant_id": f.ProjectID, "project_id": f.ProjectID, "floating_ip_address": f.Address,
		"floating_network_id": f.NetworkID, "router_id": nullString(router), "port_id": nullString(portID),
		"fixed_ip_address": nullString(f.FixedAddress), "status": status, "description": f.Description,
		"port_details": port, "tags": []any{}, "revision_number": f.Revision,
		"created_at": f.Created.UTC().Format(zTime), "updated_at": updated.UTC().Format(zTime),
	}
}

func macOf(parts ...string) string {
	h := hexID(append([]string{"mac"}, parts...)...)
	return "fa:16:3e:" + h[0:2] + ":" + h[2:4] + ":" + h[4:6]
}

// visibleFloatingIP reports whether a token sees a floating IP: its project's, or all for an admin.
func (q *call) visibleFloatingIP(f *FloatingIP) bool {
	return f != nil && q.inRegion(f.Region) &&
		(f.ProjectID == q.token.projectID && f.ProjectID != "" || q.token.has("admin"))
}

func (q *call) neutronFloatingIP(id string) {
	f := q.cloud.store.floating.byID[id]
	if !q.visibleFloatingIP(f) {
		q.neutronError(http.StatusNotFound, "FloatingIPNotFound", "Floating IP %s could not be found", id)
		return
	}
	q.write(http.StatusOK, "application/json", object{"floatingip": q.floatingIPView(f)})
}

func (q *call) neutronFloatingIPs() {
	query := q.r.URL.Query()
	limit, ok := q.neutronLimit(query)
	if !ok {
		return
	}
	filters := url.Values{}
	for key, values := range query {
		switch key {
		case "limit", "marker", "page_reverse", "fields", "sort_key", "sort_dir":
		case "id", "tenant_id", "project_id", "floating_ip_address", "floating_network_id", "router_id", "port_id",
			"fixed_ip_address", "status", "description", "tags", "revision_number":
			filters[key] = values
		default:
			q.neutronError(http.StatusBadRequest, "HTTPBadRequest", "['%s'] is invalid attribute for filtering", key)
			return
		}
	}
	if len(query["sort_key"]) != len(query["sort_dir"]) {
		q.neutronError(http.StatusBadRequest, "HTTPBadRequest", "The number of sort_keys and sort_dirs must be same")
		return
	}
	var all []*FloatingIP
	q.cloud.store.floating.each(func(f *FloatingIP) bool {
		if q.visibleFloatingIP(f) && matchView(q.floatingIPView(f), filters) {
			all = append(all, f)
		}
		return true
	})
	slices.SortFunc(all, func(a, b *FloatingIP) int { return strings.Compare(a.ID, b.ID) })
	if query.Get("sort_dir") == "desc" {
		slices.Reverse(all)
	}
	// A missing marker means the beginning, as in neutron.
	marker := query.Get("marker")
	if at := slices.IndexFunc(all, func(f *FloatingIP) bool { return f.ID == marker }); marker != "" && at >= 0 {
		all = all[at+1:]
	}
	if limit > 0 {
		all = all[:min(limit, len(all))]
	}
	views := []any{}
	for _, f := range all {
		views = append(views, onlyFields(q.floatingIPView(f), query["fields"]))
	}
	answer := object{"floatingips": views}
	if limit > 0 {
		answer["floatingips_links"] = q.neutronLinks(all, limit)
	}
	q.write(http.StatusOK, "application/json", answer)
}

// neutronLimit returns the page size; 0 is unlimited.
func (q *call) neutronLimit(query url.Values) (limit int, ok bool) {
	limit = q.cloud.opts.FloatingIPLimit
	text := query.Get("limit")
	if text == "" {
		return limit, true
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		q.neutronError(http.StatusBadRequest, "BadRequest",
			"Bad limit request: Limit must be an integer 0 or greater and not '%s'.", text)
		return 0, false
	}
	if n > 0 && (limit == 0 || n < limit) {
		limit = n
	}
	return limit, true
}

func (q *call) neutronLinks(page []*FloatingIP, limit int) []linkView {
	// The rest of the query stays unchanged.
	var kept []string
	for pair := range strings.SplitSeq(q.r.URL.RawQuery, "&") {
		if pair != "" && !strings.HasPrefix(pair, "marker=") && !strings.HasPrefix(pair, "page_reverse=") {
			kept = append(kept, pair)
		}
	}
	href := func(marker string) string {
		return q.base + "/v2.0/floatingips?" + strings.Join(append(kept, "marker="+marker), "&")
	}
	if len(page) == 0 {
		kept = append(kept, "page_reverse=True")
		return []linkView{{"previous", q.base + "/v2.0/floatingips?" + strings.Join(kept, "&")}}
	}
	links := []linkView{}
	if len(page) >= limit {
		links = append(links, linkView{"next", href(page[len(page)-1].ID)})
	}
	return append(links, linkView{"previous", href(page[0].ID) + "&page_reverse=True"})
}

// matchView compares a view with filters; several values of one are alternatives.
func matchView(view object, filters url.Values) bool {
	for key, want := range filters {
		have := fmt.Sprint(view[key])
		if text, ok := view[key].(*string); ok {
			have = ""
			if text != nil {
				have = *text
			}
		}
		if !slices.Contains(want, have) {
			return false
		}
	}
	return true
}

func onlyFields(view object, fields []string) object {
	if len(fields) == 0 {
		return view
	}
	short := object{}
	for _, f := range fields {
		if v, ok := view[f]; ok {
			short[f] = v
		}
	}
	return short
}

// neutronQuotas answers with the quota of floating IPs for a project to its own users and to
// administrators (neutron/extensions/quotasv2_detail.py, neutron/conf/policies/quotas.py).
func (q *call) neutronQuotas(project string, floatingIPs any) {
	if project != q.token.projectID && !q.token.has("admin") {
		q.neutronError(http.StatusForbidden, "AdminRequired",
			"User does not have admin privileges: Only admin is authorized to access quotas for another project.")
		return
	}
	q.write(http.StatusOK, "application/json", object{"quota": object{"floatingip": floatingIPs}})
}

// neutronNetworks lists the networks: the external one.
func (q *call) neutronNetworks() {
	owner := hexID("project", DefaultDomainID, AdminProject)
	created := q.cloud.opts.Now.AddDate(-1, 0, 0).Format(zTime)
	view := object{
		"id": externalNetworkID, "name": "public", "tenant_id": owner, "project_id": owner, "admin_state_up": true,
		"mtu": 1500, "status": "ACTIVE", "subnets": []string{uuid("subnet", "public")}, "shared": false,
		"availability_zone_hints": []any{}, "availability_zones": []any{}, "ipv4_address_scope": nil,
		"ipv6_address_scope": nil, "router:external": true, "description": "", "port_security_enabled": true,
		"is_default": false, "tags": []any{}, "created_at": created, "updated_at": created, "revision_number": 3,
	}
	networks := []any{}
	if external := q.r.URL.Query().Get("router:external"); external == "" || strings.EqualFold(external, "true") {
		networks = append(networks, view)
	}
	q.write(http.StatusOK, "application/json", object{"networks": networks})
}
