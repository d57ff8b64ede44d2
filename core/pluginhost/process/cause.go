package process

import (
	"regexp"
	"strings"

	"github.com/hashicorp/go-hclog"
)

// cause selects the line of a process's output that is most likely the reason of its end. A
// runtime's crash message wins over the last error, an error over other text, and text over stacks
// and register dumps.
type cause struct {
	// crash is the first crash message of a runtime; what follows it is its stack.
	crash string
	// failure is the last log entry of level error, error line, or exception.
	failure string
	// text is the last other line of text, stack the last line that may be of a stack.
	text, stack string

	inTraceback, inGoroutine, inRustPanic bool

	// previous is the last line, as it was added.
	previous string
}

var (
	// goCrash matches what Go's runtime prints first when it ends a process: runtime/panic.go and
	// runtime/signal_unix.go, which is followed by registers.
	goCrash = regexp.MustCompile(`^(panic: |fatal error: |SIG[A-Z]+: )`)
	// rustCrash matches std::panicking's default hook; since Rust 1.73 the message is on the next
	// line.
	rustCrash = regexp.MustCompile(`^thread '.*' (\(\d+\) )?panicked at `)
	// errorLine matches a line of an error in common log formats, and an exception without
	// traceback.
	errorLine = regexp.MustCompile(`^(?i:error|fatal|critical)\b|\b(ERROR|FATAL|CRITICAL)\b|^[A-Za-z_][\w.]*(Error|Exception): `)
	// noise matches lines that runtimes and shells print after the cause.
	noise = regexp.MustCompile(`^(exit status \d+|signal: .*|Node\.js v[\d.]+|note: run with .RUST_BACKTRACE|[a-z][a-z0-9]* +0x[0-9a-f]+$)`)
	// goroutine matches the first line of a goroutine's stack, which an empty line ends.
	goroutine = regexp.MustCompile(`^goroutine \d+ .*\[.*\]:$`)
)

const (
	pythonTraceback = "Traceback (most recent call last):"
	// cppException is the second line of std::terminate's message, which is indented.
	cppException = "what():"
)

func (c *cause) addEntry(level hclog.Level, message string) {
	if level >= hclog.Error {
		c.failure = message
	}
}

// addText adds a line of text. Indented lines are parts of stacks.
func (c *cause) addText(line string) {
	if line == c.previous && !c.inRustPanic {
		return // a process that floods its output repeats lines
	}
	c.previous = line
	indented := strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t")
	line = strings.TrimSpace(line)
	switch {
	case c.inRustPanic:
		c.crash, c.inRustPanic = c.crash+" "+line, false
	case c.crash != "":
	case line == "":
		c.inGoroutine = false
	case goCrash.MatchString(line):
		c.crash = line
	case rustCrash.MatchString(line):
		c.crash, c.inRustPanic = line, strings.HasSuffix(line, ":")
	case line == pythonTraceback:
		c.inTraceback = true
	case strings.HasPrefix(line, cppException):
		c.failure = line
	case indented, c.inGoroutine, noise.MatchString(line):
		c.stack = line
	case goroutine.MatchString(line):
		c.inGoroutine = true
	case c.inTraceback, errorLine.MatchString(line):
		// A traceback ends with its exception, the first line that is not indented.
		c.failure, c.inTraceback = line, false
	default:
		c.text = line
	}
}

// crashed reports whether a runtime has printed a crash message.
func (c *cause) crashed() bool { return c.crash != "" }

func (c *cause) String() string {
	for _, line := range []string{c.crash, c.failure, c.text, c.stack} {
		if line != "" {
			return line
		}
	}
	return ""
}
