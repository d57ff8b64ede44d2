package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/caso-project/caso/core/outbox/sqlstore"
	"github.com/caso-project/caso/core/report"
	"github.com/caso-project/caso/core/run"
)

func newOutboxMigrate(world World) *cobra.Command {
	flags := &settingsFlags{}
	var from, to run.OutboxAddress
	command := &cobra.Command{
		Use:   "migrate FROM TO",
		Short: "Copy an outbox into another database",
		Long: `Copies the outbox at the URL FROM into TO, which must be new or empty, and compares what arrived. Batches keep their
IDs and their order; checkpoints, states, backlogs and dead letters are copied too. No run can work meanwhile. An
interrupted copy is unused, and the command can be repeated. FROM is left unchanged: set [DEFAULT] outbox to TO before
the next run, and move FROM away.`,
		Example: "  caso outbox migrate sqlite:///var/spool/caso/outbox.db mysql://caso@db.example.org/caso",
		Args:    cobra.ExactArgs(2),
		RunE: func(command *cobra.Command, urls []string) error {
			from.URL, to.URL = urls[0], urls[1]
			return withFiles(world, flags, func(s *run.Session) error {
				copied, location, err := s.MigrateOutbox(command.Context(), from, to)
				if err != nil {
					return err
				}
				if !strings.Contains(location, "://") {
					location = "sqlite://" + location
				}
				return printLine(world, fmt.Sprintf("migrate: %s; for the next run, set [DEFAULT] outbox = %s", copiedText(copied), location))
			})
		},
	}
	flags.addSources(command)
	command.Flags().StringVar(&from.PasswordFile, "from-password-file", "", "`FILE` with the password of FROM; default: the configured password")
	command.Flags().StringVar(&to.PasswordFile, "to-password-file", "", "`FILE` with the password of TO; default: the configured password")
	return command
}

func newOutboxBackup(world World) *cobra.Command {
	flags := &settingsFlags{}
	command := &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy the outbox into a new SQLite file, also during a run",
		Long: `Copies the outbox, as it is at one point in time, into a new SQLite file, which only its owner can read. Runs may go
on. The file can be used as an outbox, or be copied into a database with caso outbox migrate.`,
		Args: cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			return withFiles(world, flags, func(s *run.Session) error {
				copied, err := s.BackupOutbox(command.Context(), args[0])
				if err != nil {
					return err
				}
				return printLine(world, "backup: "+copiedText(copied))
			})
		},
	}
	flags.addSources(command)
	return command
}

func copiedText(copied sqlstore.Copied) string {
	return fmt.Sprintf("%s in %s, %s, %s and %s copied and compared",
		report.CountNoun(copied.Batches, "batch"), report.CountNoun(copied.Windows, "window"),
		report.CountNoun(copied.Checkpoints, "checkpoint"), report.CountNoun(copied.Messengers, "messenger"),
		report.CountNoun(copied.DeadLetters, "dead letter"))
}
