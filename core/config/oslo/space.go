package oslo

import (
	"strings"
	"unicode"
)

// isSpace is Python's str.isspace, which also takes the four separators of ASCII for white space.
func isSpace(r rune) bool {
	return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f
}

// Trim removes white space, as Python has it, from both ends.
func Trim(text string) string {
	return strings.TrimFunc(text, isSpace)
}

func trimLeft(text string) string {
	return strings.TrimLeftFunc(text, isSpace)
}

func trimRight(text string) string {
	return strings.TrimRightFunc(text, isSpace)
}
