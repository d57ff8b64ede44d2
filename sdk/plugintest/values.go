package plugintest

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// readValue reads the text of an option by its type. The host's reader knows more (quotes, continued lines);
// what a test writes does not need that.
func readValue(option *pluginv1.Option, text string) (*pluginv1.OptionValue, error) {
	value := &pluginv1.OptionValue{Option: &pluginv1.OptionRef{Section: option.GetSection(), Name: option.GetName()}}
	allowed := func(text string) error {
		if choices := option.GetChoices(); len(choices) > 0 && !slices.Contains(choices, text) {
			return fmt.Errorf("%q is none of %q", text, choices)
		}
		return nil
	}
	switch option.GetType() {
	case pluginv1.OptionType_OPTION_TYPE_STRING:
		value.Value = &pluginv1.OptionValue_StringValue{StringValue: text}
		return value, allowed(text)
	case pluginv1.OptionType_OPTION_TYPE_LIST:
		list := &pluginv1.StringList{}
		for _, item := range strings.Split(text, ",") {
			if item = strings.TrimSpace(item); item == "" {
				continue
			}
			if err := allowed(item); err != nil {
				return nil, err
			}
			list.Items = append(list.Items, item)
		}
		value.Value = &pluginv1.OptionValue_ListValue{ListValue: list}
		return value, nil
	case pluginv1.OptionType_OPTION_TYPE_BOOLEAN:
		switch strings.ToLower(text) {
		case "true", "1", "on", "yes":
			value.Value = &pluginv1.OptionValue_BooleanValue{BooleanValue: true}
		case "false", "0", "off", "no":
			value.Value = &pluginv1.OptionValue_BooleanValue{BooleanValue: false}
		default:
			return nil, fmt.Errorf("%q is no boolean", text)
		}
		return value, nil
	case pluginv1.OptionType_OPTION_TYPE_INTEGER:
		n, err := strconv.ParseInt(text, 10, 64)
		switch {
		case err != nil:
			return nil, fmt.Errorf("%q is no whole number", text)
		case option.Minimum != nil && n < option.GetMinimum():
			return nil, fmt.Errorf("%d is below the minimum %d", n, option.GetMinimum())
		case option.Maximum != nil && n > option.GetMaximum():
			return nil, fmt.Errorf("%d is above the maximum %d", n, option.GetMaximum())
		}
		value.Value = &pluginv1.OptionValue_IntegerValue{IntegerValue: n}
		return value, nil
	}
	return nil, fmt.Errorf("its type is %v", option.GetType())
}

// reference is $name, ${name} or $section.name in a default.
var reference = regexp.MustCompile(`\$\{?([a-zA-Z][a-zA-Z0-9_-]*(?:\.[a-z][a-z0-9_]*)?)\}?`)

// optionValues are the values of all options that the settings give or that have a default, as the host would
// send them.
func optionValues(options []*pluginv1.Option, settings map[string]string) ([]*pluginv1.OptionValue, error) {
	texts := map[string]string{}
	for _, option := range options {
		key := option.GetSection() + "." + option.GetName()
		if text, ok := settings[key]; ok {
			texts[key] = text
		} else if option.DefaultValue != nil {
			texts[key] = option.GetDefaultValue()
		}
	}
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		// A name of [DEFAULT] may also be the host's own, which a default such as $site_name refers to.
		if _, declared := texts[key]; !declared && !strings.HasPrefix(key, "DEFAULT.") {
			return nil, fmt.Errorf("the settings have %q, but the plugin declares no such option", key)
		}
	}
	var values []*pluginv1.OptionValue
	for _, option := range options {
		key := option.GetSection() + "." + option.GetName()
		text, ok := texts[key]
		if !ok {
			continue
		}
		if _, given := settings[key]; !given {
			var err error
			if text, err = expand(text, option.GetSection(), texts, settings); err != nil {
				return nil, fmt.Errorf("the default of %s: %w", key, err)
			}
		}
		value, err := readValue(option, text)
		if err != nil {
			return nil, fmt.Errorf("the value of %s: %w", key, err)
		}
		values = append(values, value)
	}
	return values, nil
}

// expand puts in what a default refers to: an option of the same section, of [DEFAULT], or of the section named.
func expand(text, section string, texts, settings map[string]string) (string, error) {
	var unknown []string
	for range 5 { // a value may refer to another again; a circle must not go on for ever
		if !strings.Contains(text, "$") {
			break
		}
		text = reference.ReplaceAllStringFunc(text, func(found string) string {
			name := reference.FindStringSubmatch(found)[1]
			for _, key := range []string{section + "." + name, "DEFAULT." + name, name} {
				if value, ok := settings[key]; ok {
					return value
				}
				if value, ok := texts[key]; ok {
					return value
				}
			}
			unknown = append(unknown, name)
			return ""
		})
	}
	if len(unknown) > 0 {
		return "", fmt.Errorf("it refers to %q: give that in Settings.Options", unknown)
	}
	return text, nil
}
