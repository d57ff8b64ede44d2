package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
)

//go:embed migrations
var migrations embed.FS

// schema names the migrations of an engine.
type schema struct {
	dialect   database.Dialect
	directory string
}

func sqliteSchema() schema {
	return schema{dialect: database.DialectSQLite3, directory: "migrations/sqlite"}
}

// versionTable is where goose stores the versions that were applied.
const versionTable = "outbox_schema"

func (s schema) provider(db *sql.DB) (*goose.Provider, error) {
	store, err := database.NewStore(s.dialect, versionTable)
	if err != nil {
		return nil, err
	}
	files, err := fs.Sub(migrations, s.directory)
	if err != nil {
		return nil, err
	}
	return goose.NewProvider("", db, files, goose.WithStore(store), goose.WithDisableGlobalRegistry(true))
}

// migrate brings the schema up to date. There is no way back: an older version of caso refuses the
// newer schema.
func migrate(ctx context.Context, db *sql.DB, s schema) error {
	provider, err := s.provider(db)
	if err != nil {
		return err
	}
	if err := refuseNewer(ctx, provider); err != nil {
		return err
	}
	pending, err := provider.HasPending(ctx)
	if err != nil || !pending {
		return err
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("changing the schema: %w", err)
	}
	return nil
}

// checkVersion returns an error if this version of caso cannot use the schema: one that is newer,
// or, where it must not be changed, one that is older.
func checkVersion(ctx context.Context, db *sql.DB, s schema, readOnly bool) error {
	provider, err := s.provider(db)
	if err != nil {
		return err
	}
	if err := refuseNewer(ctx, provider); err != nil || !readOnly {
		return err
	}
	pending, err := provider.HasPending(ctx)
	if err == nil && pending {
		err = errors.New("the schema is older than this version of caso: run caso deliver once to change it")
	}
	return err
}

func refuseNewer(ctx context.Context, provider *goose.Provider) error {
	current, target, err := provider.GetVersions(ctx)
	if err == nil && current > target {
		err = fmt.Errorf("its schema has version %d and this version of caso uses %d; "+
			"it was left unchanged: use the version of caso that wrote it, or a newer one", current, target)
	}
	return err
}
