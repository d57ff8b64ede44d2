package pluginhost

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

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
	pinned := func(pin string) Ref {
		ref := messenger("ssm")
		ref.SHA256 = pin
		return ref
	}
	for _, test := range []struct {
		ref       Ref
		path, err string
	}{
		{messenger("both"), first + "/caso-messenger-both", ""},
		{messenger("ssm"), second + "/caso-messenger-ssm", ""},
		{pinned(ssm), second + "/caso-messenger-ssm", ""},
		{pinned(" " + strings.ToUpper(ssm)), second + "/caso-messenger-ssm", ""},
		{pinned(strings.Repeat("0", 64)), second + "/caso-messenger-ssm", "messenger ssm: " + second + "/caso-messenger-ssm: its SHA-256 is " + ssm +
			", but sha256 is set to " + strings.Repeat("0", 64) + ": reinstall the plugin, or correct sha256 if it was replaced on purpose"},
		{pinned("beef"), second + "/caso-messenger-ssm", "messenger ssm: " + second + "/caso-messenger-ssm: sha256 is set to \"beef\", " +
			"which is not 64 hexadecimal digits; the file's is " + ssm},
		{Ref{Kind: pluginv1.Kind_KIND_MESSENGER, Name: "ssm", Instance: "mine", Path: second + "/caso-messenger-ssm"}, second + "/caso-messenger-ssm", ""},
		{Ref{Kind: pluginv1.Kind_KIND_MESSENGER, Name: "ssm", Instance: "mine", Path: "/no/such"}, "/no/such",
			"messenger mine (plugin ssm): /no/such: there is no /no: correct the path, or install the plugin there"},
		// The first directory wins also with a file that cannot be used.
		{messenger("bad"), first + "/caso-messenger-bad", "messenger bad: " + first + "/caso-messenger-bad: it is not executable: run \"chmod 755 " + first + "/caso-messenger-bad\""},
		{messenger("smm"), "", "messenger smm: there is no caso-messenger-smm in " + missing + ", " + first + ", " + second +
			"; the nearest name there is \"ssm\": correct the name, or install the plugin"},
		{messenger("elsewhere"), "", "messenger elsewhere: there is no caso-messenger-elsewhere in " + missing + ", " + first + ", " + second +
			", only bad, both, ssm: install the plugin, or leave it out"},
		{messenger("../ssm"), "", `messenger ../ssm: "../ssm" cannot be the name of a plugin: names are made of letters, digits, - and _`},
	} {
		found, err := h.Find(test.ref)
		if found.Path != test.path || text(err) != test.err {
			t.Errorf("%s: found %q, %v\nand should be %q, %s", test.ref, found.Path, err, test.path, test.err)
		}
	}
	empty := New(Options{Dirs: []string{missing}})
	if _, err := empty.Find(messenger("ssm")); text(err) != "messenger ssm: there is no caso-messenger-ssm, nor any other messenger, in "+missing+": install it there, or set plugin_dirs" {
		t.Errorf("an empty directory gives %v", err)
	}
	if _, err := New(Options{}).Find(messenger("ssm")); text(err) != "messenger ssm: there is no directory to look for caso-messenger-ssm in: set plugin_dirs or CASO_PLUGIN_PATH" {
		t.Errorf("no directory gives %v", err)
	}

	var listed []string
	for _, file := range h.List() {
		if usable := file.Err == nil; usable != (len(file.SHA256) == 64 && file.Size > 0 && file.Resolved != "") {
			t.Errorf("%+v", file)
		}
		listed = append(listed, kindName(file.Kind)+" "+file.Name+" "+file.Path)
	}
	if want := []string{
		"messenger bad " + first + "/caso-messenger-bad", "messenger both " + first + "/caso-messenger-both",
		"extractor ssn " + second + "/caso-extractor-ssn", "messenger ssm " + second + "/caso-messenger-ssm",
	}; !slices.Equal(listed, want) {
		t.Errorf("List is %q and should be %q", listed, want)
	}
}

func TestRunDir(t *testing.T) {
	t.Parallel()
	long := filepath.Join(tempDir(t), strings.Repeat("x", 100))
	if err := os.Mkdir(long, 0o755); err != nil {
		t.Fatal(err)
	}
	made, err := newRunDir(long)
	if err != nil {
		t.Fatal(err)
	}
	if filepath.Dir(made.path) != "/tmp" {
		t.Errorf("%s is too long for sockets", made.path)
	}
	if err := made.remove(); err != nil {
		t.Error(err)
	}
	if _, err := newRunDir("/no/such/base"); err == nil || !strings.Contains(err.Error(), "set TMPDIR to one that can be written to") {
		t.Errorf("the error is %v", err)
	}
	// What somebody else has put there, or is no directory, is left alone.
	base := tempDir(t)
	file := filepath.Join(base, runDirPrefix+"file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	abandoned := filepath.Join(base, runDirPrefix+"1")
	if err := os.MkdirAll(filepath.Join(abandoned, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	if made, err = newRunDir(base); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(abandoned); !os.IsNotExist(err) {
		t.Errorf("%s was not removed: %v", abandoned, err)
	}
	if err := made.remove(); err != nil {
		t.Error(err)
	}
}
