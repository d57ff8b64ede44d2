package contract

import (
	"fmt"
	"math"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// firstError returns the first error that is not nil.
func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func missingField(field string) error { return fmt.Errorf("%s is missing", field) }

func notEmpty(field, value string) error {
	if value == "" {
		return missingField(field)
	}
	return validText(field, value)
}

func validText(field, value string) error {
	if !utf8.ValidString(value) {
		return fmt.Errorf("%s is not UTF-8: %.80q", field, value)
	}
	return nil
}

func knownStatus(status pluginv1.CloudStatus) error {
	if _, known := pluginv1.CloudStatus_name[int32(status)]; !known || status == pluginv1.CloudStatus_CLOUD_STATUS_UNSPECIFIED {
		return fmt.Errorf("status is %d: it is missing or not a CloudStatus", status)
	}
	return nil
}

func validTime(field string, t *timestamppb.Timestamp) error {
	switch {
	case t == nil:
		return missingField(field)
	case !t.IsValid():
		return fmt.Errorf("%s is an invalid time", field)
	case t.GetSeconds() <= 0:
		return fmt.Errorf("%s is %s: it must be after 1970-01-01T00:00:00Z", field, t.AsTime().Format(time.RFC3339))
	case t.GetNanos() != 0:
		return fmt.Errorf("%s is %s: it must be in whole seconds", field, t.AsTime().Format(time.RFC3339Nano))
	}
	return nil
}

// inOrder leaves missing times to validTime.
func inOrder(earlier string, a *timestamppb.Timestamp, later string, b *timestamppb.Timestamp) error {
	if a != nil && b != nil && a.GetSeconds() > b.GetSeconds() {
		return fmt.Errorf("%s (%s) is after %s (%s)", earlier, a.AsTime().Format(time.RFC3339), later, b.AsTime().Format(time.RFC3339))
	}
	return nil
}

// validDuration accepts an absent duration.
func validDuration(field string, d *durationpb.Duration) error {
	switch {
	case d == nil:
		return nil
	case !d.IsValid():
		return fmt.Errorf("%s is an invalid duration", field)
	case d.GetSeconds() < 0 || d.GetNanos() < 0:
		return fmt.Errorf("%s is negative (%d s)", field, d.GetSeconds())
	case d.GetNanos() != 0:
		return fmt.Errorf("%s is not in whole seconds", field)
	}
	return nil
}

func withinMonth(field string, d *durationpb.Duration, days int) error {
	if limit := int64(days) * 24 * 60 * 60; d.GetSeconds() > limit {
		return fmt.Errorf("%s is %d s, but its month has %d s", field, d.GetSeconds(), limit)
	}
	return nil
}

func validCount(field string, n int64) error {
	if n < 0 {
		return fmt.Errorf("%s is negative (%d)", field, n)
	}
	return nil
}

func validFigure(field string, f float64) error {
	if math.IsNaN(f) || math.IsInf(f, 0) || f < 0 {
		return fmt.Errorf("%s is %v: it must be a number, 0 or more", field, f)
	}
	return nil
}

// checkBenchmark requires both type and value, or neither. APEL's table has 50 characters for the
// type.
func checkBenchmark(b *pluginv1.Benchmark) error {
	const maxTypeLength = 50
	switch {
	case b == nil:
		return nil
	case b.GetType() == "":
		return missingField("benchmark.type")
	case utf8.RuneCountInString(b.GetType()) > maxTypeLength:
		return fmt.Errorf("benchmark.type is longer than %d characters", maxTypeLength)
	case b.GetValue() == 0:
		return missingField("benchmark.value")
	}
	return firstError(validText("benchmark.type", b.GetType()), validFigure("benchmark.value", b.GetValue()))
}
