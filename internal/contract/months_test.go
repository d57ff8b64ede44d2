package contract_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

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

// The parts of a window join without a gap, and each record time lies in the month of its part.
func TestMonthsProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "from"), 0).UTC()
		to := from.Add(time.Duration(rapid.Int64Range(1, 4e7).Draw(t, "length")) * time.Second)
		next := from
		for _, month := range contract.Months(from, to) {
			last := month.Before.Add(-time.Second)
			if !month.From.Equal(next) || !month.From.Before(month.Before) || month.From.Format("2006-01") != last.Format("2006-01") {
				t.Fatalf("part %v after %s", month, next)
			}
			if month.AsOf.Format("2006-01") != month.From.Format("2006-01") || month.AsOf.After(month.Before) || month.AsOf.Before(last) {
				t.Fatalf("record time %s in part %v", month.AsOf, month)
			}
			next = month.Before
		}
		if !next.Equal(to) {
			t.Fatalf("the parts end at %s instead of %s", next, to)
		}
	})
}
