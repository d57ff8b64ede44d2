// Package printable makes text from outside the program safe to print: without control characters
// it can neither forge lines of a log nor control a terminal.
package printable

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
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
	return strconv.Quote(Shorten(strings.TrimSpace(strings.ToValidUTF8(text, "\uFFFD")), maxQuoted))
}

// Shorten returns text cut to a number of characters, with an ellipsis in the place of the rest.
func Shorten(text string, characters int) string {
	if len(text) <= characters {
		return text
	}
	if runes := []rune(text); len(runes) > characters {
		return string(runes[:characters]) + "..."
	}
	return text
}

// JSON returns a JSON text in which every character that a terminal interprets is escaped.
// encoding/json and protojson leave those above U+007E as they are.
func JSON(text []byte) []byte {
	interpreted := func(r rune) bool { return r > '~' && unprintable(r) }
	if bytes.IndexFunc(text, interpreted) < 0 {
		return text
	}
	var escaped bytes.Buffer
	for _, r := range string(text) {
		switch {
		case !interpreted(r):
			escaped.WriteRune(r)
		case r > 0xFFFF:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&escaped, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&escaped, `\u%04x`, r)
		}
	}
	return escaped.Bytes()
}

func unprintable(r rune) bool { return r != '\t' && !unicode.IsGraphic(r) }
