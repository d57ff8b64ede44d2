package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/caso-project/caso/core/config/oslo"
	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Override is a value that wins over all files. Of several for one option the last one counts.
type Override struct {
	Section, Name string
	// Value is written as in a file, but without quotes, which the shell has removed.
	Value string
	// Flag is its name on the command line, such as --projects.
	Flag string
	// Variable is its name in the environment, such as OS_DEFAULT__PROJECTS.
	Variable string
}

// Resolve gives every option its value, for the host and for each instance, and returns everything
// that is wrong with the values and the declarations. An option with a wrong value is not set in
// the settings. Settings has what else can be wrong: Missing, Warnings.
func (f *Files) Resolve(plugins Plugins, options []Owned, overrides []Override) (*Settings, []Problem) {
	schema, problems := newSchema(options)
	problems = append(problems, f.overlayProblems(schema)...)
	views := newResolvers(f, schema, overrides, plugins)
	for _, k := range schema.order {
		views.plain.value(k)
		for _, instance := range plugins.instances() {
			if instance.uses(schema.options[k]) {
				views.overlays[instance.Overlay].value(k)
				views.forInstance(instance).value(k)
			}
		}
	}
	problems = append(problems, views.problems()...)
	sortProblems(f, problems)
	return newSettings(f, schema, plugins, views), problems
}

// overlayProblems returns an error for each option that exists once and stands in the section of an
// overlay.
func (f *Files) overlayProblems(schema *schema) []Problem {
	var problems []Problem
	for _, file := range f.files {
		for _, section := range file.text.Sections() {
			plain, _, overlaid := strings.Cut(section, "@")
			if !overlaid {
				continue
			}
			for _, name := range file.text.Keys(section) {
				option := schema.known[key{plain, name}]
				if option == nil || !existsOnce(option) {
					continue
				}
				value, _ := file.text.Value(section, name)
				problems = append(problems, Problem{File: file.path, Line: value.Line, Section: section, Option: name,
					Text: fmt.Sprintf("this option exists once and cannot be set in an overlay; move it to [%s]", plain)})
			}
		}
	}
	return problems
}

// resolvers are the resolvers of all views: one without overlay, one for each overlay, and one for
// each instance whose alias presets options.
type resolvers struct {
	plain *resolver
	// overlays has the plain one under the empty name.
	overlays map[string]*resolver
	preset   map[string]*resolver
	all      []*resolver
}

func newResolvers(files *Files, schema *schema, overrides []Override, plugins Plugins) *resolvers {
	plain := newResolver(files, schema, overrides)
	rs := &resolvers{plain: plain, overlays: map[string]*resolver{"": plain}, preset: make(map[string]*resolver), all: []*resolver{plain}}
	for _, overlay := range plugins.overlays() {
		r := newResolver(files, schema, overrides)
		r.base, r.name, r.overlay = plain, "overlay "+overlay, overlay
		rs.overlays[overlay] = r
		rs.all = append(rs.all, r)
	}
	for _, instance := range plugins.instances() {
		presets := instance.presets()
		if len(presets) == 0 {
			continue
		}
		r := newResolver(files, schema, overrides)
		r.base, r.name, r.overlay, r.presets = rs.overlays[instance.Overlay], instance.String(), instance.Overlay, presets
		rs.preset[instance.String()] = r
		rs.all = append(rs.all, r)
	}
	return rs
}

func (rs *resolvers) forInstance(instance Instance) *resolver {
	if r, ok := rs.preset[instance.String()]; ok {
		return r
	}
	return rs.overlays[instance.Overlay]
}

// problems returns the problems of all resolvers, each once.
func (rs *resolvers) problems() []Problem {
	var problems []Problem
	for _, r := range rs.all {
		problems = Join(problems, r.problems)
	}
	return problems
}

// resolver gives options the values that they have in one view, each when it is first needed:
// options refer to each other.
type resolver struct {
	files     *Files
	schema    *schema
	overrides map[key]Override
	// overlay, if not empty, is the overlay whose sections are read first.
	overlay string
	// presets win over everything.
	presets []preset
	// base is the view that this one changes, named name. Nil for the plain view.
	base *resolver
	name string

	values   map[key]Value
	stack    []key
	problems []Problem
}

func newResolver(files *Files, schema *schema, overrides []Override) *resolver {
	r := &resolver{
		files:     files,
		schema:    schema,
		overrides: make(map[key]Override, len(overrides)),
		values:    make(map[key]Value, len(schema.order)),
	}
	for _, override := range overrides {
		r.overrides[key{override.Section, override.Name}] = override
	}
	return r
}

// value returns the value of an option of the schema; false if it is wrong, which was then
// reported.
func (r *resolver) value(k key) (Value, bool) {
	if value, ok := r.values[k]; ok {
		return value, !value.wrong
	}
	r.stack = append(r.stack, k)
	value, ok := r.resolve(k)
	r.stack = r.stack[:len(r.stack)-1]
	value.wrong = !ok
	r.values[k] = value
	return value, ok
}

