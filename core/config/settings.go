package config

import (
	"fmt"
	"slices"
	"strings"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Origin is where a value comes from. The zero Origin is the default.
type Origin struct {
	// File and Line are set for a value of a file.
	File string
	Line int
	// Flag is set for a value of the command line, such as --projects.
	Flag string
	// Variable is set for a value of the environment, such as OS_DEFAULT__PROJECTS.
	Variable string

	// overlay is set for a value of a file that stands in a section of an overlay.
	overlay string
	// preset is the instance whose alias presets the value.
	preset string
}

// String returns FILE:LINE, "--FLAG on the command line", "VARIABLE in the environment", "preset of
// messenger NAME", or "default".
func (o Origin) String() string {
	switch {
	case o.preset != "":
		return "preset of " + o.preset
	case o.Flag != "":
		return o.Flag + " on the command line"
	case o.Variable != "":
		return o.Variable + " in the environment"
	case o.File != "":
		return fmt.Sprintf("%s:%d", quoteUnprintable(o.File), o.Line)
	}
	return "default"
}

// Value is the value of an option, which may be not set.
type Value struct {
	Option *pluginv1.Option
	Origin Origin
	// IsSet reports whether the configuration or a default gives it a value, even an empty one.
	IsSet bool
	// Secret is set for a value that must not be printed: the option is a secret, or the value
	// refers to one.
	Secret bool

	typed any // string, []string, bool or int64
	wrong bool
}

// Any returns the value as string, []string, bool or int64; nil if it is not set.
func (v Value) Any() any {
	if !v.IsSet {
		return nil
	}
	return v.typed
}

// Settings are the values of all options, for the host and for each instance.
type Settings struct {
	files   *Files
	schema  *schema
	plugins Plugins
	// values has the values without overlay under the empty name.
	values map[string]map[key]Value
	host   *View
	views  map[string]*View
}

func newSettings(files *Files, schema *schema, plugins Plugins, resolved *resolvers) *Settings {
	s := &Settings{files: files, schema: schema, plugins: plugins, values: make(map[string]map[key]Value), views: make(map[string]*View)}
	for overlay, r := range resolved.overlays {
		s.values[overlay] = r.values
	}
	s.host = &View{values: s.values[""]}
	for _, instance := range plugins.instances() {
		s.views[instance.String()] = &View{instance: instance, values: resolved.forInstance(instance).values, base: s.host}
	}
	return s
}

// Host returns the settings of the host: those without overlay.
func (s *Settings) Host() *View { return s.host }

// Instance returns the settings of an instance. One that the configuration does not name has those
// of the host.
func (s *Settings) Instance(instance Instance) *View {
	if view, ok := s.views[instance.String()]; ok {
		return view
	}
	return s.host
}

// View has the values of options as the host or one instance reads them.
type View struct {
	instance Instance
	values   map[key]Value
	// base has the values of options that the instance does not use. Nil for the host.
	base *View
}

func (v *View) value(k key) (Value, bool) {
	value, ok := v.values[k]
	if !ok && v.base != nil {
		return v.base.value(k)
	}
	return value, ok
}

func (v *View) any(section, name string) any {
	value, _ := v.value(key{section, name})
	return value.Any()
}

// Lookup returns the value of an option; false if it is not declared.
func (v *View) Lookup(section, name string) (Value, bool) { return v.value(key{section, name}) }

// IsSet reports whether an option has a value.
func (v *View) IsSet(section, name string) bool { return v.any(section, name) != nil }

// String returns the value of a string option, empty if it has none.
func (v *View) String(section, name string) string {
	text, _ := v.any(section, name).(string)
	return text
}

// List returns the value of a list option, empty if it has none.
func (v *View) List(section, name string) []string {
	items, _ := v.any(section, name).([]string)
	return items
}

// Bool returns the value of a boolean option, false if it has none.
func (v *View) Bool(section, name string) bool {
	boolean, _ := v.any(section, name).(bool)
	return boolean
}

// Int returns the value of an integer option, 0 if it has none.
func (v *View) Int(section, name string) int64 {
	number, _ := v.any(section, name).(int64)
	return number
}

// Values returns what a plugin is configured with: those of its options that have a value.
func (v *View) Values(options []*pluginv1.Option) []*pluginv1.OptionValue {
	var values []*pluginv1.OptionValue
	for _, option := range options {
		value := &pluginv1.OptionValue{Option: &pluginv1.OptionRef{Section: option.GetSection(), Name: option.GetName()}}
		switch typed := v.any(option.GetSection(), option.GetName()).(type) {
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

// Locate returns where the value of an option comes from, as Origin.String does, or "not set".
func (v *View) Locate(ref *pluginv1.OptionRef) string {
	value, _ := v.value(key{ref.GetSection(), ref.GetName()})
	if !value.IsSet && value.Origin == (Origin{}) {
		return "not set"
	}
	return value.Origin.String()
}

// Diagnosed returns a plugin's diagnostic about its settings as a Problem, with the place of the
// option.
func (v *View) Diagnosed(d *pluginv1.Diagnostic) Problem {
	ref := d.GetOption()
	value, _ := v.value(key{ref.GetSection(), ref.GetName()})
	origin := value.Origin
	problem := Problem{File: origin.File, Line: origin.Line, Option: ref.GetName(), Text: d.GetSummary()}
	if d.GetDetail() != "" {
		problem.Text = strings.TrimRight(problem.Text, ". ") + ". " + d.GetDetail()
	}
	if origin.File == "" && origin != (Origin{}) {
		problem.Text = origin.String() + ": " + problem.Text
	}
	if ref.GetSection() != "" {
		overlay := origin.overlay
		if origin == (Origin{}) {
			overlay = v.instance.Overlay // where to set it
		}
		problem.Section = overlaySection(ref.GetSection(), overlay)
		if v.instance.Overlay != "" {
			problem.Text = v.instance.String() + ": " + problem.Text
		}
	}
	if d.GetSeverity() > pluginv1.Diagnostic_SEVERITY_ERROR {
		problem.Severity = Warning
	}
	return problem
}

// Secrets returns the values that must not be printed, of the host and of all instances.
func (s *Settings) Secrets() []string {
	var secrets []string
	add := func(secret string) {
		if !slices.Contains(secrets, secret) {
			secrets = append(secrets, secret)
		}
	}
	views := []*View{s.host}
	for _, instance := range s.plugins.instances() {
		views = append(views, s.Instance(instance))
	}
	for _, view := range views {
		for _, k := range s.schema.order {
			value := view.values[k]
			if !value.IsSet || !value.Secret {
				continue
			}
			switch typed := value.Any().(type) {
			case string:
				add(typed)
			case []string:
				for _, item := range typed {
					add(item)
				}
			}
		}
	}
	return secrets
}

// Missing returns an error for each required option that has no value, or an empty one, and for
// each preset of an alias that its plugin does not declare. A run is not possible then; looking at
// the configuration is.
func (s *Settings) Missing() []Problem {
	var problems []Problem
	for _, k := range s.schema.order {
		option := s.schema.options[k]
		if !option.GetRequired() {
			continue
		}
		users := s.users(option)
		for _, overlay := range s.overlays() {
			value := s.values[overlay][k]
			if len(users[overlay]) > 0 && !value.wrong && isEmpty(value.Any()) {
				problems = append(problems, s.missingProblem(option, value.Origin, overlay, users[overlay]))
			}
		}
	}
	return append(problems, s.undeclaredPresets()...)
}

// overlays returns the overlays of all instances, after the empty one.
func (s *Settings) overlays() []string { return append([]string{""}, s.plugins.overlays()...) }

// users returns who uses an option, by overlay. Without overlay they are the owners of the option.
func (s *Settings) users(option *declared) map[string][]string {
	users := make(map[string][]string)
	for _, instance := range s.plugins.instances() {
		if !instance.uses(option) {
			continue
		}
		if instance.Overlay == "" {
			users[""] = option.owners
		} else {
			users[instance.Overlay] = append(users[instance.Overlay], instance.String())
		}
	}
	if len(users) == 0 {
		users[""] = option.owners
	}
	return users
}

func (s *Settings) missingProblem(option *declared, origin Origin, overlay string, users []string) Problem {
	section := overlaySection(option.GetSection(), overlay)
	who := joinOwners(users)
	problem := Problem{File: origin.File, Line: origin.Line, Section: section, Option: option.GetName()}
	switch paths := s.files.Paths(); {
	case origin.File != "":
		problem.Text = "empty, but required by " + who
		problem.Section = overlaySection(option.GetSection(), origin.overlay)
	case len(paths) == 0:
		problem.Text = fmt.Sprintf("not set, but required by %s; no configuration file was found, name one with --config-file", who)
	default:
		problem.Text = fmt.Sprintf("not set, but required by %s; set it in section [%s] of %s", who, section, quoteUnprintable(paths[len(paths)-1]))
	}
	return problem
}

func joinOwners(owners []string) string {
	return strings.Replace(strings.Join(owners, ", "), HostOwner, "the host", 1)
}

func isEmpty(value any) bool {
	switch typed := value.(type) {
	case nil:
		return true
	case string:
		return typed == ""
	case []string:
		return len(typed) == 0
	}
	return false
}

func (s *Settings) undeclaredPresets() []Problem {
	var problems []Problem
	for _, instance := range s.plugins.instances() {
		if !s.schema.hasOptionsOf(instance.Owner()) {
			continue // the plugin did not start
		}
		for _, preset := range instance.presets() {
			if option := s.schema.options[preset.key()]; option == nil || !slices.Contains(option.owners, instance.Owner()) {
				problems = append(problems, Problem{Section: preset.section, Option: preset.option,
					Text: fmt.Sprintf("%s is plugin %s with this option set to %s, but the plugin does not declare it; install another version of the plugin",
						instance, instance.Plugin, preset.value)})
			}
		}
	}
	return problems
}
