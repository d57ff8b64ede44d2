package run

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/core/outbox/sqlstore"
)

// OutboxAddress is the place of an outbox that need not be the configured one.
type OutboxAddress struct {
	URL string
	// PasswordFile contains the password; empty means that of the configuration.
	PasswordFile string
}

// MigrateOutbox copies an outbox into another one that was never used. It holds the run lock, and
// opens both for changes, so that no run works on either. It returns the URL or the path of the
// target without a password.
func (s *Session) MigrateOutbox(ctx context.Context, from, to OutboxAddress) (sqlstore.Copied, string, error) {
	fromLocation, options, err := s.addressLocation(from)
	if err != nil {
		return sqlstore.Copied{}, "", err
	}
	toLocation, _, err := s.addressLocation(to)
	if err != nil {
		return sqlstore.Copied{}, "", err
	}
	if fromLocation.String() == toLocation.String() {
		return sqlstore.Copied{}, "", &Error{Kind: Configuration, Err: fmt.Errorf("copying the outbox: FROM and TO are both %s", toLocation)}
	}
	release, err := takeRunLock(s.settings.Host().String("DEFAULT", "lock_path"))
	if err != nil {
		return sqlstore.Copied{}, "", err
	}
	defer release()
	source, err := openExisting(fromLocation, options)
	if err != nil {
		return sqlstore.Copied{}, "", OutboxError(err)
	}
	defer s.closeStore(source)
	target, err := openStore(toLocation, options)
	if err != nil {
		return sqlstore.Copied{}, "", OutboxError(err)
	}
	defer s.closeStore(target)
	copied, err := sqlstore.Copy(ctx, source, target)
	if err != nil {
		return sqlstore.Copied{}, "", copyError(err)
	}
	return copied, toLocation.String(), nil
}

// BackupOutbox copies the configured outbox into a new SQLite file, while runs go on.
func (s *Session) BackupOutbox(ctx context.Context, path string) (sqlstore.Copied, error) {
	store, closeOutbox, err := s.ReadOutbox()
	if err != nil {
		return sqlstore.Copied{}, err
	}
	defer closeOutbox()
	copied, err := sqlstore.Backup(ctx, store, path)
	if err != nil {
		return sqlstore.Copied{}, copyError(err)
	}
	return copied, nil
}

func (s *Session) closeStore(store *sqlstore.Store) {
	if err := store.Close(); err != nil {
		s.logger.Warn("closing the outbox", "error", err)
	}
}

// openExisting opens an outbox for changes, but does not create it.
func openExisting(location sqlstore.Location, options sqlstore.Options) (*sqlstore.Store, error) {
	readOnly := options
	readOnly.ReadOnly = true
	store, err := openStore(location, readOnly)
	if err != nil {
		return nil, err
	}
	exists := store.Exists()
	if err := store.Close(); err != nil {
		return nil, err
	}
	if !exists {
		return nil, fmt.Errorf("opening the outbox: %s: %w", location, outbox.ErrNotFound)
	}
	return openStore(location, options)
}

// copyError returns the error of a copy with its kind and what to do.
func copyError(err error) error {
	switch {
	case errors.Is(err, context.Canceled):
		return &Error{Kind: Incomplete, Err: fmt.Errorf("copying the outbox: interrupted; nothing was changed, run the command again: %w", err)}
	case errors.Is(err, sqlstore.ErrNotEmpty):
		err = fmt.Errorf("%w; name a new file or an empty database", err)
	case errors.Is(err, fs.ErrExist), errors.Is(err, outbox.ErrNotFound):
	default:
		err = fmt.Errorf("%w; the copy is unused: after the cause is fixed, run the command again", err)
	}
	return OutboxError(err)
}

// addressLocation parses the URL of an outbox.
func (s *Session) addressLocation(address OutboxAddress) (sqlstore.Location, sqlstore.Options, error) {
	_, options, err := s.outboxLocation()
	if err != nil {
		return sqlstore.Location{}, options, err
	}
	password, err := s.outboxPassword()
	if address.PasswordFile != "" {
		var content []byte
		content, err = os.ReadFile(address.PasswordFile)
		password = strings.TrimRight(string(content), "\r\n")
	}
	if err != nil {
		return sqlstore.Location{}, options, &Error{Kind: Configuration, Err: fmt.Errorf("reading the password of the outbox: %w", err)}
	}
	location, err := sqlstore.ParseLocation(address.URL, password)
	if err != nil {
		return sqlstore.Location{}, options, &Error{Kind: Configuration, Err: err}
	}
	return location, options, nil
}
