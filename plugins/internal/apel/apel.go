// Package apel maps records to APEL's keys and units.
//
// The messengers that send APEL's fields share it. How a value is written (APEL's text messages
// take printable ASCII only, JSON takes any text) and which fields a consumer requires is decided
// by the messenger.
package apel

import (
	"errors"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Fields are the values of a record by APEL's keys. A value is a non-empty string, a non-negative
// int64, or a finite and non-negative float64. A value that the record does not have is left out.
type Fields map[string]any

// RecordFields returns the fields of a record. All times are epoch seconds, all durations whole
// seconds. The error names the first invalid value; such a record must be rejected.
func RecordFields(record *pluginv1.Record) (Fields, error) {
	b := fieldBuilder{fields: Fields{}}
	switch kind := record.GetKind().(type) {
	case *pluginv1.Record_Cloud:
		b.setCloud(record, kind.Cloud)
	case *pluginv1.Record_Ip:
		b.setIP(record, kind.Ip)
	case *pluginv1.Record_Accelerator:
		b.setAccelerator(record, kind.Accelerator)
	case *pluginv1.Record_Storage:
		b.setStorage(record, kind.Storage)
	case *pluginv1.Record_Energy:
		b.setEnergy(record, kind.Energy)
	default:
		return nil, errors.New("unknown record type: upgrade this messenger")
	}
	return b.fields, b.err
}
