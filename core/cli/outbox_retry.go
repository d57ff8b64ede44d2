package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/caso-project/caso/core/report"
	"github.com/caso-project/caso/core/run"
)

func newOutboxRetry(world World) *cobra.Command {
	flags := &settingsFlags{}
	var selection deadLetterSelection
	var options run.RetryOptions
	command := &cobra.Command{
		Use:   "retry BATCH... | retry --all",
		Short: "Make dead letters pending again, for the next run or caso deliver",
		Long: `Makes dead letters pending again. A record stays a dead letter if a newer one of the same month was reported
since: receivers keep the last record of a month that arrives, so that an older figure would replace a newer one.`,
		RunE: func(_ *cobra.Command, batches []string) error {
			if selection.all == (len(batches) > 0) {
				return usageErrorf("caso outbox retry: name batches, or use --all")
			}
			return withFiles(world, flags, func(s *run.Session) error {
				return retry(world, s, &selection, batches, options)
			})
		},
	}
	flags.addSources(command)
	selection.add(command)
	command.Flags().BoolVar(&options.Force, "force", false, "retry records of which a newer one was reported, too")
	command.Flags().BoolVar(&options.Restamp, "restamp", false, "set site_name and service_name of the present configuration in the records")
	return command
}

func retry(world World, s *run.Session, selection *deadLetterSelection, batches []string, options run.RetryOptions) error {
	store, release, err := s.OpenOutbox()
	if err != nil {
		return err
	}
	defer release()
	retrier, err := s.NewRetrier(store, options)
	if err != nil {
		return err
	}
	if _, err := selection.change(store, batches, retrier.Retry); err != nil {
		return err
	}
	if err := printLine(world, "retry: "+report.CountNoun(retrier.Retried, "record")); err != nil || retrier.Kept == 0 {
		return err
	}
	return &exitError{status: exitIncomplete, message: fmt.Sprintf(
		"%s not retried: a newer record of the same month was reported since, which the older one would replace; to retry all the same: caso outbox retry --force",
		report.CountNoun(retrier.Kept, "record"))}
}
