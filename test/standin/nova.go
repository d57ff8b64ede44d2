package standin

import (
	"fmt"
	"net/http"
	"regexp"
)

const errorJSON = "application/json; charset=UTF-8" // nova's content type of an error

var projectSegment = regexp.MustCompile(`^[0-9a-f]{32}$`)

// nova answers for the compute service.
func (q *call) nova() {
	parts := segments(q.path)
	if len(parts) == 0 {
		q.novaVersions()
		return
	}
	if parts[0] != "v2.1" && parts[0] != "v2" {
		q.novaNotFound()
		return
	}
	version, parts := parts[0], parts[1:]
	q.header("x-openstack-request-id", q.requestID)
	q.header("x-compute-request-id", q.requestID)
	if len(parts) == 0 { // the version document needs no token
		if q.negotiate(version) {
			q.write(http.StatusOK, "application/json", object{"version": q.novaVersion(true)})
		}
		return
	}
	if !q.requireToken() || !q.negotiate(version) {
		return
	}
	// Before Ocata the project's id was part of the address; nova still accepts it.
	if projectSegment.MatchString(parts[0]) {
		if parts[0] != q.token.projectID {
			q.novaError(http.StatusBadRequest, "badRequest",
				"Malformed request URL: URL's project_id '%s' doesn't match Context's project_id '%s'", parts[0], q.token.projectID)
			return
		}
		parts = parts[1:]
	}
	if q.r.Method != http.MethodGet {
		q.novaError(http.StatusForbidden, "forbidden", "Policy doesn't allow this to be performed.")
		return
	}
	q.cloud.lockSorted()
	defer q.cloud.mu.RUnlock()
	q.novaRoute(parts)
}

func (q *call) novaRoute(parts []string) {
	n, first := len(parts), ""
	if n > 0 {
		first = parts[0]
	}
	switch {
	case first == "servers" && n == 1:
		q.novaServers("servers", false)
	case first == "servers" && n == 2 && parts[1] == "detail":
		q.novaServers("servers/detail", true)
	case first == "servers" && n == 2:
		q.novaServer(parts[1])
	case first == "servers" && n == 3 && parts[2] == "os-instance-actions":
		q.novaActions(parts[1])
	case first == "servers" && n == 4 && parts[2] == "os-instance-actions":
		q.novaAction(parts[1], parts[3])
	case first == "flavors" && n == 1:
		q.novaFlavors("flavors", false)
	case first == "flavors" && n == 2 && parts[1] == "detail":
		q.novaFlavors("flavors/detail", true)
	case first == "flavors" && n == 2:
		q.novaFlavor(parts[1])
	case first == "flavors" && n == 3 && parts[2] == "os-extra_specs":
		q.novaExtraSpecs(parts[1])
	case first == "os-simple-tenant-usage" && n == 1:
		q.novaUsages()
	case first == "os-simple-tenant-usage" && n == 2:
		q.novaUsage(parts[1])
	case first == "limits" && n == 1:
		q.novaLimits()
	default:
		q.novaNotFound()
	}
}

// novaError sends an error in nova's form.
func (q *call) novaError(status int, kind, format string, args ...any) {
	q.write(status, errorJSON, object{kind: object{"code": status, "message": fmt.Sprintf(format, args...)}})
}

func (q *call) novaForbidden(rule string) {
	q.novaError(http.StatusForbidden, "forbidden", "Policy doesn't allow os_compute_api:%s to be performed.", rule)
}

// novaNotFound sends the 404 of nova's web framework: plain text.
func (q *call) novaNotFound() {
	q.writeBytes(http.StatusNotFound, "text/plain; charset=UTF-8", []byte("404 Not Found\n\nThere is no such resource.\n\n   "))
}

// novaAddress returns the address of nova's API as in this request, with the project id.
func (q *call) novaAddress() string {
	if q.cloud.opts.ProjectInComputeURL {
		return q.base + "/v2.1/" + q.token.projectID
	}
	return q.base + "/v2.1"
}

// novaLimits answers /limits: -1 for everything without quotas. Counted are the servers whose rows
// are not deleted, without those in cells that are down for cores and memory.
func (q *call) novaLimits() {
	absolute := object{}
	for _, name := range []string{"maxTotalInstances", "maxTotalCores", "maxTotalRAMSize", "maxServerMeta",
		"maxImageMeta", "maxPersonality", "maxPersonalitySize", "maxTotalKeypairs", "maxServerGroups",
		"maxServerGroupMembers", "maxTotalFloatingIps", "maxSecurityGroups", "maxSecurityGroupRules",
		"totalRAMUsed", "totalCoresUsed", "totalInstancesUsed", "totalFloatingIpsUsed",
		"totalSecurityGroupsUsed", "totalServerGroupsUsed"} {
		absolute[name] = -1
	}
	if index := q.cloud.store.byProject[q.token.projectID]; q.cloud.opts.QuotaCounts {
		instances, cores, memory := 0, 0, 0
		if index != nil {
			for _, s := range index.byCreated {
				if s.Status == "DELETED" || !q.inRegion(s.Region) {
					continue
				}
				instances++
				if !s.CellDown {
					cores, memory = cores+s.Flavor.VCPUs, memory+s.Flavor.RAM
				}
			}
		}
		absolute["totalInstancesUsed"], absolute["totalCoresUsed"], absolute["totalRAMUsed"] = instances, cores, memory
	}
	q.write(http.StatusOK, "application/json", object{"limits": object{"rate": []any{}, "absolute": absolute}})
}
