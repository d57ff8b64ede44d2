package cli

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/caso-project/caso/internal/contract"
	"github.com/caso-project/caso/internal/version"
)

func newVersion(world World) *cobra.Command {
	var output outputFlag
	command := &cobra.Command{
		Use:   "version",
		Short: "Print the version of caso and of the plugin contract",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			facts := struct {
				Version  string `json:"version"`
				Contract string `json:"contract"`
				Go       string `json:"go"`
			}{version.String(), fmt.Sprintf("caso.plugin.v%d", contract.ProtocolVersion), runtime.Version()}
			return output.print(world.Stdout, facts, func() error {
				_, err := fmt.Fprintf(world.Stdout, "caso %s (contract %s, %s)\n", facts.Version, facts.Contract, facts.Go)
				return err
			})
		},
	}
	output.add(command)
	return command
}
