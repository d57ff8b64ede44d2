package config

import (
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	"github.com/caso-project/caso/core/config/oslo"
)

// Warnings are what is odd about the files but keeps nothing from working: options that nobody knows,
// and secrets that everybody can read. They make sense once the options of all plugins are in the schema.
func (s *Settings) Warnings() []Problem {
	var problems []Problem
	known := make(map[key]bool)
	for _, k := range s.schema.order {
		for _, k := range keys(s.schema.options[k].Option) {
			known[k] = true
		}
	}
	for _, file := range s.files.files {
		w := warner{schema: s.schema, known: known, file: file}
		w.exposed()
		for _, section := range file.text.Sections() {
			w.section(section)
		}
		w.logging()
		problems = append(problems, w.problems...)
	}
	sortProblems(s.files, problems)
	return problems
}

// warner looks at one file.
type warner struct {
	schema   *schema
	known    map[key]bool
	file     file
	problems []Problem

	// logs are options about logging, of which the first is at line logsAt.
	logs   []string
	logsAt int
}

func (w *warner) warn(line int, section, option, text string) {
	w.problems = append(w.problems, Problem{Warning, w.file.path, line, section, option, text})
}

func (w *warner) section(section string) {
	keys := w.file.text.Keys(section)
	switch {
	case w.schema.sections[section]:
		for _, name := range keys {
			w.option(section, name)
		}
	case len(keys) == 0:
	case section == strings.ToLower(oslo.DefaultSection):
		w.warn(w.file.text.SectionLine(section), section, "", "nobody reads this section; write [DEFAULT], in capitals")
	default:
		w.plugin(section, keys)
	}
}

// plugin warns of a section for a plugin that is not configured, unless one of its keys is an old name.
func (w *warner) plugin(section string, keys []string) {
	kind, instance, ok := strings.Cut(section, "_")
	option := map[string]string{"extractor": "extractor", "messenger": "messengers"}[kind]
	if !ok || option == "" {
		return
	}
	for _, name := range keys {
		if w.known[key{section, name}] {
			return
		}
	}
	w.warn(w.file.text.SectionLine(section), section, "",
		fmt.Sprintf("nobody reads this section, since [DEFAULT] %s does not name %s", option, printable(shortened(instance))))
}

func (w *warner) option(section, name string) {
	value, _ := w.file.text.Value(section, name)
	w.misread(section, name, value)
	if w.known[key{section, name}] {
		return
	}
	if section == oslo.DefaultSection {
		if logging(name) {
			if len(w.logs) == 0 || value.Line < w.logsAt {
				w.logsAt = value.Line
			}
			w.logs = append(w.logs, name)
			return
		}
		if text := elsewhere(name); text != "" {
			w.warn(value.Line, section, name, text)
			return
		}
	}
	if !harmless.MatchString(name) {
		w.warn(value.Line, section, "", "what stands before the first = or : of this line is no option's name; the line is ignored")
		return
	}
	w.warn(value.Line, section, name, "there is no such option, it is ignored"+w.schema.hint(key{section, name}, ref(section)))
}

// harmless is a name that can be shown. Anything else may be a password beside which the = was forgotten.
var harmless = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,39}$`)

// logging says once for a file what became of the options about logging.
func (w *warner) logging() {
	if len(w.logs) > 0 {
		w.warn(w.logsAt, oslo.DefaultSection, "", "caso logs to standard error, and ignores "+strings.Join(w.logs, ", "))
	}
}

// misread warns of an indented line that looks like an option or a section, and is text of the value
// above it.
func (w *warner) misread(section, name string, value oslo.Value) {
	for i, line := range strings.Split(value.Text, "\n") {
		if i == 0 {
			continue
		}
		what := ""
		if strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]") {
			what = "a section"
		} else if sign := strings.IndexAny(line, "=:"); sign >= 0 && w.known[key{section, oslo.Trim(line[:sign])}] {
			what = oslo.Trim(line[:sign])
		}
		if what != "" && (w.known[key{section, name}] || harmless.MatchString(name)) {
			w.warn(value.Line+i, section, name, "this line is a part of the value, since it is indented; remove the blanks at its start to make it "+what)
		}
	}
}

// exposed warns of a file that holds a secret and can be read by every user of the machine.
func (w *warner) exposed() {
	const others = fs.FileMode(0o004)
	if !w.file.mode.IsRegular() || w.file.mode&others == 0 {
		return
	}
	for _, k := range w.schema.order {
		option := w.schema.options[k]
		if !option.GetSecret() {
			continue
		}
		for _, k := range keys(option.Option) {
			if value, ok := w.file.text.Value(k.section, k.name); ok && value.Text != "" {
				w.warn(value.Line, k.section, k.name, "every user of this machine can read this secret; take the right away: chmod o-r "+printable(w.file.path))
				return
			}
		}
	}
}
