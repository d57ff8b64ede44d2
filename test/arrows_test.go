// Package test holds what needs more than one package of the project: here, the rule of who may import whom.
package test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/caso-project/caso/"

// TestArrows checks over everything that is linked into a package (not its tests) that the arrows of
// docs/architecture.md hold.
func TestArrows(t *testing.T) {
	rules := []struct {
		from, never, why string
	}{
		{"proto/", module, "the contract stands alone"},
		{"sdk", module + "core", "a plugin must not need the host"},
		{"sdk", module + "plugins", "the contract knows no plugin"},
		{"plugins/", module + "core", "host and plugins only meet through proto"},
		{"core/", module + "plugins", "host and plugins only meet through proto"},
		{"core/", module + "test", "the program does not need its tests"},
		{"plugins/", module + "test", "the program does not need its tests"},
		{"core/", "github.com/gophercloud/", "the host knows no cloud"},
	}
	for _, pkg := range list(t) {
		name := strings.TrimPrefix(pkg.ImportPath, module)
		for _, rule := range rules {
			if !strings.HasPrefix(name, rule.from) {
				continue
			}
			for _, dep := range pkg.Deps {
				if strings.HasPrefix(dep, rule.never) && !strings.HasPrefix(dep, module+"proto/") {
					t.Errorf("%s imports %s: %s", name, dep, rule.why)
				}
			}
		}
	}
}

type goPackage struct {
	ImportPath string
	Deps       []string
}

func list(t *testing.T) []goPackage {
	t.Helper()
	command := exec.Command("go", "list", "-deps=false", "-json=ImportPath,Deps", module+"...")
	out, err := command.Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			t.Fatalf("go list: %s", exit.Stderr)
		}
		t.Fatal(err)
	}
	var packages []goPackage
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var pkg goPackage
		if err := decoder.Decode(&pkg); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, pkg)
	}
	if len(packages) < 10 {
		t.Fatalf("go list names only %d packages", len(packages))
	}
	return packages
}
