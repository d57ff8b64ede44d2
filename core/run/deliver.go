package run

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/core/pipeline"
	"github.com/caso-project/caso/core/report"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// How long an instance may be silent where the configuration does not say. An extractor may wait a
// minute for a page of its cloud and retry it; a messenger bounds each write itself.
const (
	defaultIdleTimeout = 10 * time.Minute
	defaultAckTimeout  = 5 * time.Minute
)

// Deliver delivers what is pending in the outbox, and extracts nothing. It needs the messengers
// configured.
func (s *Session) Deliver(ctx context.Context) (*report.Run, error) {
	store, release, err := s.OpenOutbox()
	if err != nil {
		return nil, err
	}
	defer release()
	run := &report.Run{Windows: []report.WindowResult{}, Messengers: []report.MessengerResult{}}
	s.addFailures(run, pluginv1.Kind_KIND_MESSENGER)
	if err := s.registerMessengers(store, run); err != nil {
		return nil, err
	}
	if err := s.deliver(ctx, store, run); err != nil {
		return nil, err
	}
	return s.finish(run), nil
}

// deliver delivers from the outbox to every messenger that runs.
func (s *Session) deliver(ctx context.Context, store *outbox.Outbox, run *report.Run) error {
	var running []*pipeline.Messenger
	for _, i := range s.messengers {
		if i.err != nil {
			continue
		}
		running = append(running, &pipeline.Messenger{
			Name:    i.Name,
			Client:  i.plugin.Messenger(),
			Types:   s.deliveredTypes(i),
			Timeout: orDefault(i.Timeout, defaultAckTimeout),
			Explain: i.plugin.Explain,
		})
	}
	delivery := pipeline.Delivery{Queue: store, Logger: s.logger}
	delivered := delivery.Run(ctx, running)
	pending, err := store.Stats()
	if err != nil {
		return OutboxError(err)
	}
	for _, i := range s.messengers {
		if i.err != nil {
			run.Messengers = append(run.Messengers, pendingOnly(i.Name, pending))
			continue
		}
		run.Messengers = append(run.Messengers, delivered[0])
		delivered = delivered[1:]
	}
	return nil
}

// pendingOnly returns the report of a messenger that did not start: what is pending for it.
func pendingOnly(name string, stats outbox.Stats) report.MessengerResult {
	result := report.MessengerResult{Name: name}
	for _, m := range stats.Messengers {
		if m.Name == name {
			result.PendingBatches, result.PendingRecords = m.PendingBatches, m.PendingRecords
			if m.PendingBatches > 0 {
				result.OldestPending = &m.OldestPending
			}
		}
	}
	return result
}

// deliveredTypes returns the record types that a messenger accepts and is configured to get.
func (s *Session) deliveredTypes(i *instance) []pluginv1.RecordType {
	accepted := describedTypes(i)
	configured := s.settings.List("messenger_"+i.Name, "record_types")
	if len(configured) == 0 {
		return accepted
	}
	return slices.DeleteFunc(slices.Clone(accepted), func(t pluginv1.RecordType) bool {
		return !slices.Contains(configured, strings.ToLower(strings.TrimPrefix(t.String(), "RECORD_TYPE_")))
	})
}

func orDefault(configured, otherwise time.Duration) time.Duration {
	if configured > 0 {
		return configured
	}
	return otherwise
}

// describedTypes returns the record types of a plugin's description.
func describedTypes(i *instance) []pluginv1.RecordType {
	var types []pluginv1.RecordType
	for _, described := range i.plugin.Description.GetRecordTypes() {
		types = append(types, described.GetType())
	}
	return types
}
