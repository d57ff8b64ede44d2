package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/caso-project/caso/core/config"
	"github.com/caso-project/caso/core/run"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

func newMappingMigrate(world World) *cobra.Command {
	flags := &settingsFlags{}
	migrateProjects, dontMigrate := false, false
	command := &cobra.Command{
		Use:   "mapping-migrate",
		Short: "Print the commands that store the mapping file in the cloud",
		Long: `Prints a command of the openstack client for each project of the mapping file, which stores its VO as a
property of the project. The mapping file is not needed after they ran. With --nodry-run it makes the
changes itself, which needs the right to change projects.`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			return withPlugins(command, world, flags, func(ctx context.Context, s *run.Session) error {
				dryRun := migratesDry(s)
				commands, result, err := s.MigrateMapping(ctx, migrateProjects && !dontMigrate, dryRun)
				if err != nil {
					return err
				}
				for _, line := range commands {
					if _, err := fmt.Fprintln(world.Stdout, line); err != nil {
						return err
					}
				}
				if dryRun {
					printMessage(world.Stderr, "dry run: nothing was changed; --nodry-run makes the changes")
				}
				return printProblemsOf(world, result)
			}, pluginv1.Kind_KIND_EXTRACTOR)
		},
	}
	command.Flags().BoolVar(&migrateProjects, "migrate-projects", false, "also tag the projects of the option projects, which is then not needed")
	command.Flags().BoolVar(&dontMigrate, "nomigrate-projects", false, "")
	command.Flags().Lookup("nomigrate-projects").Hidden = true
	flags.addProgramFlags(command)
	return command
}

// migratesDry reports whether mapping-migrate changes nothing: unless the configuration or a flag
// sets dry_run to false.
func migratesDry(s *run.Session) bool {
	value, _ := s.Settings().Host().Lookup("DEFAULT", "dry_run")
	return value.Origin == (config.Origin{}) || value.Any() == true
}
