package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/caso-project/caso/core/outbox/sqlstore"
	"github.com/caso-project/caso/core/run"
)

func newOutboxAdopt(world World) *cobra.Command {
	flags := &settingsFlags{}
	command := &cobra.Command{
		Use:   "adopt",
		Short: "Make the outbox belong to the sites of this configuration",
		Long: `An outbox belongs to the sites (site_name) whose runs used it, and a configuration with none of these names cannot
change it: it may be the outbox of another site. After a site was renamed, adopt makes the outbox belong to the sites of
this configuration, and no others. Checkpoints, pending batches and dead letters stay as they are, with their site names.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return withFiles(world, flags, func(s *run.Session) error {
				adopted, err := s.AdoptOutbox()
				if err != nil {
					return err
				}
				return printLine(world, adoptedText(adopted))
			})
		},
	}
	flags.addSources(command)
	return command
}

func adoptedText(adopted run.AdoptedOutbox) string {
	text := fmt.Sprintf("adopt: outbox %s belongs to %s", adopted.Location, sqlstore.SiteText(adopted.Sites))
	if len(adopted.Before) > 0 {
		text += ", before to " + sqlstore.SiteText(adopted.Before)
	}
	return text
}
