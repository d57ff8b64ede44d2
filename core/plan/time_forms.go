package plan

import (
	"errors"
	"strings"
	"time"
)

var (
	errInvalidTime   = errors.New("invalid")
	errAmbiguousTime = errors.New("ambiguous")
)

// parseOtherForms parses the forms of dates that dateutil reads besides ISO 8601. A text that two
// forms read differently is ambiguous.
func parseOtherForms(text string) (time.Time, error) {
	text = strings.ToUpper(strings.Join(strings.Fields(strings.ReplaceAll(text, ",", " ")), " "))
	var found time.Time
	for _, layout := range otherLayouts() {
		parsed, err := time.Parse(layout, text)
		switch {
		case err != nil:
		case found.IsZero():
			found = parsed
		case !found.Equal(parsed):
			return time.Time{}, errAmbiguousTime
		}
	}
	if found.IsZero() {
		return time.Time{}, errInvalidTime
	}
	return found, nil
}

// otherLayouts returns every combination of a date, a time of day and a zone, and the form of
// date(1). Names of zones other than UTC are not known: they have no one meaning.
func otherLayouts() []string {
	layouts := []string{"Mon Jan 2 15:04:05 UTC 2006", "Mon Jan 2 15:04:05 2006", "20060102150405", "200601021504"}
	clocks := []string{"", "T15:04:05", "T15:04", "T150405", "T1504", "T15", " 15:04:05", " 15:04",
		" 3:04:05PM", " 3:04:05 PM", " 3:04PM", " 3:04 PM", " 3PM", " 3 PM"}
	zones := []string{"", "Z07:00", "Z0700", "Z07", " Z07:00", " Z0700", " UTC", " GMT"}
	for _, date := range []string{
		"2006-1-2", "2006/1/2", "2006.1.2", "20060102", "2006-Jan-2",
		"2/1/2006", "1/2/2006", "2.1.2006", "1.2.2006", "2-1-2006", "1-2-2006",
		"2 Jan 2006", "Jan 2 2006", "2 January 2006", "January 2 2006", "2-Jan-2006",
		"Mon 2 Jan 2006", "Mon Jan 2 2006",
	} {
		layouts = append(layouts, date)
		for _, clock := range clocks[1:] {
			for _, zone := range zones {
				layouts = append(layouts, date+clock+zone)
			}
		}
	}
	return layouts
}
