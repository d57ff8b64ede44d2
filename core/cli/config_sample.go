package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/caso-project/caso/core/config"
	"github.com/caso-project/caso/core/run"
)

func newConfigSample(world World) *cobra.Command {
	flags := &settingsFlags{}
	var markdown bool
	command := &cobra.Command{
		Use:   "sample",
		Short: "Print a configuration file with every option of every installed plugin",
		Long: `Prints a configuration file that has every option as a comment, with its description and default: the
options of the host and those of every installed plugin.`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			return withFiles(world, flags, func(s *run.Session) error {
				return sample(command.Context(), world, s, markdown)
			})
		},
	}
	flags.addSources(command)
	command.Flags().BoolVar(&markdown, "markdown", false, "print a page of documentation")
	return command
}

// sample starts the installed plugins one after the other: one that fails is left out of the
// sample, and its error ends the command after the sample is printed.
func sample(ctx context.Context, world World, s *run.Session, markdown bool) error {
	schema := config.Own(config.HostOwner, config.HostOptions(""))
	var failures []error
	for _, file := range firstOfEach(s.Installed()) {
		plugin, err := s.StartInstalled(ctx, file)
		if err != nil {
			failures = append(failures, err)
			continue
		}
		instance := config.Instance{Kind: file.Kind, Plugin: file.Name}
		schema = append(schema, config.Own(config.HostOwner, config.PluginOptions(file.Kind, file.Name))...)
		schema = append(schema, config.Own(instance.Owner(), plugin.Description.GetOptions())...)
	}
	var err error
	if markdown {
		err = config.WriteReference(world.Stdout, schema)
	} else {
		err = config.WriteSample(world.Stdout, s.Plugins(), schema)
	}
	if err != nil {
		return err
	}
	return incompleteError(failures)
}
