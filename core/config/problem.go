package config

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
	"unicode"

	"github.com/caso-project/caso/internal/printable"
)

// Severity is the consequence of a problem.
type Severity int

const (
	// Error prevents a run.
	Error Severity = iota
	// Warning does not.
	Warning
)

// Problem is one thing that is wrong with the configuration. It contains no value of a secret
// option.
type Problem struct {
	Severity Severity
	// File and Line are the place. Line is 0 for a file as a whole; File is empty if no file is at
	// fault.
	File string
	Line int
	// Section and Option are the option, if it is about one.
	Section string
	Option  string
	// Text is what is wrong, and what to do.
	Text string
}

// String returns the problem in one line: FILE:LINE: error: [SECTION] OPTION: TEXT.
func (p Problem) String() string {
	var text strings.Builder
	if p.File != "" {
		text.WriteString(quoteUnprintable(p.File))
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
		fmt.Fprintf(&text, "[%s]", quoteUnprintable(p.Section))
		if p.Option != "" {
			text.WriteString(" " + quoteUnprintable(p.Option))
		}
		text.WriteString(": ")
	}
	text.WriteString(printable.OneLine(p.Text))
	return text.String()
}

// HasErrors reports whether one of the problems is an error.
func HasErrors(problems []Problem) bool {
	return slices.ContainsFunc(problems, func(p Problem) bool { return p.Severity == Error })
}

// Join returns the problems of several lists, each once. The two steps of reading may find the same
// ones.
func Join(lists ...[]Problem) []Problem {
	var all []Problem
	seen := make(map[Problem]bool)
	for _, list := range lists {
		for _, problem := range list {
			if !seen[problem] {
				seen[problem] = true
				all = append(all, problem)
			}
		}
	}
	return all
}

// sortProblems sorts problems by file, in the order in which they were read, and line.
func sortProblems(files *Files, problems []Problem) {
	paths := files.Paths()
	sort.SliceStable(problems, func(i, j int) bool {
		a, b := slices.Index(paths, problems[i].File), slices.Index(paths, problems[j].File)
		if a != b {
			return a < b
		}
		return problems[i].Line < problems[j].Line
	})
}

// quoteUnprintable returns a text as it is, or quoted if it contains line ends or control
// characters.
func quoteUnprintable(text string) string {
	for _, r := range text {
		if !unicode.IsPrint(r) {
			return strconv.Quote(text)
		}
	}
	return text
}

// quoted returns a text in quotes, shortened: values may have any length.
func quoted(text string) string {
	return strconv.Quote(shortened(text))
}

func shortened(text string) string {
	const maxCharacters = 60
	if characters := []rune(text); len(characters) > maxCharacters {
		return string(characters[:maxCharacters]) + "..."
	}
	return text
}
