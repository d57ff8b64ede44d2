package oslo

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// Reference is a $name or ${name} in a text.
type Reference struct {
	Name string
	// At is the number of its $ among the characters of the text, from 1.
	At int
}

// Python's string.Template with the pattern that oslo.config gives it: a dot is a part of a name. Python
// ignores case there, and the last four letters are equal to an ASCII letter but for their case.
var reference = regexp.MustCompile(`\$(?:\$|(` + name + `)|\{(` + name + `)\})`)

const name = `[A-Za-z_\x{130}\x{131}\x{17f}\x{212a}][A-Za-z0-9_.\x{130}\x{131}\x{17f}\x{212a}]*`

// Expand puts values in place of the references in a text. What is put in is not searched again. $$ and
// \$ become $; a $ that starts no reference stays.
func Expand(text string, value func(Reference) string) string {
	// oslo.config makes \$ into $$ before it looks at anything; no position moves by that.
	text = strings.ReplaceAll(text, `\$`, `$$`)
	var expanded strings.Builder
	end, characters := 0, 1
	for _, match := range reference.FindAllStringSubmatchIndex(text, -1) {
		characters += utf8.RuneCountInString(text[end:match[0]])
		expanded.WriteString(text[end:match[0]])
		switch {
		case match[2] >= 0:
			expanded.WriteString(value(Reference{text[match[2]:match[3]], characters}))
		case match[4] >= 0:
			expanded.WriteString(value(Reference{text[match[4]:match[5]], characters}))
		default:
			expanded.WriteByte('$')
		}
		characters += utf8.RuneCountInString(text[match[0]:match[1]])
		end = match[1]
	}
	expanded.WriteString(text[end:])
	return expanded.String()
}
