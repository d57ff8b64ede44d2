// Package engines starts MariaDB, Galera and PostgreSQL servers for tests and causes their faults:
// kills, hangs, partitions.
//
// The tests need Debian's packages and run where CASO_ENGINES is set; elsewhere they are skipped.
// `make test-engines` installs the packages (test/engines/install) and runs them.
//
// A test package has a TestMain that calls [Shared.Main], and uses the servers of that Shared, each
// of which is started once, with a database per test:
//
//	var servers engines.Shared
//
//	func TestMain(m *testing.M) { servers.Main(m) }
//
//	func TestStore(t *testing.T) {
//		dsn := servers.MariaDB(t).NewDatabase(t)
//
// Tests that need other settings start a server of their own with [MariaDB] or [PostgreSQL]. A
// server stopped by a test is started again by the next one that uses it.
//
// Every server runs below a guardian: a process that kills the server with all its children and
// removes its directory in /tmp as soon as the test process ends, however it ends. As root, the
// servers run as mysql and postgres, and the tests in a network namespace of their own, where the
// kernel allows it.
package engines
