package standin

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// usagePeriod validates a query of os-simple-tenant-usage; if it is wrong it answers the request.
func (q *call) usagePeriod() (from, to time.Time, ok bool) {
	query := q.r.URL.Query()
	bad := func(format string, args ...any) (time.Time, time.Time, bool) {
		q.novaError(http.StatusBadRequest, "badRequest", format, args...)
		return time.Time{}, time.Time{}, false
	}
	if q.minor >= minorStrictQuery {
		for key := range query {
			if !slices.Contains([]string{"start", "end", "limit", "marker"}, key) {
				return bad("Additional properties are not allowed ('%s' was unexpected)", key)
			}
		}
	}
	for key, at := range map[string]*time.Time{"start": &from, "end": &to} {
		*at = q.cloud.now
		if text := query.Get(key); text != "" {
			t, valid := parseUsageTime(text)
			if !valid {
				return bad("Invalid datetime string: Datetime is in invalid format")
			}
			*at = t
		}
	}
	if !from.Before(to) {
		return bad("Invalid start time. The start time cannot occur after the end time.")
	}
	if to.After(q.cloud.now) {
		to = q.cloud.now
	}
	return from, to, true
}

// parseUsageTime parses a time without a zone, the only form that this API accepts.
func parseUsageTime(s string) (time.Time, bool) {
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04:05.999999", "2006-01-02 15:04:05.999999"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// novaUsage answers with the usage of one project. Below 2.40 it is silently cut at max_limit
// servers; from 2.40 it has pages. It has launched servers only, with their last launch.
func (q *call) novaUsage(project string) {
	if project != q.token.projectID && !q.token.has("admin") {
		q.novaForbidden("os-simple-tenant-usage:show")
		return
	}
	from, to, ok := q.usagePeriod()
	if !ok {
		return
	}
	limit, marker := q.cloud.opts.MaxLimit, ""
	query := q.r.URL.Query()
	if q.minor >= minorUsagePaging {
		if limit, ok = q.novaLimit(query); !ok {
			return
		}
		marker = query.Get("marker")
	}
	index := q.cloud.store.byProject[project]
	if index == nil {
		index = &serverIndex{}
	}
	servers, ok := q.usageServers(index.byID, from, to, limit, marker)
	if !ok {
		q.novaError(http.StatusBadRequest, "badRequest", "Marker %s could not be found.", marker)
		return
	}
	answer := object{"tenant_usage": object{}}
	if len(servers) > 0 {
		answer["tenant_usage"] = q.usageView(project, servers, from, to)
	}
	if q.minor >= minorUsagePaging && len(servers) > 0 && len(servers) == limit {
		address := q.base + "/v2.1/" + q.token.projectID + "/os-simple-tenant-usage/" + url.PathEscape(project)
		last := servers[len(servers)-1].ID
		// The link omits "detailed" and is sorted, with a new marker last.
		href := q.nextLink(address, last, "detailed")
		if marker != "" {
			query.Del("detailed")
			query.Set("marker", last)
			href = address + "?" + query.Encode()
		}
		answer["tenant_usage_links"] = []any{object{"rel": "next", "href": href}}
	}
	q.write(http.StatusOK, "application/json", answer)
}

// usageServers returns servers launched before the period's end and not terminated before its
// start.
func (q *call) usageServers(all []*Server, from, to time.Time, limit int, marker string) (page []*Server, ok bool) {
	start := 0
	if marker != "" {
		at, found := slices.BinarySearchFunc(all, marker, func(s *Server, id string) int { return strings.Compare(s.ID, id) })
		if !found {
			return nil, false
		}
		start = at + 1
	}
	for _, s := range all[start:] {
		if len(page) == limit {
			break
		}
		if q.inRegion(s.Region) && !s.CellDown && !s.Launched.IsZero() && s.Launched.Before(to) &&
			(s.Terminated.IsZero() || s.Terminated.After(from)) {
			page = append(page, s)
		}
	}
	return page, true
}

func (q *call) usageView(project string, servers []*Server, from, to time.Time) object {
	var local, cpus, memory, total float64
	usages := make([]any, 0, len(servers))
	for _, s := range servers {
		begin, end, state := s.Launched, to, s.usageState()
		if begin.Before(from) {
			begin = from
		}
		lived := q.cloud.now.Sub(s.Launched)
		if !s.Terminated.IsZero() {
			lived = s.Terminated.Sub(s.Launched)
			if s.Terminated.Before(end) {
				end = s.Terminated
			}
		}
		hours := end.Sub(begin).Hours()
		f := s.Flavor
		usages = append(usages, object{
			"hours": hours, "flavor": f.Name, "instance_id": s.ID, "name": s.Name, "tenant_id": s.ProjectID,
			"memory_mb": f.RAM, "local_gb": f.Disk + f.Ephemeral, "vcpus": f.VCPUs,
			"started_at": nullTime(s.Launched), "ended_at": nullTime(s.Terminated),
			"state": state, "uptime": int(lived.Seconds()),
		})
		local += hours * float64(f.Disk+f.Ephemeral)
		cpus += hours * float64(f.VCPUs)
		memory += hours * float64(f.RAM)
		total += hours
	}
	return object{
		"tenant_id": project, "server_usages": usages,
		"total_local_gb_usage": local, "total_vcpus_usage": cpus, "total_memory_mb_usage": memory, "total_hours": total,
		"start": from.Format(microTime), "stop": to.Format(microTime),
	}
}

func (s *Server) usageState() string {
	if !s.Terminated.IsZero() {
		return "terminated"
	}
	state, _ := vmState(s.Status)
	return state
}

// novaUsages answers with the usage of every project, for administrators only.
func (q *call) novaUsages() {
	if !q.token.has("admin") {
		q.novaForbidden("os-simple-tenant-usage:list")
		return
	}
	from, to, ok := q.usagePeriod()
	if !ok {
		return
	}
	usages := []any{}
	q.cloud.store.projects.each(func(p *Project) bool {
		if index := q.cloud.store.byProject[p.ID]; index != nil {
			if servers, _ := q.usageServers(index.byID, from, to, q.cloud.opts.MaxLimit, ""); len(servers) > 0 {
				view := q.usageView(p.ID, servers, from, to)
				if q.r.URL.Query().Get("detailed") != "1" {
					delete(view, "server_usages")
				}
				usages = append(usages, view)
			}
		}
		return true
	})
	q.write(http.StatusOK, "application/json", object{"tenant_usages": usages})
}
