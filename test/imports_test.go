// Package test contains the checks that concern the whole repository: imports, language, documents.
package test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/caso-project/caso/"

// importRule allows imports within this module.
type importRule struct {
	// dir is the directory whose packages the rule is about.
	dir string
	// allowed are packages, or with a final slash directories. A package may always import what is
	// below its rule's dir.
	allowed []string
}

// importRules returns the rules of docs/architecture.md. The first that matches a package applies.
func importRules() []importRule {
	return []importRule{
		{"proto/", nil},
		{"internal/contract", []string{"proto/"}},
		{"internal/", nil},
		{"sdk/example/", []string{"sdk", "proto/"}},
		{"sdk/plugintest", []string{"sdk", "internal/contract", "proto/"}},
		{"sdk", []string{"internal/contract", "proto/"}},
		{"core/", []string{"internal/", "proto/"}},
		{"plugins/internal/", []string{"sdk", "internal/version", "proto/"}},
		// Applies to each plugin separately: no plugin imports another.
		{"plugins/", []string{"sdk", "internal/version", "plugins/internal/", "proto/"}},
		{"bench/", []string{"core/", "internal/contract", "sdk", "proto/", "test/standin"}},
	}
}

// TestImports checks the imports of all packages of the module. Test files are exempt, and so are
// the packages below test/, which nothing else may import.
func TestImports(t *testing.T) {
	for _, pkg := range listPackages(t) {
		name := strings.TrimPrefix(pkg.ImportPath, module)
		if name == "test" || strings.HasPrefix(name, "test/") {
			continue
		}
		allowed := allowedImports(name)
		for _, path := range pkg.Imports {
			imported, ours := strings.CutPrefix(path, module)
			if ours && !slices.ContainsFunc(allowed, func(entry string) bool { return matchesImport(entry, imported) }) {
				t.Errorf("%s imports %s; allowed are %s", name, imported, strings.Join(allowed, ", "))
			}
		}
		for _, path := range pkg.Deps {
			if strings.HasPrefix(name, "core/") && strings.HasPrefix(path, "github.com/gophercloud/") {
				t.Errorf("%s depends on %s; the host is independent of OpenStack", name, path)
			}
			if !strings.HasPrefix(name+"/", "bench/") && strings.HasPrefix(path, "go.etcd.io/bbolt") {
				t.Errorf("%s depends on %s, the peer of the benchmarks", name, path)
			}
		}
	}
}

// allowedImports returns what a package may import; nothing if no rule matches.
func allowedImports(name string) []string {
	for _, rule := range importRules() {
		if !strings.HasPrefix(name+"/", rule.dir) {
			continue
		}
		own := strings.TrimSuffix(rule.dir, "/") + "/"
		if own == "plugins/" {
			plugin, _, _ := strings.Cut(strings.TrimPrefix(name, own), "/")
			own += plugin + "/"
		}
		return append(rule.allowed, own)
	}
	return nil
}

func matchesImport(entry, imported string) bool {
	return imported == entry || strings.HasSuffix(entry, "/") && strings.HasPrefix(imported, entry)
}

type goPackage struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

func listPackages(t *testing.T) []goPackage {
	t.Helper()
	command := exec.Command("go", "list", "-json=ImportPath,Imports,Deps", module+"...")
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
		t.Fatalf("go list returned only %d packages", len(packages))
	}
	return packages
}
