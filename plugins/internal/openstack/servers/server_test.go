package servers

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"
)

// recorded returns servers from the answers of a real nova (Zed).
func recorded(t *testing.T, microversion string) map[string]Server {
	t.Helper()
	body, err := os.ReadFile("testdata/servers-" + microversion + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var page struct{ Servers []json.RawMessage }
	if err := json.Unmarshal(body, &page); err != nil {
		t.Fatal(err)
	}
	p := newParser()
	byName := map[string]Server{}
	for _, raw := range page.Servers {
		s, err := p.parse(raw)
		if err != nil {
			t.Fatalf("%s: %v", s.Name, err)
		}
		byName[s.Name] = s
	}
	return byName
}

func TestParseRecorded(t *testing.T) {
	found := recorded(t, "2.93")
	if len(found) != 11 {
		t.Fatalf("%d servers, want 11", len(found))
	}
	db := found["db-main"]
	if db.Flavor == nil || db.Flavor.VCPUs != 2 || db.Flavor.MemoryMB != 4096 || db.Flavor.DiskGB != 60 {
		t.Errorf("db-main: flavor %+v: disk is root and ephemeral", db.Flavor)
	}
	if db.Status != "ACTIVE" || db.ProjectID != "5500509818834e85ae461af8d76fc61c" || db.UserID == "" || db.ImageID == "" {
		t.Errorf("db-main: %+v", db)
	}
	if want := time.Date(2026, 10, 19, 15, 30, 1, 0, time.UTC); !db.Created.Equal(want) {
		t.Errorf("db-main: created %v, want %v", db.Created, want)
	}
	if got := found["gpu-train-1"].Flavor.ExtraSpecs["accounting:benchmark_type"]; got != "HEPscore23" {
		t.Errorf("gpu-train-1: benchmark %q", got)
	}
	if found["bfv-1"].ImageID != "" {
		t.Error("bfv-1 boots from a volume and has no image")
	}
	if s := found["stuck-building"]; s.Status != "BUILD" || !s.Launched.IsZero() {
		t.Errorf("stuck-building: %+v", s)
	}
	if s := found["deleted-no-end"]; s.Status != "DELETED" || !s.Terminated.IsZero() || s.Launched.IsZero() {
		t.Errorf("deleted-no-end: %+v", s)
	}
	if s := found["flavor-gone-deleted"]; s.Flavor == nil || s.Flavor.VCPUs == 0 || s.Terminated.IsZero() {
		t.Errorf("flavor-gone-deleted: %+v: the embedded flavor outlives the flavor", s)
	}
	if _, ok := found["naïve-café-josé"]; !ok {
		t.Error("names are UTF-8 as nova has them")
	}
	if found["web-01"].Flavor != nil && found["error-nohost"].Flavor == nil {
		t.Error("error-nohost has a flavor")
	}
}

func TestParseOldMicroversion(t *testing.T) {
	for name, s := range recorded(t, "2.1") {
		if s.Flavor != nil || s.FlavorID == "" {
			t.Errorf("%s: below 2.47 there is a flavor's ID and no more: %+v %q", name, s.Flavor, s.FlavorID)
		}
	}
}

func TestEqualFlavorsAreShared(t *testing.T) {
	p := newParser()
	raw := func(id string) json.RawMessage {
		return json.RawMessage(`{"id":"` + id + `","status":"ACTIVE","created":"2026-01-01T00:00:00Z","flavor":{"vcpus":1,"original_name":"a"}}`)
	}
	one, err1 := p.parse(raw("1"))
	two, err2 := p.parse(raw("2"))
	if err1 != nil || err2 != nil || one.Flavor != two.Flavor {
		t.Errorf("%v %v: not the same flavor", err1, err2)
	}
}

func TestParseBroken(t *testing.T) {
	for _, test := range []struct{ name, raw, id, want string }{
		{"no id", `{"status":"ACTIVE","created":"2026-01-01T00:00:00Z"}`, "", "no id"},
		{"no creation time", `{"id":"a","status":"ACTIVE","flavor":{}}`, "a", "creation time"},
		{"creation time in words", `{"id":"a","status":"ACTIVE","created":"yesterday","flavor":{}}`, "a", `invalid time "yesterday"`},
		{"no status", `{"id":"a","created":"2026-01-01T00:00:00Z"}`, "a", "no status"},
		{"a name that is a number", `{"id":"a","name":7,"created":"2026-01-01T00:00:00Z"}`, "a", "does not match nova's API reference"},
		{"a list", `[]`, "", "does not match nova's API reference"},
		{"a flavor that is a text", `{"id":"a","status":"ACTIVE","created":"2026-01-01T00:00:00Z","flavor":"m1"}`, "a", "flavor"},
		{"a flavor of less than nothing", `{"id":"a","status":"ACTIVE","created":"2026-01-01T00:00:00Z","flavor":{"vcpus":-1}}`, "a", "negative"},
		{"created at nothing", `{"id":"a","status":"ACTIVE","created":"1970-01-01T00:00:00Z","flavor":{}}`, "a", "invalid time"},
		{"an end that is no time", `{"id":"a","status":"DELETED","created":"2026-01-01T00:00:00Z","OS-SRV-USG:terminated_at":"x"}`, "a", "invalid time"},
	} {
		s, err := newParser().parse(json.RawMessage(test.raw))
		if err == nil || !strings.Contains(err.Error(), test.want) || s.ID != test.id {
			t.Errorf("%s: server %q, error %v; want one with %q", test.name, s.ID, err, test.want)
		}
		if errors.Is(err, ErrIncomplete) {
			t.Errorf("%s: one broken server must not fail the window", test.name)
		}
	}
}

// TestParseDownCell: nova API reference, "Handling Down Cells".
func TestParseDownCell(t *testing.T) {
	_, err := newParser().parse(json.RawMessage(`{"created":"2018-12-03T21:06:18Z","id":"b6b0410f","links":[],"status":"UNKNOWN","tenant_id":"7f70a6dd"}`))
	if !errors.Is(err, ErrIncomplete) {
		t.Errorf("%v", err)
	}
}

func TestParseTime(t *testing.T) {
	want := time.Date(2026, 11, 23, 15, 51, 24, 0, time.UTC)
	for _, text := range []string{"2026-11-23T15:51:24Z", "2026-11-23T15:51:24.000000", "2026-11-23T15:51:24.999999",
		"2026-11-23T15:51:24", "2026-11-23 15:51:24", "2026-11-23T16:51:24+01:00"} {
		got, err := parseTime(text)
		if err != nil || !got.Equal(want) || got.Location() != time.UTC {
			t.Errorf("%s: %v %v", text, got, err)
		}
	}
}

func TestFloatingAddresses(t *testing.T) {
	s, err := newParser().parse(json.RawMessage(`{"id":"a","status":"ACTIVE","created":"2026-01-01T00:00:00Z","flavor":{},"addresses":{
		"net":[{"addr":"10.0.0.1","OS-EXT-IPS:type":"fixed"},{"addr":"192.0.2.1","OS-EXT-IPS:type":"floating"}],
		"net6":[{"addr":"2001:db8::1","OS-EXT-IPS:type":"floating"}]}}`))
	if err != nil || s.FloatingIPs != 2 {
		t.Errorf("%d floating addresses, %v", s.FloatingIPs, err)
	}
}

// FuzzParse: for any JSON, parse returns a complete server or an error.
func FuzzParse(f *testing.F) {
	for _, microversion := range []string{"2.1", "2.93"} {
		body, err := os.ReadFile("testdata/servers-" + microversion + ".json")
		if err != nil {
			f.Fatal(err)
		}
		var page struct{ Servers []json.RawMessage }
		if err := json.Unmarshal(body, &page); err != nil {
			f.Fatal(err)
		}
		for _, raw := range page.Servers {
			f.Add([]byte(raw))
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := newParser().parse(raw)
		if err == nil && (s.ID == "" || s.Created.IsZero() || s.Status == "") {
			t.Errorf("%q is parsed to an incomplete server: %+v", raw, s)
		}
	})
}
