package standin

import (
	"cmp"
	"fmt"
	"html"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// glance answers for the image service.
func (q *call) glance() {
	parts := segments(q.path)
	if len(parts) == 0 || len(parts) == 1 && parts[0] == "versions" {
		q.glanceVersions(len(parts) == 0)
		return
	}
	if !q.authenticate() {
		q.header("WWW-Authenticate", fmt.Sprintf("Keystone uri=%q", q.cloud.base(q.r)+"/identity"))
		q.glanceError(http.StatusUnauthorized, "This server could not verify that you are authorized to access the document you requested.")
		return
	}
	q.header("x-openstack-request-id", q.requestID)
	q.cloud.mu.RLock()
	defer q.cloud.mu.RUnlock()
	switch {
	case q.r.Method == http.MethodGet && len(parts) == 2 && parts[0] == "v2" && parts[1] == "images":
		q.glanceImages()
	case q.r.Method == http.MethodGet && len(parts) == 3 && parts[0] == "v2" && parts[1] == "images":
		q.glanceImage(parts[2])
	default:
		q.glanceError(http.StatusNotFound, "The resource could not be found.")
	}
}

func (q *call) glanceVersions(root bool) {
	status := http.StatusOK
	if root {
		status = http.StatusMultipleChoices
	}
	versions := []any{}
	for _, minor := range []int{15, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0} {
		state := "SUPPORTED"
		if minor == 15 {
			state = "CURRENT"
		}
		versions = append(versions, object{"id": fmt.Sprintf("v2.%d", minor), "status": state,
			"links": []any{object{"rel": "self", "href": q.base + "/v2/"}}})
	}
	q.write(status, "application/json", object{"versions": versions})
}

// glanceError sends an error in WebOb's form: the message ends in markup even in JSON.
func (q *call) glanceError(status int, message string) {
	title := http.StatusText(status)
	q.write(status, "application/json", object{"title": title, "code": fmt.Sprintf("%d %s", status, title),
		"message": html.EscapeString(message) + "<br /><br />\n\n\n"})
}

// visibleImage reports whether a project sees an image: public ones and its own.
func (q *call) visibleImage(i *Image) bool {
	if i == nil {
		return false
	}
	visibility := cmp.Or(i.Visibility, "public")
	return visibility == "public" || visibility == "community" ||
		i.Owner == q.token.projectID && i.Owner != "" || q.token.has("admin")
}

func (q *call) glanceImage(id string) {
	i := q.cloud.store.images.byID[id]
	if !q.visibleImage(i) {
		q.glanceError(http.StatusNotFound, "No image found with ID "+id)
		return
	}
	q.write(http.StatusOK, "application/json", imageView(i))
}

func (q *call) glanceImages() {
	query := q.r.URL.Query()
	limit := q.cloud.opts.ImageLimit
	if text := query.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			q.glanceError(http.StatusBadRequest, "limit param must be an integer, and positive")
			return
		}
		limit = min(n, 1000) // glance's api_limit_max
	}
	var all []*Image
	q.cloud.store.images.each(func(i *Image) bool {
		if q.visibleImage(i) && matchImage(i, query) {
			all = append(all, i)
		}
		return true
	})
	slices.SortFunc(all, func(a, b *Image) int { // created_at, then id, descending
		return cmp.Or(b.Created.Compare(a.Created), strings.Compare(b.ID, a.ID))
	})
	if marker := query.Get("marker"); marker != "" {
		at := slices.IndexFunc(all, func(i *Image) bool { return i.ID == marker })
		if at < 0 {
			q.glanceError(http.StatusBadRequest, "No image found with ID "+marker)
			return
		}
		all = all[at+1:]
	}
	all = all[:min(limit, len(all))]
	views := []any{}
	for _, i := range all {
		views = append(views, imageView(i))
	}
	answer := object{"images": views, "schema": "/v2/schemas/images"}
	query.Del("marker")
	answer["first"] = "/v2/images"
	if len(query) > 0 {
		answer["first"] = "/v2/images?" + query.Encode()
	}
	if len(all) > 0 && len(all) == limit {
		answer["next"] = q.nextLink("/v2/images", all[len(all)-1].ID)
	}
	q.write(http.StatusOK, "application/json", answer)
}

// matchImage applies glance's filters. Images with os_hidden are listed only on request.
func matchImage(i *Image, query url.Values) bool {
	if i.Hidden != strings.EqualFold(query.Get("os_hidden"), "true") {
		return false
	}
	view := imageView(i)
	for key := range query {
		switch key {
		case "limit", "marker", "sort", "sort_key", "sort_dir", "os_hidden", "member_status":
			continue
		}
		want := []string{query.Get(key)}
		if list, ok := strings.CutPrefix(want[0], "in:"); ok {
			want = strings.Split(list, ",")
		}
		if !slices.Contains(want, fmt.Sprint(view[key])) {
			return false
		}
	}
	return true
}

func imageView(i *Image) object {
	updated := i.Updated
	if updated.IsZero() {
		updated = i.Created
	}
	view := object{}
	for k, v := range i.Properties {
		view[k] = v
	}
	fixed := object{
		"id": i.ID, "name": i.Name, "owner": i.Owner, "visibility": cmp.Or(i.Visibility, "public"),
		"status": cmp.Or(i.Status, "active"), "protected": false, "min_ram": 0, "min_disk": i.MinDisk,
		"os_hidden": i.Hidden, "tags": []any{}, "schema": "/v2/schemas/image",
		"created_at": i.Created.UTC().Format(zTime), "updated_at": updated.UTC().Format(zTime),
		"self": "/v2/images/" + i.ID, "file": "/v2/images/" + i.ID + "/file",
		"disk_format": nil, "container_format": nil, "size": nil, "virtual_size": nil, "checksum": nil,
		"os_hash_algo": nil, "os_hash_value": nil,
	}
	maps.Copy(view, fixed)
	if view["status"] == "queued" { // no data yet
		return view
	}
	size := cmp.Or(i.Size, 1024)
	maps.Copy(view, object{
		"disk_format": "raw", "container_format": "bare", "size": size, "virtual_size": size,
		"checksum": hexID("image", i.ID), "os_hash_algo": "sha512", "stores": "disk",
		"os_hash_value": hexID("1", i.ID) + hexID("2", i.ID) + hexID("3", i.ID) + hexID("4", i.ID),
	})
	return view
}
