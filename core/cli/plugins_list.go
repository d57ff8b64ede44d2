package cli

import (
	"github.com/spf13/cobra"

	"github.com/caso-project/caso/core/run"
)

func newPluginsList(world World) *cobra.Command {
	flags := &settingsFlags{}
	var output outputFlag
	command := &cobra.Command{
		Use:   "list",
		Short: "List the installed plugins, and why one cannot be used",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return withFiles(world, flags, func(s *run.Session) error {
				plugins := []pluginFacts{}
				for _, file := range s.Installed() {
					plugins = append(plugins, fileFacts(file))
				}
				return output.print(world.Stdout, plugins, func() error {
					return printTable(world.Stdout, []string{"KIND", "NAME", "PATH", "SHA256", "PROBLEM"}, func(addRow func(...any)) {
						for _, p := range plugins {
							problem := p.Problem
							if problem == "" && p.ShadowedBy != "" {
								problem = "shadowed by " + p.ShadowedBy
							}
							addRow(p.Kind, p.Name, p.Path, p.SHA256, problem)
						}
					})
				})
			})
		},
	}
	flags.addSources(command)
	output.add(command)
	return command
}
