package sqlstore

import (
	"path/filepath"

	"github.com/caso-project/caso/core/outbox"
)

// Location is the place of an outbox.
type Location struct {
	path string
}

// InDirectory returns the location of the embedded outbox in a spool directory.
func InDirectory(spooldir string) Location {
	return Location{path: filepath.Join(spooldir, outbox.FileName)}
}

// String returns the path or the URL, without a password.
func (l Location) String() string { return l.path }

func (l Location) engine() engine { return &sqliteEngine{path: l.path} }
