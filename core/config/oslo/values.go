package oslo

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Errors of a text that cannot be converted. They follow the text in messages: invalid value "x":
// ...
var (
	ErrNotBoolean = errors.New("must be true, 1, on or yes, or false, 0, off or no")
	ErrNotInteger = errors.New("must be a whole number")
	ErrTooLarge   = errors.New("must fit in 64 bits")
	ErrEmptyItem  = errors.New("empty item between two commas; remove one of them")
	ErrItemQuotes = errors.New("quotes around items; quote the whole value or nothing")
)

// List converts a text to a list: items between commas, trimmed; commas at the end are dropped.
// oslo.config keeps empty items and the inner quotes of 'a','b', which are mistakes; they are
// errors.
func List(text string, quote byte) ([]string, error) {
	text = strings.TrimRight(Trim(text), ",")
	if text == "" {
		return []string{}, nil
	}
	items := strings.Split(text, ",")
	for i, item := range items {
		items[i] = Trim(item)
		if items[i] == "" {
			return nil, ErrEmptyItem
		}
	}
	if quote != 0 && len(items) > 1 && items[0][len(items[0])-1] == quote && items[len(items)-1][0] == quote {
		return nil, ErrItemQuotes
	}
	return items, nil
}

// Bool converts a text to a boolean. White space around it is an error.
func Bool(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "true", "1", "on", "yes":
		return true, nil
	case "false", "0", "off", "no":
		return false, nil
	}
	return false, ErrNotBoolean
}

// Int converts a text to an integer as Python's int() does: white space around it, one sign,
// decimal digits of any script, single underscores between digits. An empty text is not set.
func Int(text string) (value int64, set bool, err error) {
	text = Trim(text)
	if text == "" {
		return 0, false, nil
	}
	var ascii strings.Builder
	if text[0] == '+' || text[0] == '-' {
		ascii.WriteByte(text[0])
		text = text[1:]
	}
	afterDigit := false
	for _, r := range text {
		digit, ok := decimalDigit(r)
		if !ok && (r != '_' || !afterDigit) {
			return 0, false, ErrNotInteger
		}
		if ok {
			ascii.WriteString(strconv.Itoa(digit))
		}
		afterDigit = ok
	}
	if !afterDigit {
		return 0, false, ErrNotInteger
	}
	value, err = strconv.ParseInt(ascii.String(), 10, 64)
	if err != nil {
		return 0, false, ErrTooLarge
	}
	return value, true, nil
}

// decimalDigit returns the value of a digit. Unicode has the decimal digits of every script in a
// row, from 0 to 9, and Go's table of them has only whole rows.
func decimalDigit(r rune) (digit int, ok bool) {
	for _, row := range unicode.Nd.R16 {
		if int(r) >= int(row.Lo) && int(r) <= int(row.Hi) {
			return (int(r) - int(row.Lo)) % 10, true
		}
	}
	for _, row := range unicode.Nd.R32 {
		if int(r) >= int(row.Lo) && int(r) <= int(row.Hi) {
			return (int(r) - int(row.Lo)) % 10, true
		}
	}
	return 0, false
}

// Reference is a $name or ${name} in a text.
type Reference struct {
	Name string
	// At is the position of its $ among the characters of the text, from 1.
	At int
}

// referencePattern is that of oslo.config for Python's string.Template: a dot is a part of a name.
// Python ignores case in it, where the last four letters equal ASCII letters.
var referencePattern = regexp.MustCompile(`\$(?:\$|(` + referenceName + `)|\{(` + referenceName + `)\})`)

const referenceName = `[A-Za-z_\x{130}\x{131}\x{17f}\x{212a}][A-Za-z0-9_.\x{130}\x{131}\x{17f}\x{212a}]*`

// Expand replaces the references in a text by their values, which are not expanded again. $$ and \$
// become $; a $ that starts no reference stays.
func Expand(text string, value func(Reference) string) string {
	// oslo.config replaces \$ by $$ first. No position changes by that.
	text = strings.ReplaceAll(text, `\$`, `$$`)
	var expanded strings.Builder
	end, characters := 0, 1
	for _, match := range referencePattern.FindAllStringSubmatchIndex(text, -1) {
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
