package config

import (
	"bufio"
	"io"
	"strings"
)

// WriteReference writes the same as WriteSample in Markdown: a heading for each section, a smaller one
// for each option.
func WriteReference(w io.Writer, owned []Owned) error {
	schema, _ := newSchema(owned)
	lines := bufio.NewWriter(w)
	for i, section := range schema.grouped() {
		if i > 0 {
			printf(lines, "\n")
		}
		printf(lines, "## [%s]\n", section[0].section)
		for _, k := range section {
			option := schema.options[k]
			printf(lines, "\n### %s\n\n", code(k.name))
			if help := strings.TrimSpace(option.GetHelp()); help != "" {
				printf(lines, "%s\n\n", strings.ReplaceAll(help, "\n", "\n\n"))
			}
			if option.GetDefaultValue() != "" {
				printf(lines, "- Default: %s\n", code(option.GetDefaultValue()))
			} else if option.DefaultValue != nil {
				printf(lines, "- Default: empty\n")
			}
			for _, fact := range option.facts() {
				printf(lines, "- %s\n", fact)
			}
		}
	}
	return lines.Flush()
}

// code marks a text as code; one that holds backticks needs more of them around it.
func code(text string) string {
	if strings.Contains(text, "`") {
		return "`` " + text + " ``"
	}
	return "`" + text + "`"
}
