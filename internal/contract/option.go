package contract

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// DefaultSection is the only section with a name in capitals, as in oslo.config.
const DefaultSection = "DEFAULT"

var (
	pluginNamePattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9_-]*[a-z0-9])?$`)
	sectionPattern    = regexp.MustCompile(`^(DEFAULT|[a-z][a-z0-9_-]*)$`)
	optionNamePattern = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
)

// ValidPluginName reports whether a name can be the name of a plugin, an alias or an overlay:
// lower-case letters, digits, `-` and `_`, beginning and ending with a letter or digit. It becomes
// a part of file names and sections.
func ValidPluginName(name string) bool { return pluginNamePattern.MatchString(name) }

// ValidSection reports whether a name can be the section of an option. `[default]` is not [DEFAULT]
// to oslo.config, so it cannot be one.
func ValidSection(name string) bool {
	return sectionPattern.MatchString(name) && name != strings.ToLower(DefaultSection)
}

// KnownOptionType reports whether this version of the contract has an option type.
func KnownOptionType(t pluginv1.OptionType) bool {
	_, known := pluginv1.OptionType_name[int32(t)]
	return known && t != pluginv1.OptionType_OPTION_TYPE_UNSPECIFIED
}

// OptionName returns an option as messages show it: "[section] name".
func OptionName(section, name string) string { return "[" + section + "] " + name }

// CheckOption returns everything that is wrong with the declaration of an option, each as a clause
// that follows the name of the option. The rules:
//
//   - The section is DEFAULT, or lower-case letters, digits, `_` and `-`, beginning with a letter;
//     the name is lower-case letters, digits and `_`, beginning with a letter. `.` and `@` have a
//     meaning in references and overlays.
//   - A former name has a section and a name. It may break the grammar: old files are as they are.
//   - A default is one line: it is written like a value in a file.
//   - A required option has no default: nothing would be required of the operator.
//   - A secret has no default: it could be read in the code.
//   - Choices are for strings and lists, bounds for integers, and minimum <= maximum.
func CheckOption(option *pluginv1.Option) []string {
	var wrong []string
	add := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if !ValidSection(option.GetSection()) {
		add("has an invalid section: it must be DEFAULT, or lower-case letters, digits, _ and -, beginning with a letter")
	}
	if !optionNamePattern.MatchString(option.GetName()) {
		add("has an invalid name: it must be lower-case letters, digits and _, beginning with a letter")
	}
	for _, old := range option.GetOldNames() {
		if old.GetSection() == "" || old.GetName() == "" || strings.IndexFunc(old.GetSection()+old.GetName(), unprintable) >= 0 {
			add("has a former name without section or name: %q", OptionName(old.GetSection(), old.GetName()))
		}
	}
	text := option.GetType() == pluginv1.OptionType_OPTION_TYPE_STRING || option.GetType() == pluginv1.OptionType_OPTION_TYPE_LIST
	integer := option.GetType() == pluginv1.OptionType_OPTION_TYPE_INTEGER
	if option.GetType() == pluginv1.OptionType_OPTION_TYPE_UNSPECIFIED {
		add("has no type")
	}
	if strings.ContainsAny(option.GetDefaultValue(), "\r\n") {
		add("has a default of several lines")
	}
	if option.GetRequired() && option.DefaultValue != nil {
		add("is required and has a default")
	}
	if option.GetSecret() && option.DefaultValue != nil {
		add("is a secret and has a default")
	}
	if len(option.GetChoices()) > 0 && !text {
		add("has choices, but is neither a string nor a list")
	}
	if (option.Minimum != nil || option.Maximum != nil) && !integer {
		add("has a minimum or maximum, but is not an integer")
	}
	if option.Minimum != nil && option.Maximum != nil && option.GetMinimum() > option.GetMaximum() {
		add("has a minimum of %d above its maximum of %d", option.GetMinimum(), option.GetMaximum())
	}
	return wrong
}

// CheckHelp returns whether the help of an option is one or more sentences: it is printed in the
// sample configuration. plugintest requires it; a host accepts any.
func CheckHelp(option *pluginv1.Option) error {
	help := option.GetHelp()
	switch trimmed := strings.TrimSpace(help); {
	case trimmed == "":
		return fmt.Errorf("help is empty")
	case trimmed != help:
		return fmt.Errorf("help begins or ends with white space")
	case !utf8.ValidString(help):
		return fmt.Errorf("help is not UTF-8")
	case !strings.Contains(help, " ") || !strings.ContainsRune(".!?)", rune(help[len(help)-1])):
		return fmt.Errorf("help is not a whole sentence that ends with a full stop")
	}
	return nil
}

// CheckChoice returns whether the value of a string option, or an item of a list, is allowed.
func CheckChoice(option *pluginv1.Option, value string) error {
	if choices := option.GetChoices(); len(choices) > 0 && !slices.Contains(choices, value) {
		return fmt.Errorf("must be one of: %s", strings.Join(choices, ", "))
	}
	return nil
}

// CheckBounds returns whether the value of an integer option is allowed.
func CheckBounds(option *pluginv1.Option, value int64) error {
	low, high := int64(math.MinInt64), int64(math.MaxInt64)
	if option.Minimum != nil {
		low = option.GetMinimum()
	}
	if option.Maximum != nil {
		high = option.GetMaximum()
	}
	switch {
	case value < low:
		return fmt.Errorf("must be at least %d", low)
	case value > high:
		return fmt.Errorf("must be at most %d", high)
	}
	return nil
}

// unprintable reports whether a character must not be printed to a terminal or a log.
func unprintable(r rune) bool {
	return r != '\t' && !unicode.IsGraphic(r)
}
