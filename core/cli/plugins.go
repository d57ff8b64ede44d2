package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/caso-project/caso/core/config"
	"github.com/caso-project/caso/core/pluginhost"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

func newPlugins(world World) *cobra.Command {
	command := &cobra.Command{
		Use:   "plugins",
		Short: "List or describe the installed plugins",
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return usageErrorf("caso plugins: say list or describe") },
	}
	command.AddCommand(newPluginsList(world), newPluginsDescribe(world))
	return command
}

// pluginFacts is what is known of a plugin's file.
type pluginFacts struct {
	Kind   string `json:"kind"`
	Name   string `json:"name"`
	Path   string `json:"path"`
	SHA256 string `json:"sha256,omitempty"`
	Size   int64  `json:"size_bytes,omitempty"`
	// Problem says why it cannot be used.
	Problem string `json:"problem,omitempty"`
}

func newPluginsList(world World) *cobra.Command {
	flags := &settingsFlags{}
	var output outputFlag
	command := &cobra.Command{
		Use:   "list",
		Short: "List the plugins that are installed, and why one cannot be used",
		Args:  cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			s, _, err := openHost(world, flags)
			defer s.close()
			if err != nil {
				return err
			}
			plugins := []pluginFacts{}
			for _, file := range s.host.List() {
				plugins = append(plugins, fileFacts(file))
			}
			return output.print(world.Stdout, plugins, func() error {
				return table(world.Stdout, "KIND\tNAME\tPATH\tSHA256\tPROBLEM", func(add func(string, ...any)) {
					for _, p := range plugins {
						add("%s\t%s\t%s\t%s\t%s", p.Kind, p.Name, p.Path, p.SHA256, p.Problem)
					}
				})
			})
		},
	}
	flags.addSources(command)
	output.add(command)
	return command
}

func fileFacts(file pluginhost.File) pluginFacts {
	facts := pluginFacts{Kind: kindName(file.Kind), Name: file.Name, Path: file.Path, SHA256: file.SHA256, Size: file.Size}
	if file.Err != nil {
		facts.Problem = file.Err.Error()
	}
	return facts
}

func kindName(kind pluginv1.Kind) string {
	return strings.ToLower(strings.TrimPrefix(kind.String(), "KIND_"))
}

// description is what a plugin says of itself.
type description struct {
	pluginFacts
	Version     string   `json:"version"`
	RecordTypes []string `json:"record_types"`
	Options     []string `json:"options"`
}

func newPluginsDescribe(world World) *cobra.Command {
	flags := &settingsFlags{}
	var output outputFlag
	command := &cobra.Command{
		Use:     "describe NAME",
		Short:   "Start a plugin and print what it says of itself",
		Example: "  caso plugins describe ssm\n  caso plugins describe messenger-ssm",
		Args:    cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			s, _, err := openHost(world, flags)
			defer s.close()
			if err != nil {
				return err
			}
			file, err := s.pick(args[0])
			if err != nil {
				return err
			}
			running, err := s.host.Start(command.Context(), []pluginhost.Ref{{Kind: file.Kind, Name: file.Name, Path: file.Path}})
			if err != nil {
				return s.refuse(err)
			}
			facts := describe(file, running[0].Description)
			return output.print(world.Stdout, facts, func() error { return facts.write(world, running[0].Description.GetOptions()) })
		},
	}
	flags.addSources(command)
	output.add(command)
	return command
}

// pick finds the installed plugin that a person means: NAME, KIND-NAME or caso-KIND-NAME.
func (s *session) pick(wanted string) (pluginhost.File, error) {
	short := strings.TrimPrefix(wanted, "caso-")
	var found []pluginhost.File
	var names []string
	for _, file := range s.host.List() {
		full := kindName(file.Kind) + "-" + file.Name
		names = append(names, full)
		if short == full || short == file.Name {
			found = append(found, file)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return pluginhost.File{}, usageErrorf("there is no plugin %q; installed are: %s", wanted, strings.Join(names, ", "))
	}
	return pluginhost.File{}, usageErrorf("%q is both an extractor and a messenger; say extractor-%s or messenger-%s", wanted, short, short)
}

func describe(file pluginhost.File, d *pluginv1.DescribeResponse) description {
	facts := description{pluginFacts: fileFacts(file), Version: d.GetVersion(), RecordTypes: []string{}, Options: []string{}}
	for _, t := range d.GetRecordTypes() {
		facts.RecordTypes = append(facts.RecordTypes, typeName(t))
	}
	for _, option := range d.GetOptions() {
		facts.Options = append(facts.Options, fmt.Sprintf("[%s] %s", option.GetSection(), option.GetName()))
	}
	slices.Sort(facts.RecordTypes)
	return facts
}

// typeName is a record type as the configuration calls it.
func typeName(t pluginv1.RecordType) string {
	return strings.ToLower(strings.TrimPrefix(t.String(), "RECORD_TYPE_"))
}

func (d description) write(world World, options []*pluginv1.Option) error {
	_, err := fmt.Fprintf(world.Stdout, "%s %s, version %s\n%s\nsha256 %s\nrecord types: %s\n\n",
		d.Kind, d.Name, d.Version, d.Path, d.SHA256, strings.Join(d.RecordTypes, ", "))
	if err != nil {
		return err
	}
	return config.WriteSample(world.Stdout, config.Own(d.Kind+"-"+d.Name, options))
}
