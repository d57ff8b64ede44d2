package accounting

import (
	"time"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Moment is a point in time as of which records are made, and the piece of the window that leads to it.
type Moment struct {
	// From is the first instant of the piece, Before the first after it.
	From, Before time.Time
	// AsOf is the record's RecordCreateTime: Before, or the second before it where Before is a month's
	// first second, because the APEL server puts a record into the month of its RecordCreateTime.
	AsOf time.Time
}

// Moments cuts the window [from, to) at the months: one moment as of the last second of each month that
// ends in it, then one as of its end. Without those in between, the APEL server would bill everything
// since the last record to the newest month.
func Moments(from, to time.Time) []Moment {
	from, to = from.UTC(), to.UTC()
	var moments []Moment
	for from.Before(to) {
		before := nextMonth(from)
		asOf := before.Add(-time.Second)
		if to.Before(before) {
			before, asOf = to, to
		}
		moments = append(moments, Moment{From: from, Before: before, AsOf: asOf})
		from = before
	}
	return moments
}

// nextMonth is the first second of the month after.
func nextMonth(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month()+1, 1, 0, 0, 0, 0, time.UTC)
}

// Figures is what a record says of a server as of one moment.
type Figures struct {
	// AsOf is RecordCreateTime.
	AsOf time.Time
	// Status is COMPLETED if and only if End is set.
	Status pluginv1.CloudStatus
	// End is zero for a server that had not ended.
	End time.Time
	// Wall is the time since the server was created until End or AsOf, whole seconds. It is 0 for a server
	// that never ran; consumers that take that for a missing figure are the messengers' business.
	Wall time.Duration
}

// CPUSeconds is the processor time of a number of virtual CPUs. It is not a
// time.Duration because that ends at 292 years, which 128 CPUs reach in a little over two.
func (f Figures) CPUSeconds(vcpus int64) int64 {
	return int64(f.Wall/time.Second) * vcpus
}

// At makes the figures of a server as of a moment; false where it has none to report: it was not there
// yet, or its end belongs to an earlier piece. A server's end is in exactly one of the pieces of time that
// follow on one another, so it is reported exactly once.
//
// Owed says that the server's end has not been reported although it lies before the moment's piece. That
// happens when an end becomes known late, with a time that has passed.
func (l Lifecycle) At(moment Moment, owed bool) (Figures, bool) {
	if !l.Created.Before(moment.Before) {
		return Figures{}, false
	}
	end, ended := l.End()
	if !ended || !end.Before(moment.Before) {
		return Figures{AsOf: moment.AsOf, Status: l.statusAt(moment.AsOf), Wall: moment.AsOf.Sub(l.Created)}, true
	}
	if end.Before(moment.From) && !owed {
		return Figures{}, false
	}
	return Figures{
		AsOf:   moment.AsOf,
		Status: pluginv1.CloudStatus_CLOUD_STATUS_COMPLETED,
		End:    end,
		Wall:   end.Sub(l.Created),
	}, true
}
