package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/caso-project/caso/core/outbox"
)

// Backup copies an outbox, which runs may change meanwhile, into a new SQLite file. The file has
// its name only when it is complete and on disk. A backup that is killed leaves the directory
// FILE.incomplete-*.
func Backup(ctx context.Context, from *Store, path string) (copied Copied, err error) {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = fmt.Errorf("%s: %w", path, fs.ErrExist)
		}
		return Copied{}, fmt.Errorf("creating the backup: %w; name a new file", err)
	}
	dir, err := os.MkdirTemp(filepath.Dir(path), filepath.Base(path)+".incomplete-*")
	if err != nil {
		return Copied{}, fmt.Errorf("creating the backup: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	temporary := filepath.Join(dir, outbox.FileName)
	// The file is synced once, when it is complete.
	to, err := Open(Location{path: temporary}, Options{unsafe: true})
	if err != nil {
		return Copied{}, err
	}
	copied, err = Copy(ctx, from, to)
	if err := errors.Join(err, to.Close()); err != nil {
		return Copied{}, err
	}
	if err := publishFile(temporary, path); err != nil {
		return Copied{}, fmt.Errorf("creating the backup: %w", err)
	}
	return copied, nil
}

// publishFile syncs a file and gives it its name, unless that is in use.
func publishFile(temporary, path string) error {
	file, err := os.OpenFile(temporary, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return err
	}
	// Link, unlike Rename, never replaces a file.
	if err := os.Link(temporary, path); err != nil {
		return err
	}
	return syncDirectory(filepath.Dir(path))
}
