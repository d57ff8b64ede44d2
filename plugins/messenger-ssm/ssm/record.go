package ssm

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/caso-project/caso/plugins/internal/apel"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
)

// recordText returns a record as lines `Key: value`, sorted by key, without a final newline. The
// error is the reason to reject the record: APEL would reject the whole message that contains it.
func recordText(record *pluginv1.Record, version string) (string, error) {
	if sdk.RecordTypeOf(record) != pluginv1.RecordType_RECORD_TYPE_CLOUD {
		return "", fmt.Errorf("not a cloud record: messenger ssm delivers cloud records only")
	}
	fields, err := apel.RecordFields(record)
	if err != nil {
		return "", err
	}
	if err := checkEndTime(fields); err != nil {
		return "", err
	}
	if version == version02 {
		removeFieldsOfVersion04(fields)
	}
	values := formatFields(fields)
	if err := checkMandatoryFields(values); err != nil {
		return "", err
	}
	lines := make([]string, 0, len(values))
	for _, key := range slices.Sorted(maps.Keys(values)) {
		lines = append(lines, key+": "+values[key])
	}
	return strings.Join(lines, "\n"), nil
}

// checkEndTime rejects a completed VM without an end: APEL's loader assigns a completed VM to the
// month of its EndTime, so its usage would be lost or, with 0, move to January 1970. An EndTime of
// 0 of any other VM is removed.
func checkEndTime(fields apel.Fields) error {
	end, ok := fields["EndTime"].(int64)
	if fields["Status"] == "completed" && (!ok || end <= 0) {
		return fmt.Errorf("status is completed but EndTime is missing")
	}
	if ok && end <= 0 {
		delete(fields, "EndTime")
	}
	return nil
}

// removeFieldsOfVersion04 leaves the fields that cASO's version 0.2 messenger sent, and
// RecordCreateTime: APEL's server parses both versions alike, and assigns a record to the month of
// its RecordCreateTime.
func removeFieldsOfVersion04(fields apel.Fields) {
	for _, key := range []string{"CloudComputeService", "PublicIPCount", "Benchmark", "BenchmarkType"} {
		delete(fields, key)
	}
}

// formatFields formats values for APEL's parser, which reads integers with Python's int(), so
// without fraction and exponent, and decimals with float(). A text without any ASCII character is
// left out.
func formatFields(fields apel.Fields) map[string]string {
	values := make(map[string]string, len(fields))
	for key, field := range fields {
		switch value := field.(type) {
		case int64:
			values[key] = strconv.FormatInt(value, 10)
		case float64:
			values[key] = strconv.FormatFloat(value, 'f', -1, 64)
		case string:
			limit := textLimit
			if key == "BenchmarkType" {
				limit = benchmarkTypeLimit
			}
			if text := sanitise(value, limit); text != "" {
				values[key] = text
			}
		}
	}
	if values["BenchmarkType"] == "" {
		delete(values, "Benchmark")
	}
	// APEL stores a missing MachineName as the text "None".
	if uuid := values["VMUUID"]; values["MachineName"] == "" && uuid != "" {
		values["MachineName"] = uuid
	}
	return values
}

// checkMandatoryFields checks the fields that APEL's CloudRecord declares mandatory. Its parser
// reads the texts none and null, in any case, as a missing value.
func checkMandatoryFields(values map[string]string) error {
	for _, key := range []string{"VMUUID", "SiteName"} {
		switch strings.ToLower(values[key]) {
		case "":
			return fmt.Errorf("%s is empty or has no ASCII character, and APEL requires it", key)
		case "none", "null":
			return fmt.Errorf("%s is %q, which APEL reads as missing", key, values[key])
		}
	}
	return nil
}
