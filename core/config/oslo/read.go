package oslo

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Mistake is a line that cannot be parsed. Its text quotes nothing of the line, which may be a
// password.
type Mistake struct {
	Line int
	Text string
}

// splitLines splits a file as Python splits text files: LF, CR LF and a lone CR end a line, and
// nothing else does.
func splitLines(content []byte) ([]string, *Mistake) {
	// oslo.config fails on the byte order mark that some editors write.
	text := strings.TrimPrefix(string(content), "\ufeff")
	text = strings.ReplaceAll(text, "\r\n", "\n")
	text = strings.ReplaceAll(text, "\r", "\n")
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if !utf8.ValidString(line) {
			return nil, &Mistake{i + 1, "invalid UTF-8; save the file in that encoding"}
		}
		if strings.ContainsRune(line, 0) {
			return nil, &Mistake{i + 1, "NUL character; a configuration file is plain text in UTF-8"}
		}
	}
	return lines, nil
}

// reader parses the lines of a file. oslo.config stops at the first mistake; this reader continues,
// so that all of them are reported at once.
type reader struct {
	file     *File
	mistakes []Mistake

	section string
	// state decides what a continuation line continues.
	state state
	// inBrokenSection is set after a section header with a mistake: the keys below it are skipped.
	inBrokenSection bool
	// reportedNoSection is set once a key before any section was reported.
	reportedNoSection bool

	key   string
	lines []string
	value Value
}

type state int

const (
	// afterOther: the line above cannot be continued.
	afterOther state = iota
	// afterValue: the line above is a value.
	afterValue
	// afterMistake: the line above is a mistake, and so are its continuation lines.
	afterMistake
)

// Read parses a file. With mistakes it still returns what could be parsed.
func Read(content []byte) (*File, []Mistake) {
	r := reader{file: newFile()}
	lines, mistake := splitLines(content)
	if mistake != nil {
		return r.file, []Mistake{*mistake}
	}
	for i, line := range lines {
		r.readLine(i+1, trimRight(line))
	}
	r.endValue()
	return r.file, r.mistakes
}

func (r *reader) readLine(number int, line string) {
	if line == "" {
		r.endValue()
		return
	}
	if line[0] == ' ' || line[0] == '\t' {
		r.readContinuation(number, trimLeft(line))
		return
	}
	r.endValue()
	switch line[0] {
	case '[':
		r.readHeader(number, line)
	case '#', ';':
	default:
		r.readAssignment(number, line)
	}
}

// endValue stores the value of the lines so far.
func (r *reader) endValue() {
	if r.state == afterValue && r.section != "" && !r.inBrokenSection {
		r.value.Text = strings.Join(r.lines, "\n")
		r.file.set(r.section, r.key, r.value)
	}
	r.state = afterOther
}

func (r *reader) addMistake(number int, text string) {
	r.mistakes = append(r.mistakes, Mistake{number, text})
	r.state = afterMistake
}

func (r *reader) readContinuation(number int, text string) {
	switch r.state {
	case afterValue:
		r.lines = append(r.lines, text)
	case afterOther:
		r.addMistake(number, "indented line without a value above it to continue; remove its leading blanks")
	}
}

func (r *reader) readHeader(number int, line string) {
	name := strings.TrimSuffix(line[1:], "]")
	fault := ""
	switch {
	case !strings.HasSuffix(line, "]") || len(line) == 1:
		fault = "a section header must end with ], and nothing may follow it, not even a comment"
	case name == "":
		fault = "a section header must have a name between [ and ]"
	case name != Trim(name):
		// oslo.config treats the blanks as part of the name, so that no option is in the section.
		fault = "a section header must have no blanks inside its brackets"
	case strings.Contains(name, "]"):
		// oslo.config treats all up to the last bracket as the name.
		fault = "a section header must have only one ], and nothing may follow it, not even a comment"
	}
	r.inBrokenSection = fault != ""
	if r.inBrokenSection {
		r.addMistake(number, fault)
		return
	}
	r.section = SectionName(name)
	r.file.addSection(r.section, number)
}

func (r *reader) readAssignment(number int, line string) {
	sign := strings.IndexAny(line, "=:")
	if sign < 0 {
		r.addMistake(number, "neither a comment nor a [section] nor NAME = VALUE; write = or : between name and value")
		return
	}
	key := Trim(line[:sign])
	if key == "" {
		r.addMistake(number, "no name before the = or :")
		return
	}
	if r.section == "" && !r.inBrokenSection {
		if !r.reportedNoSection {
			r.addMistake(number, "option before any section; put [DEFAULT] above it")
		}
		r.reportedNoSection = true
		r.state = afterMistake
		return
	}
	text, quote := unquote(Trim(line[sign+1:]))
	r.state, r.key, r.lines = afterValue, key, []string{text}
	r.value = Value{Line: number, Quote: quote}
}

// unquote removes one quote from each end if they are the same. A lone quote is both ends at once.
func unquote(text string) (string, byte) {
	if text == "" || text[0] != '"' && text[0] != '\'' || text[0] != text[len(text)-1] {
		return text, 0
	}
	return text[1:max(1, len(text)-1)], text[0]
}

// Text parses a value that is in no file, such as a default: trimmed and without quotes.
func Text(text string) string {
	text, _ = unquote(Trim(text))
	return text
}

// isSpace is Python's str.isspace, for which the four separators of ASCII are white space too.
func isSpace(r rune) bool {
	return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f
}

// Trim removes white space, as Python defines it, from both ends.
func Trim(text string) string {
	return strings.TrimFunc(text, isSpace)
}

func trimLeft(text string) string {
	return strings.TrimLeftFunc(text, isSpace)
}

func trimRight(text string) string {
	return strings.TrimRightFunc(text, isSpace)
}
