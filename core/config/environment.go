package config

import (
	"slices"
	"strings"

	"github.com/caso-project/caso/core/config/oslo"
)

// EnvironmentOverrides returns the options that the environment sets. As in oslo.config, the
// variable of an option is OS_SECTION__OPTION in capital letters, it has no old names, and its
// value wins over all files, but not over the command line. Variables are in the form of
// os.Environ.
func EnvironmentOverrides(variables []string) []Override {
	var overrides []Override
	for _, variable := range variables {
		name, value, _ := strings.Cut(variable, "=")
		rest, isOption := strings.CutPrefix(name, "OS_")
		section, option, separated := strings.Cut(rest, "__")
		if !isOption || !separated || rest != strings.ToUpper(rest) {
			continue
		}
		if section != oslo.DefaultSection {
			section = strings.ToLower(section)
		}
		overrides = append(overrides, Override{Section: section, Name: strings.ToLower(option), Value: value, Variable: name})
	}
	return overrides
}

// withoutFlags returns the overrides that are not from the command line.
func withoutFlags(overrides []Override) []Override {
	return slices.DeleteFunc(slices.Clone(overrides), func(o Override) bool { return o.Flag != "" })
}
