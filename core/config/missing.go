package config

import (
	"fmt"
	"strings"
)

// Missing are the required options that have no value, or an empty one. A run cannot do without them;
// looking at the configuration can.
func (s *Settings) Missing() []Problem {
	var problems []Problem
	for _, k := range s.schema.order {
		option := s.schema.options[k]
		value := s.values[k]
		if !option.GetRequired() || value.wrong || !empty(value.Any()) {
			continue
		}
		text := fmt.Sprintf("it has no value, and %s needs one", strings.Replace(strings.Join(option.owners, ", "), HostOwner, "the host", 1))
		switch paths := s.files.Paths(); {
		case value.Origin.File != "":
		case len(paths) == 0:
			text += "; no configuration file was found, name one with --config-file"
		default:
			text += "; set it in " + printable(paths[len(paths)-1])
		}
		problems = append(problems, Problem{File: value.Origin.File, Line: value.Origin.Line, Section: k.section, Option: k.name, Text: text})
	}
	return problems
}

func empty(value any) bool {
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
