package cli

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/caso-project/caso/core/pluginhost"
	"github.com/caso-project/caso/internal/contract"
)

func newPlugins(world World) *cobra.Command {
	command := &cobra.Command{
		Use:   "plugins",
		Short: "List or describe the installed plugins",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return usageErrorf("missing subcommand: use caso plugins list or describe")
		},
	}
	command.AddCommand(newPluginsList(world), newPluginsDescribe(world))
	return command
}

// pluginFacts describes the executable of a plugin.
type pluginFacts struct {
	Kind   string `json:"kind"`
	Name   string `json:"name"`
	Path   string `json:"path"`
	SHA256 string `json:"sha256,omitempty"`
	Size   int64  `json:"size_bytes,omitempty"`
	// ShadowedBy is the path of the file that is started instead.
	ShadowedBy string `json:"shadowed_by,omitempty"`
	// Problem is why it cannot be used.
	Problem string `json:"problem,omitempty"`
}

func fileFacts(file pluginhost.File) pluginFacts {
	facts := pluginFacts{
		Kind: contract.KindName(file.Kind), Name: file.Name, Path: file.Path, SHA256: file.SHA256, Size: file.Size,
		ShadowedBy: file.ShadowedBy,
	}
	if file.Err != nil {
		facts.Problem = file.Err.Error()
	}
	return facts
}

// firstOfEach returns the first file of each plugin. The others are shadowed, or started by path
// only.
func firstOfEach(files []pluginhost.File) []pluginhost.File {
	var firsts []pluginhost.File
	for _, file := range files {
		samePlugin := func(f pluginhost.File) bool { return f.Kind == file.Kind && f.Name == file.Name }
		if !slices.ContainsFunc(firsts, samePlugin) {
			firsts = append(firsts, file)
		}
	}
	return firsts
}
