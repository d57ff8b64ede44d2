package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/core/pipeline"
	"github.com/caso-project/caso/core/pluginhost"
	"github.com/caso-project/caso/core/report"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// How long a plugin may give no sign of life, where the configuration does not say. An extractor waits for
// its cloud, which may take a minute for a page and is asked again when it fails; a messenger has bounds of
// its own on every write.
const (
	defaultSilence  = 10 * time.Minute
	defaultDelivery = 5 * time.Minute
)

// openSpool takes the run lock and opens the outbox.
func (s *session) openSpool() (*outbox.Outbox, func(), error) {
	release, err := takeLock(s.settings.String("DEFAULT", "lock_path"))
	if err != nil {
		return nil, nil, err
	}
	store, err := outbox.Open(s.settings.String("DEFAULT", "spooldir"), outbox.Options{Now: s.world.Now})
	if err != nil {
		release()
		return nil, nil, spoolError(err)
	}
	return store, func() {
		if err := store.CloseAndShrink(); err != nil {
			s.logger.Warn("closing the outbox", "error", err)
		}
		release()
	}, nil
}

// readSpool opens the outbox for reading; it need not exist.
func (s *session) readSpool() (*outbox.Outbox, error) {
	store, err := outbox.Open(s.settings.String("DEFAULT", "spooldir"), outbox.Options{ReadOnly: true, Now: s.world.Now})
	if err != nil {
		return nil, spoolError(err)
	}
	return store, nil
}

// spoolError gives a failure of the outbox its exit status: a person has to do something about it, unless
// another run has it open, or the disk is full, which passes.
func spoolError(err error) error {
	code := exitUsage
	switch {
	case errors.Is(err, outbox.ErrLocked):
		code = exitLocked
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		code = exitIncomplete
	}
	return &exitError{status: code, message: err.Error()}
}

// explainer puts the error of a call to a plugin into words, with the plugin's name.
func explainer(plugin *pluginhost.Plugin) func(error) error {
	return func(err error) error { return fmt.Errorf("%s: %w", plugin.Ref, plugin.Explain(err)) }
}

// deliver lets the messengers take what is in the outbox.
func (s *session) deliver(ctx context.Context, store *outbox.Outbox, run *report.Run) {
	messengers := make([]*pipeline.Messenger, 0, len(s.messengers))
	for _, plugin := range s.messengers {
		messengers = append(messengers, &pipeline.Messenger{
			Name:    nameOf(plugin),
			Client:  plugin.Messenger(),
			Types:   s.recordTypes(plugin),
			Timeout: orDefault(plugin.Ref.Timeout, defaultDelivery),
			Explain: explainer(plugin),
		})
	}
	delivery := pipeline.Delivery{Queue: store, Logger: s.logger}
	run.Messengers = delivery.Run(ctx, messengers)
}

// register tells the outbox who is configured, and the operator who no longer is but still has records there.
func (s *session) register(store *outbox.Outbox, run *report.Run) error {
	names := make([]string, 0, len(s.messengers))
	for _, plugin := range s.messengers {
		names = append(names, nameOf(plugin))
	}
	retired, err := store.Register(names)
	if err != nil {
		return err
	}
	for _, messenger := range retired {
		run.Problems = append(run.Problems, report.Problem{
			Severity: report.Warning,
			Summary: fmt.Sprintf("messenger %s is no longer configured, but %d batches that it has not had are kept for it",
				messenger.Name, messenger.Batches),
			Detail: "Name it in messengers again to have them delivered, or forget them: caso outbox drop --retired " + messenger.Name + ".",
		})
	}
	return nil
}

// recordTypes are those that a messenger takes and is to have.
func (s *session) recordTypes(plugin *pluginhost.Plugin) []pluginv1.RecordType {
	takes := plugin.Description.GetRecordTypes()
	wanted := s.settings.List("messenger_"+nameOf(plugin), "record_types")
	if len(wanted) == 0 {
		return takes
	}
	return slices.DeleteFunc(slices.Clone(takes), func(t pluginv1.RecordType) bool {
		return !slices.Contains(wanted, typeName(t))
	})
}

// nameOf is what the configuration calls a plugin.
func nameOf(plugin *pluginhost.Plugin) string {
	if plugin.Ref.Instance != "" {
		return plugin.Ref.Instance
	}
	return plugin.Ref.Name
}

func orDefault(set, otherwise time.Duration) time.Duration {
	if set > 0 {
		return set
	}
	return otherwise
}

// finish stops the plugins, prints the report and makes the exit status of it. A plugin that cannot finish
// may have left something behind, so that is part of the report.
func (s *session) finish(run *report.Run, started time.Time, output *outputFlag) error {
	if err := s.host.Close(); err != nil {
		for line := range strings.Lines(err.Error()) {
			run.Problems = append(run.Problems, report.Problem{Severity: report.Error, Summary: strings.TrimSpace(line)})
		}
	}
	run.Duration = report.Seconds(s.world.Now().Sub(started).Seconds())
	s.stderr.maskRun(run)
	write := run.WriteText
	if output.format == "json" {
		write = run.WriteJSON
	}
	if err := write(s.world.Stdout); err != nil {
		return &exitError{status: exitIncomplete, message: err.Error()}
	}
	if !run.Complete() {
		return &exitError{status: exitIncomplete}
	}
	return nil
}
