package config

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// Severity says whether caso can go on.
type Severity int

const (
	// Error stops a run before it begins.
	Error Severity = iota
	// Warning does not.
	Warning
)

// Problem is one thing that is wrong with the configuration. It holds no value of a secret option.
type Problem struct {
	Severity Severity
	// File and Line say where. Line is 0 for a file as a whole, File is empty where no file is at fault.
	File string
	Line int
	// Section and Option say which option, if it is about one.
	Section string
	Option  string
	// Text says what is wrong, and what to do.
	Text string
}

// String is the problem in one line: FILE:LINE: error: [SECTION] OPTION: TEXT.
func (p Problem) String() string {
	var text strings.Builder
	if p.File != "" {
		text.WriteString(printable(p.File))
		if p.Line > 0 {
			fmt.Fprintf(&text, ":%d", p.Line)
		}
		text.WriteString(": ")
	}
	if p.Severity == Warning {
		text.WriteString("warning: ")
	} else {
		text.WriteString("error: ")
	}
	if p.Section != "" {
		fmt.Fprintf(&text, "[%s]", printable(p.Section))
		if p.Option != "" {
			text.WriteString(" " + printable(p.Option))
		}
		text.WriteString(": ")
	}
	text.WriteString(oneLine(p.Text))
	return text.String()
}

// oneLine keeps a text, which may be a plugin's, from breaking the line or the terminal.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
}

// HasErrors says whether one of the problems is an error.
func HasErrors(problems []Problem) bool {
	for _, problem := range problems {
		if problem.Severity == Error {
			return true
		}
	}
	return false
}

// Join makes one list of several and says nothing twice. The two steps of reading may find the same.
func Join(lists ...[]Problem) []Problem {
	var all []Problem
	said := make(map[Problem]bool)
	for _, list := range lists {
		for _, problem := range list {
			if !said[problem] {
				said[problem] = true
				all = append(all, problem)
			}
		}
	}
	return all
}

// printable is a text as it stands, or quoted where it would break the line or the terminal.
func printable(text string) string {
	for _, r := range text {
		if !unicode.IsPrint(r) {
			return strconv.Quote(text)
		}
	}
	return text
}

// quoted is a text between quotes, shortened: values may be of any length.
func quoted(text string) string {
	return strconv.Quote(shortened(text))
}

func shortened(text string) string {
	const most = 60
	if characters := []rune(text); len(characters) > most {
		return string(characters[:most]) + "..."
	}
	return text
}
