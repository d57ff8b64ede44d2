package pluginhost

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/hashicorp/go-hclog"
)

// journal turns what one plugin process prints into the host's log: lines of hclog's JSON format as they
// were meant, all other lines as text. Nothing that a plugin prints can stop it or make it grow.
type journal struct {
	logger hclog.Logger

	mu        sync.Mutex
	allowance allowance
	panicking bool
	words     string
}

func newJournal(logger hclog.Logger) *journal {
	return &journal{logger: logger, allowance: allowance{now: time.Now}}
}

// lines is a new stream into the journal.
func (j *journal) lines() *lines {
	return &lines{emit: j.write}
}

// lastWords is the last line that says something of why the process ended: its panic, or else the last
// one that is no ordinary log entry.
func (j *journal) lastWords() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.words
}

func (j *journal) write(line []byte, dropped int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	line = bytes.TrimSpace(line)
	if len(line) == 0 {
		return
	}
	var args []any
	if dropped > 0 {
		args = append(args, "dropped_bytes", dropped)
	}
	if entry, ok := parseEntry(line); ok {
		if entry.level >= hclog.Error {
			j.words = entry.message
		}
		j.log(j.named(entry.module), entry.level, entry.message, append(args, entry.args...))
		return
	}
	text := string(line)
	// The Go runtime's words for a crash, which are followed by many lines of stacks.
	crash := strings.HasPrefix(text, "panic: ") || strings.HasPrefix(text, "fatal error: ")
	if !j.panicking {
		j.words = text
	}
	j.panicking = j.panicking || crash
	level := hclog.Info
	if j.panicking {
		level = hclog.Error
	}
	j.log(j.logger, level, text, args)
}

func (j *journal) named(module string) hclog.Logger {
	if module == "" {
		return j.logger
	}
	return j.logger.Named(printable(module))
}

func (j *journal) log(logger hclog.Logger, level hclog.Level, message string, args []any) {
	if level < logger.GetLevel() {
		return
	}
	// Debug entries are there only because somebody asked for every one of them.
	if level > hclog.Debug {
		ok, dropped := j.allowance.take()
		if dropped > 0 {
			j.noteDropped(dropped)
		}
		if !ok {
			return
		}
	}
	logger.Log(level, printable(message), args...)
}

// end says what was dropped last.
func (j *journal) end() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if dropped := j.allowance.takeDropped(); dropped > 0 {
		j.noteDropped(dropped)
	}
}

func (j *journal) noteDropped(lines int) {
	j.logger.Warn("the plugin logs too much: lines were dropped", "lines", lines)
}

// entry is one line of hclog's JSON format.
type entry struct {
	level           hclog.Level
	message, module string
	args            []any
}

func parseEntry(line []byte) (entry, bool) {
	if line[0] != '{' {
		return entry{}, false
	}
	decoder := json.NewDecoder(bytes.NewReader(line))
	// Numbers stay as they were written.
	decoder.UseNumber()
	var fields map[string]any
	if err := decoder.Decode(&fields); err != nil || decoder.More() {
		return entry{}, false
	}
	message, isText := fields["@message"].(string)
	name, _ := fields["@level"].(string)
	level := hclog.LevelFromString(name)
	if !isText || level == hclog.NoLevel || level == hclog.Off {
		return entry{}, false
	}
	module, _ := fields["@module"].(string)
	parsed := entry{level: level, message: message, module: module}
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		if !strings.HasPrefix(key, "@") {
			parsed.args = append(parsed.args, printable(key), value(fields[key]))
		}
	}
	return parsed, true
}

// value keeps hclog from printing maps as Go does.
func value(v any) any {
	switch v := v.(type) {
	case string, bool, nil:
		return v
	case json.Number:
		return v.String()
	}
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(text)
}

// printable keeps what a plugin prints from forging lines of the log and from steering a terminal.
func printable(text string) string {
	return escape(strings.ToValidUTF8(text, "\uFFFD"))
}

func escape(text string) string {
	if strings.IndexFunc(text, unprintable) < 0 {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if unprintable(r) {
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func unprintable(r rune) bool {
	return r != '\t' && !unicode.IsGraphic(r)
}
