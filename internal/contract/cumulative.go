package contract

import (
	"slices"
	"time"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// cumulativeCheck checks the records of the cumulative subjects of a window. A subject that needs
// no more records is stored as a hash.
type cumulativeCheck struct {
	months []Month
	// open has the subjects that need further records, by ID.
	open map[string]cumulativeSubject
	// complete has the IDs of the subjects with a record as of the last part of the window.
	complete hashSet
	// ended has the subjects that ended before, by the hash of their ID: the index of the month.
	ended map[uint64]int
}

func newCumulativeCheck(months []Month) *cumulativeCheck {
	return &cumulativeCheck{months: months, open: map[string]cumulativeSubject{}, complete: newHashSet(), ended: map[uint64]int{}}
}

// cumulativeSubject is what was reported of a subject so far.
type cumulativeSubject struct {
	month        int // index of the month of the last record
	startSeconds int64
	figures      [5]int64
}

func cumulativeFigures(cloud *pluginv1.CloudRecord) [5]int64 {
	return [5]int64{
		cloud.GetWallDuration().GetSeconds(), cloud.GetSuspendDuration().GetSeconds(), cloud.GetCpuDuration().GetSeconds(),
		cloud.GetNetworkInboundGb(), cloud.GetNetworkOutboundGb(),
	}
}

// add checks the next record.
func (c *cumulativeCheck) add(cloud *pluginv1.CloudRecord) error {
	asOf := cloud.GetRecordCreateTime().AsTime()
	month, found := slices.BinarySearchFunc(c.months, asOf, func(m Month, t time.Time) int { return m.AsOf.Compare(t) })
	if !found {
		return violation(RuleRecordTime, "record_create_time (%s) is neither a month end within the window nor the window's end", asOf.Format(time.RFC3339))
	}
	start := cloud.GetStartTime().AsTime()
	if !start.Before(c.months[month].Before) {
		return violation(RuleInWindow, "start_time (%s) is not before the window's end", start.Format(time.RFC3339))
	}
	if end := cloud.GetEndTime(); end != nil && !end.AsTime().Before(c.months[month].Before) {
		return violation(RuleInWindow, "end_time (%s) belongs to the next window or month", end.AsTime().Format(time.RFC3339))
	}
	before, known := c.open[cloud.GetVmUuid()]
	if !known {
		before = cumulativeSubject{month: c.firstMonth(start) - 1, startSeconds: start.Unix()}
	}
	hash := c.complete.hash(cloud.GetVmUuid())
	_, complete := c.complete.hashes[hash]
	endMonth, ended := c.ended[hash]
	switch {
	case month <= before.month || complete || ended && month <= endMonth:
		return violation(RuleTimeOrder, "it comes after a record of the same or a later time")
	case ended:
		return violation(RuleTimeOrder, "it comes after the record of the subject's end")
	}
	seen := cumulativeSubject{month: month, startSeconds: before.startSeconds, figures: cumulativeFigures(cloud)}
	if known {
		delete(c.open, cloud.GetVmUuid())
	}
	switch {
	case month == len(c.months)-1:
		c.complete.hashes[hash] = struct{}{}
	case cloud.GetEndTime() != nil:
		c.ended[hash] = month
	default:
		c.open[cloud.GetVmUuid()] = seen
	}
	switch {
	case before.startSeconds != start.Unix():
		return violation(RuleNeverFalls, "start_time changes from %s to %s within the window",
			time.Unix(before.startSeconds, 0).UTC().Format(time.RFC3339), start.Format(time.RFC3339))
	case month > before.month+1:
		return violation(RuleMonths, "the record as of %s is missing before it", c.months[before.month+1].AsOf.Format(time.RFC3339))
	}
	for i, name := range [5]string{"wall_duration", "suspend_duration", "cpu_duration", "network_inbound_gb", "network_outbound_gb"} {
		if known && seen.figures[i] < before.figures[i] {
			return violation(RuleNeverFalls, "%s falls from %d to %d within the window", name, before.figures[i], seen.figures[i])
		}
	}
	return nil
}

// firstMonth returns the index of the first part of the window in which a subject existed.
func (c *cumulativeCheck) firstMonth(start time.Time) int {
	first, _ := slices.BinarySearchFunc(c.months, start, func(m Month, t time.Time) int {
		if t.Before(m.Before) {
			return 1
		}
		return -1
	})
	return first
}

// finish checks, after the last record, that no subject lacks its records up to the window's end.
func (c *cumulativeCheck) finish() error {
	var first error
	for id, seen := range c.open {
		err := violation(RuleMonths, "cloud record of %q: the record as of %s is missing", id, c.months[seen.month+1].AsOf.Format(time.RFC3339))
		// The same error whatever the order of the map.
		if first == nil || err.Error() < first.Error() {
			first = err
		}
	}
	return first
}
