package oslo

import (
	"strings"
	"unicode/utf8"
)

// Mistake is a line that cannot be read. Its text quotes nothing of the line, which may be a password
// that was put down wrongly.
type Mistake struct {
	Line int
	Text string
}

// split makes lines of a file as Python's text files do: LF, CR LF and a lone CR end a line, and
// nothing else does.
func split(text []byte) ([]string, *Mistake) {
	// Editors that write a byte order mark mean nothing by it; oslo.config stumbles over it.
	whole := strings.TrimPrefix(string(text), "\ufeff")
	whole = strings.ReplaceAll(whole, "\r\n", "\n")
	whole = strings.ReplaceAll(whole, "\r", "\n")
	lines := strings.Split(whole, "\n")
	for i, line := range lines {
		if !utf8.ValidString(line) {
			return nil, &Mistake{i + 1, "a byte here is not UTF-8; save the file in that encoding"}
		}
		if strings.ContainsRune(line, 0) {
			return nil, &Mistake{i + 1, "there is a NUL character here; a configuration file is plain text in UTF-8"}
		}
	}
	return lines, nil
}
