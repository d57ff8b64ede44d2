package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/internal/flock"
)

// sqliteEngine is the embedded engine: one file, in write-ahead mode (https://sqlite.org/wal.html).
// A commit appends to FILE-wal and syncs it; a checkpoint copies pages into FILE later. FILE.lock
// keeps a second writer away; readers are welcome at any time.
type sqliteEngine struct {
	path string
	lock *os.File
	// file is open for space reservations. It must be closed after the database: closing any
	// descriptor of a file drops the locks that SQLite holds on it (fcntl(2)).
	file *os.File
	// readOnly, unsafe and sites are copied from the options.
	readOnly, unsafe bool
	sites            []string
}

const (
	// applicationID is in the header of the file, so that the file of another program is
	// recognised: "caso".
	applicationID = 0x6361736f
	// pageSize was measured: smaller pages cost a large batch time, larger ones a small
	// transaction.
	pageSize = 8192
	// shrinkFrom is the free space from which on Close gives it back to the file system.
	shrinkFrom = 16 << 20
	// walPages is the number of pages in the write-ahead log from which on they are copied into the
	// file.
	walPages = 256
	// spareBytes are kept allocated in FILE.lock while no run is active, so that a full disk does
	// not keep the outbox from being opened and emptied.
	spareBytes = 512 << 10
	// checkAllBelow is the size up to which the structure of the whole file is checked at each
	// opening; of a larger one only the tables without records are.
	checkAllBelow = 64 << 20
	// fileTimeout ends a wait for a file system that hangs.
	fileTimeout = time.Minute
)

const (
	// logBytes is how much space for the write-ahead log extraction leaves to deliveries: a few of
	// them, after which the log can be emptied.
	logBytes = 128 << 10
	// tablePages is how many pages the tables without records may grow by between two reservations.
	tablePages = 16

	restoreRemedy = "the file was left unchanged: restore it from a backup, or move it away to start with an empty outbox"
	// newInfix stands between the name of the outbox and a random number while it is created.
	newInfix = ".new-"
)

func (e *sqliteEngine) open(ctx context.Context, options *Options) (*sql.DB, error) {
	e.readOnly, e.unsafe, e.sites = options.ReadOnly, options.unsafe, options.Sites
	path, err := filepath.Abs(e.path)
	if err != nil {
		return nil, err
	}
	e.path = path
	if !e.readOnly {
		if err := e.lockForWriting(options); err != nil {
			return nil, err
		}
		if err := e.removeNew(); err != nil {
			return nil, err
		}
	}
	exists, err := e.checkFile()
	if err != nil {
		return nil, err
	}
	if !exists {
		if e.readOnly {
			return nil, nil
		}
		if err := e.create(ctx); err != nil {
			return nil, err
		}
	}
	db, err := e.connectAndCheck(ctx)
	if err != nil && e.makeSpace(ctx, nil, err) {
		db, err = e.connectAndCheck(ctx)
	}
	if err != nil || e.readOnly {
		return db, err
	}
	if e.file, err = os.OpenFile(path, os.O_WRONLY, 0); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// connectAndCheck checks the file through a connection that cannot change it: the last writer that
// closes a file copies the write-ahead log into it, also into one that turns out to be damaged.
func (e *sqliteEngine) connectAndCheck(ctx context.Context) (*sql.DB, error) {
	db, err := e.connect(e.path, true)
	if err != nil {
		return nil, err
	}
	if err := e.check(ctx, db); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if e.readOnly {
		return db, nil
	}
	if err := db.Close(); err != nil {
		return nil, err
	}
	if db, err = e.connect(e.path, false); err != nil {
		return nil, err
	}
	if err := migrate(ctx, db, sqliteSchema()); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// lockForWriting creates the directory if it does not exist and takes the lock.
func (e *sqliteEngine) lockForWriting(options *Options) (err error) {
	if err := os.MkdirAll(filepath.Dir(e.path), 0o700); err != nil {
		return err
	}
	if e.lock, err = os.OpenFile(e.path+".lock", os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return err
	}
	err = flock.Exclusive(e.lock, options.lockTimeout())
	if errors.Is(err, flock.ErrLocked) {
		return fmt.Errorf("%w: wait until that run has ended, or end it if it hangs", outbox.ErrLocked)
	}
	return err
}

// checkFile reports whether the file exists, and returns an error if it cannot be an outbox.
func (e *sqliteEngine) checkFile() (exists bool, err error) {
	info, err := os.Stat(e.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Stat(e.path + "-wal"); err == nil {
			return false, fmt.Errorf("%w: the file is missing, but %s-wal exists: restore both from a backup, "+
				"or move that away to start with an empty outbox", outbox.ErrDamaged, e.path)
		}
		return false, nil
	case err != nil:
		return false, err
	case !info.Mode().IsRegular():
		return false, errors.New("it is not a regular file")
	case info.Size() == 0:
		// SQLite would make a new database of it.
		return false, fmt.Errorf("%w: the file is empty; restore it from a backup, or remove it to start with an empty outbox", outbox.ErrDamaged)
	}
	return true, nil
}

// connect returns a database of one connection: SQLite has one writer anyway, and with it no reader
// keeps the write-ahead log from being reset.
func (e *sqliteEngine) connect(path string, readOnly bool) (*sql.DB, error) {
	query := url.Values{"_pragma": {
		"busy_timeout(5000)",
		"cache_size(-16384)",
		"cell_size_check(1)",
		"mmap_size(0)",
		"temp_store(2)",
		"trusted_schema(0)",
		fmt.Sprintf("wal_autocheckpoint(%d)", walPages),
	}}
	switch {
	case readOnly:
		query.Set("mode", "ro")
	case e.unsafe:
		query.Add("_pragma", "synchronous(0)")
	default:
		query.Add("_pragma", "synchronous(2)")
	}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}).String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	db.SetConnMaxLifetime(0)
	return db, nil
}

