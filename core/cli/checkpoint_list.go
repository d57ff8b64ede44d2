package cli

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/core/run"
)

// checkpointFacts is a checkpoint as caso checkpoint list prints it.
type checkpointFacts struct {
	Extractor string    `json:"extractor"`
	ProjectID string    `json:"project_id"`
	Project   string    `json:"project,omitempty"`
	Region    string    `json:"region,omitempty"`
	Time      time.Time `json:"time"`
	// AgeSeconds is negative for a checkpoint in the future.
	AgeSeconds int64     `json:"age_s"`
	StateBytes int       `json:"state_bytes"`
	Moved      time.Time `json:"moved"`
}

func newCheckpointList(world World) *cobra.Command {
	flags := &settingsFlags{}
	var output outputFlag
	command := &cobra.Command{
		Use:   "list",
		Short: "List the checkpoint of every extractor and project",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return readOutbox(world, flags, func(store outboxReader) error {
				checkpoints, err := store.Checkpoints()
				if err != nil {
					return run.OutboxError(err)
				}
				list := []checkpointFacts{}
				for _, c := range checkpoints {
					list = append(list, checkpointFacts{
						Extractor: c.Extractor, ProjectID: c.ProjectID, Project: c.ProjectName, Region: c.Region, Time: c.To,
						AgeSeconds: int64(world.Now().Sub(c.To) / time.Second), StateBytes: c.StateBytes, Moved: c.Moved,
					})
				}
				return output.print(world.Stdout, list, func() error { return printCheckpoints(world, list) })
			})
		},
	}
	flags.addSources(command)
	output.add(command)
	return command
}

func printCheckpoints(world World, list []checkpointFacts) error {
	header := []string{"EXTRACTOR", "ID", "NAME", "REGION", "TIME", "AGE", "STATE", "MOVED"}
	return printTable(world.Stdout, header, func(addRow func(...any)) {
		for _, c := range list {
			age := (time.Duration(c.AgeSeconds) * time.Second).String()
			if c.AgeSeconds < 0 {
				age = "in the future"
			}
			addRow(c.Extractor, c.ProjectID, c.Project, c.Region, outbox.FormatTime(c.Time), age, formatBytes(c.StateBytes), outbox.FormatTime(c.Moved))
		}
	})
}
