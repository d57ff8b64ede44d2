package standin

import (
	"fmt"
	"html"
	"net/http"
)

// keystone answers for the identity service, at /identity and at the root.
func (q *call) keystone() {
	q.header("x-openstack-request-id", q.requestID)
	parts := segments(q.path)
	versions := q.cloud.opts.Identity
	switch {
	case len(parts) == 0:
		q.keystoneVersions()
	case parts[0] == "v3" && versions.v3():
		q.header("Vary", "X-Auth-Token")
		q.keystoneV3(parts[1:])
	case parts[0] == "v2.0" && versions.v2():
		q.header("Vary", "X-Auth-Token")
		q.keystoneV2(parts[1:])
	default:
		q.keystoneNotFound()
	}
}

// keystoneVersions sends the list of versions, always with status 300.
func (q *call) keystoneVersions() {
	values := []any{}
	first := "v2.0"
	if q.cloud.opts.Identity.v3() {
		values, first = append(values, q.v3Version()), "v3"
	}
	if q.cloud.opts.Identity.v2() {
		values = append(values, q.v2Version())
	}
	q.header("Location", q.base+"/"+first+"/")
	q.header("Vary", "X-Auth-Token")
	q.write(http.StatusMultipleChoices, "application/json", object{"versions": object{"values": values}})
}

func (q *call) v3Version() object {
	return object{
		"id": "v3.14", "status": "stable", "updated": "2020-04-07T00:00:00Z",
		"links":       []any{object{"rel": "self", "href": q.base + "/v3/"}},
		"media-types": []any{object{"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}},
	}
}

// v2Version describes v2.0: stable on its own, deprecated (from Mitaka) beside v3.
func (q *call) v2Version() object {
	status, updated := "stable", "2014-04-17T00:00:00Z"
	if q.cloud.opts.Identity.v3() {
		status, updated = "deprecated", "2016-08-04T00:00:00Z"
	}
	return object{
		"id": "v2.0", "status": status, "updated": updated,
		"links": []any{
			object{"rel": "self", "href": q.base + "/v2.0/"},
			object{"rel": "describedby", "type": "text/html", "href": "https://docs.openstack.org/"},
		},
		"media-types": []any{object{"base": "application/json", "type": "application/vnd.openstack.identity-v2.0+json"}},
	}
}

// keystoneError sends an error in keystone's form.
func (q *call) keystoneError(status int, format string, args ...any) {
	if status == http.StatusUnauthorized {
		q.header("WWW-Authenticate", fmt.Sprintf("Keystone uri=%q", q.base+"/v3"))
	}
	q.write(status, "application/json", object{"error": object{
		"code": status, "title": http.StatusText(status), "message": fmt.Sprintf(format, args...)}})
}

func (q *call) keystoneUnauthorized() {
	q.keystoneError(http.StatusUnauthorized, "The request you have made requires authentication.")
}

func (q *call) keystoneForbidden(rule string) {
	q.keystoneError(http.StatusForbidden, "You are not authorized to perform the requested action: %s.", rule)
}

// keystoneNotFound sends the 404 of keystone's web framework: HTML.
func (q *call) keystoneNotFound() {
	q.writeBytes(http.StatusNotFound, "text/html; charset=utf-8", []byte("<!doctype html>\n<html lang=en>\n"+
		"<title>404 Not Found</title>\n<h1>Not Found</h1>\n<p>There is nothing at "+html.EscapeString(q.r.URL.Path)+".</p>\n"))
}

// keystoneToken returns the request's token or answers 401.
func (q *call) keystoneToken() bool {
	if q.authenticate() {
		return true
	}
	q.keystoneUnauthorized()
	return false
}
