package config

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/caso-project/caso/core/config/oslo"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Override is a value from the command line, which wins over all files.
type Override struct {
	Section, Name string
	// Value is written as a file would have it, but for quotes, which the shell has taken off.
	Value string
	// Flag is how the command line spells it, such as --projects.
	Flag string
}

// Resolve gives every option of a schema its value and says everything that is wrong with them, and with
// the schema. An option whose value is wrong is not set in the settings. That an option has no value is
// no problem yet: see Missing; nor is what nobody reads: see Warnings.
func (f *Files) Resolve(owned []Owned, overrides []Override) (*Settings, []Problem) {
	schema, problems := newSchema(owned)
	r := newResolver(f, schema, overrides)
	for _, k := range schema.order {
		r.value(k)
	}
	return &Settings{files: f, schema: schema, values: r.values}, append(problems, r.sorted()...)
}

// resolver gives values to options, each when it is first asked for: options refer to each other.
type resolver struct {
	files     *Files
	schema    *schema
	overrides map[key]Override

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

// sorted is the problems as a person goes through them: by file, as they were read, and line.
func (r *resolver) sorted() []Problem {
	sortProblems(r.files, r.problems)
	return r.problems
}

func sortProblems(files *Files, problems []Problem) {
	paths := files.Paths()
	sort.SliceStable(problems, func(i, j int) bool {
		a, b := slices.Index(paths, problems[i].File), slices.Index(paths, problems[j].File)
		if a != b {
			return a < b
		}
		return problems[i].Line < problems[j].Line
	})
}

// value is the value of an option of the schema; false where it is wrong, which has been said then.
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

// winner is the text that counts for an option, before anything is made of it.
type winner struct {
	text   string
	quote  byte
	origin Origin
}

func (r *resolver) winner(option *pluginv1.Option) (winner, bool) {
	if override, ok := r.overrides[keyOf(option)]; ok {
		return winner{text: override.Value, origin: Origin{Flag: override.Flag}}, true
	}
	for _, file := range slices.Backward(r.files.files) {
		for _, k := range keys(option) {
			if value, ok := file.text.Value(k.section, k.name); ok {
				return winner{value.Text, value.Quote, Origin{File: file.path, Line: value.Line}}, true
			}
		}
	}
	if option.DefaultValue != nil {
		return winner{text: oslo.Text(option.GetDefaultValue())}, true
	}
	return winner{}, false
}

func (r *resolver) resolve(k key) (Value, bool) {
	option := r.schema.options[k]
	value := Value{Option: option.Option, Secret: option.GetSecret()}
	winner, ok := r.winner(option.Option)
	if !ok {
		return value, true
	}
	value.Origin = winner.origin
	expansion := expansion{resolver: r, option: option, origin: winner.origin}
	text, ok := expansion.of(winner.text)
	value.Secret = value.Secret || expansion.secret
	if !ok {
		return value, false
	}
	typed, err := convert(option.Option, text, winner.quote)
	if err != nil {
		shown := quoted(text)
		if value.Secret {
			shown = "the value"
		}
		r.fault(option, winner.origin, "%s %v", shown, err)
		return value, false
	}
	if typed == nil && option.DefaultValue != nil {
		// oslo.config would silently have neither this value nor the default.
		r.fault(option, winner.origin, "the value is empty; give a whole number, or remove the line to have the default, %s", option.GetDefaultValue())
		return value, false
	}
	value.typed, value.IsSet = typed, typed != nil
	return value, true
}

// fault says what is wrong with the value of an option, where that value stands.
func (r *resolver) fault(option *declared, origin Origin, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	switch {
	case origin.Flag != "":
		text = origin.String() + ": " + text
	case origin.File == "":
		text = fmt.Sprintf("in the default that %s declares: %s", strings.Join(option.owners, ", "), text)
	}
	problem := Problem{
		File:    origin.File,
		Line:    origin.Line,
		Section: option.GetSection(),
		Option:  option.GetName(),
		Text:    text,
	}
	// A value may refer to the same option twice.
	if !slices.Contains(r.problems, problem) {
		r.problems = append(r.problems, problem)
	}
}
