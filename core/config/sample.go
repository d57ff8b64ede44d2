package config

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/caso-project/caso/internal/printable"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// WriteSample writes a configuration file in which every option of a schema is a comment, with its
// default and its help, and after them the sections of the overlays that the plugins have. Invalid
// declarations are left out; Resolve reports them.
func WriteSample(w io.Writer, plugins Plugins, owned []Owned) error {
	schema, _ := newSchema(owned)
	lines := bufio.NewWriter(w)
	comment(lines, "Configuration of caso, in which every option has its default. To change one, remove the # before its name. "+
		"An indented line continues the value above it; write $$ for a dollar sign.")
	for _, group := range schema.groups(func(*declared) bool { return true }) {
		printf(lines, "\n[%s]\n", group[0].section)
		for _, k := range group {
			schema.options[k].writeSample(lines)
		}
	}
	for _, overlay := range plugins.overlays() {
		for i, group := range schema.groups(func(option *declared) bool { return plugins.use(option, overlay) }) {
			printf(lines, "\n")
			if i == 0 {
				comment(lines, fmt.Sprintf("Overlay %s: what is set here wins over the sections above, for %s.", overlay, strings.Join(plugins.named(overlay), ", ")))
			}
			printf(lines, "[%s]\n", overlaySection(group[0].section, overlay))
			for _, k := range group {
				schema.options[k].writeAssignment(lines)
			}
		}
	}
	return lines.Flush()
}

func (d *declared) writeSample(w *bufio.Writer) {
	printf(w, "\n")
	for paragraph := range strings.SplitSeq(strings.TrimSpace(d.GetHelp()), "\n") {
		comment(w, printable.OneLine(paragraph))
	}
	comment(w, strings.Join(d.facts(), " "))
	d.writeAssignment(w)
}

func (d *declared) writeAssignment(w *bufio.Writer) {
	printf(w, "%s\n", strings.TrimRight(printable.OneLine(fmt.Sprintf("#%s = %s", d.GetName(), d.GetDefaultValue())), " "))
}

// WriteReference writes the same options as WriteSample in Markdown: a heading for each section, a
// smaller one for each option.
func WriteReference(w io.Writer, owned []Owned) error {
	schema, _ := newSchema(owned)
	lines := bufio.NewWriter(w)
	for i, group := range schema.groups(func(*declared) bool { return true }) {
		if i > 0 {
			printf(lines, "\n")
		}
		printf(lines, "## [%s]\n", group[0].section)
		for _, k := range group {
			option := schema.options[k]
			printf(lines, "\n### %s\n\n", codeSpan(k.name))
			if help := strings.TrimSpace(option.GetHelp()); help != "" {
				for paragraph := range strings.SplitSeq(help, "\n") {
					writeWrapped(lines, "", "", printable.OneLine(paragraph))
					printf(lines, "\n")
				}
			}
			if option.GetDefaultValue() != "" {
				printf(lines, "- Default: %s\n", codeSpan(option.GetDefaultValue()))
			} else if option.DefaultValue != nil {
				printf(lines, "- Default: empty\n")
			}
			for _, fact := range option.facts() {
				writeWrapped(lines, "- ", "  ", fact)
			}
		}
	}
	return lines.Flush()
}

// facts returns the properties of an option except its help and default, in sentences.
func (d *declared) facts() []string {
	facts := []string{d.typeSentence()}
	if d.GetRequired() {
		facts = append(facts, "Required.")
	}
	if d.DefaultValue == nil {
		facts = append(facts, "No default.")
	}
	if d.GetSecret() {
		facts = append(facts, "Secret: it is never printed.")
	}
	if existsOnce(d) {
		facts = append(facts, "Not allowed in overlays.")
	}
	if len(d.GetOldNames()) > 0 {
		var old []string
		for _, k := range keysOf(d.Option)[1:] {
			old = append(old, k.String())
		}
		facts = append(facts, "Also read from "+strings.Join(old, ", ")+".")
	}
	return append(facts, "Used by "+strings.Join(d.owners, ", ")+".")
}

func (d *declared) typeSentence() string {
	sentence := map[pluginv1.OptionType]string{
		typeString:  "A string",
		typeList:    "A list, separated by commas",
		typeBoolean: "A boolean, true or false",
		typeInteger: "A whole number",
	}[d.GetType()]
	if d.Minimum != nil {
		sentence += fmt.Sprintf(", at least %d", d.GetMinimum())
	}
	if d.Maximum != nil {
		sentence += fmt.Sprintf(", at most %d", d.GetMaximum())
	}
	if len(d.GetChoices()) > 0 {
		sentence += "; possible values: " + strings.Join(d.GetChoices(), ", ")
	}
	return sentence + "."
}

// comment writes a text as comment lines.
func comment(w *bufio.Writer, text string) { writeWrapped(w, "# ", "# ", text) }

// writeWrapped writes a text in lines of at most 99 characters, with a prefix for the first line
// and one for the others.
func writeWrapped(w *bufio.Writer, prefix, nextPrefix, text string) {
	const width = 99
	line, empty := prefix, true
	for word := range strings.FieldsSeq(text) {
		if !empty && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			printf(w, "%s\n", line)
			line, empty = nextPrefix, true
		}
		if !empty {
			line += " "
		}
		line += word
		empty = false
	}
	printf(w, "%s\n", strings.TrimRight(line, " "))
}

// codeSpan returns a text as code in Markdown; one that contains backticks needs more of them
// around it.
func codeSpan(text string) string {
	if strings.Contains(text, "`") {
		return "`` " + text + " ``"
	}
	return "`" + text + "`"
}
