package openstack_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/caso-project/caso/sdk"
	"github.com/caso-project/caso/test/standin"
)

// TestClocks: a service whose clock differs too much is one error of the list of projects. Services
// that send no Date are accepted.
func TestClocks(t *testing.T) {
	for _, test := range []struct {
		name string
		// path is a part of the paths at which the service sends a Date that is wrong by skew.
		path     string
		skew     time.Duration
		settings map[string]string
		fails    bool
	}{
		{"right", "/", 0, nil, false},
		{"within the limit", "/", -50 * time.Second, nil, false},
		{"all services behind, as if this machine were 2 h ahead", "/", -2 * time.Hour, nil, true},
		{"all services 3 years behind", "/", -3 * 365 * 24 * time.Hour, nil, true},
		{"all services ahead", "/", 70 * time.Second, nil, true},
		{"keystone", "/identity", -5 * time.Minute, nil, true},
		{"the collector's service", "/network", 5 * time.Minute, nil, true},
		{"the collector's service in a region", "/network", 5 * time.Minute, map[string]string{"DEFAULT.region_name": "RegionOne"}, true},
		{"a service that is not asked", "/image", 5 * time.Minute, nil, false},
		{"a larger limit", "/", -2 * time.Hour, map[string]string{"DEFAULT.max_clock_skew": "7300"}, false},
		{"a smaller limit", "/", -20 * time.Second, map[string]string{"DEFAULT.max_clock_skew": "10"}, true},
		{"off", "/", -2 * time.Hour, map[string]string{"DEFAULT.max_clock_skew": "0"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			cloud := standin.New(standin.Options{Seed: 1})
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.Contains(r.URL.Path, test.path) {
					w.Header().Set("Date", time.Now().Add(test.skew).UTC().Format(http.TimeFormat))
				} else {
					w.Header()["Date"] = nil
				}
				cloud.ServeHTTP(w, r)
			}))
			defer server.Close()
			extractor := newConfigured(t, server.URL+"/identity", test.settings)
			projects, err := extractor.ListProjects(t.Context(), sdk.ListProjectsRequest{IncludeMarked: true})
			if failed := contains(err, sdk.SeverityError, ""); failed != test.fails || (len(projects) == 0) != test.fails {
				t.Fatalf("%d projects, %v", len(projects), err)
			}
			if !test.fails {
				return
			}
			for _, part := range []string{server.URL + strings.TrimSuffix(test.path, "/") + "/", "that of this machine", "Z there", "Z here", "max_clock_skew"} {
				if len(sdk.Diagnostics(err)) != 1 || !contains(err, sdk.SeverityError, part) {
					t.Errorf("%q is not in %v", part, err)
				}
			}
			if records, err := extract(t, extractor, cloud.ProjectID("vo-biomed")); len(records) != 0 || !contains(err, sdk.SeverityError, "Z there") {
				t.Errorf("extracted %d records, %v", len(records), err)
			}
			if err := extractor.Check(t.Context()); !contains(err, sdk.SeverityError, "Z there") {
				t.Errorf("check: %v", err)
			}
		})
	}
}

// TestClockOfOtherService: the clock of a service that only details come from fails the window too.
func TestClockOfOtherService(t *testing.T) {
	cloud := standin.New(standin.Options{Seed: 1})
	wrong := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if wrong {
			w.Header().Set("Date", time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat))
		}
		cloud.ServeHTTP(w, r)
	}))
	defer server.Close()
	extractor := newConfigured(t, server.URL+"/identity", nil)
	if _, err := extractor.ListProjects(t.Context(), sdk.ListProjectsRequest{IncludeMarked: true}); contains(err, sdk.SeverityError, "") {
		t.Fatal(err)
	}
	wrong = true
	if _, err := extract(t, extractor, cloud.ProjectID("vo-biomed")); !contains(err, sdk.SeverityError, "behind that of this machine") {
		t.Errorf("%v", err)
	}
}
