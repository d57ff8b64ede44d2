package oslo

import (
	"errors"
	"strconv"
	"strings"
	"unicode"
)

// What is wrong with a text that was to be read as a value.
var (
	ErrNotBoolean = errors.New("is neither true (or 1, on, yes) nor false (or 0, off, no)")
	ErrNotInteger = errors.New("is not a whole number")
	ErrTooLarge   = errors.New("is too large a number")
	ErrEmptyItem  = errors.New("has an empty item between two commas; remove one of them")
	ErrItemQuotes = errors.New("has quotes around its items; quotes are for a value as a whole, remove them")
)

// List reads a list: items between commas, trimmed; commas at the end are dropped. oslo.config keeps
// empty items, and the inner quotes of 'a','b'; nobody means either.
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

// Bool reads a boolean. Nothing may stand around the word, no white space either.
func Bool(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "true", "1", "on", "yes":
		return true, nil
	case "false", "0", "off", "no":
		return false, nil
	}
	return false, ErrNotBoolean
}

// Int reads an integer as Python's int() does: white space around it, one sign, decimal digits of any
// script, single underscores between digits. A text without anything in it is no value.
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
	between := false
	for _, r := range text {
		digit, ok := decimal(r)
		if !ok && (r != '_' || !between) {
			return 0, false, ErrNotInteger
		}
		if ok {
			ascii.WriteByte('0' + digit)
		}
		between = ok
	}
	if !between {
		return 0, false, ErrNotInteger
	}
	value, err = strconv.ParseInt(ascii.String(), 10, 64)
	if err != nil {
		return 0, false, ErrTooLarge
	}
	return value, true, nil
}

// decimal is what a digit stands for. Unicode has the decimal digits of every script in a row, from 0
// to 9, and Go's table of them has only whole rows.
func decimal(r rune) (byte, bool) {
	if r >= '0' && r <= '9' {
		return byte(r - '0'), true
	}
	for _, row := range unicode.Nd.R16 {
		if r >= rune(row.Lo) && r <= rune(row.Hi) {
			return byte((r - rune(row.Lo)) % 10), true
		}
	}
	for _, row := range unicode.Nd.R32 {
		if r >= rune(row.Lo) && r <= rune(row.Hi) {
			return byte((r - rune(row.Lo)) % 10), true
		}
	}
	return 0, false
}
