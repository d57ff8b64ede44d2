package config

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode"
)

// passwordInURL matches the password in a URL, as in http://user:password@host.
var passwordInURL = regexp.MustCompile(`(://[^/?#\s:@]*:)[^/?#\s@]+@`)

// hidden replaces a secret that is set.
const hidden = "***"

// Map returns all settings by section and option, for JSON: strings, lists, booleans and numbers,
// and nil for an option that is not set. The settings of an overlay are in sections of their own,
// SECTION@OVERLAY. Secrets are replaced unless reveal is set.
func (s *Settings) Map(reveal bool) map[string]map[string]any {
	sections := make(map[string]map[string]any, len(s.schema.sections))
	for _, overlay := range s.overlays() {
		for _, group := range s.groups(overlay) {
			options := make(map[string]any, len(group))
			for _, k := range group {
				options[k.name] = s.values[overlay][k].shown(reveal)
			}
			sections[overlaySection(group[0].section, overlay)] = options
		}
	}
	return sections
}

// groups returns the options that an overlay has values for, by section: all without overlay, else
// those that its instances use.
func (s *Settings) groups(overlay string) [][]key {
	return s.schema.groups(func(option *declared) bool { return overlay == "" || s.plugins.use(option, overlay) })
}

// MaskURLPasswords returns a text in which the password of every URL is replaced.
func MaskURLPasswords(text string) string {
	return passwordInURL.ReplaceAllString(text, "${1}"+hidden+"@")
}

func (v Value) shown(reveal bool) any {
	if text, ok := v.Any().(string); ok && !reveal && !v.Secret {
		return MaskURLPasswords(text)
	}
	if v.IsSet && v.Secret && !reveal {
		return hidden
	}
	return v.Any()
}

// WriteSettings writes all settings as text, each in a line with where it comes from, in the order
// of Map with the overlays last.
func (s *Settings) WriteSettings(w io.Writer, reveal bool) error {
	lines := bufio.NewWriter(w)
	for _, overlay := range s.overlays() {
		for _, group := range s.groups(overlay) {
			for _, k := range group {
				value := s.values[overlay][k]
				k.section = overlaySection(k.section, overlay)
				if !value.IsSet {
					printf(lines, "%v is not set\n", k)
					continue
				}
				printf(lines, "%v = %s  (%v)\n", k, valueText(value.shown(reveal)), value.Origin)
			}
		}
	}
	return lines.Flush()
}

// printf writes to a buffer, which keeps the first error until Flush.
func printf(w *bufio.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(w, format, args...)
}

// valueText returns a value in one line, quoted where it would be ambiguous otherwise.
func valueText(value any) string {
	switch typed := value.(type) {
	case string:
		return itemText(typed)
	case []string:
		if len(typed) == 0 {
			return "(empty)"
		}
		items := make([]string, len(typed))
		for i, item := range typed {
			items[i] = itemText(item)
		}
		return strings.Join(items, ", ")
	}
	return fmt.Sprint(value)
}

func itemText(text string) string {
	if text == "" || strings.TrimFunc(text, unicode.IsSpace) != text {
		return fmt.Sprintf("%q", text)
	}
	return quoteUnprintable(text)
}
