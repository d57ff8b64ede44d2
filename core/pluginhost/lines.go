package pluginhost

import (
	"bytes"
	"sync"
)

// longestLine is how much of a line is kept; the rest is read and dropped.
const longestLine = 64 << 10

// lines cuts what is written to it into lines, and never keeps more than one.
type lines struct {
	// emit is given a line without its end, which it must not keep, and how many bytes of it were dropped.
	emit func(line []byte, dropped int)

	mu      sync.Mutex
	line    []byte
	dropped int
}

// Write always takes everything.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(p)
	for len(p) > 0 {
		part, rest, whole := bytes.Cut(p, []byte("\n"))
		room := min(len(part), longestLine-len(l.line))
		l.line = append(l.line, part[:room]...)
		l.dropped += len(part) - room
		if whole {
			l.end()
		}
		p = rest
	}
	return n, nil
}

// flush ends a last line that has no end of its own.
func (l *lines) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.line) > 0 {
		l.end()
	}
}

func (l *lines) end() {
	l.emit(l.line, l.dropped)
	l.line, l.dropped = l.line[:0], 0
}
