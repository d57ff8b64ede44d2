package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/caso-project/caso/core/config/oslo"
	"github.com/caso-project/caso/core/spelling"
	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Owned is an option with its owner: HostOwner, or the Owner of a plugin's instances.
type Owned struct {
	Owner  string
	Option *pluginv1.Option
}

// Own returns options as Owned by one owner.
func Own(owner string, options []*pluginv1.Option) []Owned {
	owned := make([]Owned, len(options))
	for i, option := range options {
		owned[i] = Owned{owner, option}
	}
	return owned
}

// key is the name of an option, or of a key in a file.
type key struct{ section, name string }

func (k key) String() string { return contract.OptionName(k.section, k.name) }

func keyOf(option *pluginv1.Option) key { return key{option.GetSection(), option.GetName()} }

// keysOf returns the keys that an option is read from in one file, best first: its name, its old
// names.
func keysOf(option *pluginv1.Option) []key {
	all := []key{keyOf(option)}
	for _, old := range option.GetOldNames() {
		all = append(all, key{old.GetSection(), old.GetName()})
	}
	return all
}

// overlaySection returns the section that an overlay has for a section.
func overlaySection(section, overlay string) string {
	if overlay == "" {
		return section
	}
	return section + "@" + overlay
}

// schema holds the options of all owners, each once.
type schema struct {
	order    []key
	options  map[key]*declared
	sections map[string]bool
	// known holds the options by their names and their old names. A name wins over an old name.
	known map[key]*declared
}

// declared is an option with all who declare it.
type declared struct {
	*pluginv1.Option
	owners []string
}

func newSchema(owned []Owned) (*schema, []Problem) {
	s := &schema{options: make(map[key]*declared), sections: make(map[string]bool), known: make(map[key]*declared)}
	var problems []Problem
	for _, o := range owned {
		k := keyOf(o.Option)
		if !contract.KnownOptionType(o.Option.GetType()) && o.Option.GetType() != pluginv1.OptionType_OPTION_TYPE_UNSPECIFIED {
			problems = append(problems, Problem{Severity: Warning, Section: k.section, Option: k.name,
				Text: fmt.Sprintf("option ignored: %s declares it with type %d, which is unknown to this version of caso", o.Owner, o.Option.GetType())})
			continue
		}
		if wrong := contract.CheckOption(o.Option); len(wrong) > 0 {
			problems = append(problems, Problem{Section: k.section, Option: k.name,
				Text: fmt.Sprintf("invalid declaration by %s: it %s; report this to the author of the plugin", o.Owner, strings.Join(wrong, "; it "))})
			continue
		}
		first, ok := s.options[k]
		if !ok {
			option := &declared{o.Option, []string{o.Owner}}
			s.order = append(s.order, k)
			s.options[k], s.known[k] = option, option
			s.sections[k.section] = true
			continue
		}
		if differences := differences(first.Option, o.Option); differences != "" {
			problems = append(problems, Problem{Section: k.section, Option: k.name, Text: clash(first.owners[0], o.Owner, differences)})
			continue
		}
		if !slices.Contains(first.owners, o.Owner) {
			first.owners = append(first.owners, o.Owner)
		}
	}
	for _, k := range s.order {
		for _, old := range keysOf(s.options[k].Option)[1:] {
			if s.known[old] == nil {
				s.known[old] = s.options[k]
			}
		}
	}
	return s, append(problems, s.leaks()...)
}

func clash(first, second, differences string) string {
	if first == second {
		return fmt.Sprintf("two executables of %s declare this option differently (%s); use one version of the plugin", first, differences)
	}
	return fmt.Sprintf("%s and %s declare this option differently (%s); the two plugins cannot be used together", first, second, differences)
}

