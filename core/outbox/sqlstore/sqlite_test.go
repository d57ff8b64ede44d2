package sqlstore

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/core/outbox/outboxtest"
)

// directory is a spool directory for the suite.
type directory string

func newDirectory(t testing.TB) outboxtest.Place {
	t.Helper()
	dir, err := os.MkdirTemp(t.TempDir(), "spool-")
	outboxtest.Must(t, err)
	return directory(dir)
}

func (d directory) Open(readOnly bool, now func() time.Time) (outboxtest.Store, error) {
	return Open(InDirectory(string(d)), Options{ReadOnly: readOnly, Now: now, unsafe: true})
}

// Crash copies the files as they are.
func (d directory) Crash(t outboxtest.TB, _ outboxtest.Store) outboxtest.Place {
	t.Helper()
	dir, err := os.MkdirTemp(filepath.Dir(string(d)), "spool-")
	outboxtest.Must(t, err)
	for _, name := range []string{outbox.FileName, outbox.FileName + "-wal"} {
		content, err := os.ReadFile(filepath.Join(string(d), name))
		outboxtest.Must(t, err)
		outboxtest.Must(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
	return directory(dir)
}

func TestSuiteSQLite(t *testing.T) { outboxtest.Run(t, newDirectory) }
