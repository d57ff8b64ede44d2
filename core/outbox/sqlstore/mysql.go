package sqlstore

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/pressly/goose/v3/database"

	"github.com/caso-project/caso/core/outbox"
)

// mySQL is the dialect of MariaDB 10.6 and later, with or without Galera, and MySQL 8.
type mySQL struct {
	location Location
	// configs has one configuration per host.
	configs []*mysql.Config
	// host is the index of the host that connections are made to.
	host atomic.Int64
}

func newMySQL(l Location) (engine, error) {
	tlsConfig, err := mysqlTLS(l)
	if err != nil {
		return nil, fmt.Errorf("invalid URL of the outbox: %w", err)
	}
	m := &mySQL{location: l}
	for _, host := range l.hosts {
		if _, _, err := net.SplitHostPort(host); err != nil {
			host = net.JoinHostPort(host, "3306")
		}
		config := mysql.NewConfig()
		config.Net, config.Addr = "tcp", host
		config.User, config.Passwd, config.DBName = l.address.User.Username(), l.password, l.database()
		config.Collation = "utf8mb4_bin"
		config.ClientFoundRows = true
		config.Timeout = connectTimeout
		config.Logger = &mysql.NopLogger{}
		if tlsConfig != nil {
			config.TLS = tlsConfig.Clone()
			config.TLS.ServerName, _, _ = net.SplitHostPort(host)
		}
		m.configs = append(m.configs, config)
	}
	return &serverEngine{dialect: m, location: l}, nil
}

