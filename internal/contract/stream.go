package contract

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Rule names a rule for the records of one window.
type Rule string

// The rules for the records of one window. StreamRules has their reasons.
const (
	RuleRecordValid      Rule = "record_valid"
	RuleRequestedProject Rule = "requested_project"
	RuleRequestedTypes   Rule = "requested_types"
	RuleFactOnce         Rule = "fact_once"
	RuleRecordTime       Rule = "record_time"
	RuleInWindow         Rule = "in_window"
	RuleMonths           Rule = "months"
	RuleTimeOrder        Rule = "time_order"
	RuleNeverFalls       Rule = "never_falls"
)

// StreamRules returns the rules for the records of one window, each with its reason.
func StreamRules() map[Rule]string {
	return map[Rule]string{
		RuleRecordValid:      "a record has the fields that consumers require, and its figures can be true (CheckRecord)",
		RuleRequestedProject: "a record is of the project that was requested: the host stores and bills it there",
		RuleRequestedTypes:   "a record is of a type that was requested: no messenger accepts another",
		RuleFactOnce:         "no two records state the same fact: the second would replace the first",
		RuleRecordTime: "a cumulative record is as of a month end in the window or of the window's end, a monthly record of a month " +
			"that the window touches, and none is dated after the window's end: the figures would be a forecast",
		RuleInWindow: "a subject began before the window's end, and an end in the record is before it; a record per interval lies within " +
			"the window: what comes later belongs to the next window",
		RuleMonths: "a cumulative subject has a record for every month that the window touches and it existed in: APEL bills a missing " +
			"month together with the next one",
		RuleTimeOrder: "the records of a cumulative subject come in time order, and none after its end: APEL keeps the last that " +
			"arrives in a month",
		RuleNeverFalls: "the start time of a cumulative subject never changes and none of its figures falls: APEL bills the difference of " +
			"two figures, which would be negative",
	}
}

// Violation is a record, or the lack of one, that breaks a rule.
type Violation struct {
	Rule Rule
	Err  error
}

// Error returns what is wrong.
func (v *Violation) Error() string { return v.Err.Error() }

// Unwrap returns the cause.
func (v *Violation) Unwrap() error { return v.Err }

func violation(rule Rule, format string, args ...any) error {
	return &Violation{Rule: rule, Err: fmt.Errorf(format, args...)}
}

// StreamCheck checks the records of one window, one after another, against StreamRules. A subject
// that cannot be reported is left out with all its records.
type StreamCheck struct {
	project string
	types   []pluginv1.RecordType
	to      time.Time
	months  []Month
	from    int64
	// ids are those of the records so far, except of cumulative ones, whose order excludes repeats.
	ids      map[string]struct{}
	subjects map[string]*cumulativeSubject
}

// NewStreamCheck returns the check of the answer to a request.
func NewStreamCheck(request *pluginv1.ExtractRequest) *StreamCheck {
	from, to := request.GetWindow().GetFrom().AsTime(), request.GetWindow().GetTo().AsTime()
	return &StreamCheck{
		project:  request.GetProject().GetId(),
		types:    request.GetRecordTypes(),
		from:     from.Unix(),
		to:       to,
		months:   Months(from, to),
		ids:      map[string]struct{}{},
		subjects: map[string]*cumulativeSubject{},
	}
}

// Add checks the next record.
func (c *StreamCheck) Add(record *pluginv1.Record) error {
	if err := CheckRecord(record); err != nil {
		return &Violation{Rule: RuleRecordValid, Err: err}
	}
	err := c.checkInStream(record)
	if broken, ok := errors.AsType[*Violation](err); ok {
		return violation(broken.Rule, "%s: %w", Subject(record), broken.Err)
	}
	return err
}

func (c *StreamCheck) checkInStream(record *pluginv1.Record) error {
	if record.GetProjectId() != c.project {
		return violation(RuleRequestedProject, "project_id is %q, but project %q was requested", record.GetProjectId(), c.project)
	}
	if recordType := RecordTypeOf(record); !slices.Contains(c.types, recordType) {
		return violation(RuleRequestedTypes, "record type %s was not requested", RecordTypeName(recordType))
	}
	if cloud := record.GetCloud(); cloud != nil {
		return c.checkCumulative(cloud)
	}
	id := RecordID(record)
	if _, again := c.ids[id]; again {
		return violation(RuleFactOnce, "it comes twice (%s)", id)
	}
	c.ids[id] = struct{}{}
	switch kind := record.GetKind().(type) {
	case *pluginv1.Record_Ip:
		return c.notAfterEnd("measurement_time", kind.Ip.GetMeasurementTime().AsTime())
	case *pluginv1.Record_Storage:
		return c.notAfterEnd("create_time", kind.Storage.GetCreateTime().AsTime())
	case *pluginv1.Record_Accelerator:
		return c.checkMonthly(kind.Accelerator)
	case *pluginv1.Record_Energy:
		if kind.Energy.GetStartTime().GetSeconds() < c.from {
			return violation(RuleInWindow, "start_time (%s) is before the window", kind.Energy.GetStartTime().AsTime().Format(time.RFC3339))
		}
		return c.notAfterEnd("end_time", kind.Energy.GetEndTime().AsTime())
	}
	return nil
}

