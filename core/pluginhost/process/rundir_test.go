package process

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRunDir(t *testing.T) {
	t.Parallel()
	long := filepath.Join(t.TempDir(), strings.Repeat("x", 100))
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
	if _, err := newRunDir("/no/such/base"); err == nil || !strings.Contains(err.Error(), "set TMPDIR to a writable directory") {
		t.Errorf("the error is %v", err)
	}
	// A file of that name is not removed.
	base := t.TempDir()
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
