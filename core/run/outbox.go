package run

import (
	"fmt"

	"github.com/caso-project/caso/core/outbox/sqlstore"
	"github.com/caso-project/caso/core/report"
)

// OpenOutbox takes the run lock and opens the outbox for changes. The function that it returns
// closes the outbox and releases the lock. No plugin has to run, so that a person can work on the
// outbox while a plugin is broken.
func (s *Session) OpenOutbox() (*sqlstore.Store, func(), error) {
	if err := s.outboxOptionsResolved(); err != nil {
		return nil, nil, err
	}
	release, err := takeRunLock(s.settings.Host().String("DEFAULT", "lock_path"))
	if err != nil {
		return nil, nil, err
	}
	store, err := sqlstore.Open(sqlstore.InDirectory(s.settings.Host().String("DEFAULT", "spooldir")), sqlstore.Options{Now: s.env.Now})
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

// ReadOutbox opens the outbox for reading, without the run lock. A missing file is an empty
// outbox. The function that it returns closes the outbox.
func (s *Session) ReadOutbox() (*sqlstore.Store, func(), error) {
	if err := s.outboxOptionsResolved(); err != nil {
		return nil, nil, err
	}
	store, err := sqlstore.Open(sqlstore.InDirectory(s.settings.Host().String("DEFAULT", "spooldir")), sqlstore.Options{ReadOnly: true, Now: s.env.Now})
	if err != nil {
		return nil, nil, OutboxError(err)
	}
	return store, func() { _ = store.Close() }, nil
}

// outboxOptionsResolved returns an error where the path of the outbox refers to an option of a
// plugin that is not running.
func (s *Session) outboxOptionsResolved() error {
	for _, option := range []string{"spooldir", "lock_path"} {
		if !s.settings.Host().IsSet("DEFAULT", option) {
			return &Error{Kind: Configuration, Err: fmt.Errorf(
				"[DEFAULT] %s refers to an option of a plugin; give it a value without references", option)}
		}
	}
	return nil
}

// registerMessengers makes the configured messengers known to the outbox, those that did not start
// too, and warns about messengers that left the configuration with batches pending.
func (s *Session) registerMessengers(store *sqlstore.Store, run *report.Run) error {
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
