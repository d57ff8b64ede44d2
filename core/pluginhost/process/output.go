package process

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/time/rate"

	"github.com/caso-project/caso/internal/printable"
)

// A process may log logBurst lines at once and logPerSecond lines a second from then on: more than
// an operator reads, and less than fills a disk within a run.
const (
	logBurst     = 5000
	logPerSecond = 100
)

// Output logs what one process prints: lines of hclog's JSON format as the entries that they are,
// other lines as text.
type Output struct {
	logger hclog.Logger
	now    func() time.Time

	mu      sync.Mutex
	limiter *rate.Limiter
	// dropped is the number of lines that the limiter dropped since the last warning.
	dropped int
	cause   cause
}

// NewOutput returns an Output that writes to logger.
func NewOutput(logger hclog.Logger) *Output {
	return &Output{logger: logger, now: time.Now, limiter: rate.NewLimiter(logPerSecond, logBurst)}
}

// Lines returns a writer for one more stream of output.
func (o *Output) Lines() *Lines { return &Lines{emit: o.writeLine} }

// Cause returns the line that is most likely the reason of the process's end; "" for no output.
func (o *Output) Cause() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.cause.String()
}

// Close logs how many lines were dropped since the last warning.
func (o *Output) Close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.warnDropped()
}

func (o *Output) writeLine(line []byte, droppedBytes int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	text := bytes.TrimSpace(line)
	var args []any
	if droppedBytes > 0 {
		args = append(args, "dropped_bytes", droppedBytes)
	}
	if entry, ok := parseEntry(text); ok {
		o.cause.addEntry(entry.level, entry.message)
		logger := o.logger
		if entry.module != "" {
			logger = logger.Named(printable.Escape(entry.module))
		}
		o.log(logger, entry.level, entry.message, append(args, entry.args...))
		return
	}
	o.cause.addText(string(line))
	if len(text) == 0 {
		return
	}
	level := hclog.Info
	if o.cause.crashed() {
		level = hclog.Error
	}
	o.log(o.logger, level, string(text), args)
}

func (o *Output) log(logger hclog.Logger, level hclog.Level, message string, args []any) {
	if level < logger.GetLevel() {
		return
	}
	// Debug entries are not limited: they are logged only on demand.
	if level > hclog.Debug {
		if !o.limiter.AllowN(o.now(), 1) {
			o.dropped++
			return
		}
		o.warnDropped()
	}
	logger.Log(level, printable.Escape(message), args...)
}

func (o *Output) warnDropped() {
	if o.dropped > 0 {
		o.logger.Warn("plugin logs too much, lines dropped", "lines", o.dropped)
		o.dropped = 0
	}
}

// entry is one line of hclog's JSON format.
type entry struct {
	level           hclog.Level
	message, module string
	args            []any
}

func parseEntry(line []byte) (entry, bool) {
	if !bytes.HasPrefix(line, []byte("{")) {
		return entry{}, false
	}
	decoder := json.NewDecoder(bytes.NewReader(line))
	// Numbers are logged as they were written.
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
			parsed.args = append(parsed.args, printable.Escape(key), logValue(fields[key]))
		}
	}
	return parsed, true
}

// logValue returns a value that hclog prints as JSON and not as a Go map.
func logValue(v any) any {
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

// Warn logs a warning about the process.
func (o *Output) Warn(message string, args ...any) {
	o.logger.Warn(printable.Escape(message), args...)
}
