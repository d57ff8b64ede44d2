package config

import (
	"strings"

	"github.com/caso-project/caso/core/config/oslo"
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
				if d := edits(name, known.name); d < distance {
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

// edits is how many letters must be changed, added, removed or swapped with their neighbour to make one
// name of another.
func edits(a, b string) int {
	const longest = 100 // No option's name is; a key of a file may be.
	if len(a) > longest || len(b) > longest {
		return longest
	}
	above, row := make([]int, len(b)+1), make([]int, len(b)+1)
	before := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, above, row = above, row, before
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(b)]
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