// create makes an empty outbox under another name and links it into place once it is complete and
// on disk, so that a crash never leaves half a file that the next run would have to refuse.
func (e *sqliteEngine) create(ctx context.Context) (err error) {
	dir := filepath.Dir(e.path)
	temporary, err := os.CreateTemp(dir, filepath.Base(e.path)+newInfix+"*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.removeNew()) }()
	if err := temporary.Close(); err != nil {
		return err
	}
	if err := e.fill(ctx, temporary.Name()); err != nil {
		return err
	}
	// Link, unlike Rename, never replaces an outbox that another process has created meanwhile.
	if err := os.Link(temporary.Name(), e.path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDirectory(dir)
}

func (e *sqliteEngine) fill(ctx context.Context, path string) error {
	db, err := e.connect(path, false)
	if err != nil {
		return err
	}
	// page_size and auto_vacuum take effect only before anything is written, which journal_mode
	// does. The driver would sort them if they were in its data source name.
	for _, pragma := range []string{
		fmt.Sprintf("page_size = %d", pageSize), "auto_vacuum = INCREMENTAL", "journal_mode = WAL",
		fmt.Sprintf("application_id = %d", applicationID),
	} {
		if _, err := db.ExecContext(ctx, "PRAGMA "+pragma); err != nil {
			return errors.Join(err, db.Close())
		}
	}
	return errors.Join(migrate(ctx, db, sqliteSchema()), db.Close())
}

// check checks that the file is an outbox, its structure, and that no row vanished. The checksum of
// each row is checked when that is read.
func (e *sqliteEngine) check(ctx context.Context, db *sql.DB) error {
	var id int
	if err := db.QueryRowContext(ctx, "PRAGMA application_id").Scan(&id); err != nil {
		return err
	}
	if id != applicationID {
		return fmt.Errorf("%w, or is the file of another program: its application ID is %#x instead of %#x; "+
			"the file was left unchanged: check [DEFAULT] spooldir", outbox.ErrDamaged, id, applicationID)
	}
	for _, check := range e.structureChecks() {
		var result string
		if err := db.QueryRowContext(ctx, check).Scan(&result); err != nil {
			return err
		}
		if result != "ok" {
			return fmt.Errorf("%w: %s; %s", outbox.ErrDamaged, result, restoreRemedy)
		}
	}
	if err := checkVersion(ctx, db, sqliteSchema(), e.readOnly); err != nil {
		return err
	}
	if err := checkDigest(ctx, db); err != nil {
		return err
	}
	return checkSites(ctx, db, string(selectSites), e.sites)
}

// structureChecks returns the checks that fit the size of the file.
func (e *sqliteEngine) structureChecks() []string {
	if info, err := os.Stat(e.path); err != nil || info.Size() < checkAllBelow {
		return []string{"PRAGMA quick_check(1)"}
	}
	var checks []string
	for _, table := range []string{"outbox_state", "outbox_windows", "outbox_checkpoints", "outbox_cursors"} {
		checks = append(checks, "PRAGMA quick_check("+table+")")
	}
	return checks
}

func checkDigest(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	var sum, digest int64
	if err := tx.QueryRowContext(ctx, string(sumChecksums)).Scan(&sum); err != nil {
		return err
	}
	if err := tx.QueryRowContext(ctx, string(selectDigest)).Scan(&digest); err != nil {
		return err
	}
	if sum != digest {
		return fmt.Errorf("%w: rows are missing, or older than others; %s", outbox.ErrDamaged, restoreRemedy)
	}
	return nil
}

func (e *sqliteEngine) close(db *sql.DB) error {
	var errs []error
	if db != nil {
		if !e.readOnly {
			errs = append(errs, e.shrink(db))
		}
		errs = append(errs, db.Close())
	}
	if e.lock != nil {
		// Without space for it, the next run has to do without.
		_ = allocate(e.lock, 0, 0, spareBytes)
	}
	for _, file := range []*os.File{e.file, e.lock} {
		if file != nil {
			errs = append(errs, file.Close())
		}
	}
	return errors.Join(errs...)
}

// shrink gives free pages back to the file system.
func (e *sqliteEngine) shrink(db *sql.DB) (err error) {
	var free int64
	if err := db.QueryRow("PRAGMA freelist_count").Scan(&free); err != nil || free*pageSize < shrinkFrom {
		return err
	}
	// Each row of the result is a step of the work.
	rows, err := db.Query("PRAGMA incremental_vacuum")
	if err != nil {
		return err
	}
	for rows.Next() {
	}
	return errors.Join(rows.Err(), rows.Close())
}

func (e *sqliteEngine) adapt(s statement) string { return string(s) }

func (e *sqliteEngine) settingsWarning(context.Context, *sql.DB) (string, error) { return "", nil }

func (e *sqliteEngine) renewInterval() time.Duration { return 0 }

func (e *sqliteEngine) readOptions() *sql.TxOptions { return nil }

func (e *sqliteEngine) openTimeout(*Options) time.Duration { return fileTimeout }

func (e *sqliteEngine) statementTimeout() time.Duration { return fileTimeout }

func (e *sqliteEngine) serverInUse() int64 { return 0 }

func (e *sqliteEngine) leaveServer(*sql.DB, int64, error) {}

func (e *sqliteEngine) temporary(error) bool { return false }

func (e *sqliteEngine) isDamage(err error) bool {
	var failure *sqlite.Error
	return errors.As(err, &failure) && (failure.Code()&0xff == sqlite3.SQLITE_CORRUPT || failure.Code()&0xff == sqlite3.SQLITE_NOTADB)
}

// explain adds what SQLite does not report: which error of the operating system it was.
func (e *sqliteEngine) explain(err error) error {
	var failure *sqlite.Error
	if !errors.As(err, &failure) || errors.Is(err, outbox.ErrDamaged) {
		return err
	}
	switch failure.Code() & 0xff {
	case sqlite3.SQLITE_CORRUPT:
		return fmt.Errorf("%w: %w; %s", outbox.ErrDamaged, err, restoreRemedy)
	case sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("%w, or is the file of another program: %w; %s", outbox.ErrDamaged, err, restoreRemedy)
	case sqlite3.SQLITE_BUSY:
		return fmt.Errorf("%w: %w", outbox.ErrLocked, err)
	case sqlite3.SQLITE_FULL:
		return fmt.Errorf("%w: %w", unix.ENOSPC, err)
	case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM:
		if cause := e.probe(); cause != nil {
			return fmt.Errorf("%w: %w", cause, err)
		}
	}
	return err
}

// probe writes to the directory of the outbox and to no file of it, and returns what fails.
func (e *sqliteEngine) probe() error {
	if e.readOnly {
		file, err := os.Open(e.path)
		if err == nil {
			err = file.Close()
		}
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(e.path), filepath.Base(e.path)+newInfix+"*")
	if err != nil {
		return err
	}
	_, err = file.Write(make([]byte, 64<<10))
	return errors.Join(err, file.Close(), os.Remove(file.Name()))
}

func (e *sqliteEngine) resetAfterFailedCommit(ctx context.Context, db *sql.DB) error {
	// The transaction may be over already.
	_, _ = db.ExecContext(ctx, "ROLLBACK")
	return nil
}

// storedBytes counts all pages in use, also those that are in the write-ahead log only.
func (e *sqliteEngine) storedBytes(t *tx) (int64, error) {
	var pages, free int64
	if _, err := t.queryOne("PRAGMA page_count", []any{&pages}); err != nil {
		return 0, err
	}
	if _, err := t.queryOne("PRAGMA freelist_count", []any{&free}); err != nil {
		return 0, err
	}
	return (pages - free) * pageSize, nil
}

// reserve allocates what the file needs when the write-ahead log with so many more bytes is copied
// into it. So a full disk is noticed before a commit, and what is committed can always be copied
// and the log be emptied, which deliveries need. File systems without fallocate(2) go without.
func (e *sqliteEngine) reserve(ctx context.Context, db *sql.DB, bytes int) error {
	var pages, free int64
	if err := db.QueryRowContext(ctx, "PRAGMA page_count").Scan(&pages); err != nil {
		return err
	}
	if err := db.QueryRowContext(ctx, "PRAGMA freelist_count").Scan(&free); err != nil {
		return err
	}
	need := max(pages, pages-free+int64(bytes+bytes/16)/pageSize+tablePages) * pageSize
	info, err := e.file.Stat()
	if err != nil {
		return err
	}
	if need > info.Size() {
		err = allocate(e.file, unix.FALLOC_FL_KEEP_SIZE, info.Size(), need-info.Size())
	}
	if err == nil {
		err = e.checkFree(int64(bytes) + logBytes)
	}
	if err != nil {
		err = errors.Join(err, e.file.Truncate(info.Size()))
	}
	return err
}

// allocate allocates space for a file, if the file system can.
func allocate(file *os.File, mode uint32, offset, length int64) error {
	for {
		err := unix.Fallocate(int(file.Fd()), mode, offset, length)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOSYS):
			return nil
		}
		return err
	}
}

