// Package printable makes text from outside the program safe to print: without control characters
// it can neither forge lines of a log nor control a terminal.
package printable

import (
	"strconv"
	"strings"
	"unicode"
)

// maxQuoted is the number of characters that Quote shows.
const maxQuoted = 120

// Escape returns text with every unprintable character written as a Go escape sequence.
func Escape(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if !strings.ContainsFunc(text, unprintable) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if unprintable(r) {
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// OneLine returns text with a blank in the place of every character that starts a line or a cell of
// a table, or that a terminal interprets.
func OneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
}

// Quote returns text as %q prints it, without surrounding white space and shortened to 120
// characters.
func Quote(text string) string {
	text = strings.TrimSpace(strings.ToValidUTF8(text, "\uFFFD"))
	if runes := []rune(text); len(runes) > maxQuoted {
		text = string(runes[:maxQuoted]) + "..."
	}
	return strconv.Quote(text)
}

func unprintable(r rune) bool { return r != '\t' && !unicode.IsGraphic(r) }
