package test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestArchitecturePage checks that the packages and functions in docs/architecture.md exist, and
// that no package is missing there.
func TestArchitecturePage(t *testing.T) {
	page, err := os.ReadFile("../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z0-9/-]+)` \\|").FindAllStringSubmatch(string(page), -1) {
		listed = append(listed, row[1])
		if info, err := os.Stat(filepath.Join("..", row[1])); err != nil || !info.IsDir() {
			t.Errorf("package %s does not exist", row[1])
		}
	}
	for _, pkg := range listPackages(t) {
		name := strings.TrimPrefix(pkg.ImportPath, module)
		if !strings.Contains(name, "/testdata/") && !coversPackage(listed, name) {
			t.Errorf("package %s is missing", name)
		}
	}
	functions := regexp.MustCompile("(?m)^\\| \\d+ \\| `(\\S+)` \\| `(\\S+)` \\|").FindAllStringSubmatch(string(page), -1)
	if len(functions) < 10 {
		t.Fatalf("only %d functions", len(functions))
	}
	for _, row := range functions {
		if !declaresFunction(t, row[1], row[2]) {
			t.Errorf("%s does not declare %s", row[1], row[2])
		}
	}
}

// coversPackage reports whether the page lists a package. The packages of core and internal are
// listed one by one, the others with those below them.
func coversPackage(listed []string, name string) bool {
	return slices.ContainsFunc(listed, func(entry string) bool {
		oneByOne := strings.HasPrefix(name, "core/") || strings.HasPrefix(name, "internal/")
		return name == entry || !oneByOne && strings.HasPrefix(name, entry+"/")
	})
}

func declaresFunction(t *testing.T, path, name string) bool {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", path), nil, parser.SkipObjectResolution)
	if err != nil {
		t.Error(err)
		return false
	}
	return slices.ContainsFunc(file.Decls, func(declaration ast.Decl) bool {
		function, ok := declaration.(*ast.FuncDecl)
		return ok && function.Name.Name == name
	})
}
