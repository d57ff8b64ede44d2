package apel

import (
	"fmt"
	"math"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// decimalLimit is the first number that is too large for the decimal(10,3) of APEL's tables.
const decimalLimit = 1e7

// builder collects fields and keeps the first thing that is wrong.
type builder struct {
	fields Fields
	err    error
}

func (b *builder) fail(key, format string, args ...any) {
	if b.err == nil {
		b.err = fmt.Errorf("%s %s", key, fmt.Sprintf(format, args...))
	}
}

// text takes a text; an empty one says nothing and is left out.
func (b *builder) text(key, value string) {
	if value != "" {
		b.fields[key] = value
	}
}

// integer takes a count. APEL's figures count something: a negative one would be subtracted from the
// site's usage.
func (b *builder) integer(key string, value int64) {
	if value < 0 {
		b.fail(key, "is negative: %d", value)
		return
	}
	b.fields[key] = value
}

func (b *builder) optionalInteger(key string, value *int64) {
	if value != nil {
		b.integer(key, *value)
	}
}

// decimal takes a number for a column of type decimal(10,3), as CpuCount has it in APEL's cloud.sql.
// Python's float(), and so APEL's parser, would take "nan" and "inf" too and leave it to the database to refuse
// the whole message.
func (b *builder) decimal(key string, value float64) {
	rounded, ok := decimal(value)
	if !ok {
		b.fail(key, "is not a number from 0 to %d: %v", int(decimalLimit), value)
		return
	}
	b.fields[key] = rounded
}

// number takes a number that no table of APEL's bounds.
func (b *builder) number(key string, value float64) {
	// Also false for NaN.
	if value >= 0 && !math.IsInf(value, 1) {
		b.fields[key] = value + 0
		return
	}
	b.fail(key, "is not a number of 0 or more: %v", value)
}

// decimal rounds to three decimals and says whether the result fits.
func decimal(value float64) (float64, bool) {
	rounded := math.Round(value*1000) / 1000
	// Also false for NaN. Adding 0 makes 0 of -0, which would be written with its sign.
	return rounded + 0, rounded >= 0 && rounded < decimalLimit
}

// time takes a moment as epoch seconds.
func (b *builder) time(key string, value *timestamppb.Timestamp) {
	if value == nil {
		return
	}
	if err := value.CheckValid(); err != nil {
		b.fail(key, "is not a time: %v", err)
		return
	}
	b.fields[key] = value.GetSeconds()
}

// seconds takes a duration as whole seconds.
func (b *builder) seconds(key string, value *durationpb.Duration) {
	if value != nil {
		b.integer(key, value.GetSeconds())
	}
}

// atLeastOneSecond takes a duration of 0 as 1, as cASO's CloudRecord.ssm_message does, so that no VM is
// reported without any time. Every messenger does the same, so that two consumers of a site agree.
func (b *builder) atLeastOneSecond(key string, value *durationpb.Duration) {
	b.seconds(key, value)
	if b.fields[key] == int64(0) {
		b.fields[key] = int64(1)
	}
}

// benchmark takes both figures or neither. A speed that is no number, is nothing, or has no name cannot be
// billed with; the VM itself still counts, so it alone is left out.
func (b *builder) benchmark(value *pluginv1.Benchmark) {
	speed, ok := decimal(value.GetValue())
	if !ok || speed == 0 || value.GetType() == "" {
		return
	}
	b.fields["Benchmark"] = speed
	b.fields["BenchmarkType"] = value.GetType()
}

// status takes what a VM was doing, in the words that cASO sends.
func (b *builder) status(value pluginv1.CloudStatus) {
	b.fields["Status"] = statusText(value)
}

func statusText(value pluginv1.CloudStatus) string {
	switch value {
	case pluginv1.CloudStatus_CLOUD_STATUS_STARTED:
		return "started"
	case pluginv1.CloudStatus_CLOUD_STATUS_SUSPENDED:
		return "suspended"
	case pluginv1.CloudStatus_CLOUD_STATUS_COMPLETED:
		return "completed"
	case pluginv1.CloudStatus_CLOUD_STATUS_ERROR:
		return "error"
	case pluginv1.CloudStatus_CLOUD_STATUS_PAUSED:
		return "paused"
	case pluginv1.CloudStatus_CLOUD_STATUS_STOPPED:
		return "stopped"
	}
	// Also for one that a later version of the contract adds.
	return "unknown"
}
