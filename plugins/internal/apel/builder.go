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

// fieldBuilder collects fields and keeps the first error.
type fieldBuilder struct {
	fields Fields
	err    error
}

func (b *fieldBuilder) fail(key, format string, args ...any) {
	if b.err == nil {
		b.err = fmt.Errorf("%s %s", key, fmt.Sprintf(format, args...))
	}
}

// setText leaves out an empty text.
func (b *fieldBuilder) setText(key, value string) {
	if value != "" {
		b.fields[key] = value
	}
}

// setInteger rejects a negative value: APEL would subtract it from the site's usage.
func (b *fieldBuilder) setInteger(key string, value int64) {
	if value < 0 {
		b.fail(key, "is negative: %d", value)
		return
	}
	b.fields[key] = value
}

func (b *fieldBuilder) setOptionalInteger(key string, value *int64) {
	if value != nil {
		b.setInteger(key, *value)
	}
}

// setDecimal sets a value of a decimal(10,3) column, as CpuCount is in APEL's cloud.sql. Python's
// float(), and so APEL's parser, accepts "nan" and "inf" too; the database then rejects the whole
// message.
func (b *fieldBuilder) setDecimal(key string, value float64) {
	rounded, ok := roundToDecimalColumn(value)
	if !ok {
		b.fail(key, "must be at least 0 and less than %d: %v", int(decimalLimit), value)
		return
	}
	b.fields[key] = rounded
}

// setNumber sets a number that no table of APEL bounds.
func (b *fieldBuilder) setNumber(key string, value float64) {
	// Also false for NaN.
	if value >= 0 && !math.IsInf(value, 1) {
		b.fields[key] = value + 0 // -0 + 0 is 0
		return
	}
	b.fail(key, "must be a finite number of at least 0: %v", value)
}

// roundToDecimalColumn rounds to three decimals and reports whether the result fits into
// decimal(10,3).
func roundToDecimalColumn(value float64) (float64, bool) {
	rounded := math.Round(value*1000) / 1000
	// The comparison is also false for NaN; -0 + 0 is 0.
	return rounded + 0, rounded >= 0 && rounded < decimalLimit
}

// setTime sets a time in epoch seconds.
func (b *fieldBuilder) setTime(key string, value *timestamppb.Timestamp) {
	if value == nil {
		return
	}
	if err := value.CheckValid(); err != nil {
		b.fail(key, "is not a valid time: %v", err)
		return
	}
	b.fields[key] = value.GetSeconds()
}

// setSeconds sets a duration in whole seconds.
func (b *fieldBuilder) setSeconds(key string, value *durationpb.Duration) {
	if value != nil {
		b.setInteger(key, value.GetSeconds())
	}
}

// setAtLeastOneSecond replaces a duration of 0 by 1, as cASO's CloudRecord.ssm_message does. All
// messengers do so, for the same figures in APEL and in Logstash.
func (b *fieldBuilder) setAtLeastOneSecond(key string, value *durationpb.Duration) {
	b.setSeconds(key, value)
	if b.fields[key] == int64(0) {
		b.fields[key] = int64(1)
	}
}

// setBenchmark sets value and type, or neither: without a positive value and a type, usage cannot
// be normalised. The rest of the record is valid without them.
func (b *fieldBuilder) setBenchmark(benchmark *pluginv1.Benchmark) {
	value, ok := roundToDecimalColumn(benchmark.GetValue())
	if !ok || value == 0 || benchmark.GetType() == "" {
		return
	}
	b.fields["Benchmark"] = value
	b.fields["BenchmarkType"] = benchmark.GetType()
}

func (b *fieldBuilder) setStatus(status pluginv1.CloudStatus) {
	b.fields["Status"] = statusText(status)
}

// statusText returns the text that cASO sends for a status.
func statusText(status pluginv1.CloudStatus) string {
	switch status {
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
	// Also for a status that a later version of the contract adds.
	return "unknown"
}
