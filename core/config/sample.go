package config

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// WriteSample writes a configuration file in which every option of a schema stands as a comment, with
// its default and what it means. Declarations that cannot be used are left out; Resolve tells of them.
func WriteSample(w io.Writer, owned []Owned) error {
	schema, _ := newSchema(owned)
	lines := bufio.NewWriter(w)
	printf(lines, "# A configuration of caso in which every option has its default. To change one, remove the # before\n")
	printf(lines, "# its name. What is indented continues the value above it; %s\n", "write $$ for a dollar sign.")
	for _, section := range schema.grouped() {
		printf(lines, "\n[%s]\n", section[0].section)
		for _, k := range section {
			schema.options[k].sample(lines)
		}
	}
	return lines.Flush()
}

func (d *declared) sample(w *bufio.Writer) {
	printf(w, "\n")
	for _, paragraph := range strings.Split(strings.TrimSpace(d.GetHelp()), "\n") {
		comment(w, paragraph)
	}
	comment(w, strings.Join(d.facts(), " "))
	printf(w, "%s\n", strings.TrimRight(fmt.Sprintf("#%s = %s", d.GetName(), d.GetDefaultValue()), " "))
}

// facts are what there is to say about an option beside its help, in sentences.
func (d *declared) facts() []string {
	facts := []string{d.kindOfValue()}
	if d.GetRequired() {
		facts = append(facts, "Required.")
	}
	if d.DefaultValue == nil {
		facts = append(facts, "No default.")
	}
	if d.GetSecret() {
		facts = append(facts, "Secret: it is never printed.")
	}
	if len(d.GetOldNames()) > 0 {
		var old []string
		for _, k := range keys(d.Option)[1:] {
			old = append(old, k.String())
		}
		facts = append(facts, "Also read from "+strings.Join(old, ", ")+".")
	}
	return append(facts, "Used by "+strings.Join(d.owners, ", ")+".")
}

// kindOfValue says what the value may be.
func (d *declared) kindOfValue() string {
	what := map[pluginv1.OptionType]string{
		typeString:  "A string",
		typeList:    "A list, separated by commas",
		typeBoolean: "A boolean, true or false",
		typeInteger: "A whole number",
	}[d.GetType()]
	if d.Minimum != nil {
		what += fmt.Sprintf(", at least %d", d.GetMinimum())
	}
	if d.Maximum != nil {
		what += fmt.Sprintf(", at most %d", d.GetMaximum())
	}
	if len(d.GetChoices()) > 0 {
		what += "; possible values: " + strings.Join(d.GetChoices(), ", ")
	}
	return what + "."
}

// comment writes a text as comment lines of no more than 99 characters.
func comment(w *bufio.Writer, text string) {
	const width = 99
	line := "#"
	for _, word := range strings.Fields(text) {
		if line != "#" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			printf(w, "%s\n", line)
			line = "#"
		}
		line += " " + word
	}
	printf(w, "%s\n", line)
}
