package cli

import (
	"github.com/spf13/cobra"

	"github.com/caso-project/caso/internal/version"
)

// addProgramFlags declares the flags that cASO's three programs have in common.
func (f *settingsFlags) addProgramFlags(command *cobra.Command) {
	f.addSources(command)
	f.addBool(command, "dry-run", "", "extract records, but store and deliver none of them and move no checkpoint")
	f.addString(command, "extract-from", "time", "start of the window to report (default: each project's checkpoint)")
	f.addString(command, "extract-to", "time", "end of the window to report, exclusive (default: now)")
	f.addString(command, "extractor", "names", "extractors to run, separated by commas")
	f.addString(command, "projects", "projects", "IDs or names of the only projects to report, separated by commas")
	f.addString(command, "mapping-file", "path", "JSON file that maps projects to VOs")
	f.addString(command, "vo-property", "name", "property of a project in the cloud that holds its VO")
	f.addString(command, "caso-tag", "tag", "projects with this tag in the cloud are reported too")
	addCompletion(command)
	command.Version = version.String()
	command.SetVersionTemplate("{{.Version}}\n")
}

// addLogging declares the flags of oslo.log. Those without a meaning here are accepted, with a
// warning.
func (f *settingsFlags) addLogging(command *cobra.Command) {
	f.addString(command, "log-file", "path", "file to append the log to (default: standard error)")
	f.addString(command, "log-dir", "path", "directory of the log file")
	f.addBool(command, "use-json", "", "write log lines as JSON")
	f.addBool(command, "use-syslog", "", "send the log to syslog")
	f.addString(command, "syslog-log-facility", "name", "facility of the lines that are sent to syslog")
	f.addBool(command, "use-journal", "", "send the log to journald")
	for _, name := range []string{"log-config-append", "log-date-format"} {
		f.addIgnored(command, name, "")
	}
	for _, name := range []string{"watch-log-file", "nowatch-log-file"} {
		f.addIgnored(command, name, "true")
	}
}

// addIgnored declares a hidden flag without effect. withoutArgument is its value where it has no
// argument; empty if it needs one.
func (f *settingsFlags) addIgnored(command *cobra.Command, name, withoutArgument string) {
	flag := command.Flags().VarPF(ignoredFlag{f, name}, name, "", "")
	flag.NoOptDefVal = withoutArgument
	flag.Hidden = true
}

type ignoredFlag struct {
	flags *settingsFlags
	name  string
}

func (f ignoredFlag) Set(string) error {
	f.flags.ignored = append(f.flags.ignored, "--"+f.name)
	return nil
}
func (f ignoredFlag) String() string { return "" }
func (f ignoredFlag) Type() string   { return "value" }

// addCompletion declares the flag by which oslo.config's programs print the completion script of a
// shell.
func addCompletion(command *cobra.Command) {
	shell := command.Flags().String("shell-completion", "", "")
	command.Flags().Lookup("shell-completion").Hidden = true
	run := command.RunE
	command.RunE = func(command *cobra.Command, args []string) error {
		root, out := command.Root(), command.OutOrStdout()
		switch *shell {
		case "":
			return run(command, args)
		case "bash":
			return root.GenBashCompletionV2(out, true)
		case "zsh":
			return root.GenZshCompletion(out)
		}
		return usageErrorf("--shell-completion: use bash or zsh")
	}
}