// differences returns what differs between two declarations of an option, except for the help.
// Empty if they agree.
func differences(a, b *pluginv1.Option) string {
	var all []string
	compare := func(what, first, second string) {
		if first != second {
			all = append(all, fmt.Sprintf("%s: %s and %s", what, first, second))
		}
	}
	number := func(n *int64) string {
		if n == nil {
			return "none"
		}
		return strconv.FormatInt(*n, 10)
	}
	text := func(option *pluginv1.Option) string {
		if option.DefaultValue == nil {
			return "none"
		}
		return quoted(option.GetDefaultValue())
	}
	oldNames := func(option *pluginv1.Option) string {
		var names []string
		for _, k := range keysOf(option)[1:] {
			names = append(names, k.String())
		}
		return orNone(names)
	}
	compare("type", typeName(a), typeName(b))
	compare("default", text(a), text(b))
	compare("required", strconv.FormatBool(a.GetRequired()), strconv.FormatBool(b.GetRequired()))
	compare("secret", strconv.FormatBool(a.GetSecret()), strconv.FormatBool(b.GetSecret()))
	compare("choices", orNone(a.GetChoices()), orNone(b.GetChoices()))
	compare("minimum", number(a.Minimum), number(b.Minimum))
	compare("maximum", number(a.Maximum), number(b.Maximum))
	compare("old names", oldNames(a), oldNames(b))
	return strings.Join(all, "; ")
}

func orNone(texts []string) string {
	if len(texts) == 0 {
		return "none"
	}
	return strings.Join(texts, ", ")
}

func typeName(option *pluginv1.Option) string {
	return strings.ToLower(strings.TrimPrefix(option.GetType().String(), "OPTION_TYPE_"))
}

// leaks returns a problem for each option by which a messenger would get a secret of an extractor,
// or the reverse: because it declares the option too, or names it as an old name of its own.
func (s *schema) leaks() []Problem {
	var problems []Problem
	for _, k := range s.order {
		if text := s.leak(s.options[k]); text != "" {
			problems = append(problems, Problem{Section: k.section, Option: k.name, Text: text})
		}
	}
	return problems
}

func (s *schema) leak(option *declared) string {
	for _, wanted := range keysOf(option.Option) {
		secret, ok := s.options[wanted]
		if !ok || !secret.GetSecret() {
			continue
		}
		// The owner that declared it last is reported.
		for _, owner := range slices.Backward(option.owners) {
			for _, other := range secret.owners {
				if ownerKind(owner) != ownerKind(other) {
					return fmt.Sprintf("%s declares an option that reads %v, a secret of %s; a messenger and an extractor cannot share a secret", owner, wanted, other)
				}
			}
		}
	}
	return ""
}

// ownerKind returns host, extractor or messenger.
func ownerKind(owner string) string {
	kind, _, _ := strings.Cut(owner, "-")
	return kind
}

// hint returns " (did you mean NAME?)", or nothing if no option is near.
func (s *schema) hint(wanted key, spell func(key) string) string {
	nearest, ok := s.nearest(wanted)
	if !ok {
		return ""
	}
	return didYouMean(spell(nearest))
}

func didYouMean(name string) string { return " (did you mean " + name + "?)" }

// nearest returns the option that was probably meant: one with nearly the same name in the same
// section, or with exactly this name in another.
func (s *schema) nearest(wanted key) (key, bool) {
	name := strings.ReplaceAll(strings.ToLower(wanted.name), "-", "_")
	var names []string
	options := make(map[string]key)
	for _, k := range s.order {
		for _, known := range keysOf(s.options[k].Option) {
			if known.section == wanted.section {
				names = append(names, known.name)
				options[known.name] = k
			}
		}
	}
	near, ok := spelling.Nearest(name, names)
	if ok && len(name) > 2 && spelling.Distance(name, near) <= 1 {
		return options[near], true
	}
	for _, k := range s.order {
		if k.name == name {
			return k, true
		}
	}
	return options[near], ok
}

// relativeTo returns how an option is written beside one of a section: without its section where
// that is the same.
func relativeTo(section string) func(key) string {
	return func(k key) string {
		if k.section == section && section != oslo.DefaultSection {
			return k.name
		}
		return k.String()
	}
}

// groups returns the options by section: DEFAULT first, the others in order of declaration.
func (s *schema) groups(include func(*declared) bool) [][]key {
	index := map[string]int{oslo.DefaultSection: 0}
	groups := make([][]key, 1)
	for _, k := range s.order {
		if !include(s.options[k]) {
			continue
		}
		i, ok := index[k.section]
		if !ok {
			i = len(groups)
			index[k.section] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], k)
	}
	if len(groups[0]) == 0 {
		return groups[1:]
	}
	return groups
}

// hasOptionsOf reports whether an owner declares an option.
func (s *schema) hasOptionsOf(owner string) bool {
	for _, option := range s.options {
		if slices.Contains(option.owners, owner) {
			return true
		}
	}
	return false
}
