// Package faults puts the real programs through what goes wrong at a site: processes killed at any moment,
// services that refuse, stall and lie, full and broken disks, plugins that misbehave. Each test says what
// must hold all the same. What one package can show by itself is tested there; here are the faults that need the
// whole house.
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
		{"outbox", testOutbox},
		{"signals", testSignals},
		{"secrets", testSecrets},
	} {
		t.Run(group.name, func(t *testing.T) { group.run(t, bin) })
	}
}

// build makes the program and all plugins, those of this folder too, as make build lays them out.
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

// compile builds without the race detector: what it would slow down are the moments that are tested.
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
