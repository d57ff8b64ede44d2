package oslo

import "strings"

// reader goes through the lines of a file. oslo.config gives up at the first mistake; this reader goes
// on, so that a person sees all of them at once.
type reader struct {
	file     *File
	mistakes []Mistake

	section string
	// state says what a continuation line would continue.
	state state
	// lost is set after a section header that could not be read: the keys below it belong nowhere.
	lost bool
	// homeless is set once a key before any section was complained of.
	homeless bool

	key   string
	lines []string
	value Value
}

type state int

const (
	// closed: nothing can be continued.
	closed state = iota
	// open: a value can.
	open
	// broken: the line above was a mistake, and what continues it is part of that.
	broken
)

// Read reads a file. Where there are mistakes the file holds what could be read in spite of them.
func Read(text []byte) (*File, []Mistake) {
	r := reader{file: newFile()}
	lines, mistake := split(text)
	if mistake != nil {
		return r.file, []Mistake{*mistake}
	}
	for i, line := range lines {
		r.line(i+1, trimRight(line))
	}
	r.close()
	return r.file, r.mistakes
}

func (r *reader) line(number int, line string) {
	if line == "" {
		r.close()
		return
	}
	if line[0] == ' ' || line[0] == '\t' {
		r.continuation(number, trimLeft(line))
		return
	}
	r.close()
	switch line[0] {
	case '[':
		r.header(number, line)
	case '#', ';':
	default:
		r.assignment(number, line)
	}
}

// close stores the value that the lines so far made.
func (r *reader) close() {
	if r.state == open && r.section != "" && !r.lost {
		r.value.Text = strings.Join(r.lines, "\n")
		r.file.set(r.section, r.key, r.value)
	}
	r.state = closed
}

func (r *reader) mistake(number int, text string) {
	r.mistakes = append(r.mistakes, Mistake{number, text})
	r.state = broken
}

func (r *reader) continuation(number int, text string) {
	switch r.state {
	case open:
		r.lines = append(r.lines, text)
	case closed:
		r.mistake(number, "the line is indented, but there is no value right above it to continue; remove the blanks at its start")
	}
}

func (r *reader) header(number int, line string) {
	name := strings.TrimSuffix(line[1:], "]")
	fault := ""
	switch {
	case !strings.HasSuffix(line, "]") || len(line) == 1:
		fault = "a section header must end with ], and nothing may follow it, not even a comment"
	case name == "":
		fault = "a section header must have a name between [ and ]"
	case name != Trim(name):
		// oslo.config takes the blanks for a part of the name, so that nobody reads the section.
		fault = "a section header must have no blanks inside its brackets"
	case strings.Contains(name, "]"):
		// oslo.config takes all up to the last bracket for the name.
		fault = "a section header must have only one ], and nothing may follow it, not even a comment"
	}
	r.lost = fault != ""
	if r.lost {
		r.mistake(number, fault)
		return
	}
	r.section = SectionName(name)
	r.file.addSection(r.section, number)
}

func (r *reader) assignment(number int, line string) {
	sign := strings.IndexAny(line, "=:")
	if sign < 0 {
		r.mistake(number, "the line is neither a comment nor a [section] nor has it an = (or :) between a name and a value")
		return
	}
	key := Trim(line[:sign])
	if key == "" {
		r.mistake(number, "there is no name before the = or :")
		return
	}
	if r.section == "" && !r.lost {
		if !r.homeless {
			r.mistake(number, "an option stands here before any section; put [DEFAULT] above it")
		}
		r.homeless = true
		r.state = broken
		return
	}
	text, quote := unquote(Trim(line[sign+1:]))
	r.state, r.key, r.lines = open, key, []string{text}
	r.value = Value{Line: number, Quote: quote}
}

// unquote takes one quote off both ends if they are the same. A lone quote is both ends at once.
func unquote(text string) (string, byte) {
	if text == "" || text[0] != '"' && text[0] != '\'' || text[0] != text[len(text)-1] {
		return text, 0
	}
	return text[1:max(1, len(text)-1)], text[0]
}

// Text is how a value reads that stands by itself, outside of any file: trimmed and without quotes.
func Text(text string) string {
	text, _ = unquote(Trim(text))
	return text
}
