package logstash

import (
	"bytes"
	"encoding/json"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/caso-project/caso/plugins/internal/apel"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Keys that are added to APEL's. The first is Logstash's own name for an event's time.
const (
	timestampKey = "@timestamp"
	// typeKey holds the kind of record: cloud, ip, accelerator, storage or energy.
	typeKey = "type"
	// idKey holds Record.id, which is the same whenever the same fact is sent. An Elasticsearch output
	// with `document_id => "%{document_id}"` makes it the document's id, so that a record that arrives
	// twice is stored once. Elasticsearch takes ids of up to 512 bytes, as long as Record.id may be.
	idKey = "document_id"
)

// document writes a record as one JSON object on one line, keys sorted, so that a batch that is sent
// again is the same bytes.
func document(record *pluginv1.Record) ([]byte, error) {
	fields, err := apel.RecordFields(record)
	if err != nil {
		return nil, err
	}
	fields[idKey] = record.GetId()
	fields[typeKey] = typeOf(record)
	if moment, ok := momentOf(record); ok {
		fields[timestampKey] = moment.Format(time.RFC3339)
	}
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	// The encoder ends the object with a line end, and escapes those within texts.
	if err := encoder.Encode(fields); err != nil {
		return nil, err
	}
	return line.Bytes(), nil
}

func typeOf(record *pluginv1.Record) string {
	switch record.GetKind().(type) {
	case *pluginv1.Record_Cloud:
		return "cloud"
	case *pluginv1.Record_Ip:
		return "ip"
	case *pluginv1.Record_Accelerator:
		return "accelerator"
	case *pluginv1.Record_Storage:
		return "storage"
	case *pluginv1.Record_Energy:
		return "energy"
	}
	return "unknown"
}

// momentOf is the moment as of which a record is true. Logstash would otherwise take the time of arrival,
// which for a republished month is years off.
func momentOf(record *pluginv1.Record) (time.Time, bool) {
	var moment *timestamppb.Timestamp
	switch kind := record.GetKind().(type) {
	case *pluginv1.Record_Cloud:
		moment = kind.Cloud.GetRecordCreateTime()
	case *pluginv1.Record_Ip:
		moment = kind.Ip.GetMeasurementTime()
	case *pluginv1.Record_Storage:
		moment = kind.Storage.GetCreateTime()
	case *pluginv1.Record_Energy:
		moment = kind.Energy.GetEndTime()
	case *pluginv1.Record_Accelerator:
		// It is about a whole month. Its first second, unlike its last, is never in the future.
		year, month := kind.Accelerator.GetMeasurementYear(), kind.Accelerator.GetMeasurementMonth()
		return time.Date(int(year), time.Month(month), 1, 0, 0, 0, 0, time.UTC), year > 0 && month > 0
	}
	return moment.AsTime().Truncate(time.Second), moment != nil
}
