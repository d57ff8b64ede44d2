package pluginhost

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/caso-project/caso/core/config"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

func TestSearchPath(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	if err := os.MkdirAll(filepath.Join(dir, "opt"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "opt/caso"), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("opt/caso", filepath.Join(dir, "caso")); err != nil {
		t.Fatal(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		configured      []string
		env, executable string
		want            []string
	}{
		{nil, "", "", []string{installedDir}},
		{[]string{"/a", "", "/b/"}, "/c::/a:", filepath.Join(dir, "caso"), []string{"/a", "/b", "/c", filepath.Join(dir, "opt/plugins"), installedDir}},
		{[]string{"x"}, " ", "/no/such/caso", []string{filepath.Join(here, "x"), "/no/such/plugins", installedDir}},
	} {
		if got := SearchPath(test.configured, test.env, test.executable); !slices.Equal(got, test.want) {
			t.Errorf("SearchPath(%q, %q, %q) is %q and should be %q", test.configured, test.env, test.executable, got, test.want)
		}
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	first, second, missing := tempDir(t), tempDir(t), filepath.Join(tempDir(t), "none")
	script(t, first, "caso-messenger-both", "first")
	script(t, second, "caso-messenger-both", "second")
	script(t, second, "caso-messenger-ssm", "ssm")
	script(t, second, "caso-extractor-ssn", "an extractor")
	script(t, second, "caso-messenger-ssm.dpkg-new", "leftover")
	script(t, first, "caso-messenger-bad", "bad")
	script(t, second, "caso-messenger-bad", "good")
	if err := os.Chmod(filepath.Join(first, "caso-messenger-bad"), 0o644); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte("#!/bin/sh\nssm\n"))
	ssm := hex.EncodeToString(sum[:])
	h := New(Options{Dirs: []string{missing, first, second}})
	pinned := func(pin string) config.Instance {
		instance := messenger("ssm")
		instance.SHA256 = pin
		return instance
	}
	atPath := func(path string) config.Instance {
		return config.Instance{Kind: pluginv1.Kind_KIND_MESSENGER, Name: "mine", Plugin: "ssm", Path: path}
	}
	dirs := missing + ", " + first + ", " + second
	for _, test := range []struct {
		instance  config.Instance
		path, err string
	}{
		{messenger("both"), first + "/caso-messenger-both", ""},
		{messenger("ssm"), second + "/caso-messenger-ssm", ""},
		{pinned(ssm), second + "/caso-messenger-ssm", ""},
		{pinned(" " + strings.ToUpper(ssm)), second + "/caso-messenger-ssm", ""},
		{pinned(strings.Repeat("0", 64)), second + "/caso-messenger-ssm", "messenger ssm: " + second + "/caso-messenger-ssm: SHA-256 of the file is " +
			ssm + ", configured is " + strings.Repeat("0", 64) + ": reinstall the plugin, or correct sha256 if the file was replaced on purpose"},
		{pinned("beef"), second + "/caso-messenger-ssm", "messenger ssm: " + second + "/caso-messenger-ssm: invalid sha256 \"beef\": " +
			"set 64 hexadecimal digits; the file has " + ssm},
		{atPath(second + "/caso-messenger-ssm"), second + "/caso-messenger-ssm", ""},
		{atPath("/no/such"), "/no/such", "messenger mine: /no/such: /no is missing: correct the path, or install the plugin there"},
		// The first directory wins also with a file that cannot be started.
		{messenger("bad"), first + "/caso-messenger-bad", "messenger bad: " + first + "/caso-messenger-bad: file is not executable: run \"chmod 755 " + first + "/caso-messenger-bad\""},
		{messenger("smm"), "", "messenger smm: caso-messenger-smm not found in " + dirs +
			": correct the name (did you mean \"ssm\"?), or install the plugin"},
		{messenger("elsewhere"), "", "messenger elsewhere: caso-messenger-elsewhere not found in " + dirs +
			", only bad, both, ssm: install the plugin, or remove it from the configuration"},
		{messenger("../ssm"), "", `messenger ../ssm: invalid plugin name "../ssm": use lower-case letters, digits, - and _`},
	} {
		found, err := find(h, test.instance)
		if found.Path != test.path || errorText(err) != test.err {
			t.Errorf("%s: found %q, %v\nand should be %q, %s", test.instance, found.Path, err, test.path, test.err)
		}
	}
	empty := New(Options{Dirs: []string{missing}})
	if _, err := find(empty, messenger("ssm")); errorText(err) != "messenger ssm: caso-messenger-ssm not found in "+missing+", no other messenger either: install the plugin there, or set plugin_dirs" {
		t.Errorf("an empty directory gives %v", err)
	}
	if _, err := find(New(Options{}), messenger("ssm")); errorText(err) != "messenger ssm: caso-messenger-ssm not found, there are no plugin directories: set plugin_dirs or CASO_PLUGIN_PATH" {
		t.Errorf("no directory gives %v", err)
	}
}

// find searches for the executable of an instance and verifies it, as Start does.
func find(h *Host, instance config.Instance) (File, error) {
	found, err := h.openVerified(instance)
	if err != nil {
		return found.File, instanceError(instance, err)
	}
	return found.File, found.close()
}

func TestList(t *testing.T) {
	t.Parallel()
	first, second, other := tempDir(t), tempDir(t), tempDir(t)
	script(t, first, "caso-messenger-ssm", "first")
	script(t, second, "caso-messenger-ssm", "second")
	script(t, second, "caso-extractor-ssm", "an extractor")
	script(t, second, "caso-messenger-noop", "noop")
	script(t, second, "caso-messenger-noop~", "leftover")
	script(t, first, "caso-messenger-bad", "bad")
	script(t, other, "messenger", "elsewhere")
	if err := os.Chmod(filepath.Join(first, "caso-messenger-bad"), 0o644); err != nil {
		t.Fatal(err)
	}
	wrongPin := func(instance config.Instance) config.Instance {
		instance.SHA256 = strings.Repeat("0", 64)
		return instance
	}
	alias := messenger("ssm")
	alias.Name = "ssmv4"
	elsewhere := config.Instance{Kind: pluginv1.Kind_KIND_MESSENGER, Name: "mine", Plugin: "ssm", Path: filepath.Join(other, "messenger")}
	h := New(Options{Dirs: []string{filepath.Join(first, "missing"), first, second}})
	configured := []config.Instance{wrongPin(messenger("ssm")), wrongPin(alias), extractor("ssm"), wrongPin(elsewhere), messenger("absent")}
	for _, want := range []struct{ path, shadowedBy, err string }{
		{first + "/caso-messenger-bad", "", `file is not executable: run "chmod 755 ` + first + `/caso-messenger-bad"`},
		{first + "/caso-messenger-ssm", "", "messenger ssm: SHA-256 of the file is "},
		{second + "/caso-extractor-ssm", "", ""},
		{second + "/caso-messenger-noop", "", ""},
		{second + "/caso-messenger-ssm", first + "/caso-messenger-ssm", ""},
		{other + "/messenger", "", "messenger mine: SHA-256 of the file is "},
	} {
		files := h.List(configured)
		i := slices.IndexFunc(files, func(f File) bool { return f.Path == want.path })
		if i < 0 || len(files) != 6 {
			t.Fatalf("%s is not listed among %v", want.path, files)
		}
		file := files[i]
		if file.ShadowedBy != want.shadowedBy || !strings.HasPrefix(errorText(file.Err), want.err) || want.err == "" && file.Err != nil {
			t.Errorf("%s is shadowed by %q, %v\nand should be by %q, %s", file.Path, file.ShadowedBy, file.Err, want.shadowedBy, want.err)
		}
		isRead := len(file.SHA256) == 64 && file.Size > 0 && file.Resolved == file.Path
		if isRead == strings.HasPrefix(want.err, "file is not") {
			t.Errorf("%+v", file)
		}
	}
}
