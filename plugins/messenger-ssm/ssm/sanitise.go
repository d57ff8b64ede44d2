package ssm

import "strings"

// separator separates two records of a message. APEL's parser splits the text at every separator,
// also within a value.
const separator = "%%"

// Lengths of the columns of APEL's cloud.sql, in characters.
const (
	textLimit          = 255
	benchmarkTypeLimit = 50
)

// sanitise returns a value as printable ASCII without the separator and without blanks at its ends,
// at most limit characters long.
//
// SSM's sender decodes a message as ASCII and crashes at the first other byte, each time it starts,
// so every later message in the queue is blocked. APEL's parser finds the fields with Python's
// splitlines(), which ends a line also at VT, FF and FS to RS, so the name of a machine could
// inject a field. The parser strips blanks from both ends, so they are stripped before the value is
// cut.
func sanitise(value string, limit int) string {
	var ascii strings.Builder
	ascii.Grow(min(len(value), limit))
	for _, r := range value {
		switch {
		case r > 0x7f:
			// Dropped, as in cASO.
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
		// The cut may have left a blank at the end.
		text = strings.TrimRight(text[:limit], " ")
	}
	return text
}
