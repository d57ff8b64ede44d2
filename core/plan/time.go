package plan

import (
	"fmt"
	"strings"
	"time"

	"github.com/caso-project/caso/core/report"
)

// timeLayouts returns the forms of ISO 8601 that people and Python's str(datetime) write.
// time.Parse accepts a fraction after the seconds of any layout.
func timeLayouts() []string {
	var all []string
	for _, clock := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04"} {
		for _, zone := range []string{"", "Z07:00", "Z0700", "Z07", " Z07:00", " Z0700", " UTC"} {
			all = append(all, clock+zone)
		}
	}
	return append(all, "2006-01-02")
}

// ParseTime parses a date, or a date and time with `T` or a space between them. A fraction of a
// second (cut off: windows are whole seconds) and an offset from UTC may be missing; without an
// offset the time is UTC. Other forms that dateutil, the parser of cASO, reads are taken where they
// have one meaning: 13.11.2026 is a date, 11.12.2026 an error. For an empty text and for Python's
// `None`, which cASO prints as the default of its options, ok is false.
func ParseTime(text string) (instant time.Time, ok bool, err error) {
	text = strings.TrimSpace(text)
	if text == "" || strings.EqualFold(text, "none") {
		return time.Time{}, false, nil
	}
	normalised := text
	if len(normalised) > 10 && (normalised[10] == ' ' || normalised[10] == 't') {
		normalised = normalised[:10] + "T" + normalised[11:]
	}
	for _, layout := range timeLayouts() {
		if parsed, err := time.Parse(layout, normalised); err == nil {
			return truncateToSecond(parsed), true, nil
		}
	}
	instant, err = parseOtherForms(text)
	if err != nil {
		return time.Time{}, false, fmt.Errorf("%w time %q: use RFC 3339 or YYYY-MM-DD, UTC where no offset is given", err, text)
	}
	return truncateToSecond(instant), true, nil
}

// truncateToSecond cuts a time down to a whole second of UTC. Truncate counts from the year 1, so
// that it cuts towards the past before 1970 as well.
func truncateToSecond(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

// epoch returns 1970-01-01, the start of a first window: no cloud is older.
func epoch() time.Time { return time.Unix(0, 0).UTC() }

// Range is the window that the operator requested. A zero end was not set.
type Range struct {
	// From is --extract-from.
	From time.Time
	// To is --extract-to.
	To time.Time
}

// ParseRange parses --extract-from and --extract-to. An end in the future becomes now, with a
// warning. An empty window is an error.
func ParseRange(from, to string, now time.Time) (Range, []report.Problem, error) {
	now = truncateToSecond(now)
	var requested Range
	var problems []report.Problem
	start, hasStart, err := ParseTime(from)
	if err != nil {
		return Range{}, nil, fmt.Errorf("reading the start of the window: %w", err)
	}
	end, hasEnd, err := ParseTime(to)
	if err != nil {
		return Range{}, nil, fmt.Errorf("reading the end of the window: %w", err)
	}
	if hasStart {
		requested.From = start
		if start.Before(epoch()) {
			requested.From = epoch()
		}
	}
	if hasEnd {
		requested.To = end
		if end.After(now) {
			problems = append(problems, report.Warnf("the end of the window %s is in the future: now (%s) is used instead",
				formatTime(end), formatTime(now)))
			requested.To = now
		}
	}
	switch {
	case hasStart && !start.Before(now):
		return Range{}, nil, fmt.Errorf("the start of the window %s is not in the past (now %s)", formatTime(start), formatTime(now))
	case hasStart && hasEnd && !requested.From.Before(requested.To):
		return Range{}, nil, fmt.Errorf("the start of the window %s is not before the end %s", formatTime(start), formatTime(end))
	case hasEnd && !requested.To.After(epoch()):
		return Range{}, nil, fmt.Errorf("the end of the window %s is before 1970", formatTime(end))
	}
	return requested, problems, nil
}

// formatTime returns a time as messages show it.
func formatTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }
