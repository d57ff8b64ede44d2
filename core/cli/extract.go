package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/core/pipeline"
	"github.com/caso-project/caso/core/plan"
	"github.com/caso-project/caso/core/report"
)

func newExtract(world World) *cobra.Command {
	flags := &settingsFlags{}
	var output outputFlag
	command := &cobra.Command{
		Use:   "extract",
		Short: "Extract records of every project since its last run, and deliver them",
		Long: `Asks the cloud what every project ran since its checkpoint, keeps the records in the outbox, and
delivers to every messenger what it has not had.`,
		Example: `  caso extract
  caso extract --dry-run --projects my-project
  caso extract --extract-from 2026-10-01 --extract-to 2026-11-01 --projects my-project`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			return extract(command.Context(), world, flags, &output)
		},
	}
	flags.addSources(command)
	flags.addBool(command, "dry-run", "", "extract records, but keep and deliver none of them and move no checkpoint")
	flags.addString(command, "extract-from", "time", "start of the time to report (default: each project's checkpoint)")
	flags.addString(command, "extract-to", "time", "end of the time to report, which is not part of it (default: now)")
	flags.addString(command, "extractor", "names", "extractors to run, separated by commas")
	flags.addString(command, "projects", "projects", "IDs or names of projects, separated by commas: these and no others")
	output.add(command)
	return command
}

// extract is the main job: plan, extract into the outbox, deliver from it, report.
func extract(ctx context.Context, world World, flags *settingsFlags, output *outputFlag) error {
	started := world.Now()
	s, err := openWith(ctx, world, flags)
	defer s.close()
	if err != nil {
		return err
	}
	input, notes, err := s.planInput(started)
	if err != nil {
		_ = s.complain()
		return err
	}
	if err := s.ready(ctx, s.extractors, s.messengers); err != nil {
		return err
	}
	run := &report.Run{
		DryRun: s.settings.Bool("DEFAULT", "dry_run"), Windows: []report.Window{}, Messengers: []report.Messenger{},
		Problems: report.FromDiagnostics(notes),
	}
	if run.DryRun {
		store, err := s.readSpool()
		if err != nil {
			return err
		}
		defer func() { _ = store.Close() }()
		if err := s.extract(ctx, input, store, nil, run); err != nil {
			return err
		}
		return s.finish(run, started, output)
	}
	store, release, err := s.openSpool()
	if err != nil {
		return err
	}
	defer release()
	if err := s.register(store, run); err != nil {
		return spoolError(err)
	}
	if err := s.extract(ctx, input, store, store, run); err != nil {
		return err
	}
	s.deliver(ctx, store, run)
	return s.finish(run, started, output)
}

// extract plans and extracts; store is nil for a dry run.
func (s *session) extract(ctx context.Context, input plan.Input, memory *outbox.Outbox, store pipeline.Store, run *report.Run) error {
	var budget *pipeline.Budget // a dry run puts nothing into the outbox
	if store != nil {
		var err error
		if budget, err = s.budget(memory); err != nil {
			return err
		}
		if err := budget.Check(); err != nil {
			run.Problems = append(run.Problems, report.Problem{Severity: report.Error, Summary: err.Error()})
			return nil //nolint:nilerr // it is in the report, and the run goes on to deliver, which makes room
		}
	}
	_, planned, err := s.plan(ctx, input, memory, run)
	if err != nil {
		return err
	}
	extractors := make(map[string]*pipeline.Extractor, len(s.extractors))
	for _, plugin := range s.extractors {
		extractors[nameOf(plugin)] = &pipeline.Extractor{
			Name:    nameOf(plugin),
			Client:  plugin.Extractor(),
			Types:   plugin.Description.GetRecordTypes(),
			Silence: orDefault(plugin.Ref.Timeout, defaultSilence),
			Explain: explainer(plugin),
		}
	}
	extraction := pipeline.Extraction{
		Memory:      memory,
		Store:       store,
		Budget:      budget,
		Site:        pipeline.Site{Name: s.settings.String("DEFAULT", "site_name"), Service: s.settings.String("DEFAULT", "service_name")},
		Concurrency: int(s.settings.Int("DEFAULT", "extract_concurrency")),
		Logger:      s.logger,
		Done:        s.progress(planned),
	}
	run.Windows = append(run.Windows, extraction.Run(ctx, extractors, planned.Jobs)...)
	return nil
}

// budget is what spool_max_size leaves.
func (s *session) budget(memory *outbox.Outbox) (*pipeline.Budget, error) {
	stats, err := memory.Stats()
	if err != nil {
		return nil, spoolError(err)
	}
	return pipeline.NewBudget(s.settings.Int("DEFAULT", "spool_max_size")<<20, stats.Bytes), nil
}
