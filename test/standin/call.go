package standin

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// call is one request to a service.
type call struct {
	cloud     *Cloud
	w         http.ResponseWriter
	r         *http.Request
	path      string // without the service's prefix
	base      string // the service's address, without version
	region    string
	requestID string
	token     *token // set by authenticate
	minor     int    // nova's microversion
}

// object is a JSON object whose keys depend on the case.
type object = map[string]any

// write sends a JSON body with its length, like the real services.
func (q *call) write(status int, contentType string, body any) {
	data, err := json.Marshal(body)
	if err != nil {
		http.Error(q.w, err.Error(), http.StatusInternalServerError)
		return
	}
	q.writeBytes(status, contentType, data)
}

func (q *call) writeBytes(status int, contentType string, data []byte) {
	h := q.w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(data)))
	q.w.WriteHeader(status)
	_, _ = q.w.Write(data) // the client may have closed the connection
}

func (q *call) header(name, value string) { q.w.Header().Set(name, value) }

// segments splits a path into its parts, without empty ones.
func segments(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
}

// nextLink joins an address, the query of this request without the dropped keys, and a marker.
func (q *call) nextLink(address, marker string, drop ...string) string {
	query := q.r.URL.Query()
	query.Del("marker")
	for _, key := range drop {
		query.Del(key)
	}
	encoded := query.Encode()
	if encoded != "" {
		encoded += "&"
	}
	return address + "?" + encoded + "marker=" + url.QueryEscape(marker)
}
