// Package memory bounds the memory that an extractor takes, whatever a cloud answers.
package memory

import "fmt"

// entryOverhead is what an entry of a map or a list takes beside its texts, in bytes.
const entryOverhead = 150

// Limit bounds what is kept of a list. It is not safe for concurrent use.
type Limit struct {
	what  string
	bytes int
	used  int
}

// NewLimit returns a limit in bytes. What names the kept items in the error, in the plural.
func NewLimit(what string, bytes int) *Limit { return &Limit{what: what, bytes: bytes} }

// Add counts an item with its texts. The error is for an item that is too many.
func (l *Limit) Add(texts ...string) error {
	size := entryOverhead
	for _, text := range texts {
		size += len(text)
	}
	if l.used+size > l.bytes {
		return fmt.Errorf("the %s take more than %d MiB of memory", l.what, l.bytes>>20)
	}
	l.used += size
	return nil
}
