package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/core/plan"
	"github.com/caso-project/caso/core/report"
	"github.com/caso-project/caso/core/run"
)

func newCheckpointSet(world World) *cobra.Command {
	flags := &settingsFlags{}
	var selection checkpointSelection
	command := &cobra.Command{
		Use:   "set TIME",
		Short: "Move the checkpoint of a project, forwards or backwards",
		Long: `Moves the checkpoint of a project to TIME, at which its next window starts. Moved back, the time up to the old
checkpoint is reported again, and receivers replace the records that they have. Moved forward, the time in between is
skipped: only --extract-from reports it. The state of the extractor is kept.`,
		Example: "  caso checkpoint set --extractor nova --project vo-biomed 2026-11-25T12:00:00Z",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			to, ok, err := plan.ParseTime(args[0])
			switch {
			case selection.project == "":
				return usageErrorf("caso checkpoint set: name the project with --project")
			case err != nil:
				return usageErrorf("%v", err)
			case !ok:
				return usageErrorf("caso checkpoint set: empty time")
			case to.After(world.Now()):
				return usageErrorf("caso checkpoint set: %s is in the future", outbox.FormatTime(to))
			}
			return changeOutbox(world, flags, func(store outboxEditor) error {
				return setCheckpoint(world, store, selection, to)
			})
		},
	}
	flags.addSources(command)
	selection.add(command)
	return command
}

func setCheckpoint(world World, store outboxEditor, selection checkpointSelection, to time.Time) error {
	old, err := selection.find(store)
	if err != nil {
		return err
	}
	if err := store.SetCheckpoint(old.Key, to); err != nil {
		return run.OutboxError(err)
	}
	from, until := outbox.FormatTime(old.To), outbox.FormatTime(to)
	meaning := "nothing changes"
	switch {
	case to.Before(old.To):
		meaning = fmt.Sprintf("the next run reports the time from %s to %s again", until, from)
	case to.After(old.To):
		meaning = fmt.Sprintf("the time from %s to %s is skipped; to report it: caso extract --extract-from %s --extract-to %s --extractor %s --projects %s",
			from, until, from, until, old.Extractor, old.ProjectID)
	}
	return printLine(world, fmt.Sprintf("checkpoint of project %s by extractor %s moved from %s to %s: %s",
		checkpointLabel(old), old.Extractor, from, until, meaning))
}

// checkpointLabel returns the project and the region of a checkpoint for messages.
func checkpointLabel(c outbox.Checkpoint) string {
	return report.RegionLabel(report.ProjectLabel(c.ProjectID, c.ProjectName), c.Region)
}

// checkpointSelection selects one checkpoint.
type checkpointSelection struct{ extractor, project, region string }

func (c *checkpointSelection) add(command *cobra.Command) {
	c.addExtractor(command)
	command.Flags().StringVar(&c.project, "project", "", "ID or name of the project")
}

func (c *checkpointSelection) addExtractor(command *cobra.Command) {
	command.Flags().StringVar(&c.extractor, "extractor", "", "extractor instance; needed where several have the project")
	command.Flags().StringVar(&c.region, "region", "", "region; needed where the project has several")
}

// find returns the selected checkpoint. More than one, or none, is a usage error.
func (c *checkpointSelection) find(store outboxEditor) (outbox.Checkpoint, error) {
	checkpoints, err := store.Checkpoints()
	if err != nil {
		return outbox.Checkpoint{}, run.OutboxError(err)
	}
	var found []outbox.Checkpoint
	for _, checkpoint := range checkpoints {
		if (c.extractor == "" || checkpoint.Extractor == c.extractor) && (c.region == "" || checkpoint.Region == c.region) &&
			(checkpoint.ProjectID == c.project || checkpoint.ProjectName == c.project) {
			found = append(found, checkpoint)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return outbox.Checkpoint{}, usageErrorf("no checkpoint of project %q; see caso checkpoint list", c.project)
	}
	return outbox.Checkpoint{}, usageErrorf("project %q has %d checkpoints: name one with --extractor, --region and the ID of the project, see caso checkpoint list",
		c.project, len(found))
}
