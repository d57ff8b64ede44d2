package sdk

import (
	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Option declares one setting of a plugin. Its methods return a changed copy:
//
//	sdk.StringOption("lines", "path", "The file to append to.").Required()
//
// Use a section with the plugin's name. The help is one or more whole sentences, with the unit.
type Option struct{ declaration *pluginv1.Option }

// StringOption declares an option whose value is a string.
func StringOption(section, name, help string) Option {
	return newOption(pluginv1.OptionType_OPTION_TYPE_STRING, section, name, help)
}

// ListOption declares an option whose value is a list of strings, separated by commas.
func ListOption(section, name, help string) Option {
	return newOption(pluginv1.OptionType_OPTION_TYPE_LIST, section, name, help)
}

// BoolOption declares an option whose value is true or false.
func BoolOption(section, name, help string) Option {
	return newOption(pluginv1.OptionType_OPTION_TYPE_BOOLEAN, section, name, help)
}

// IntOption declares an option whose value is a whole number.
func IntOption(section, name, help string) Option {
	return newOption(pluginv1.OptionType_OPTION_TYPE_INTEGER, section, name, help)
}

func newOption(t pluginv1.OptionType, section, name, help string) Option {
	return Option{&pluginv1.Option{Section: section, Name: name, Type: t, Help: help}}
}

func (o Option) with(change func(*pluginv1.Option)) Option {
	declaration := proto.CloneOf(o.declaration)
	change(declaration)
	return Option{declaration}
}

// Default sets the value that the option has where the configuration has none, as a file would
// write it: $name is the value of another option.
func (o Option) Default(text string) Option {
	return o.with(func(d *pluginv1.Option) { d.DefaultValue = &text })
}

// Required makes a configuration without a value invalid. A required option has no default.
func (o Option) Required() Option { return o.with(func(d *pluginv1.Option) { d.Required = true }) }

// Secret keeps the value from being printed or logged. A secret has no default.
func (o Option) Secret() Option { return o.with(func(d *pluginv1.Option) { d.Secret = true }) }

// Choices sets the allowed values of a string, or of the items of a list.
func (o Option) Choices(values ...string) Option {
	return o.with(func(d *pluginv1.Option) { d.Choices = values })
}

// Min sets the smallest allowed value of an integer.
func (o Option) Min(value int64) Option {
	return o.with(func(d *pluginv1.Option) { d.Minimum = &value })
}

// Max sets the largest allowed value of an integer.
func (o Option) Max(value int64) Option {
	return o.with(func(d *pluginv1.Option) { d.Maximum = &value })
}

// OldName adds a former name of the option, so that older configurations keep working.
func (o Option) OldName(section, name string) Option {
	return o.with(func(d *pluginv1.Option) {
		d.OldNames = append(d.OldNames, &pluginv1.OptionRef{Section: section, Name: name})
	})
}

// Section returns the option's section.
func (o Option) Section() string { return o.declaration.GetSection() }

// Name returns the option's name.
func (o Option) Name() string { return o.declaration.GetName() }

// Proto returns the declaration in the form of the contract.
func (o Option) Proto() *pluginv1.Option { return proto.CloneOf(o.declaration) }
