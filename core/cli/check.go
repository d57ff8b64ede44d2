package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/caso-project/caso/core/report"
	"github.com/caso-project/caso/core/run"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

func newCheck(world World) *cobra.Command {
	flags := &settingsFlags{}
	var output outputFlag
	command := &cobra.Command{
		Use:   "check",
		Short: "Check that the clouds and the receivers can be reached",
		Long: `Starts the configured plugins and checks that each can do its work now: that the cloud accepts the
credentials, that the receiver can be reached, that the SSM spool is writable. It changes nothing. A
plugin without a check is listed as "not supported".

Exit status: 0 if no check failed, 1 if one did.`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			return withPlugins(command, world, flags, func(ctx context.Context, s *run.Session) error {
				return printCheck(world, &output, s.Check(ctx))
			}, pluginv1.Kind_KIND_EXTRACTOR, pluginv1.Kind_KIND_MESSENGER)
		},
	}
	flags.addSources(command)
	flags.addString(command, "extractor", "names", "extractors to check, separated by commas")
	output.add(command)
	return command
}

func printCheck(world World, output *outputFlag, results []run.CheckResult) error {
	err := output.print(world.Stdout, results, func() error {
		return printTable(world.Stdout, []string{"INSTANCE", "STATUS", "DETAIL"}, func(addRow func(...any)) {
			for _, result := range results {
				addRow(result.Kind+" "+result.Instance, result.Status, checkDetail(result))
			}
		})
	})
	if err != nil {
		return err
	}
	for _, result := range results {
		if result.Status == run.CheckFailed {
			return &exitError{status: exitIncomplete}
		}
	}
	return nil
}

// checkDetail returns what led to the status of a check: its errors and warnings, or else its
// information.
func checkDetail(result run.CheckResult) string {
	var details []string
	for _, problem := range result.Problems {
		if problem.Severity == report.Info && result.Status != run.CheckOK {
			continue
		}
		detail := problem.Summary
		if problem.Detail != "" {
			detail = strings.TrimRight(detail, ". ") + ". " + problem.Detail
		}
		details = append(details, detail)
	}
	return strings.Join(details, "; ")
}
