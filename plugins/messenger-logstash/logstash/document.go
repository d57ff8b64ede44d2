package logstash

import (
	"bytes"
	"encoding/json"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/caso-project/caso/plugins/internal/apel"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
)

// Keys that are added to APEL's. The first is Logstash's own for the time of an event.
const (
	timestampKey = "@timestamp"
	// typeKey holds the record type: cloud, ip, accelerator, storage or energy.
	typeKey = "type"
	// idKey holds Record.id, which is the same whenever the same record is sent. An Elasticsearch
	// output with `document_id => "%{document_id}"` uses it as the document's id, so that a record
	// that arrives twice is stored once. Elasticsearch accepts ids of up to 512 bytes, as the
	// contract does.
	idKey = "document_id"
)

// documentLine returns a record as one JSON object on one line, keys sorted, so that a batch that
// is sent again has the same bytes.
func documentLine(record *pluginv1.Record) ([]byte, error) {
	fields, err := apel.RecordFields(record)
	if err != nil {
		return nil, err
	}
	fields[idKey] = record.GetId()
	fields[typeKey] = sdk.RecordTypeName(sdk.RecordTypeOf(record))
	if recordTime, ok := recordTimeOf(record); ok {
		fields[timestampKey] = recordTime.Format(time.RFC3339)
	}
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	// The encoder ends the object with a newline, and escapes newlines within texts.
	if err := encoder.Encode(fields); err != nil {
		return nil, err
	}
	return line.Bytes(), nil
}

// recordTimeOf returns the time as of which a record is true, and whether it has one. Without
// @timestamp Logstash uses the time of arrival, which is wrong for a republished month.
func recordTimeOf(record *pluginv1.Record) (time.Time, bool) {
	var recordTime *timestamppb.Timestamp
	switch kind := record.GetKind().(type) {
	case *pluginv1.Record_Cloud:
		recordTime = kind.Cloud.GetRecordCreateTime()
	case *pluginv1.Record_Ip:
		recordTime = kind.Ip.GetMeasurementTime()
	case *pluginv1.Record_Storage:
		recordTime = kind.Storage.GetCreateTime()
	case *pluginv1.Record_Energy:
		recordTime = kind.Energy.GetEndTime()
	case *pluginv1.Record_Accelerator:
		// The record is of a whole month, whose last second may be in the future.
		year, month := kind.Accelerator.GetMeasurementYear(), kind.Accelerator.GetMeasurementMonth()
		return time.Date(int(year), time.Month(month), 1, 0, 0, 0, 0, time.UTC), year > 0 && month > 0
	}
	return recordTime.AsTime().Truncate(time.Second), recordTime != nil
}
