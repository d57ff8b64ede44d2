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
	ids        hashSet
	cumulative *cumulativeCheck
}

// NewStreamCheck returns the check of the answer to a request.
func NewStreamCheck(request *pluginv1.ExtractRequest) *StreamCheck {
	from, to := request.GetWindow().GetFrom().AsTime(), request.GetWindow().GetTo().AsTime()
	months := Months(from, to)
	return &StreamCheck{
		project:    request.GetProject().GetId(),
		types:      request.GetRecordTypes(),
		from:       from.Unix(),
		to:         to,
		months:     months,
		ids:        newHashSet(),
		cumulative: newCumulativeCheck(months),
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
		if err := c.notAfterEnd("record_create_time", cloud.GetRecordCreateTime().AsTime()); err != nil {
			return err
		}
		return c.cumulative.add(cloud)
	}
	if id := RecordID(record); !c.ids.add(id) {
		return violation(RuleFactOnce, "it comes twice (%s)", id)
	}
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

// Finish checks, after the last record, that no subject lacks its records up to the window's end.
func (c *StreamCheck) Finish() error { return c.cumulative.finish() }