// winner is the text that counts for an option, before it is expanded and converted.
type winner struct {
	text   string
	quote  byte
	origin Origin
}

// winner looks in the presets, in the overrides, in the overlay's sections of all files, in the
// plain sections, and takes the default otherwise.
func (r *resolver) winner(option *declared) (winner, bool) {
	k := keyOf(option.Option)
	for _, preset := range r.presets {
		if preset.key() == k {
			return winner{text: preset.value, origin: Origin{preset: r.name}}, true
		}
	}
	if override, ok := r.overrides[k]; ok {
		return winner{text: override.Value, origin: Origin{Flag: override.Flag, Variable: override.Variable}}, true
	}
	if r.overlay != "" && !existsOnce(option) {
		if found, ok := r.winnerInFiles(option, r.overlay); ok {
			return found, true
		}
	}
	if found, ok := r.winnerInFiles(option, ""); ok {
		return found, true
	}
	if option.DefaultValue != nil {
		return winner{text: oslo.Text(option.GetDefaultValue())}, true
	}
	return winner{}, false
}

func (r *resolver) winnerInFiles(option *declared, overlay string) (winner, bool) {
	for _, file := range slices.Backward(r.files.files) {
		for _, k := range keysOf(option.Option) {
			if value, ok := file.text.Value(overlaySection(k.section, overlay), k.name); ok {
				return winner{value.Text, value.Quote, Origin{File: file.path, Line: value.Line, overlay: overlay}}, true
			}
		}
	}
	return winner{}, false
}

func (r *resolver) resolve(k key) (Value, bool) {
	option := r.schema.options[k]
	value := Value{Option: option.Option, Secret: option.GetSecret()}
	winner, ok := r.winner(option)
	if !ok {
		return value, true
	}
	value.Origin = winner.origin
	expansion := expansion{resolver: r, option: option, origin: winner.origin}
	text, ok := expansion.expand(winner.text)
	value.Secret = value.Secret || expansion.secret
	if !ok {
		return value, false
	}
	typed, err := convert(option.Option, text, winner.quote)
	if err != nil {
		shown := ""
		if !value.Secret {
			shown = " " + quoted(text)
		}
		r.faultf(option, winner.origin, "invalid value%s: %v", shown, err)
		return value, false
	}
	if typed == nil && option.DefaultValue != nil {
		// oslo.config would have neither this value nor the default, without an error.
		r.faultf(option, winner.origin, "empty value; give a whole number, or remove the line to get the default, %s", option.GetDefaultValue())
		return value, false
	}
	value.typed, value.IsSet = typed, typed != nil
	return value, true
}

// faultf reports what is wrong with the value of an option, at the place of that value.
func (r *resolver) faultf(option *declared, origin Origin, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	switch {
	case origin.File != "":
	case origin == (Origin{}):
		text = fmt.Sprintf("default declared by %s: %s", strings.Join(option.owners, ", "), text)
	default:
		text = origin.String() + ": " + text
	}
	problem := Problem{
		File:    origin.File,
		Line:    origin.Line,
		Section: overlaySection(option.GetSection(), origin.overlay),
		Option:  option.GetName(),
		Text:    text,
	}
	if r.faultIsOfView(option, origin, problem) {
		problem.Text = r.name + ": " + text
	}
	// A value may refer to the same option twice.
	if !slices.Contains(r.problems, problem) {
		r.problems = append(r.problems, problem)
	}
}

// faultIsOfView reports whether a value that other views have too is wrong in this one only,
// because of what it refers to.
func (r *resolver) faultIsOfView(option *declared, origin Origin, problem Problem) bool {
	if r.base == nil || origin.overlay != "" {
		return false
	}
	winner, _ := r.winner(option)
	return strings.Contains(winner.text, "$") && !r.base.reported(problem)
}

func (r *resolver) reported(problem Problem) bool {
	return slices.Contains(r.problems, problem) || r.base != nil && r.base.reported(problem)
}

// convert converts a text to the type of an option; to nil for an integer of which there are only
// blanks. The error does not quote the text.
func convert(option *pluginv1.Option, text string, quote byte) (any, error) {
	switch option.GetType() {
	case typeList:
		items, err := oslo.List(text, quote)
		if err != nil {
			return nil, err
		}
		for _, item := range items {
			if err := contract.CheckChoice(option, item); err != nil {
				return nil, fmt.Errorf("each item %w", err)
			}
		}
		return items, nil
	case typeBoolean:
		boolean, err := oslo.Bool(text)
		if err != nil {
			return nil, err
		}
		return boolean, nil
	case typeInteger:
		number, set, err := oslo.Int(text)
		if err != nil || !set {
			return nil, err
		}
		return number, contract.CheckBounds(option, number)
	}
	return text, contract.CheckChoice(option, text)
}
