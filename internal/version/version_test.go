package version

import (
	"runtime/debug"
	"testing"
)

func TestChoose(t *testing.T) {
	revision := []debug.BuildSetting{{Key: "vcs.revision", Value: "0123456789abcdef0123"}}
	for _, tc := range []struct {
		name, linked, path, moduleVersion string
		settings                          []debug.BuildSetting
		want                              string
	}{
		{"linked", "1.2.3", module, "v1.0.0", revision, "1.2.3"},
		{"linked with v", "v1.2.3-4-gabcdef", module, "(devel)", nil, "1.2.3-4-gabcdef"},
		{"go install at a version", "", module, "v1.2.3", nil, "1.2.3"},
		{"checkout", "", module, "(devel)", nil, development},
		{"checkout with VCS stamping", "", module, "v0.0.0-20260101000000-0123456789ab", revision,
			development + "+0123456789ab"},
		{"another main module", "", "example.org/other", "v9.9.9", nil, development},
	} {
		info := &debug.BuildInfo{Main: debug.Module{Path: tc.path, Version: tc.moduleVersion}, Settings: tc.settings}
		if got := choose(tc.linked, info); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
	if got := choose("", nil); got != development {
		t.Errorf("no build info: %q, want %q", got, development)
	}
}

func TestString(t *testing.T) {
	if got := String(); got == "" || got[0] < '0' || got[0] > '9' {
		t.Errorf("version %q does not begin with a digit", got)
	}
}
