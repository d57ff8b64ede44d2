package run

import (
	"context"

	"github.com/caso-project/caso/core/outbox/sqlstore"
	"github.com/caso-project/caso/core/pipeline"
	"github.com/caso-project/caso/core/plan"
	"github.com/caso-project/caso/core/report"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
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
	run.Messengers = s.deliver(ctx, store, nil, nil)
	return s.finish(run), nil
}

// deliver delivers from the outbox to every messenger that runs, until commits ends.
func (s *Session) deliver(ctx context.Context, store *sqlstore.Store, commits *pipeline.Commits, budget *pipeline.Budget) []report.MessengerResult {
	messengers := make([]*pipeline.Messenger, len(s.messengers))
	for n, i := range s.messengers {
		messengers[n] = &pipeline.Messenger{Messenger: i.messenger()}
		if i.err == nil {
			messengers[n].Client, messengers[n].Explain = i.plugin.Messenger(), i.plugin.Explain
		}
	}
	delivery := pipeline.Delivery{Queue: store, Logger: s.logger, Mask: s.masker.mask, Commits: commits, Budget: budget}
	return delivery.Run(ctx, messengers)
}

// messenger returns what a plan depends on of a messenger.
func (i *instance) messenger() plan.Messenger {
	m := plan.Messenger{Instance: i.Instance}
	if i.plugin != nil {
		m.RecordTypes = []pluginv1.RecordType{}
		for _, description := range i.plugin.Description.GetRecordTypes() {
			m.RecordTypes = append(m.RecordTypes, description.GetType())
		}
	}
	return m
}
