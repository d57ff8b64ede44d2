package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/caso-project/caso/core/config"
	"github.com/caso-project/caso/core/pluginhost"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

func newConfig(world World) *cobra.Command {
	command := &cobra.Command{
		Use:   "config",
		Short: "Check, show or begin a configuration",
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return usageErrorf("caso config: say check, show or sample") },
	}
	command.AddCommand(newConfigCheck(world), newConfigShow(world), newConfigSample(world))
	return command
}

func newConfigCheck(world World) *cobra.Command {
	flags := &settingsFlags{}
	command := &cobra.Command{
		Use:   "check",
		Short: "Say what is wrong with the configuration and its plugins",
		Long: `Reads the configuration as a run would, starts the plugins that it names, and says everything
that is wrong, a line each. It contacts no cloud and no receiver, and writes nothing.`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			s, err := openWith(command.Context(), world, flags)
			defer s.close()
			if err != nil {
				return err
			}
			if err := s.ready(command.Context(), s.extractors, s.messengers); err != nil {
				return err
			}
			for _, path := range s.files.Paths() {
				if _, err := fmt.Fprintln(world.Stdout, "read", path); err != nil {
					return err
				}
			}
			_, err = fmt.Fprintln(world.Stdout, "the configuration is in order")
			return err
		},
	}
	flags.addSources(command)
	return command
}

func newConfigShow(world World) *cobra.Command {
	flags := &settingsFlags{}
	var output outputFlag
	var reveal bool
	command := &cobra.Command{
		Use:   "show",
		Short: "Print every setting, and where it comes from",
		Long: `Prints the value of every option of the host and of the configured plugins, and where it comes from.
Secrets are shown as ***.`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			s, err := openWith(command.Context(), world, flags)
			defer s.close()
			if err != nil {
				return err
			}
			s.problems = config.Join(s.problems, s.settings.Warnings())
			if err := s.complain(); err != nil {
				return err
			}
			return output.print(world.Stdout, s.settings.Map(reveal), func() error {
				return s.settings.WriteSettings(world.Stdout, reveal)
			})
		},
	}
	flags.addSources(command)
	output.add(command)
	command.Flags().BoolVar(&reveal, "reveal", false, "print secrets too")
	return command
}

func newConfigSample(world World) *cobra.Command {
	flags := &settingsFlags{}
	var markdown bool
	command := &cobra.Command{
		Use:   "sample",
		Short: "Print a configuration file with every option of every installed plugin",
		Long: `Prints a configuration file in which every option stands as a comment, with its meaning and default:
the host's own options and those of every plugin that is installed.`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			return sample(command, world, flags, markdown)
		},
	}
	flags.addSources(command)
	command.Flags().BoolVar(&markdown, "markdown", false, "print it as a page of documentation")
	return command
}

// sample starts every usable plugin, one after the other so that one that does not start costs only its own
// options.
func sample(command *cobra.Command, world World, flags *settingsFlags, markdown bool) error {
	s, _, err := openHost(world, flags)
	defer s.close()
	if err != nil {
		return err
	}
	schema := config.Own(config.HostOwner, config.HostOptions(""))
	var failures []error
	for _, file := range s.host.List() {
		options, owner, err := s.declared(command, file)
		if err != nil {
			failures = append(failures, err)
			continue
		}
		schema = append(schema, config.Own(config.HostOwner, config.PluginOptions(file.Kind, file.Name))...)
		schema = append(schema, config.Own(owner, options)...)
	}
	write := config.WriteSample
	if markdown {
		write = config.WriteReference
	}
	if err := write(world.Stdout, schema); err != nil {
		return err
	}
	if len(failures) > 0 {
		return s.refuse(errors.Join(failures...))
	}
	return nil
}

// declared is what an installed plugin declares.
func (s *session) declared(command *cobra.Command, file pluginhost.File) (options []*pluginv1.Option, owner string, err error) {
	if file.Err != nil {
		return nil, "", file.Err
	}
	running, err := s.host.Start(command.Context(), []pluginhost.Ref{{Kind: file.Kind, Name: file.Name, Path: file.Path}})
	if err != nil {
		return nil, "", err
	}
	instance := config.Instance{Kind: file.Kind, Plugin: file.Name}
	return running[0].Description.GetOptions(), instance.Owner(), nil
}
