package ssm

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	sdk "github.com/caso-project/caso/internal/oldsdk"
	"github.com/caso-project/caso/plugins/internal/apel"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// recordText writes a record as lines `Key: value`, sorted by key, without a line end after the last. An error
// means that APEL would refuse the whole message that holds it.
func recordText(record *pluginv1.Record, version string) (string, error) {
	if sdk.RecordTypeOf(record) != pluginv1.RecordType_RECORD_TYPE_CLOUD {
		return "", fmt.Errorf("the record is not a cloud record, and messenger ssm sends no others")
	}
	fields, err := apel.RecordFields(record)
	if err != nil {
		return "", err
	}
	if err := checkEnd(fields); err != nil {
		return "", err
	}
	if version == version02 {
		removeNewFields(fields)
	}
	values := texts(fields)
	if err := checkNeeded(values); err != nil {
		return "", err
	}
	lines := make([]string, 0, len(values))
	for _, key := range slices.Sorted(maps.Keys(values)) {
		lines = append(lines, key+": "+values[key])
	}
	return strings.Join(lines, "\n"), nil
}

// checkEnd keeps back a VM that has ended at no known time: APEL's loader files a completed VM under the
// month of its EndTime, so without one its usage is lost, and with 0 it moves to January 1970.
func checkEnd(fields apel.Fields) error {
	end, ok := fields["EndTime"].(int64)
	if fields["Status"] == "completed" && (!ok || end <= 0) {
		return fmt.Errorf("the VM is completed but has no EndTime")
	}
	if ok && end <= 0 {
		delete(fields, "EndTime")
	}
	return nil
}

// removeNewFields leaves what cASO's version 0.2 messenger sent, and RecordCreateTime: APEL's server reads
// messages of both versions by the same rules, and RecordCreateTime says which month a record is about.
func removeNewFields(fields apel.Fields) {
	for _, key := range []string{"CloudComputeService", "PublicIPCount", "Benchmark", "BenchmarkType"} {
		delete(fields, key)
	}
}

// texts writes values as APEL's parser reads them: integers with Python's int(), which takes no fraction
// and no exponent, decimals with float(). A text that has nothing ASCII is left out.
func texts(fields apel.Fields) map[string]string {
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
	// APEL stores the text None for a machine without a name, which would be the name of many.
	if uuid := values["VMUUID"]; values["MachineName"] == "" && uuid != "" {
		values["MachineName"] = uuid
	}
	return values
}

// checkNeeded wants what APEL's CloudRecord declares mandatory. Its parser takes the texts none and null, in any
// case, for no value at all.
func checkNeeded(values map[string]string) error {
	for _, key := range []string{"VMUUID", "SiteName"} {
		switch strings.ToLower(values[key]) {
		case "":
			return fmt.Errorf("APEL needs %s, and the record has none in ASCII", key)
		case "none", "null":
			return fmt.Errorf("APEL needs %s, and takes %q for none", key, values[key])
		}
	}
	return nil
}
