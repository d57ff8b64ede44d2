package config

import (
	"fmt"
	"strings"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Origin is where a value comes from.
type Origin struct {
	// File and Line are set where a file has it.
	File string
	Line int
	// Flag is set where the command line has it, such as --projects.
	Flag string
}

// String is FILE:LINE, "--FLAG on the command line", or "default".
func (o Origin) String() string {
	switch {
	case o.Flag != "":
		return o.Flag + " on the command line"
	case o.File != "":
		return fmt.Sprintf("%s:%d", printable(o.File), o.Line)
	}
	return "default"
}

// Value is the value of an option, or that it has none.
type Value struct {
	Option *pluginv1.Option
	Origin Origin
	// IsSet: the configuration or a default gives it a value, if only an empty one.
	IsSet bool
	// Secret: it must not be shown. The option is a secret, or its value refers to one.
	Secret bool

	typed any // string, []string, bool or int64
	wrong bool
}

// Any is the value as string, []string, bool or int64; nil where it is not set.
func (v Value) Any() any {
	if !v.IsSet {
		return nil
	}
	return v.typed
}

// Settings are the values of all options of a schema.
type Settings struct {
	files  *Files
	schema *schema
	values map[key]Value
}

// Lookup is the value of an option; false where nobody declares it.
func (s *Settings) Lookup(section, name string) (Value, bool) {
	value, ok := s.values[key{section, name}]
	return value, ok
}

// IsSet says whether an option has a value.
func (s *Settings) IsSet(section, name string) bool {
	return s.values[key{section, name}].IsSet
}

// String is the value of a string option, empty where it has none.
func (s *Settings) String(section, name string) string {
	text, _ := s.values[key{section, name}].Any().(string)
	return text
}

// List is the value of a list option, empty where it has none.
func (s *Settings) List(section, name string) []string {
	items, _ := s.values[key{section, name}].Any().([]string)
	return items
}

// Bool is the value of a boolean option, false where it has none.
func (s *Settings) Bool(section, name string) bool {
	yes, _ := s.values[key{section, name}].Any().(bool)
	return yes
}

// Int is the value of an integer option, 0 where it has none.
func (s *Settings) Int(section, name string) int64 {
	number, _ := s.values[key{section, name}].Any().(int64)
	return number
}

// Values are what a plugin is configured with: of the options that it declared, those that have a value.
func (s *Settings) Values(options []*pluginv1.Option) []*pluginv1.OptionValue {
	var values []*pluginv1.OptionValue
	for _, option := range options {
		value := &pluginv1.OptionValue{Option: &pluginv1.OptionRef{Section: option.GetSection(), Name: option.GetName()}}
		switch typed := s.values[keyOf(option)].Any().(type) {
		case string:
			value.Value = &pluginv1.OptionValue_StringValue{StringValue: typed}
		case []string:
			value.Value = &pluginv1.OptionValue_ListValue{ListValue: &pluginv1.StringList{Items: typed}}
		case bool:
			value.Value = &pluginv1.OptionValue_BooleanValue{BooleanValue: typed}
		case int64:
			value.Value = &pluginv1.OptionValue_IntegerValue{IntegerValue: typed}
		default:
			continue
		}
		values = append(values, value)
	}
	return values
}

// Locate says where an option's value comes from: FILE:LINE, a flag of the command line, "default", or
// "not set".
func (s *Settings) Locate(ref *pluginv1.OptionRef) string {
	value := s.values[key{ref.GetSection(), ref.GetName()}]
	if !value.IsSet && value.Origin == (Origin{}) {
		return "not set"
	}
	return value.Origin.String()
}

// Diagnosed makes a problem of what a plugin says of its settings: it knows the option, and the host
// knows the file and the line.
func (s *Settings) Diagnosed(d *pluginv1.Diagnostic) Problem {
	origin := s.values[key{d.GetOption().GetSection(), d.GetOption().GetName()}].Origin
	problem := Problem{
		File:    origin.File,
		Line:    origin.Line,
		Section: d.GetOption().GetSection(),
		Option:  d.GetOption().GetName(),
		Text:    d.GetSummary(),
	}
	if d.GetDetail() != "" {
		problem.Text = strings.TrimRight(problem.Text, ". ") + ". " + d.GetDetail()
	}
	if origin.Flag != "" {
		problem.Text = origin.String() + ": " + problem.Text
	}
	if d.GetSeverity() > pluginv1.Diagnostic_SEVERITY_ERROR {
		problem.Severity = Warning
	}
	return problem
}

// Secrets are the values that must not be shown.
func (s *Settings) Secrets() []string {
	var secrets []string
	for _, k := range s.schema.order {
		value := s.values[k]
		if !value.IsSet || !value.Secret {
			continue
		}
		switch typed := value.Any().(type) {
		case string:
			secrets = append(secrets, typed)
		case []string:
			secrets = append(secrets, typed...)
		}
	}
	return secrets
}
