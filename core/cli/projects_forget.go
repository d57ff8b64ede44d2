package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/core/run"
)

func newProjectsForget(world World) *cobra.Command {
	flags := &settingsFlags{}
	var selection checkpointSelection
	command := &cobra.Command{
		Use:   "forget ID",
		Short: "Delete the checkpoint of a project that is gone for good",
		Long: `Deletes the checkpoint of a project and the extractor's state of it. Until then a project that has a checkpoint
and is not listed is an error in every run. If the project is listed again later, its first window starts anew.`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			selection.project = args[0]
			return changeOutbox(world, flags, func(store outboxEditor) error {
				found, err := selection.find(store)
				if err != nil {
					return err
				}
				if err := store.DeleteCheckpoint(found.Key); err != nil {
					return run.OutboxError(err)
				}
				return printLine(world, fmt.Sprintf("forget: project %s of extractor %s, reported up to %s",
					checkpointLabel(found), found.Extractor, outbox.FormatTime(found.To)))
			})
		},
	}
	flags.addSources(command)
	selection.addExtractor(command)
	return command
}
