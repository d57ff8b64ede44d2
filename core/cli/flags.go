package cli

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/caso-project/caso/core/config"
	"github.com/caso-project/caso/core/run"
)

// normalizeFlag accepts underscores in every flag, as oslo.config does, and the names that flags
// had in older releases of cASO.
func normalizeFlag(_ *pflag.FlagSet, name string) pflag.NormalizedName {
	switch name = strings.ReplaceAll(name, "_", "-"); name {
	case "tenants":
		name = "projects"
	case "extractor-mapping-file":
		name = "mapping-file"
	case "logfile":
		name = "log-file"
	case "logdir":
		name = "log-dir"
	case "log-config":
		name = "log-config-append"
	}
	return pflag.NormalizedName(name)
}

// settingsFlags are the flags for the sources of the configuration and for overrides.
type settingsFlags struct {
	input run.Input
	// ignored are the flags without effect that were given.
	ignored []string
}

// addSources declares --config-file and --config-dir, whose common order matters, and the flags
// about logging.
func (f *settingsFlags) addSources(command *cobra.Command) {
	command.Flags().Var(sourceFlag{f, false}, "config-file", "configuration file; repeatable, the last one wins (default: caso.conf in ~/.caso, ~, /etc/caso, /etc)")
	command.Flags().Var(sourceFlag{f, true}, "config-dir", "directory whose *.conf files are read in the order of their names; repeatable")
	f.addBool(command, "debug", "d", "log in detail")
	f.addLogging(command)
}

// addString declares a flag that overrides an option of [DEFAULT].
func (f *settingsFlags) addString(command *cobra.Command, name, value, usage string) {
	command.Flags().Var(overrideFlag{f, name, value}, name, usage)
}

// addBool declares a flag that sets a boolean option of [DEFAULT], and its opposite, which
// oslo.config has for every boolean.
func (f *settingsFlags) addBool(command *cobra.Command, name, shorthand, usage string) {
	command.Flags().VarP(overrideFlag{f, name, "bool"}, name, shorthand, usage)
	command.Flags().Lookup(name).NoOptDefVal = "true"
	opposite := command.Flags().VarPF(negation{overrideFlag{f, name, "bool"}}, "no"+name, "", "")
	opposite.NoOptDefVal = "true"
	opposite.Hidden = true
}

type sourceFlag struct {
	flags *settingsFlags
	dir   bool
}

func (f sourceFlag) Set(path string) error {
	if path == "" {
		return errors.New("needs a path")
	}
	f.flags.input.Sources = append(f.flags.input.Sources, config.Source{Path: path, Dir: f.dir})
	return nil
}
func (f sourceFlag) String() string { return "" }
func (f sourceFlag) Type() string   { return "path" }

type overrideFlag struct {
	flags *settingsFlags
	name  string
	kind  string
}

func (f overrideFlag) Set(value string) error {
	f.flags.input.Overrides = append(f.flags.input.Overrides, config.Override{
		Section: "DEFAULT", Name: strings.ReplaceAll(f.name, "-", "_"), Value: value, Flag: "--" + f.name,
	})
	return nil
}
func (f overrideFlag) String() string { return "" }
func (f overrideFlag) Type() string   { return f.kind }

type negation struct{ overrideFlag }

func (f negation) Set(value string) error {
	if value != "true" {
		return errors.New("takes no value")
	}
	return f.overrideFlag.Set("false")
}
