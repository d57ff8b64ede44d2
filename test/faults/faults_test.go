// Package faults tests the real programs under the faults of a site: processes killed at any
// moment, services that refuse, stall and send wrong answers, full and broken disks, plugins that
// misbehave. Faults that concern a single package are tested in that package.
package faults

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestFaults(t *testing.T) {
	bin := build(t)
	for _, group := range []struct {
		name string
		run  func(*testing.T, string)
	}{
		{"kill", testKill},
		{"messengers", testMessengers},
		{"receivers", testReceivers},
		{"spools", testSpools},
		{"extractors", testExtractors},
		{"answers", testAnswers},
		{"memory", testMemory},
		{"outbox", testOutbox},
		{"projects", testProjects},
		{"signals", testSignals},
		{"secrets", testSecrets},
	} {
		t.Run(group.name, func(t *testing.T) { group.run(t, bin) })
	}
}

// build builds the program and all plugins, also the faulty ones, in the layout of make build.
func build(t *testing.T) string {
	t.Helper()
	bin := t.TempDir()
	if err := os.Mkdir(filepath.Join(bin, "plugins"), 0o755); err != nil {
		t.Fatal(err)
	}
	root := filepath.Join("..", "..")
	compile(t, filepath.Join(bin, "caso"), filepath.Join(root, "core", "cmd", "caso"))
	for _, pattern := range []string{filepath.Join(root, "plugins", "*", "main.go"), filepath.Join("plugins", "*", "main.go")} {
		mains, err := filepath.Glob(pattern)
		if err != nil || len(mains) == 0 {
			t.Fatalf("no plugins found: %v", err)
		}
		for _, main := range mains {
			dir := filepath.Dir(main)
			compile(t, filepath.Join(bin, "plugins", "caso-"+filepath.Base(dir)), dir)
		}
	}
	return bin
}

// compile builds without the race detector, which would change the timing under test.
func compile(t *testing.T, binary, dir string) {
	t.Helper()
	command := exec.Command("go", "build", "-trimpath", "-o", binary, ".")
	command.Dir = dir
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("go build %s: %v\n%s", dir, err, out)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