func (c *StreamCheck) notAfterEnd(field string, t time.Time) error {
	if t.After(c.to) {
		return violation(RuleRecordTime, "%s (%s) is after the window's end (%s)", field, t.Format(time.RFC3339), c.to.Format(time.RFC3339))
	}
	return nil
}

func (c *StreamCheck) checkMonthly(accelerator *pluginv1.AcceleratorRecord) error {
	year, month := int(accelerator.GetMeasurementYear()), time.Month(accelerator.GetMeasurementMonth())
	for _, part := range c.months {
		if part.From.Year() != year || part.From.Month() != month {
			continue
		}
		limit := int64(part.Before.Sub(time.Date(year, month, 1, 0, 0, 0, 0, time.UTC)) / time.Second)
		for field, d := range map[string]*durationpb.Duration{
			"available_duration": accelerator.GetAvailableDuration(), "active_duration": accelerator.GetActiveDuration(),
		} {
			if d.GetSeconds() > limit {
				return violation(RuleRecordTime, "%s is %d s, but only %d s of %04d-%02d are before the window's end", field, d.GetSeconds(), limit, year, month)
			}
		}
		return nil
	}
	return violation(RuleRecordTime, "month %04d-%02d is outside the window", year, month)
}

// cumulativeSubject is what was reported of a subject so far.
type cumulativeSubject struct {
	month        int // index of the month of the last record
	startSeconds int64
	ended        bool
	figures      [5]int64
}

func cumulativeFigures(cloud *pluginv1.CloudRecord) [5]int64 {
	return [5]int64{
		cloud.GetWallDuration().GetSeconds(), cloud.GetSuspendDuration().GetSeconds(), cloud.GetCpuDuration().GetSeconds(),
		cloud.GetNetworkInboundGb(), cloud.GetNetworkOutboundGb(),
	}
}

func (c *StreamCheck) checkCumulative(cloud *pluginv1.CloudRecord) error {
	asOf := cloud.GetRecordCreateTime().AsTime()
	if err := c.notAfterEnd("record_create_time", asOf); err != nil {
		return err
	}
	month := slices.IndexFunc(c.months, func(m Month) bool { return m.AsOf.Equal(asOf) })
	if month < 0 {
		return violation(RuleRecordTime, "record_create_time (%s) is neither a month end within the window nor the window's end", asOf.Format(time.RFC3339))
	}
	start := cloud.GetStartTime().AsTime()
	if !start.Before(c.months[month].Before) {
		return violation(RuleInWindow, "start_time (%s) is not before the window's end", start.Format(time.RFC3339))
	}
	if end := cloud.GetEndTime(); end != nil && !end.AsTime().Before(c.months[month].Before) {
		return violation(RuleInWindow, "end_time (%s) belongs to the next window or month", end.AsTime().Format(time.RFC3339))
	}
	seen, known := c.subjects[cloud.GetVmUuid()]
	if !known {
		seen = &cumulativeSubject{month: c.firstMonth(start) - 1, startSeconds: start.Unix()}
		c.subjects[cloud.GetVmUuid()] = seen
	}
	if month <= seen.month {
		return violation(RuleTimeOrder, "it comes after a record of the same or a later time")
	}
	before := *seen
	seen.month, seen.figures, seen.ended = month, cumulativeFigures(cloud), cloud.GetEndTime() != nil
	switch {
	case before.ended:
		return violation(RuleTimeOrder, "it comes after the record of the subject's end")
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
func (c *StreamCheck) firstMonth(start time.Time) int {
	return slices.IndexFunc(c.months, func(m Month) bool { return start.Before(m.Before) })
}

// Finish checks, after the last record, that no subject lacks its records up to the window's end.
func (c *StreamCheck) Finish() error {
	var first error
	for id, seen := range c.subjects {
		if !seen.ended && seen.month < len(c.months)-1 {
			err := violation(RuleMonths, "cloud record of %q: the record as of %s is missing", id, c.months[seen.month+1].AsOf.Format(time.RFC3339))
			// The same error whatever the order of the map.
			if first == nil || err.Error() < first.Error() {
				first = err
			}
		}
	}
	return first
}
