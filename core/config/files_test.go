package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// makeTree makes files in a directory; a name that ends with a slash is a directory.
func makeTree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "/") {
			if err := os.MkdirAll(path, 0o700); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestSources(t *testing.T) {
	everything := map[string]string{
		"home/.caso/caso.conf": "", "home/caso.conf": "", "etc/caso/caso.conf": "", "etc/caso.conf": "", "etc/caso/caso-extract.conf": "",
		"home/.caso/caso.conf.d/": "", "etc/caso/caso.conf.d/": "",
	}
	file, dir := Source{Path: "/f"}, Source{Path: "/d", Dir: true}
	tests := []struct {
		name  string
		files map[string]string
		given []Source
		want  []Source
	}{
		{"nothing at all", nil, nil, nil},
		{"the first of each name", everything, nil, []Source{{"home/.caso/caso.conf", false}, {"etc/caso/caso-extract.conf", false}, {"home/.caso/caso.conf.d", true}}},
		{"the home itself", map[string]string{"home/caso.conf": "", "etc/caso/caso.conf": ""}, nil, []Source{{"home/caso.conf", false}}},
		{"for all users", map[string]string{"etc/caso/caso.conf": "", "etc/caso.conf": ""}, nil, []Source{{"etc/caso/caso.conf", false}}},
		{"last place", map[string]string{"etc/caso.conf": "", "etc/caso.conf.d/": ""}, nil, []Source{{"etc/caso.conf", false}, {"etc/caso.conf.d", true}}},
		{"a file given: no default files, but default directories", everything, []Source{file}, []Source{{"home/.caso/caso.conf.d", true}, file}},
		{"a directory given: no default directories, but default files", everything, []Source{dir}, []Source{{"home/.caso/caso.conf", false}, {"etc/caso/caso-extract.conf", false}, dir}},
		{"both given, in their order", everything, []Source{dir, file, dir}, []Source{dir, file, dir}},
		{"a tilde", nil, []Source{dir, {Path: "~/x"}}, []Source{dir, {"home/x", false}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			root := makeTree(t, test.files)
			got := Sources(test.given, Places{Home: filepath.Join(root, "home"), Root: root})
			for i := range got {
				got[i].Path = strings.TrimPrefix(got[i].Path, root+"/")
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestRead(t *testing.T) {
	files := map[string]string{
		"a.conf": "[DEFAULT]\n", "bad.conf": "[DEFAULT\nx\n",
		"d/40.conf": "", "d/5.conf": "", "d/b.conf": "", "d/Z.conf": "", "d/.hidden.conf": "", "d/x.conf~": "", "d/README": "", "d/sub/s.conf": "",
		"empty/": "", "e/dir.conf/": "",
	}
	tests := []struct {
		name     string
		sources  []Source
		want     []string
		problems []string
	}{
		{"directory in order of character codes", []Source{{"d", true}}, []string{"d/40.conf", "d/5.conf", "d/Z.conf", "d/b.conf"}, nil},
		{"directory without files", []Source{{"empty", true}}, nil, nil},
		{"in the order given", []Source{{"empty", true}, {"d/b.conf", false}, {"a.conf", false}}, []string{"d/b.conf", "a.conf"}, nil},
		{"no such file", []Source{{"nowhere", false}, {"a.conf", false}}, []string{"a.conf"}, []string{"nowhere: error: file not found; check --config-file"}},
		{"no such directory", []Source{{"nowhere", true}}, nil, []string{"nowhere: error: directory not found; check --config-dir"}},
		{"directory as file", []Source{{"d", false}}, nil, []string{"d: error: reading this file: is a directory; check --config-file"}},
		{"directory as file in a directory", []Source{{"e", true}}, nil, []string{"e/dir.conf: error: reading this file: is a directory; check --config-dir"}},
		{"file as directory", []Source{{"a.conf", true}}, nil, []string{"a.conf: error: reading this directory: not a directory; check --config-dir"}},
		{"nothing", []Source{{"", false}, {"", true}}, nil, []string{"error: --config-file: empty path; give the path of a file", "error: --config-dir: empty path; give the path of a directory"}},
		{"mistakes", []Source{{"bad.conf", false}, {"a.conf", false}}, []string{"bad.conf", "a.conf"}, []string{
			"bad.conf:1: error: a section header must end with ], and nothing may follow it, not even a comment",
			"bad.conf:2: error: neither a comment nor a [section] nor NAME = VALUE; write = or : between name and value",
		}},
	}
	root := makeTree(t, files)
	t.Chdir(root)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			files, problems := Read(test.sources)
			if got := files.Paths(); len(got)+len(test.want) > 0 && !reflect.DeepEqual(got, test.want) {
				t.Errorf("read %q, want %q", got, test.want)
			}
			var got []string
			for _, problem := range problems {
				got = append(got, problem.String())
			}
			if !reflect.DeepEqual(got, test.problems) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.problems, "\n"))
			}
		})
	}
}

// A device has no content that another user can have stored.
func TestDeviceAsFile(t *testing.T) {
	files, problems := Read([]Source{{Path: "/dev/null"}})
	if len(problems) > 0 || len(files.Paths()) != 1 {
		t.Errorf("%v, %v", files.Paths(), problems)
	}
}