// mysqlTLS reads the options of the URL: ssl_ca, ssl_cert and ssl_key name files, as in the URLs of
// OpenStack's services; tls is true (the default if ssl_ca is set), skip-verify or false.
func mysqlTLS(l Location) (*tls.Config, error) {
	query := l.address.Query()
	for name := range query {
		switch name {
		case "tls", "ssl_ca", "ssl_cert", "ssl_key":
		default:
			return nil, fmt.Errorf("unknown option %q: use tls, ssl_ca, ssl_cert and ssl_key", name)
		}
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	switch mode := query.Get("tls"); mode {
	case "true":
	case "":
		if !query.Has("ssl_ca") {
			return nil, nil
		}
	case "false":
		return nil, nil
	case "skip-verify":
		config.InsecureSkipVerify = true
	default:
		return nil, fmt.Errorf("invalid value %q of tls: use true, skip-verify or false", mode)
	}
	if path := query.Get("ssl_ca"); path != "" {
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("reading ssl_ca: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(content) {
			return nil, fmt.Errorf("ssl_ca %q contains no certificate", path)
		}
	}
	if path := query.Get("ssl_cert"); path != "" {
		certificate, err := tls.LoadX509KeyPair(path, query.Get("ssl_key"))
		if err != nil {
			return nil, fmt.Errorf("reading ssl_cert and ssl_key: %w", err)
		}
		config.Certificates = []tls.Certificate{certificate}
	}
	return config, nil
}

// failover connects to the host in use, or to the next one that takes statements.
type failover struct {
	*mySQL
	connectors []driver.Connector
}

func (f *failover) Connect(ctx context.Context) (driver.Conn, error) {
	var errs []error
	for range f.connectors {
		i := f.serverInUse()
		conn, err := connectReady(ctx, f.connectors[i])
		if err == nil {
			return conn, nil
		}
		errs = append(errs, err)
		f.leaveServer(i)
	}
	return nil, errors.Join(errs...)
}

func (m *mySQL) serverInUse() int64 { return m.host.Load() }

func (m *mySQL) leaveServer(i int64) { m.host.CompareAndSwap(i, (i+1)%int64(len(m.configs))) }

// connectReady connects to a host that answers within connectTimeout and, if it is a node of
// Galera, is in the primary component. Other nodes refuse statements with error 1047, or 1205 if
// wsrep_sync_wait is set.
func connectReady(ctx context.Context, connector driver.Connector) (driver.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	conn, err := connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	if err := checkGaleraReady(ctx, conn); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// checkGaleraReady returns an error if the server is a node of Galera outside the primary
// component: that of most of the nodes, the only one that commits
// (https://galeracluster.com/library/documentation/weighted-quorum.html).
func checkGaleraReady(ctx context.Context, conn driver.Conn) error {
	rows, err := conn.(driver.QueryerContext).QueryContext(ctx,
		"SHOW STATUS WHERE Variable_name IN ('wsrep_ready', 'wsrep_provider_name')", nil)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	status := map[string]string{}
	for values := make([]driver.Value, 2); ; {
		if err := rows.Next(values); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		status[fmt.Sprintf("%s", values[0])] = fmt.Sprintf("%s", values[1])
	}
	// A MariaDB server without Galera has wsrep_ready = OFF too.
	if status["wsrep_ready"] == "OFF" && status["wsrep_provider_name"] != "" {
		return fmt.Errorf("%w: the node of Galera is not in the primary component", outbox.ErrUnavailable)
	}
	return nil
}

func (f *failover) Driver() driver.Driver { return mysql.MySQLDriver{} }

func (m *mySQL) openDB(statementTimeout time.Duration, params map[string]string) (*sql.DB, error) {
	f := &failover{mySQL: m}
	for _, config := range m.configs {
		config = config.Clone()
		config.Params = params
		config.ReadTimeout, config.WriteTimeout = statementTimeout, statementTimeout
		connector, err := mysql.NewConnector(config)
		if err != nil {
			return nil, err
		}
		f.connectors = append(f.connectors, connector)
	}
	return sql.OpenDB(f), nil
}

func (m *mySQL) connect(ctx context.Context, statementTimeout, idle time.Duration) (*sql.DB, error) {
	params := map[string]string{
		"sql_mode":                 "'STRICT_ALL_TABLES'",
		"innodb_lock_wait_timeout": strconv.Itoa(int(idle.Seconds())),
	}
	db, err := m.openDB(statementTimeout, params)
	if err != nil {
		return nil, err
	}
	// A node of Galera answers with what it has applied, unless it has to wait for what the
	// others have committed. idle_write_transaction_timeout exists in MariaDB only; a copy may take
	// long to read the next rows of its source.
	optional := map[string]string{
		"wsrep_sync_wait": "1", "idle_write_transaction_timeout": strconv.Itoa(int(idle.Seconds())),
	}
	for name, value := range optional {
		var variable, current string
		err := db.QueryRowContext(ctx, "SHOW VARIABLES LIKE '"+name+"'").Scan(&variable, &current)
		switch {
		case err == nil:
			params[name] = value
		case !errors.Is(err, sql.ErrNoRows):
			return nil, errors.Join(err, db.Close())
		}
	}
	if err := db.Close(); err != nil {
		return nil, err
	}
	return m.openDB(statementTimeout, params)
}

func (m *mySQL) adapt(s statement) string { return string(s) }

func (m *mySQL) schema() schema {
	return schema{dialect: database.DialectMySQL, directory: "migrations/mysql"}
}

func (m *mySQL) hasTable() string {
	return "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = '" + versionTable + "'"
}

// lockSchema inserts the row of a table, which another process cannot do meanwhile. GET_LOCK and
// LOCK TABLES have no effect on other nodes of Galera. The row of a process that was killed is
// deleted after schemaLockTimeout.
func (m *mySQL) lockSchema(ctx context.Context, db *sql.DB) (func(), error) {
	_, err := db.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS outbox_schema_lock (id SMALLINT PRIMARY KEY, owner BIGINT NOT NULL) ENGINE = InnoDB")
	if err != nil {
		return nil, err
	}
	owner := time.Now().UnixNano()
	seen, since := int64(0), time.Now()
	for {
		_, err := db.ExecContext(ctx, "INSERT INTO outbox_schema_lock (id, owner) VALUES (1, ?)", owner)
		if err == nil {
			break
		}
		var failure *mysql.MySQLError
		if !errors.As(err, &failure) || failure.Number != duplicateKey {
			if class, _ := m.describe(err); class == otherError {
				return nil, err
			}
		}
		var current int64
		if err := db.QueryRowContext(ctx, "SELECT owner FROM outbox_schema_lock WHERE id = 1").Scan(&current); err == nil {
			if current != seen {
				seen, since = current, time.Now()
			}
			if time.Since(since) > schemaLockTimeout {
				_, _ = db.ExecContext(ctx, "DELETE FROM outbox_schema_lock WHERE id = 1 AND owner = ?", seen)
			}
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
	return func() {
		_, _ = db.ExecContext(context.WithoutCancel(ctx), "DELETE FROM outbox_schema_lock WHERE id = 1 AND owner = ?", owner)
	}, nil
}

const (
	duplicateKey      = 1062
	schemaLockTimeout = 20 * time.Second
)

// describe goes by https://mariadb.com/kb/en/mariadb-error-codes/.
func (m *mySQL) describe(err error) (errorClass, string) {
	var failure *mysql.MySQLError
	if !errors.As(err, &failure) {
		if errors.Is(err, mysql.ErrInvalidConn) {
			return temporaryError, ""
		}
		return otherError, ""
	}
	user, name := m.location.address.User.Username(), m.location.database()
	switch failure.Number {
	case 1045:
		return otherError, "check the user in [DEFAULT] outbox, and outbox_password"
	case 1049:
		return otherError, fmt.Sprintf("create the database: CREATE DATABASE %s CHARACTER SET utf8mb4", name)
	case 1044, 1142, 1143, 1227:
		return otherError, fmt.Sprintf("give the user the rights: GRANT ALL ON %s.* TO '%s'", name, user)
	case 1290, 1792, 1836:
		return otherError, "the server is read-only: name the primary server in [DEFAULT] outbox"
	case 1153:
		return otherError, "set max_allowed_packet of the server to at least 4M"
	case 1213:
		return conflictError, ""
	case 1205, 1047, 1040, 1053, 1180, 1927, 1928, 4031:
		return temporaryError, ""
	}
	return otherError, ""
}

func (m *mySQL) settingsWarning(ctx context.Context, db *sql.DB) (string, error) {
	var flush string
	if err := db.QueryRowContext(ctx, "SELECT @@GLOBAL.innodb_flush_log_at_trx_commit").Scan(&flush); err != nil {
		return "", err
	}
	if flush != "1" {
		return fmt.Sprintf("the server runs with innodb_flush_log_at_trx_commit = %s: a crash of it can lose commits; set it to 1", flush), nil
	}
	return "", nil
}
