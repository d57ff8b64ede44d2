package process

import (
	"bytes"
	"sync"
)

// maxLine is the number of bytes of a line that are kept; the rest is read and dropped.
const maxLine = 64 << 10

// Lines is a writer that splits its input into lines and keeps at most one of them in memory.
type Lines struct {
	// emit gets a line without its end, which it must not keep, and the number of bytes dropped
	// from it.
	emit func(line []byte, dropped int)

	mu      sync.Mutex
	line    []byte
	dropped int
}

// Write accepts all of p; it returns no error.
func (l *Lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(p)
	for len(p) > 0 {
		part, rest, complete := bytes.Cut(p, []byte("\n"))
		room := min(len(part), maxLine-len(l.line))
		l.line = append(l.line, part[:room]...)
		l.dropped += len(part) - room
		if complete {
			l.emitLine()
		}
		p = rest
	}
	return n, nil
}

// Flush emits a last line that no newline ended.
func (l *Lines) Flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.line) > 0 {
		l.emitLine()
	}
}

func (l *Lines) emitLine() {
	l.emit(l.line, l.dropped)
	l.line, l.dropped = l.line[:0], 0
}
