package ssm

import "strings"

// separator stands between two records of a message. APEL's parser splits the text at it wherever it is,
// within a value too.
const separator = "%%"

// Lengths of the columns of APEL's cloud.sql, in characters.
const (
	textLimit          = 255
	benchmarkTypeLimit = 50
)

// sanitise makes a value fit into a message whatever it holds: printable ASCII without the separator and
// without blanks at its ends, at most limit characters long.
//
// SSM's sender decodes a message as ASCII and crashes over the first other byte, again and again, so
// what is behind it in the queue is never sent. Python's splitlines(), with which APEL's parser finds
// the fields, ends a line also at VT, FF and FS to RS, so a machine's name could bring in a field. And the
// parser takes blanks off both ends, so they are taken off before the value is cut rather than after.
func sanitise(value string, limit int) string {
	var ascii strings.Builder
	ascii.Grow(min(len(value), limit))
	for _, r := range value {
		switch {
		case r > 0x7f:
			// Dropped, as cASO does.
		case r < ' ', r == 0x7f:
			ascii.WriteByte(' ')
		default:
			ascii.WriteByte(byte(r))
		}
	}
	text := ascii.String()
	for strings.Contains(text, separator) {
		text = strings.ReplaceAll(text, separator, "% %")
	}
	text = strings.Trim(text, " ")
	if len(text) > limit {
		// The cut may have left a blank at the end, which the parser would take off.
		text = strings.TrimRight(text[:limit], " ")
	}
	return text
}
