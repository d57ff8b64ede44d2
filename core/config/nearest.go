package config

import (
	"strings"

	"github.com/caso-project/caso/core/config/oslo"
	"github.com/caso-project/caso/core/spelling"
)

// hint is " (did you mean NAME?)", or nothing where no option is near.
func (s *schema) hint(wanted key, spell func(key) string) string {
	nearest, ok := s.nearest(wanted)
	if !ok {
		return ""
	}
	return " (did you mean " + spell(nearest) + "?)"
}

// nearest is the option that a person probably meant: one whose name is nearly the same in the same
// section, or exactly the same in another.
func (s *schema) nearest(wanted key) (key, bool) {
	name := strings.ReplaceAll(strings.ToLower(wanted.name), "-", "_")
	const far = 100
	best, distance := key{}, far
	for _, k := range s.order {
		for _, known := range keys(s.options[k].Option) {
			if known.section == wanted.section {
				if d := spelling.Distance(name, known.name); d < distance {
					best, distance = k, d
				}
			}
		}
	}
	if distance <= 1 && len(name) > 2 {
		return best, true
	}
	for _, k := range s.order {
		if k.name == name {
			return k, true
		}
	}
	return best, distance <= min(3, len(name)/3)
}

// ref is how an option is told of beside another: without the section where it is the same.
func ref(from string) func(key) string {
	return func(k key) string {
		if k.section == from && from != oslo.DefaultSection {
			return k.name
		}
		return k.String()
	}
}
