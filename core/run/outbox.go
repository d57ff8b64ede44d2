package run

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/caso-project/caso/core/outbox/sqlstore"
	"github.com/caso-project/caso/core/report"
	"github.com/caso-project/caso/internal/trust"
)

// OpenOutbox takes the run lock and opens the outbox for changes. The function that it returns
// closes the outbox and releases the lock. No plugin has to run, so that a person can work on the
// outbox while a plugin is broken.
func (s *Session) OpenOutbox() (*sqlstore.Store, func(), error) { return s.openOutbox(s.siteNames()) }

// openOutbox opens an outbox that belongs to one of the sites, or to no site yet. Without names it
// opens every outbox.
func (s *Session) openOutbox(sites []string) (*sqlstore.Store, func(), error) {
	location, options, err := s.outboxLocation()
	if err != nil {
		return nil, nil, err
	}
	options.Sites = sites
	release, err := takeRunLock(s.settings.Host().String("DEFAULT", "lock_path"))
	if err != nil {
		return nil, nil, err
	}
	store, err := openStore(location, options)
	if err != nil {
		release()
		return nil, nil, OutboxError(err)
	}
	return store, func() {
		if err := store.Close(); err != nil {
			s.logger.Warn("closing the outbox", "error", err)
		}
		release()
	}, nil
}

// ReadOutbox opens the outbox for reading, without the run lock. A missing outbox is empty, and one
// that belongs to another site can be read. The function that it returns closes the outbox.
func (s *Session) ReadOutbox() (*sqlstore.Store, func(), error) { return s.readOutbox(nil) }

func (s *Session) readOutbox(sites []string) (*sqlstore.Store, func(), error) {
	location, options, err := s.outboxLocation()
	if err != nil {
		return nil, nil, err
	}
	options.ReadOnly, options.Sites = true, sites
	store, err := openStore(location, options)
	if err != nil {
		return nil, nil, OutboxError(err)
	}
	return store, func() { _ = store.Close() }, nil
}

// openStore opens the outbox. It returns an error if another user can replace or write its file.
func openStore(location sqlstore.Location, options sqlstore.Options) (*sqlstore.Store, error) {
	if path := location.String(); !strings.Contains(path, "://") {
		name := filepath.Base(path)
		if err := checkOwnFiles(filepath.Dir(path), name, name+"-wal", name+"-shm", name+".lock"); err != nil {
			return nil, fmt.Errorf("opening the outbox: %w; run caso as the user who owns spooldir, which no other user may write", err)
		}
	}
	return sqlstore.Open(location, options)
}

// checkOwnFiles returns an error if files in a directory, or the directory, are not of root or the
// user who runs caso alone, or if one of the files is a symbolic link or something else that is not
// a regular file. What does not exist is fine.
func checkOwnFiles(dir string, names ...string) error {
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	err = trust.CheckDirectory(absolute)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	for _, name := range names {
		path := filepath.Join(absolute, name)
		info, err := os.Lstat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return err
		case !info.Mode().IsRegular():
			return fmt.Errorf("%s is not a regular file: move it away", path)
		}
		if err := trust.CheckFile(path, info); err != nil {
			return err
		}
	}
	return nil
}

// outboxLocation reads the place of the outbox from the options.
func (s *Session) outboxLocation() (sqlstore.Location, sqlstore.Options, error) {
	host := s.settings.Host()
	options := sqlstore.Options{Now: s.env.Now, LeaseTimeout: time.Duration(host.Int("DEFAULT", "lease_timeout")) * time.Second}
	for _, option := range []string{"spooldir", "lock_path"} {
		if !host.IsSet("DEFAULT", option) {
			return sqlstore.Location{}, options, &Error{Kind: Configuration, Err: fmt.Errorf(
				"[DEFAULT] %s refers to an option of a plugin; give it a value without references", option)}
		}
	}
	url := host.String("DEFAULT", "outbox")
	if url == "" {
		return sqlstore.InDirectory(host.String("DEFAULT", "spooldir")), options, nil
	}
	password, err := s.outboxPassword()
	if err != nil {
		return sqlstore.Location{}, options, &Error{Kind: Configuration, Err: err}
	}
	location, err := sqlstore.ParseLocation(url, password)
	if err != nil {
		return location, options, &Error{Kind: Configuration, Err: fmt.Errorf("[DEFAULT] outbox: %w", err)}
	}
	return location, options, nil
}

// outboxPassword returns the password of a shared outbox; empty if none is set.
func (s *Session) outboxPassword() (string, error) {
	host := s.settings.Host()
	password, path := host.String("DEFAULT", "outbox_password"), host.String("DEFAULT", "outbox_password_file")
	switch {
	case path == "":
		return password, nil
	case password != "":
		return "", errors.New("both [DEFAULT] outbox_password and outbox_password_file are set; remove one of them")
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("reading [DEFAULT] outbox_password_file: %w", err)
	}
	return strings.TrimRight(string(content), "\r\n"), nil
}

// warnAboutOutbox adds what an operator should change about the outbox to the report.
func (s *Session) warnAboutOutbox(store *sqlstore.Store, run *report.Run) {
	for _, warning := range store.Warnings() {
		run.Problems = append(run.Problems, report.Problem{Severity: report.Warning, Summary: "outbox " + store.Location() + ": " + warning})
	}
}

// registerMessengers makes the configured messengers known to the outbox, those that did not start
// too, and warns about messengers that left the configuration with batches pending.
func (s *Session) registerMessengers(store *sqlstore.Store, run *report.Run) error {
	s.warnAboutOutbox(store, run)
	if err := s.addSites(store, run); err != nil {
		return err
	}
	names := make([]string, 0, len(s.messengers))
	for _, i := range s.messengers {
		names = append(names, i.Name)
	}
	retired, err := store.Register(names)
	if err != nil {
		return OutboxError(err)
	}
	for _, messenger := range retired {
		run.Problems = append(run.Problems, report.Problem{
			Severity: report.Warning,
			Summary: fmt.Sprintf("messenger %s is no longer configured and has %s pending",
				messenger.Name, report.CountNoun(messenger.PendingBatches, "batch")),
			Detail: "Add it to messengers to deliver them, or drop them: caso outbox drop --retired " + messenger.Name + ".",
		})
	}
	return nil
}