// checkFree returns ENOSPC if the file system has less free space.
func (e *sqliteEngine) checkFree(bytes int64) error {
	var status unix.Statfs_t
	if err := unix.Statfs(filepath.Dir(e.path), &status); err != nil {
		return err
	}
	if float64(status.Bavail)*float64(status.Bsize) < float64(bytes) {
		return unix.ENOSPC
	}
	return nil
}

// makeSpace reports whether an error means that the disk is full and an operation may succeed now,
// because the spare bytes are given back and the write-ahead log is emptied.
func (e *sqliteEngine) makeSpace(ctx context.Context, db *sql.DB, err error) bool {
	if e.lock == nil || !errors.Is(e.explain(err), unix.ENOSPC) {
		return false
	}
	given := e.lock.Truncate(0) == nil
	if db == nil {
		return given
	}
	var busy, logged, copied int
	err = db.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &logged, &copied)
	if err != nil || busy != 0 {
		return false
	}
	// Everything is in the file now, and what is reserved after its end is not needed.
	info, err := e.file.Stat()
	return err == nil && e.file.Truncate(info.Size()) == nil
}

// removeNew removes the files that create and probe leave when they are killed.
func (e *sqliteEngine) removeNew() error {
	dir := filepath.Dir(e.path)
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, file := range files {
		if !strings.HasPrefix(file.Name(), filepath.Base(e.path)+newInfix) {
			continue
		}
		if err := os.Remove(filepath.Join(dir, file.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// syncDirectory makes a new name in a directory durable.
func syncDirectory(dir string) error {
	handle, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(handle.Sync(), handle.Close())
}
