package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/caso-project/caso/core/config/oslo"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Owned is an option and who declares it: "host", or a plugin as "extractor-NAME" or "messenger-NAME".
type Owned struct {
	Owner  string
	Option *pluginv1.Option
}

// Own makes Owned of an owner's options.
func Own(owner string, options []*pluginv1.Option) []Owned {
	owned := make([]Owned, len(options))
	for i, option := range options {
		owned[i] = Owned{owner, option}
	}
	return owned
}

// key names an option, or a key of a file.
type key struct{ section, name string }

func (k key) String() string { return "[" + k.section + "] " + k.name }

func keyOf(option *pluginv1.Option) key { return key{option.GetSection(), option.GetName()} }

// keys are where an option's value is looked for in one file, best first.
func keys(option *pluginv1.Option) []key {
	all := []key{keyOf(option)}
	for _, old := range option.GetOldNames() {
		all = append(all, key{old.GetSection(), old.GetName()})
	}
	return all
}

// schema is the options of all owners, each once.
type schema struct {
	order    []key
	options  map[key]*declared
	sections map[string]bool
}

type declared struct {
	*pluginv1.Option
	owners []string
}

func newSchema(owned []Owned) (*schema, []Problem) {
	s := &schema{options: make(map[key]*declared), sections: make(map[string]bool)}
	var problems []Problem
	for _, o := range owned {
		if fault := fault(o.Option); fault != "" {
			problems = append(problems, Problem{Section: o.Option.GetSection(), Option: o.Option.GetName(),
				Text: fmt.Sprintf("%s declares this option wrongly: %s; report it to the plugin's author", o.Owner, fault)})
			continue
		}
		k := keyOf(o.Option)
		first, ok := s.options[k]
		switch {
		case !ok:
			s.order = append(s.order, k)
			s.options[k] = &declared{o.Option, []string{o.Owner}}
			s.sections[k.section] = true
		case slices.Contains(first.owners, o.Owner):
		case !agree(first.Option, o.Option):
			problems = append(problems, Problem{Section: k.section, Option: k.name,
				Text: fmt.Sprintf("%s and %s declare this option differently; the two plugins cannot be used together", first.owners[0], o.Owner)})
		default:
			first.owners = append(first.owners, o.Owner)
		}
	}
	return s, append(problems, s.leaks()...)
}

// agree says whether two declarations of an option are the same but for the help.
func agree(a, b *pluginv1.Option) bool {
	a, b = proto.Clone(a).(*pluginv1.Option), proto.Clone(b).(*pluginv1.Option)
	a.Help, b.Help = "", ""
	return proto.Equal(a, b)
}

// leaks finds messengers that would be given a secret of an extractor, or the other way round: by
// declaring its option, or by naming it as an old name of their own.
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
	for _, wanted := range keys(option.Option) {
		secret, ok := s.options[wanted]
		if !ok || !secret.GetSecret() {
			continue
		}
		// The one that came last is the one to blame.
		for _, owner := range slices.Backward(option.owners) {
			for _, other := range secret.owners {
				if kind(owner) != kind(other) {
					return fmt.Sprintf("%s declares an option that gives it %v, a secret of %s; a messenger and an extractor share no secrets", owner, wanted, other)
				}
			}
		}
	}
	return ""
}

func kind(owner string) string {
	before, _, _ := strings.Cut(owner, "-")
	return before
}

var (
	sectionPattern = regexp.MustCompile(`^(DEFAULT|[a-z0-9_][a-z0-9_.-]*)$`)
	namePattern    = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)
)

// fault is what is wrong with a declaration, empty if nothing is.
func fault(option *pluginv1.Option) string {
	text := option.GetType() == pluginv1.OptionType_OPTION_TYPE_STRING || option.GetType() == pluginv1.OptionType_OPTION_TYPE_LIST
	integer := option.GetType() == pluginv1.OptionType_OPTION_TYPE_INTEGER
	switch {
	case !sectionPattern.MatchString(option.GetSection()) || option.GetSection() == strings.ToLower(oslo.DefaultSection):
		return "a section is DEFAULT, or lower-case letters, digits, '_', '-' and '.'"
	case !namePattern.MatchString(option.GetName()):
		return "a name is lower-case letters, digits and '_'"
	case !text && !integer && option.GetType() != pluginv1.OptionType_OPTION_TYPE_BOOLEAN:
		return "it has a type that this caso does not know"
	case strings.ContainsAny(option.GetDefaultValue(), "\r\n"):
		return "a default has one line"
	case len(option.GetChoices()) > 0 && !text:
		return "choices are for strings and lists"
	case (option.Minimum != nil || option.Maximum != nil) && !integer:
		return "minimum and maximum are for integers"
	case option.Minimum != nil && option.Maximum != nil && option.GetMinimum() > option.GetMaximum():
		return "its minimum is greater than its maximum"
	}
	return ""
}
