package cloudrecords

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/gophercloud/gophercloud/v2"
)

// glance answers like the real one: hidden images only with os_hidden, several IDs only from 2016
// on.
type glance struct {
	old      bool
	images   map[string]map[string]any
	requests int
}

func (g *glance) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.requests++
	if id, ok := strings.CutPrefix(r.URL.Path, "/v2/images/"); ok {
		image, ok := g.images[id]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_ = json.NewEncoder(w).Encode(image)
		return
	}
	found := []any{}
	ids, in := strings.CutPrefix(r.URL.Query().Get("id"), "in:")
	for id, image := range g.images {
		hidden := image["os_hidden"] == true
		if in && !g.old && slices.Contains(strings.Split(ids, ","), id) && hidden == (r.URL.Query().Get("os_hidden") == "true") {
			found = append(found, image)
		}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"images": found})
}

func TestImageNames(t *testing.T) {
	for _, old := range []bool{false, true} {
		cloud := &glance{old: old, images: map[string]map[string]any{
			"plain":  {"id": "plain"},
			"egi":    {"id": "egi", "vmcatcher_event_ad_mpuri": "https://appdb/egi"},
			"hidden": {"id": "hidden", "os_hidden": true, "vmcatcher_event_ad_mpuri": "https://appdb/hidden"},
		}}
		server := httptest.NewServer(cloud)
		defer server.Close()
		service := &gophercloud.ServiceClient{ProviderClient: &gophercloud.ProviderClient{}, Endpoint: server.URL + "/v2/"}
		names := newImageNames()
		got, err := names.readNames(t.Context(), service, []string{"plain", "egi", "", "hidden", "gone", "egi"})
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{"plain": "plain", "egi": "https://appdb/egi", "hidden": "https://appdb/hidden", "gone": "gone"}
		for id, name := range want {
			if got[id] != name {
				t.Errorf("old %t: %s is %q, want %q", old, id, got[id], name)
			}
		}
		if len(got) != len(want) {
			t.Errorf("%v", got)
		}
		requests := cloud.requests
		if _, err := names.readNames(t.Context(), service, []string{"egi", "hidden"}); err != nil || cloud.requests != requests {
			t.Errorf("known images were requested again (%d requests), %v", cloud.requests-requests, err)
		}
		if !old && requests != 2 {
			t.Errorf("%d requests", requests)
		}
	}
}

// TestNoGlance: without glance the names are the IDs.
func TestNoGlance(t *testing.T) {
	if names, err := newImageNames().readNames(t.Context(), nil, []string{"a"}); err != nil || names["a"] != "a" {
		t.Errorf("%v %v", names, err)
	}
}
