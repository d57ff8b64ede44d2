package config

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode"
)

// passwordInURL finds what a URL holds of a password, as in http://user:password@host.
var passwordInURL = regexp.MustCompile(`(://[^/?#\s:@]*:)[^/?#\s@]+@`)

// hidden stands for a secret that is set.
const hidden = "***"

// Map is all settings by section and option, for JSON: strings, lists, booleans and numbers, and nil
// where an option is not set. Unless they are to be revealed, secrets are replaced.
func (s *Settings) Map(reveal bool) map[string]map[string]any {
	sections := make(map[string]map[string]any, len(s.schema.sections))
	for _, k := range s.schema.order {
		if sections[k.section] == nil {
			sections[k.section] = make(map[string]any)
		}
		sections[k.section][k.name] = s.values[k].shown(reveal)
	}
	return sections
}

func (v Value) shown(reveal bool) any {
	if text, ok := v.Any().(string); ok && !reveal && !v.Secret {
		return passwordInURL.ReplaceAllString(text, "${1}"+hidden+"@")
	}
	if v.IsSet && v.Secret && !reveal {
		return hidden
	}
	return v.Any()
}

// WriteSettings writes all settings for people, each in a line with where it comes from.
func (s *Settings) WriteSettings(w io.Writer, reveal bool) error {
	lines := bufio.NewWriter(w)
	for _, section := range s.schema.grouped() {
		for _, k := range section {
			value := s.values[k]
			if !value.IsSet {
				printf(lines, "%v is not set\n", k)
				continue
			}
			printf(lines, "%v = %s  (%v)\n", k, written(value.shown(reveal)), value.Origin)
		}
	}
	return lines.Flush()
}

// printf writes to a buffer that keeps the first error until it is flushed.
func printf(w *bufio.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(w, format, args...)
}

// written is a value in a line, quoted where it would not be clear otherwise.
func written(value any) string {
	switch typed := value.(type) {
	case string:
		return plain(typed)
	case []string:
		if len(typed) == 0 {
			return "(empty)"
		}
		items := make([]string, len(typed))
		for i, item := range typed {
			items[i] = plain(item)
		}
		return strings.Join(items, ", ")
	}
	return fmt.Sprint(value)
}

func plain(text string) string {
	if text == "" || strings.TrimFunc(text, unicode.IsSpace) != text {
		return fmt.Sprintf("%q", text)
	}
	return printable(text)
}

// grouped is the options by section: DEFAULT first, the others as they came.
func (s *schema) grouped() [][]key {
	index := map[string]int{"DEFAULT": 0}
	groups := make([][]key, 1)
	for _, k := range s.order {
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
