package cloudrecords

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gophercloud/gophercloud/v2"
)

func TestCountFloatingIPs(t *testing.T) {
	for _, test := range []struct {
		name, body string
		want       map[string]int64
		known      bool
	}{
		{"none", `{"floatingips":[]}`, map[string]int64{}, true},
		{"free ones", `{"floatingips":[{"port_id":null,"port_details":null}]}`, map[string]int64{}, true},
		{"two of one server", `{"floatingips":[{"port_id":"p","port_details":{"device_id":"a"}},{"port_id":"q","port_details":{"device_id":"a"}},
			{"port_id":"r","port_details":{"device_id":"b"}}]}`, map[string]int64{"a": 2, "b": 1}, true},
		{"an old neutron", `{"floatingips":[{"port_id":"p"}]}`, map[string]int64{}, false},
		{"one that cannot be read", `{"floatingips":[7,{"port_id":"p","port_details":{"device_id":"a"}}]}`, map[string]int64{"a": 1}, true},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("project_id") != "the project" {
				t.Errorf("%s: asked for project %q", test.name, r.URL.Query().Get("project_id"))
			}
			_, _ = fmt.Fprint(w, test.body)
		}))
		defer server.Close()
		service := &gophercloud.ServiceClient{ProviderClient: &gophercloud.ProviderClient{}, Endpoint: server.URL + "/v2.0/"}
		counts, err := countFloatingIPs(t.Context(), service, "the project")
		if err != nil || counts.unknown == test.known || fmt.Sprint(counts.byServer) != fmt.Sprint(test.want) {
			t.Errorf("%s: %v %t %v", test.name, counts.byServer, counts.unknown, err)
		}
	}
}
