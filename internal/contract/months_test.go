package contract_test

import (
	"slices"
	"testing"
	"time"

	"github.com/caso-project/caso/internal/contract"
)

// parseTime parses a time of the tests.
func parseTime(text string) time.Time {
	t, err := time.Parse("2006-01-02 15:04:05", text)
	if err != nil {
		panic(err)
	}
	return t
}

func TestMonths(t *testing.T) {
	for _, test := range []struct {
		name, from, to string
		want           []string
	}{
		{"an hour", "2026-03-10 10:00:00", "2026-03-10 11:00:00", []string{"2026-03-10 11:00:00"}},
		{"an hour to a month's end", "2026-03-31 23:00:00", "2026-04-01 00:00:00", []string{"2026-03-31 23:59:59"}},
		{"an hour from a month's start", "2026-04-01 00:00:00", "2026-04-01 01:00:00", []string{"2026-04-01 01:00:00"}},
		{"over a month's end", "2026-03-31 23:30:00", "2026-04-01 00:30:00", []string{"2026-03-31 23:59:59", "2026-04-01 00:30:00"}},
		{"a month", "2026-02-01 00:00:00", "2026-03-01 00:00:00", []string{"2026-02-28 23:59:59"}},
		{"a month's last second", "2028-02-29 23:59:59", "2028-03-01 00:00:00", []string{"2028-02-29 23:59:59"}},
		{"over a year's end", "2025-11-15 00:00:00", "2026-01-02 00:00:00",
			[]string{"2025-11-30 23:59:59", "2025-12-31 23:59:59", "2026-01-02 00:00:00"}},
		{"nothing", "2026-03-10 10:00:00", "2026-03-10 10:00:00", nil},
		{"backwards", "2026-03-10 10:00:00", "2026-03-10 09:00:00", nil},
	} {
		var got []string
		for _, month := range contract.Months(parseTime(test.from), parseTime(test.to)) {
			got = append(got, month.AsOf.Format("2006-01-02 15:04:05"))
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

// TestMonthsAreUTC: a month is one of UTC, whatever zone the window came in.
func TestMonthsAreUTC(t *testing.T) {
	zone := time.FixedZone("", 2*60*60)
	from := time.Date(2026, 4, 1, 1, 0, 0, 0, zone) // 23:00 on March 31, UTC
	months := contract.Months(from, from.Add(2*time.Hour))
	if len(months) != 2 || !months[0].AsOf.Equal(parseTime("2026-03-31 23:59:59")) {
		t.Errorf("%v", months)
	}
}
