package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/caso-project/caso/core/config"
	"github.com/caso-project/caso/core/pluginhost"
	"github.com/caso-project/caso/core/run"
	"github.com/caso-project/caso/internal/contract"
	"github.com/caso-project/caso/internal/printable"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// descriptionFacts is the description of a plugin.
type descriptionFacts struct {
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
		Short:   "Start a plugin and print its description and options",
		Example: "  caso plugins describe ssm\n  caso plugins describe messenger-ssm",
		Args:    cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			return withFiles(world, flags, func(s *run.Session) error {
				return describePlugin(command.Context(), world, s, args[0], &output)
			})
		},
	}
	flags.addSources(command)
	output.add(command)
	return command
}

func describePlugin(ctx context.Context, world World, s *run.Session, name string, output *outputFlag) error {
	file, err := findInstalled(s, name)
	if err != nil {
		return err
	}
	plugin, err := s.StartInstalled(ctx, file)
	if err != nil {
		return incompleteError([]error{err})
	}
	facts := descriptionOf(file, plugin.Description)
	return output.print(world.Stdout, facts, func() error { return facts.write(world, plugin.Description.GetOptions()) })
}

// findInstalled returns the installed plugin that a person names: NAME, KIND-NAME or
// caso-KIND-NAME.
func findInstalled(s *run.Session, wanted string) (pluginhost.File, error) {
	short := strings.TrimPrefix(wanted, "caso-")
	var found []pluginhost.File
	var names []string
	for _, file := range firstOfEach(s.Installed()) {
		full := contract.KindName(file.Kind) + "-" + file.Name
		names = append(names, full)
		if short == full || short == file.Name {
			found = append(found, file)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return pluginhost.File{}, usageErrorf("plugin %q is not installed; installed plugins: %s", wanted, strings.Join(names, ", "))
	}
	return pluginhost.File{}, usageErrorf("%q is both an extractor and a messenger; use extractor-%s or messenger-%s", wanted, short, short)
}

func descriptionOf(file pluginhost.File, d *pluginv1.DescribeResponse) descriptionFacts {
	facts := descriptionFacts{pluginFacts: fileFacts(file), Version: d.GetVersion(), RecordTypes: []string{}, Options: []string{}}
	for _, t := range d.GetRecordTypes() {
		facts.RecordTypes = append(facts.RecordTypes, contract.RecordTypeName(t.GetType()))
	}
	for _, option := range d.GetOptions() {
		facts.Options = append(facts.Options, fmt.Sprintf("[%s] %s", option.GetSection(), option.GetName()))
	}
	slices.Sort(facts.RecordTypes)
	return facts
}

func (d descriptionFacts) write(world World, options []*pluginv1.Option) error {
	_, err := fmt.Fprintf(world.Stdout, "%s %s, version %s\n%s\nsha256 %s\nrecord types: %s\n\n",
		d.Kind, d.Name, printable.OneLine(d.Version), printable.OneLine(d.Path), d.SHA256, strings.Join(d.RecordTypes, ", "))
	if err != nil {
		return err
	}
	return config.WriteSample(world.Stdout, config.Plugins{}, config.Own(d.Kind+"-"+d.Name, options))
}
