package standin

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// Nova's microversions, by what changes in the answers served here ("REST API Version
// History", nova API reference).
const (
	minorLocked         = 9
	minorDescription    = 19
	minorTags           = 26
	minorNewHeader      = 27 // OpenStack-API-Version is accepted
	minorUsagePaging    = 40
	minorFlavorEmbedded = 47
	minorFlavorText     = 55 // flavors have a description
	minorActionUpdated  = 58
	minorFlavorSpecs    = 61 // flavors have their extra specs
	minorTrusted        = 63
	minorChangesBefore  = 66
	minorDownCells      = 69
	minorServerGroups   = 71
	minorLockedReason   = 73
	minorStrictQuery    = 75
	minorVolumeOptions  = 3
	minorHostname       = 90
)

// parseMicroversion parses "2.93" as 93; ok is false for anything but a version of compute 2.
func parseMicroversion(s string) (minor int, ok bool) {
	rest, found := strings.CutPrefix(s, "2.")
	minor, err := strconv.Atoi(rest)
	return minor, found && err == nil && minor >= 0
}

// requestedMicroversion returns the microversion in the headers of a request, or "".
func requestedMicroversion(h http.Header) string {
	for _, value := range h.Values("OpenStack-API-Version") {
		for item := range strings.SplitSeq(value, ",") {
			if name, version, ok := strings.Cut(strings.TrimSpace(item), " "); ok && name == "compute" {
				return version
			}
		}
	}
	return h.Get("X-OpenStack-Nova-API-Version")
}

// negotiate chooses the microversion and sets it in the answer's headers.
func (q *call) negotiate(api string) bool {
	if api == "v2" { // the endpoint without microversions
		q.minor = 1
		return true
	}
	asked := requestedMicroversion(q.r.Header)
	newHeader := q.cloud.maxMinor >= minorNewHeader
	if !newHeader {
		asked = q.r.Header.Get("X-OpenStack-Nova-API-Version")
	}
	if asked == "" {
		asked = "2.1"
	}
	highest := fmt.Sprintf("2.%d", q.cloud.maxMinor)
	if asked == "latest" {
		asked = highest
	}
	major, minor, dotted := strings.Cut(asked, ".")
	_, majorErr := strconv.Atoi(major)
	number, minorErr := strconv.Atoi(minor)
	if !dotted || majorErr != nil || minorErr != nil {
		q.novaError(http.StatusBadRequest, "badRequest",
			"API Version String %s is of invalid format. Must be of format MajorNum.MinorNum.", asked)
		return false
	}
	vary := "X-OpenStack-Nova-API-Version"
	if newHeader {
		q.header("OpenStack-API-Version", "compute "+asked)
		vary = "OpenStack-API-Version, " + vary
	}
	q.header("X-OpenStack-Nova-API-Version", asked)
	q.header("Vary", vary)
	if major != "2" || number < 1 || number > q.cloud.maxMinor {
		q.novaError(http.StatusNotAcceptable, "computeFault",
			"Version %s is not supported by the API. Minimum is 2.1 and maximum is %s.", asked, highest)
		return false
	}
	q.minor = number
	return true
}

func (q *call) novaVersions() {
	q.write(http.StatusOK, "application/json", object{"versions": []any{
		object{"id": "v2.0", "status": "SUPPORTED", "version": "", "min_version": "", "updated": "2011-01-21T11:33:21Z",
			"links": []any{object{"rel": "self", "href": q.base + "/v2/"}}},
		q.novaVersion(false),
	}})
}

func (q *call) novaVersion(full bool) object {
	links := []any{object{"rel": "self", "href": q.base + "/v2.1/"}}
	v := object{"id": "v2.1", "status": "CURRENT", "min_version": "2.1", "updated": "2013-07-23T11:33:21Z",
		"version": fmt.Sprintf("2.%d", q.cloud.maxMinor)}
	if full {
		links = append(links, object{"rel": "describedby", "type": "text/html", "href": "http://docs.openstack.org/"})
		v["media-types"] = []any{object{"base": "application/json",
			"type": "application/vnd.openstack.compute+json;version=2.1"}}
	}
	v["links"] = links
	return v
}
