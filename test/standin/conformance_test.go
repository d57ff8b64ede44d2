package standin_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// TestRecordings sends every recorded request to a stand-in with the contents of the recorded
// cloud, and compares status, headers and each value of the body, except values that differ
// between any two clouds.
func TestRecordings(t *testing.T) {
	cloud := rebuildCloud(t)
	server := httptest.NewServer(cloud)
	defer server.Close()
	all := recordings(t)
	tokens := map[string]string{"not-a-token": "not-a-token"}
	replay := func(r recording) *http.Response {
		body := mapURLs(string(r.Request.Body), server.URL)
		for recorded, ours := range tokens {
			body = strings.ReplaceAll(body, recorded, ours)
		}
		req, err := http.NewRequestWithContext(t.Context(), r.Request.Method,
			mapURLs(r.Request.URL, server.URL), strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range r.Request.Headers {
			if name == "X-Auth-Token" {
				ours, ok := tokens[value]
				if !ok {
					t.Fatalf("%s: no recording gave token %s", r.name, value)
				}
				value = ours
			}
			req.Header.Set(name, value)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	// Sign-ins first, because the other requests use their tokens; passwords before exchanges.
	slices.SortStableFunc(all, func(a, b recording) int { return signInOrder(a) - signInOrder(b) })
	for _, r := range all {
		resp := replay(r)
		if recorded := r.Response.Headers["X-Subject-Token"]; recorded != "" {
			tokens[recorded] = resp.Header.Get("X-Subject-Token")
		}
		t.Run(r.name, func(t *testing.T) { compare(t, r, resp, server.URL) })
	}
}

func signInOrder(r recording) int {
	switch {
	case r.Request.Method == http.MethodPost && !strings.Contains(string(r.Request.Body), "gAAAAA"):
		return 0
	case r.Request.Method == http.MethodPost:
		return 1
	}
	return 2
}

// mapURLs replaces the addresses of the recorded cloud by the stand-in's.
func mapURLs(text, ours string) string {
	return strings.NewReplacer(
		"http://127.0.0.1:5000", ours+"/identity", "http://127.0.0.1:8774", ours+"/compute",
		"http://127.0.0.1:9292", ours+"/image", "http://127.0.0.1:9696", ours+"/network").Replace(text)
}

func compare(t *testing.T, r recording, resp *http.Response, ours string) {
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != r.Response.Status {
		t.Errorf("status %d, recorded %d", resp.StatusCode, r.Response.Status)
	}
	compareHeaders(t, r, resp.Header, ours)
	var got, want any
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(mapURLs(string(r.Response.JSON), ours)), &want); err != nil {
		t.Fatal(err)
	}
	onlyServed(want)
	if why, ok := shapeOnly[r.name]; ok {
		if g, w := shape(got), shape(want); g != w {
			t.Errorf("shape (%s):\n got %s\nwant %s", why, g, w)
		}
		return
	}
	for _, d := range differences("", got, want) {
		t.Error(d)
	}
}

// onlyServed removes services from a recorded catalogue that the stand-in does not have.
func onlyServed(answer any) {
	body, _ := answer.(map[string]any)
	token, _ := body["token"].(map[string]any)
	if catalog, ok := token["catalog"].([]any); ok {
		token["catalog"] = slices.DeleteFunc(catalog, func(entry any) bool {
			return !slices.Contains([]string{"identity", "compute", "image", "network"}, entry.(map[string]any)["type"].(string))
		})
	}
}

// shapeOnly returns the answers whose values cannot be equal, with the reason.
var shapeOnly = map[string]string{
	"keystone-auth-malformed":   "the message is the validator's own",
	"neutron-networks-external": "the network is not made from the recording",
	"glance-bad-token":          "the message is the framework's own",
}

func compareHeaders(t *testing.T, r recording, got http.Header, ours string) {
	want := http.Header{}
	for name, value := range r.Response.Headers {
		want.Set(name, mapURLs(value, ours))
	}
	got = got.Clone()
	got.Del("Date") // the recorder left it out
	if g, w := slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)); !slices.Equal(g, w) {
		t.Errorf("headers %v, recorded %v", g, w)
	}
	for _, name := range []string{"Content-Type", "Vary", "Www-Authenticate", "Location", "Openstack-Api-Version", "X-Openstack-Nova-Api-Version"} {
		if got.Get(name) != want.Get(name) {
			t.Errorf("%s: %q, recorded %q", name, got.Get(name), want.Get(name))
		}
	}
	if !strings.HasPrefix(got.Get("X-Openstack-Request-Id")+"req-", "req-") {
		t.Errorf("request id %q", got.Get("X-Openstack-Request-Id"))
	}
}

// unlike returns the keys whose values differ between clouds: they are compared by type.
var unlike = []string{"audit_ids", "expires_at", "issued_at", "checksum", "os_hash_value", "catalog", "roles"}

// differences returns the differences between two JSON values.
func differences(path string, got, want any) []string {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			break
		}
		var out []string
		for key := range w {
			if _, ok := g[key]; !ok {
				out = append(out, fmt.Sprintf("%s.%s is missing", path, key))
			}
		}
		for key := range g {
			at := path + "." + key
			value, ok := w[key]
			switch {
			case !ok:
				out = append(out, at+" is not in the recording")
			case slices.Contains(unlike, key):
				if a, b := shape(g[key]), shape(value); a != b {
					out = append(out, fmt.Sprintf("%s: shape %s, recorded %s", at, a, b))
				}
			default:
				out = append(out, differences(at, g[key], value)...)
			}
		}
		slices.Sort(out)
		return out
	case []any:
		g, ok := got.([]any)
		if !ok {
			break
		}
		if len(g) != len(w) {
			return []string{fmt.Sprintf("%s: %d items, recorded %d", path, len(g), len(w))}
		}
		var out []string
		for i := range w {
			out = append(out, differences(fmt.Sprintf("%s[%d]", path, i), g[i], w[i])...)
		}
		return out
	case float64:
		if g, ok := got.(float64); ok && math.Abs(g-w) <= 1e-9*math.Abs(w) {
			return nil
		}
	}
	if got == want {
		return nil
	}
	return []string{fmt.Sprintf("%s: %v, recorded %v", path, got, want)}
}

// shape returns the keys and types of a JSON value; an array has the union of its elements'.
func shape(v any) string {
	switch v := v.(type) {
	case map[string]any:
		var parts []string
		for _, key := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, key+":"+shape(v[key]))
		}
		return "{" + strings.Join(parts, ",") + "}"
	case []any:
		var parts []string
		for _, item := range v {
			parts = append(parts, shape(item))
		}
		slices.Sort(parts)
		return "[" + strings.Join(slices.Compact(parts), "|") + "]"
	case nil:
		return "null"
	}
	return fmt.Sprintf("%T", v)
}
