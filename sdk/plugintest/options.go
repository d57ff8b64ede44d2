package plugintest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

var (
	sectionName = regexp.MustCompile(`^(DEFAULT|[a-z][a-z0-9_-]*)$`)
	optionName  = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
)

// describeOptions checks the declarations one by one, each rule over all of them.
func (s *suite) describeOptions(run run) {
	each := func(name string, rule func(t tb, option *pluginv1.Option, spelled string)) {
		run(name, func(t tb) {
			for _, option := range s.description.GetOptions() {
				rule(t, option, spell(option.GetSection(), option.GetName()))
			}
		})
	}
	each("options_names", func(t tb, option *pluginv1.Option, spelled string) {
		if !sectionName.MatchString(option.GetSection()) {
			t.Errorf("option %s: the section must be DEFAULT, or lower case", spelled)
		}
		if !optionName.MatchString(option.GetName()) {
			t.Errorf("option %s: the name must be lower-case letters, digits and _", spelled)
		}
		for _, old := range option.GetOldNames() {
			// Old names are as some old configuration had them; only empty ones cannot be found.
			if old.GetSection() == "" || old.GetName() == "" {
				t.Errorf("option %s: the old name %s lacks a section or a name", spelled, spell(old.GetSection(), old.GetName()))
			}
		}
	})
	run("options_unique", func(t tb) {
		seen := map[string]bool{}
		for _, option := range s.description.GetOptions() {
			spelled := spell(option.GetSection(), option.GetName())
			if seen[spelled] {
				t.Errorf("option %s is declared twice", spelled)
			}
			seen[spelled] = true
		}
	})
	each("options_types", func(t tb, option *pluginv1.Option, spelled string) {
		optionType := option.GetType()
		if _, known := pluginv1.OptionType_name[int32(optionType)]; !known || optionType == pluginv1.OptionType_OPTION_TYPE_UNSPECIFIED {
			t.Errorf("option %s: the type is %v", spelled, optionType)
		}
		text := optionType == pluginv1.OptionType_OPTION_TYPE_STRING || optionType == pluginv1.OptionType_OPTION_TYPE_LIST
		if len(option.GetChoices()) > 0 && !text {
			t.Errorf("option %s: choices are for strings and lists", spelled)
		}
		if (option.Minimum != nil || option.Maximum != nil) && optionType != pluginv1.OptionType_OPTION_TYPE_INTEGER {
			t.Errorf("option %s: minimum and maximum are for integers", spelled)
		}
		if option.Minimum != nil && option.Maximum != nil && option.GetMinimum() > option.GetMaximum() {
			t.Errorf("option %s: the minimum %d is above the maximum %d", spelled, option.GetMinimum(), option.GetMaximum())
		}
	})
	each("options_defaults", func(t tb, option *pluginv1.Option, spelled string) {
		if option.DefaultValue == nil {
			return
		}
		if option.GetRequired() {
			t.Errorf("option %s: it is required and has a default: then nothing is required of the reader", spelled)
		}
		if strings.Contains(option.GetDefaultValue(), "$") {
			return // It is another option's value, which only a configuration knows.
		}
		if _, err := readValue(option, option.GetDefaultValue()); err != nil {
			t.Errorf("option %s: its own default is refused: %v", spelled, err)
		}
	})
	each("options_secrets", func(t tb, option *pluginv1.Option, spelled string) {
		if option.GetSecret() && option.DefaultValue != nil {
			t.Errorf("option %s: a secret that everybody can read in the code is none: it must have no default", spelled)
		}
	})
	each("options_help", func(t tb, option *pluginv1.Option, spelled string) {
		if err := sentence(option.GetHelp()); err != nil {
			t.Errorf("option %s: the help text %q %v", spelled, option.GetHelp(), err)
		}
	})
}

func sentence(text string) error {
	switch trimmed := strings.TrimSpace(text); {
	case trimmed == "":
		return fmt.Errorf("is empty")
	case trimmed != text:
		return fmt.Errorf("begins or ends with space")
	case !strings.Contains(text, " "):
		return fmt.Errorf("is a single word, not a sentence")
	case !slices.Contains([]byte(".!?)"), text[len(text)-1]):
		return fmt.Errorf("is no whole sentence: it does not end with a full stop")
	}
	return nil
}

func spell(section, name string) string { return "[" + section + "] " + name }
