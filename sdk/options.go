package sdk

import (
	"context"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Description is what a plugin says of itself; the SDK adds its kind.
type Description struct {
	// Name is the NAME in caso-extractor-NAME or caso-messenger-NAME.
	Name string
	// Version is the plugin's own, for people.
	Version string
	// RecordTypes are those that an extractor emits or a messenger takes.
	RecordTypes []pluginv1.RecordType
	// Options are the settings it wants; it is given no others.
	Options []*pluginv1.Option
}

// Plugin is what an Extractor and a Messenger have in common.
type Plugin interface {
	// Describe says what the plugin is. It is called before Configure and touches nothing.
	Describe() Description
	// Configure takes the settings and says what is wrong with them. It opens no connection: settings
	// are checked also where the cloud or the receiver cannot be reached.
	Configure(ctx context.Context, config Config) []*pluginv1.Diagnostic
}

// Closer is implemented by plugins that have something to finish before their process ends.
type Closer interface {
	Close(ctx context.Context) error
}

// Config is the settings that a plugin was given: those options of its Description that are set or
// have a default. The zero value holds none.
type Config struct {
	// Instance is the name by which the configuration calls the plugin: its own, or another that
	// the host knows for it.
	Instance string

	values map[option]*pluginv1.OptionValue
}

type option struct{ section, name string }

// NewConfig makes the settings of an instance from the contract's values.
func NewConfig(instance string, values []*pluginv1.OptionValue) Config {
	config := Config{Instance: instance, values: make(map[option]*pluginv1.OptionValue, len(values))}
	for _, value := range values {
		config.values[option{value.GetOption().GetSection(), value.GetOption().GetName()}] = value
	}
	return config
}

// IsSet says whether the option has a value.
func (c Config) IsSet(section, name string) bool {
	_, ok := c.values[option{section, name}]
	return ok
}

// String is the value of a string option, empty where it has none.
func (c Config) String(section, name string) string {
	return c.values[option{section, name}].GetStringValue()
}

// List is the value of a list option, empty where it has none.
func (c Config) List(section, name string) []string {
	return c.values[option{section, name}].GetListValue().GetItems()
}

// Bool is the value of a boolean option, false where it has none.
func (c Config) Bool(section, name string) bool {
	return c.values[option{section, name}].GetBooleanValue()
}

// Int is the value of an integer option, 0 where it has none.
func (c Config) Int(section, name string) int64 {
	return c.values[option{section, name}].GetIntegerValue()
}
