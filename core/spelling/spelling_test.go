package spelling

import (
	"strings"
	"testing"
)

func TestDistance(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"port", "port", 0}, {"prot", "port", 1}, {"ports", "port", 1},
		{"prt", "port", 1}, {"sitename", "site_name", 1}, {"kitten", "sitting", 3},
		{strings.Repeat("a", 101), "a", 100},
	} {
		if got := Distance(test.a, test.b); got != test.want {
			t.Errorf("Distance(%q, %q) = %d, want %d", test.a, test.b, got, test.want)
		}
	}
}

func TestNearest(t *testing.T) {
	for _, test := range []struct {
		name  string
		known []string
		want  string
	}{
		{"ifac", []string{"cesga", "ifca"}, "ifca"},
		{"nova", []string{"cinder", "neutron"}, ""},
		{"messengres", []string{"messenger", "messengers"}, "messengers"},
		{"ab", []string{"ac"}, ""},
		{"", []string{"a"}, ""},
		{"nova", nil, ""},
		{"extractor_nova_of_a_cloud", []string{"extractor"}, ""},
	} {
		got, ok := Nearest(test.name, test.known)
		if ok != (test.want != "") || ok && got != test.want {
			t.Errorf("Nearest(%q, %q) = %q, %v; want %q", test.name, test.known, got, ok, test.want)
		}
	}
}
