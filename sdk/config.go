package sdk

import (
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Config is the settings of a plugin instance: those of its declared options that are set or have a
// default. The zero value has none.
type Config struct {
	// Instance is the name of the instance in the configuration: the plugin's name or an alias of it,
	// either followed by @ and an overlay.
	Instance string

	values map[optionKey]*pluginv1.OptionValue
}

type optionKey struct{ section, name string }

// NewConfig returns the settings of an instance from values in the form of the contract.
func NewConfig(instance string, values []*pluginv1.OptionValue) Config {
	config := Config{Instance: instance, values: make(map[optionKey]*pluginv1.OptionValue, len(values))}
	for _, value := range values {
		config.values[optionKey{value.GetOption().GetSection(), value.GetOption().GetName()}] = value
	}
	return config
}

// IsSet reports whether the option has a value.
func (c Config) IsSet(section, name string) bool {
	_, ok := c.values[optionKey{section, name}]
	return ok
}

// String returns the value of a string option, or "" if it has none.
func (c Config) String(section, name string) string {
	return c.values[optionKey{section, name}].GetStringValue()
}

// List returns the value of a list option, or nil if it has none.
func (c Config) List(section, name string) []string {
	return c.values[optionKey{section, name}].GetListValue().GetItems()
}

// Bool returns the value of a boolean option, or false if it has none.
func (c Config) Bool(section, name string) bool {
	return c.values[optionKey{section, name}].GetBooleanValue()
}

// Int returns the value of an integer option, or 0 if it has none.
func (c Config) Int(section, name string) int64 {
	return c.values[optionKey{section, name}].GetIntegerValue()
}
