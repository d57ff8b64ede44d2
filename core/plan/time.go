package plan

import (
	"fmt"
	"strings"
	"time"

	sdk "github.com/caso-project/caso/internal/oldsdk"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// layouts are the spellings of ISO 8601 that people and Python's str(datetime) write. Go reads
// fractions of a second wherever seconds are, so they need no layouts of their own.
func layouts() []string {
	var all []string
	for _, clock := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04"} {
		for _, zone := range []string{"", "Z07:00", "Z0700", "Z07", " Z07:00", " Z0700", " UTC"} {
			all = append(all, clock+zone)
		}
	}
	return append(all, "2006-01-02")
}

// ParseTime reads an instant: a date, or date and time with `T` or a blank between them, a fraction of a
// second (cut off: windows are whole seconds) and an offset from UTC, each of which may be missing. What
// has no offset is UTC. Nothing, and Python's `None`, which cASO printed as the default of its options,
// are no instant: ok is false.
func ParseTime(text string) (instant time.Time, ok bool, err error) {
	text = strings.TrimSpace(text)
	if text == "" || strings.EqualFold(text, "none") {
		return time.Time{}, false, nil
	}
	spelled := text
	if len(spelled) > 10 && (spelled[10] == ' ' || spelled[10] == 't') {
		spelled = spelled[:10] + "T" + spelled[11:]
	}
	for _, layout := range layouts() {
		if parsed, err := time.Parse(layout, spelled); err == nil {
			return whole(parsed), true, nil
		}
	}
	return time.Time{}, false, fmt.Errorf("%q is no time: write it as 2026-11-01, 2026-11-01T12:00:00 or 2026-11-01T12:00:00+01:00 (UTC where no offset is given)", text)
}

// whole cuts an instant down to a whole second of UTC. Truncate counts from the year 1, so that it cuts
// towards the past before 1970 as well.
func whole(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

// epoch is the beginning of time: no cloud has run anything before.
func epoch() time.Time { return time.Unix(0, 0).UTC() }

// Range is the interval that the operator asked for. A zero end was not asked for.
type Range struct {
	// From is --extract-from.
	From time.Time
	// To is --extract-to.
	To time.Time
}

// ParseRange reads --extract-from and --extract-to. An end in the future is brought back to now, with a
// warning; what leaves no time in between is an error.
func ParseRange(from, to string, now time.Time) (Range, []*pluginv1.Diagnostic, error) {
	now = whole(now)
	var asked Range
	var diagnostics []*pluginv1.Diagnostic
	start, hasStart, err := ParseTime(from)
	if err != nil {
		return Range{}, nil, fmt.Errorf("reading the start of the interval to extract: %w", err)
	}
	end, hasEnd, err := ParseTime(to)
	if err != nil {
		return Range{}, nil, fmt.Errorf("reading the end of the interval to extract: %w", err)
	}
	if hasStart {
		asked.From = start
		if start.Before(epoch()) {
			asked.From = epoch()
		}
	}
	if hasEnd {
		asked.To = end
		if end.After(now) {
			diagnostics = append(diagnostics, sdk.Warnf("the interval to extract was to end in the future (%s): it ends now (%s)", when(end), when(now)))
			asked.To = now
		}
	}
	switch {
	case hasStart && !start.Before(now):
		return Range{}, nil, fmt.Errorf("the interval to extract cannot start at %s: that is not in the past (now it is %s)", when(start), when(now))
	case hasStart && hasEnd && !asked.From.Before(asked.To):
		return Range{}, nil, fmt.Errorf("the interval to extract starts at %s and ends at %s: the start has to be before the end", when(start), when(end))
	case hasEnd && !asked.To.After(epoch()):
		return Range{}, nil, fmt.Errorf("the interval to extract ends at %s: that is before there were clouds", when(end))
	}
	return asked, diagnostics, nil
}

// when is an instant as messages show it.
func when(t time.Time) string { return t.UTC().Format(time.RFC3339) }
