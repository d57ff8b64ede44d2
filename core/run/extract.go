package run

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/caso-project/caso/core/outbox/sqlstore"
	"github.com/caso-project/caso/core/pipeline"
	"github.com/caso-project/caso/core/plan"
	"github.com/caso-project/caso/core/report"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Extract plans, extracts into the outbox, delivers from it meanwhile and reports. A dry run
// stores, delivers and locks nothing. Extract needs extractors and messengers configured.
func (s *Session) Extract(ctx context.Context) (*report.Run, error) {
	input, notices, err := s.planInput()
	if err != nil {
		return nil, err
	}
	run := &report.Run{
		DryRun: s.settings.Host().Bool("DEFAULT", "dry_run"), Windows: []report.WindowResult{}, Messengers: []report.MessengerResult{},
		Problems: notices,
	}
	s.addFailures(run, pluginv1.Kind_KIND_EXTRACTOR, pluginv1.Kind_KIND_MESSENGER)
	if run.DryRun {
		return s.dryRun(ctx, input, run)
	}
	store, release, err := s.OpenOutbox()
	if err != nil {
		return nil, err
	}
	defer release()
	if err := s.registerMessengers(store, run); err != nil {
		return nil, err
	}
	budget := s.outboxBudget(store)
	commits := pipeline.NewCommits()
	var planned plan.Plan
	if err := budget.Check(); err != nil {
		// Delivery frees space, so that the next run can extract.
		run.Problems = append(run.Problems, report.Errorf("%v", err))
	} else if _, planned, err = s.plan(ctx, input, store, run); err != nil {
		return nil, err
	}
	var delivery sync.WaitGroup
	delivery.Go(func() { run.Messengers = s.deliver(ctx, store, commits, budget) })
	s.extractWindows(ctx, planned, pipeline.Extraction{Checkpoints: store, Store: store, Budget: budget, Commits: commits}, run)
	commits.End()
	delivery.Wait()
	return s.finish(run), nil
}

func (s *Session) dryRun(ctx context.Context, input plan.Input, run *report.Run) (*report.Run, error) {
	store, closeOutbox, err := s.readOutbox(s.siteNames())
	if err != nil {
		return nil, err
	}
	defer closeOutbox()
	_, planned, err := s.plan(ctx, input, store, run)
	if err != nil {
		return nil, err
	}
	s.extractWindows(ctx, planned, pipeline.Extraction{Checkpoints: store}, run)
	return s.finish(run), nil
}

// extractWindows extracts the planned windows with an Extraction, which it completes.
func (s *Session) extractWindows(ctx context.Context, planned plan.Plan, extraction pipeline.Extraction, run *report.Run) {
	extractors := make(map[string]*pipeline.Extractor, len(s.extractors))
	for _, i := range s.extractors {
		if i.err != nil {
			continue
		}
		extractors[i.Name] = &pipeline.Extractor{
			Instance: i.Instance,
			Client:   i.plugin.Extractor(),
			Site: pipeline.Site{
				Name:    s.settings.Instance(i.Instance).String("DEFAULT", "site_name"),
				Service: s.settings.Instance(i.Instance).String("DEFAULT", "service_name"),
			},
			Explain: i.plugin.Explain,
		}
	}
	extraction.Concurrency = int(s.settings.Host().Int("DEFAULT", "extract_concurrency"))
	extraction.Logger = s.logger
	extraction.Finished = s.progress(planned)
	if s.env.WindowProgress != nil {
		extraction.Progress = func(job plan.Job, progress *pluginv1.Progress) {
			s.env.WindowProgress(job.Extractor, job.Project.GetName(), progress.GetItems(), progress.GetDone())
		}
	}
	run.Windows = append(run.Windows, extraction.Run(ctx, extractors, planned.Jobs)...)
}

// progress returns the function that counts finished windows for Environment.Progress.
func (s *Session) progress(planned plan.Plan) func(report.WindowResult) {
	if s.env.Progress == nil {
		return nil
	}
	windows := 0
	for _, job := range planned.Jobs {
		windows += len(job.Windows)
	}
	var done atomic.Int64
	return func(window report.WindowResult) { s.env.Progress(int(done.Add(1)), windows, window) }
}

// outboxBudget returns what spool_max_size leaves free.
func (s *Session) outboxBudget(store *sqlstore.Store) *pipeline.Budget {
	return pipeline.NewBudget(s.settings.Host().Int("DEFAULT", "spool_max_size")<<20, func() (int64, error) {
		stats, err := store.Stats()
		return stats.Bytes, err
	})
}
