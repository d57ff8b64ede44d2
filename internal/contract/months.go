package contract

import "time"

// Month is the part of a window that lies in one calendar month (UTC).
type Month struct {
	// From is the first instant of the part.
	From time.Time
	// Before is the first instant after it.
	Before time.Time
	// AsOf is the record time of the part: Before, or the second before it where Before is the
	// first second of a month, because APEL files a record under the month of its RecordCreateTime.
	AsOf time.Time
}

// Months divides the window [from, to) at the months. Cumulative and monthly records are due as of
// the AsOf of each part; without those at the month ends APEL bills all usage since the last record
// to the newest month.
func Months(from, to time.Time) []Month {
	from, to = from.UTC(), to.UTC()
	var months []Month
	for from.Before(to) {
		before := time.Date(from.Year(), from.Month()+1, 1, 0, 0, 0, 0, time.UTC)
		asOf := before.Add(-time.Second)
		if to.Before(before) {
			before, asOf = to, to
		}
		months = append(months, Month{From: from, Before: before, AsOf: asOf})
		from = before
	}
	return months
}
