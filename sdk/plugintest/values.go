package plugintest

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// parseValue parses the text of an option by its type. The host's parser supports more (quotes,
// continued lines), which the settings of a test do not need.
func parseValue(option *pluginv1.Option, text string) (*pluginv1.OptionValue, error) {
	value := &pluginv1.OptionValue{Option: &pluginv1.OptionRef{Section: option.GetSection(), Name: option.GetName()}}
	switch option.GetType() {
	case pluginv1.OptionType_OPTION_TYPE_STRING:
		value.Value = &pluginv1.OptionValue_StringValue{StringValue: text}
		return value, contract.CheckChoice(option, text)
	case pluginv1.OptionType_OPTION_TYPE_LIST:
		list := &pluginv1.StringList{}
		for item := range strings.SplitSeq(text, ",") {
			if item = strings.TrimSpace(item); item == "" {
				continue
			}
			if err := contract.CheckChoice(option, item); err != nil {
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
			return nil, fmt.Errorf("invalid boolean %q", text)
		}
		return value, nil
	case pluginv1.OptionType_OPTION_TYPE_INTEGER:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("invalid whole number %q", text)
		}
		if err := contract.CheckBounds(option, n); err != nil {
			return nil, err
		}
		value.Value = &pluginv1.OptionValue_IntegerValue{IntegerValue: n}
		return value, nil
	}
	return nil, fmt.Errorf("its type is %v", option.GetType())
}

// reference matches $name, ${name} or $section.name in a default.
var reference = regexp.MustCompile(`\$\{?([a-zA-Z][a-zA-Z0-9_-]*(?:\.[a-z][a-z0-9_]*)?)\}?`)

// optionValues returns the values of all options that the settings set or that have a default, as
// the host sends them.
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
		// An option of [DEFAULT] may also be the host's, which a default such as $site_name refers
		// to.
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
			if text, err = expandReferences(text, option.GetSection(), texts, settings); err != nil {
				return nil, fmt.Errorf("the default of %s: %w", key, err)
			}
		}
		value, err := parseValue(option, text)
		if err != nil {
			return nil, fmt.Errorf("the value of %s: %w", key, err)
		}
		values = append(values, value)
	}
	return values, nil
}

// expandReferences replaces the references in a default: to an option of the same section, of
// [DEFAULT], or of the named section.
func expandReferences(text, section string, texts, settings map[string]string) (string, error) {
	var unknown []string
	for range 5 { // references may be nested, or a circle
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
		return "", fmt.Errorf("it refers to %q: set that in Settings.Options", unknown)
	}
	return text, nil
}
