package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/caso-project/caso/core/config/oslo"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// convert makes a value of a text, by the option's type; nil for an integer of which only blanks are
// there. An error says what the text is not, without quoting it.
func convert(option *pluginv1.Option, text string, quote byte) (any, error) {
	switch option.GetType() {
	case pluginv1.OptionType_OPTION_TYPE_LIST:
		items, err := oslo.List(text, quote)
		if err != nil {
			return nil, err
		}
		for _, item := range items {
			if err := chosen(option, item); err != nil {
				return nil, err
			}
		}
		return items, nil
	case pluginv1.OptionType_OPTION_TYPE_BOOLEAN:
		yes, err := oslo.Bool(text)
		if err != nil {
			return nil, err
		}
		return yes, nil
	case pluginv1.OptionType_OPTION_TYPE_INTEGER:
		number, set, err := oslo.Int(text)
		if err != nil {
			return nil, err
		}
		if !set {
			return nil, nil
		}
		return number, bounded(option, number)
	}
	return text, chosen(option, text)
}

func chosen(option *pluginv1.Option, text string) error {
	choices := option.GetChoices()
	if len(choices) == 0 || slices.Contains(choices, text) {
		return nil
	}
	what := "is"
	if option.GetType() == pluginv1.OptionType_OPTION_TYPE_LIST {
		what = "has an item that is"
	}
	return fmt.Errorf("%s none of: %s", what, strings.Join(choices, ", "))
}

func bounded(option *pluginv1.Option, number int64) error {
	if option.Minimum != nil && number < option.GetMinimum() {
		return fmt.Errorf("is too small; the least is %d", option.GetMinimum())
	}
	if option.Maximum != nil && number > option.GetMaximum() {
		return fmt.Errorf("is too large; the most is %d", option.GetMaximum())
	}
	return nil
}
