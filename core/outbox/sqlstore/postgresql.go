package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3/database"
)

// postgreSQL is the dialect of PostgreSQL 13 and later.
type postgreSQL struct {
	location Location
	config   *pgx.ConnConfig
}

func newPostgreSQL(l Location) (engine, error) {
	config, err := pgx.ParseConfig(l.address.String())
	if err != nil {
		return nil, fmt.Errorf("invalid URL of the outbox: %w", err)
	}
	config.Password = l.password
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	return &serverEngine{dialect: &postgreSQL{location: l, config: config}, location: l}, nil
}

func (p *postgreSQL) connect(_ context.Context, _, idle time.Duration) (*sql.DB, error) {
	config := p.config.Copy()
	config.RuntimeParams["application_name"] = "caso"
	config.RuntimeParams["client_encoding"] = "UTF8"
	config.RuntimeParams["synchronous_commit"] = "on"
	config.RuntimeParams["idle_in_transaction_session_timeout"] = strconv.FormatInt(idle.Milliseconds(), 10)
	config.RuntimeParams["lock_timeout"] = strconv.FormatInt(idle.Milliseconds(), 10)
	return stdlib.OpenDB(*config), nil
}

// serverInUse and leaveServer do nothing: every connection begins with the first server of the URL.
func (p *postgreSQL) serverInUse() int64 { return 0 }

func (p *postgreSQL) leaveServer(int64) {}

func (p *postgreSQL) adapt(s statement) string { return numberPlaceholders(s) }

func (p *postgreSQL) schema() schema {
	return schema{dialect: database.DialectPostgres, directory: "migrations/postgres"}
}

func (p *postgreSQL) hasTable() string {
	return "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = '" + versionTable + "'"
}

// schemaLock is the number of the advisory lock, an arbitrary one: "outbox".
const schemaLock = 0x6f7574626f78

func (p *postgreSQL) lockSchema(ctx context.Context, db *sql.DB) (func(), error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock($1)", int64(schemaLock)); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return func() {
		// The end of the session releases the lock too.
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", int64(schemaLock))
		_ = conn.Close()
	}, nil
}

// describe goes by https://www.postgresql.org/docs/current/errcodes-appendix.html.
func (p *postgreSQL) describe(err error) (errorClass, string) {
	var failure *pgconn.PgError
	if !errors.As(err, &failure) {
		var connect *pgconn.ConnectError
		if errors.As(err, &connect) || pgconn.SafeToRetry(err) || pgconn.Timeout(err) {
			return temporaryError, ""
		}
		return otherError, ""
	}
	user, name := p.location.address.User.Username(), p.location.database()
	switch failure.Code {
	case "28P01", "28000":
		return otherError, "check the user in [DEFAULT] outbox, and outbox_password"
	case "3D000":
		return otherError, fmt.Sprintf("create the database: CREATE DATABASE %s OWNER %s ENCODING 'UTF8'", name, user)
	case "42501":
		return otherError, fmt.Sprintf("give the user the rights: GRANT ALL ON SCHEMA public TO %s, and the ownership of the tables outbox_*", user)
	case "25006":
		return otherError, "the server is read-only: name the primary server in [DEFAULT] outbox, or add ?target_session_attrs=read-write"
	case "22P05", "22021":
		return otherError, "the database cannot store UTF-8: create it with ENCODING 'UTF8'"
	case "40001", "40P01":
		return conflictError, ""
	case "55P03", "53300", "57P01", "57P02", "57P03", "25P03":
		return temporaryError, ""
	}
	if failure.Code[:2] == "08" {
		return temporaryError, ""
	}
	return otherError, ""
}

func (p *postgreSQL) settingsWarning(ctx context.Context, db *sql.DB) (string, error) {
	for _, setting := range []string{"fsync", "full_page_writes"} {
		var value string
		if err := db.QueryRowContext(ctx, "SELECT current_setting($1)", setting).Scan(&value); err != nil {
			return "", err
		}
		if value == "off" {
			return fmt.Sprintf("PostgreSQL runs with %s = off: a crash of the server can lose or damage the outbox; set %s = on", setting, setting), nil
		}
	}
	return "", nil
}
