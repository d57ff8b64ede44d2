// Package apel says under which keys, and in which units, APEL knows the figures of a record.
//
// It is what the messengers that speak APEL's language have in common. How a value is written (APEL's
// text messages take printable ASCII only, JSON takes everything) and which fields an outside system
// insists on is left to them.
package apel

import (
	"fmt"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Fields are the figures of a record by APEL's keys. A value is a string that is not empty, an int64
// that is not negative, or a float64 that is finite and not negative. A figure that the record does
// not have is not among them.
type Fields map[string]any

// Of is what a record says. All times are epoch seconds, all durations whole seconds. The error names
// the figure that makes no sense; such a record cannot be sent to anybody.
func Of(record *pluginv1.Record) (Fields, error) {
	b := builder{fields: Fields{}}
	switch kind := record.GetKind().(type) {
	case *pluginv1.Record_Cloud:
		b.cloud(record, kind.Cloud)
	case *pluginv1.Record_Ip:
		b.ip(record, kind.Ip)
	case *pluginv1.Record_Accelerator:
		b.accelerator(record, kind.Accelerator)
	case *pluginv1.Record_Storage:
		b.storage(record, kind.Storage)
	case *pluginv1.Record_Energy:
		b.energy(record, kind.Energy)
	default:
		return nil, fmt.Errorf("the record holds nothing that this messenger knows")
	}
	return b.fields, b.err
}
