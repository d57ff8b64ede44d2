package standin

import (
	"cmp"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// serverQuery is a validated query of /servers.
type serverQuery struct {
	since, before   time.Time
	hasSince        bool
	hasBefore       bool
	status          string
	name            *regexp.Regexp
	user            string
	allProjects     bool
	deletedOnly     bool
	limit           int
	marker          string
	sortKey         string
	ascending       bool
	downCellsListed bool
}

// novaServers answers /servers and /servers/detail.
func (q *call) novaServers(path string, detail bool) {
	sq, ok := q.serverQuery()
	if !ok {
		return
	}
	index := q.cloud.store.byProject[q.token.projectID]
	if q.token.projectID == "" { // without a project the list is empty
		index = nil
	}
	if sq.allProjects {
		index = q.cloud.store.byProject[""]
	}
	if index == nil {
		index = &serverIndex{}
	}
	servers, ok := q.selectServers(index.byCreated, &sq)
	if !ok {
		q.novaError(http.StatusBadRequest, "badRequest", "marker [%s] not found", sq.marker)
		return
	}
	down := q.downCells(index.byCreated, &sq, len(servers))
	if len(down) > 0 && q.cloud.opts.FailOnDownCells && !sq.downCellsListed {
		q.novaError(http.StatusInternalServerError, "computeFault",
			"Cell is not responding and hence instance info is not available.")
		return
	}
	views := make([]any, 0, len(servers))
	if sq.downCellsListed {
		for _, s := range down {
			views = append(views, q.serverStub(s))
		}
	}
	for _, s := range servers {
		if detail {
			views = append(views, q.serverView(s, false))
		} else {
			views = append(views, object{"id": s.ID, "name": s.Name, "links": q.serverLinks(s)})
		}
	}
	answer := object{"servers": views}
	if len(servers) > 0 && len(servers) == sq.limit {
		answer["servers_links"] = []any{object{"rel": "next",
			"href": q.nextLink(q.novaAddress()+"/"+path, servers[len(servers)-1].ID)}}
	}
	q.write(http.StatusOK, "application/json", answer)
}

// selectServers reads from the marker to a full page, so that the cost of a page does not depend on
// the list. ok is false if the marker is unknown; the row of a deleted server is a valid marker.
func (q *call) selectServers(all []*Server, sq *serverQuery) (page []*Server, ok bool) {
	if sq.sortKey != "" {
		all = slices.Clone(all)
		slices.SortStableFunc(all, sq.compare)
	}
	start := 0
	if sq.marker != "" {
		at := slices.IndexFunc(all, func(s *Server) bool { return s.ID == sq.marker })
		if sq.sortKey == "" {
			at = -1
			if s := q.cloud.store.servers[sq.marker]; s != nil {
				if i, found := slices.BinarySearchFunc(all, s, compareCreated); found {
					at = i
				}
			}
		}
		if at < 0 {
			return nil, false
		}
		start = at + 1
	}
	for _, s := range all[start:] {
		if len(page) == sq.limit {
			break
		}
		if !s.CellDown && q.inRegion(s.Region) && sq.matches(s) {
			page = append(page, s)
		}
	}
	return page, true
}

// downCells returns the live servers of cells that are down, as many as fit into a list.
func (q *call) downCells(all []*Server, sq *serverQuery, listed int) (down []*Server) {
	for _, s := range all {
		if listed+len(down) >= sq.limit {
			break
		}
		if s.CellDown && q.inRegion(s.Region) && s.Status != "DELETED" {
			down = append(down, s)
		}
	}
	return down
}

func (q *call) inRegion(region string) bool {
	return q.region == cmp.Or(region, q.cloud.opts.Regions[0])
}

func (sq *serverQuery) matches(s *Server) bool {
	deleted := s.Status == "DELETED"
	switch {
	case sq.deletedOnly:
		if !deleted {
			return false
		}
	case !sq.hasSince && !sq.hasBefore:
		// Without changes-since only live servers are listed, soft-deleted ones not.
		if deleted || s.Status == "SOFT_DELETED" {
			return false
		}
	}
	if sq.hasSince && s.Updated.Before(sq.since) || sq.hasBefore && s.Updated.After(sq.before) {
		return false
	}
	return (sq.status == "" || strings.EqualFold(sq.status, s.Status)) &&
		(sq.name == nil || sq.name.MatchString(s.Name)) &&
		(sq.user == "" || sq.user == s.UserID)
}

func (sq *serverQuery) compare(a, b *Server) int {
	var n int
	switch sq.sortKey {
	case "created_at":
		n = a.Created.Compare(b.Created)
	case "updated_at":
		n = a.Updated.Compare(b.Updated)
	case "launched_at":
		n = a.Launched.Compare(b.Launched)
	case "uuid":
		n = strings.Compare(a.ID, b.ID)
	case "display_name":
		n = strings.Compare(a.Name, b.Name)
	}
	n = cmp.Or(n, cmp.Compare(a.seq, b.seq))
	if sq.ascending {
		return n
	}
	return -n
}

// serverQuery validates the query; if it is wrong it answers the request.
func (q *call) serverQuery() (sq serverQuery, ok bool) {
	query := q.r.URL.Query()
	bad := func(format string, args ...any) (serverQuery, bool) {
		q.novaError(http.StatusBadRequest, "badRequest", format, args...)
		return serverQuery{}, false
	}
	if q.minor >= minorStrictQuery {
		for key := range query {
			if !knownServerParameter(key) {
				return bad("'%s' does not match any of the regexes: '^_'", key)
			}
		}
	}
	for key, at := range map[string]*time.Time{"changes-since": &sq.since, "changes-before": &sq.before} {
		if !query.Has(key) || key == "changes-before" && q.minor < minorChangesBefore {
			continue
		}
		t, valid := parseDateTime(query.Get(key))
		if !valid {
			return bad("Invalid input for query parameters %s. Value: %s. '%s' is not a 'date-time'", key, query.Get(key), query.Get(key))
		}
		*at = t
	}
	sq.hasSince, sq.hasBefore = !sq.since.IsZero(), !sq.before.IsZero()
	if sq.hasSince && sq.hasBefore && sq.since.After(sq.before) {
		return bad("The value of changes-since must be less than or equal to changes-before.")
	}
	limit, valid := q.novaLimit(query)
	if !valid {
		return serverQuery{}, false
	}
	sq.limit, sq.marker = limit, query.Get("marker")
	admin := q.token.has("admin")
	sq.status = query.Get("status")
	if strings.EqualFold(sq.status, "deleted") {
		if !admin {
			q.novaError(http.StatusForbidden, "forbidden", "Only administrators may list deleted instances")
			return serverQuery{}, false
		}
		sq.deletedOnly = true
	}
	if admin && parseBool(query, "deleted") { // ignored for other users
		sq.deletedOnly = true
	}
	if parseBool(query, "all_tenants") {
		if !admin && !q.cloud.opts.ReadersListAll {
			q.novaForbidden("servers:detail:get_all_tenants")
			return serverQuery{}, false
		}
		sq.allProjects = true
	}
	if name := query.Get("name"); name != "" {
		pattern, err := regexp.Compile(name)
		if err != nil {
			pattern = regexp.MustCompile(regexp.QuoteMeta(name))
		}
		sq.name = pattern
	}
	sq.user = query.Get("user_id")
	sq.sortKey, sq.ascending = query.Get("sort_key"), query.Get("sort_dir") == "asc"
	sq.downCellsListed = q.minor >= minorDownCells && onlyAllTenants(query)
	return sq, true
}

// onlyAllTenants reports whether a query has no filter, order or page. Only then nova lists the
// servers of a cell that is down, because it lacks the data to filter or sort them.
func onlyAllTenants(query url.Values) bool {
	for key := range query {
		if key != "all_tenants" {
			return false
		}
	}
	return true
}

// novaLimit returns the page size: the requested one, up to max_limit.
func (q *call) novaLimit(query url.Values) (limit int, ok bool) {
	limit = q.cloud.opts.MaxLimit
	text := query.Get("limit")
	if text == "" {
		return limit, true
	}
	asked, err := strconv.Atoi(text)
	if err != nil || asked < 0 {
		q.novaError(http.StatusBadRequest, "badRequest",
			"Invalid input for query parameters limit. Value: %s. '%s' does not match '^[0-9]*$'", text, text)
		return 0, false
	}
	return min(limit, asked), true
}

func parseBool(query url.Values, key string) bool {
	if !query.Has(key) {
		return false
	}
	switch strings.ToLower(query.Get(key)) {
	case "0", "false", "f", "no", "n", "off":
		return false
	}
	return true
}

// parseDateTime parses the spellings of ISO 8601 that clients use; without a zone it is UTC.
func parseDateTime(s string) (time.Time, bool) {
	// A "+" that was not escaped arrives as a space.
	s = strings.Replace(s, " ", "+", 1)
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05.999999999",
		"2006-01-02+15:04:05", "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// knownServerParameter reports whether nova supports a parameter; from 2.75 others are errors.
func knownServerParameter(key string) bool {
	return strings.HasPrefix(key, "_") || slices.Contains([]string{"access_ip_v4", "access_ip_v6", "all_tenants",
		"auto_disk_config", "availability_zone", "changes-before", "changes-since", "config_drive", "created_at",
		"deleted", "deleted_at", "description", "display_description", "display_name", "flavor", "host", "hostname",
		"image", "image_ref", "instance_uuid", "ip", "ip6", "kernel_id", "key_name", "launch_index", "launched_at",
		"limit", "locked", "locked_by", "marker", "metadata", "name", "node", "not-tags", "not-tags-any", "power_state",
		"progress", "project_id", "ramdisk_id", "reservation_id", "root_device_name", "soft_deleted", "sort_dir",
		"sort_key", "status", "system_metadata", "tags", "tags-any", "task_state", "tenant_id", "terminated_at",
		"user_id", "uuid", "vm_state"}, key)
}
