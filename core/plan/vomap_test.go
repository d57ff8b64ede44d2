package plan

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caso-project/caso/core/report"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

func TestParseVOMap(t *testing.T) {
	for name, content := range map[string]string{
		"cASO":       `{"VO": {"projects": ["a", "b"]}}`,
		"tenants":    `{"VO": {"tenants": ["a", "b"]}}`,
		"mixed":      `{"VO": {"tenant": "a", "projects": ["b"], "description": 7}}`,
		"one each":   `{"VO": {"tenant": "a", "project": "b"}}`,
		"list":       `{"VO": ["a", "b"]}`,
		"same twice": `{"VO": ["a"], "other": null, "VO": {"projects": ["b", "a"]}}`,
		"text":       `{"VO": "a", "x": {}, "VO": "b"}`,
	} {
		t.Run(name, func(t *testing.T) {
			mapping, err := ParseVOMap("voms.json", []byte(content))
			if err != nil {
				t.Fatal(err)
			}
			for _, project := range []*pluginv1.Project{{Id: "a", Name: "n"}, {Id: "i", Name: "b"}, {Id: "a", Name: "b"}} {
				if vo, problem := mapping.voOf(project); vo != "VO" || problem != nil {
					t.Errorf("%v: %q, %v", project, vo, problem)
				}
			}
			if vo, problem := mapping.voOf(&pluginv1.Project{Id: "c", Name: "d"}); vo != "" || problem == nil {
				t.Errorf("a project that is not in it is in %q", vo)
			}
		})
	}
}

// TestVOPrecedence: the VO of the cloud, then the mapping file, then the cloud's fallback.
func TestVOPrecedence(t *testing.T) {
	mapping, err := ParseVOMap("voms.json", []byte(`{"mapped": ["a"]}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		id, vo, fallback, want string
	}{
		{"a", "cloud", "fallback", "cloud"},
		{"a", "", "fallback", "mapped"},
		{"b", "", "fallback", "fallback"},
	} {
		project := &pluginv1.Project{Id: test.id, Vo: test.vo, FallbackVo: test.fallback}
		if vo, problem := mapping.voOf(project); vo != test.want || problem != nil {
			t.Errorf("%v: %q, %v", project, vo, problem)
		}
	}
}

func TestParseVOMapErrors(t *testing.T) {
	for name, test := range map[string]struct{ content, says string }{
		"nothing":     {"", "line 1, column 1"},
		"cut off":     {"{\"VO\":\n {\"projects\": [", "line 2, column 15"},
		"comma":       {"{\n  \"VO\": {\"projects\": [\"a\",]}\n}", "line 2, column 27"},
		"two objects": {"{}\n{}", "line 2, column 1"},
		"list":        {"[]", "not an object"},
		"null":        {"null", "not an object"},
		"number":      {"{\"a\": [],\n \"VO\": {\"projects\": 7}}", `line 2, column 8: value of VO "VO"`},
		"no VO":       {`{"": ["a"]}`, "empty VO name"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseVOMap("/etc/voms.json", []byte(test.content))
			if err == nil || !strings.Contains(err.Error(), test.says) || !strings.Contains(err.Error(), "/etc/voms.json") {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestReadVOMap(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "voms.json")
	missing, err := ReadVOMap(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, problem := missing.voOf(&pluginv1.Project{Id: "p"}); !strings.Contains(problem.Detail, path) {
		t.Errorf("%v", problem)
	}
	if err := os.WriteFile(path, []byte(`{"VO": ["p"]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	mapping, err := ReadVOMap(path)
	if err != nil {
		t.Fatal(err)
	}
	if vo, _ := mapping.voOf(&pluginv1.Project{Id: "p"}); vo != "VO" {
		t.Errorf("got %q", vo)
	}
	if _, err := ReadVOMap(dir); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("a directory: %v", err)
	}
}

func FuzzParseVOMap(f *testing.F) {
	for _, seed := range []string{`{"VO": {"projects": ["a"]}}`, `{"VO": {"tenant": "a"}}`, `{"VO": "a"} x`, "[", `{"a": {"projects": {}}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		mapping, err := ParseVOMap("file", content)
		again, errAgain := ParseVOMap("file", content)
		if fmt.Sprint(mapping, err) != fmt.Sprint(again, errAgain) {
			t.Error("read twice, and differently")
		}
		for project := range mapping.vos {
			if vo, problem := mapping.voOf(&pluginv1.Project{Id: project}); (vo == "") == (problem == nil) {
				t.Errorf("%q: %q, %v", project, vo, problem)
			}
		}
	})
}

// A VO that no message can carry skips its project, as a missing one does.
func TestUnusableVO(t *testing.T) {
	for vo, want := range map[string]string{
		strings.Repeat("v", MaxVOBytes+1): "has 256 bytes, more than 255: it is skipped, and its checkpoint stays",
		"vo\nSiteName: OTHER":             `contains control characters ("vo\nSiteName: OTHER"): it is skipped`,
	} {
		_, problem := VOMap{}.voOf(&pluginv1.Project{Id: "p", Vo: vo})
		if problem == nil || problem.Severity != report.Error || !strings.Contains(problem.Summary, want) {
			t.Errorf("%.20q: %+v", vo, problem)
		}
	}
	if vo, problem := (VOMap{}).voOf(&pluginv1.Project{Id: "p", Vo: strings.Repeat("v", MaxVOBytes)}); problem != nil || len(vo) != MaxVOBytes {
		t.Errorf("%+v", problem)
	}
}
