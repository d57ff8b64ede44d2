package contract

import (
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// The numbers of the field records.
const (
	RecordBatchRecords protowire.Number = 1 // of RecordBatch
	BatchRecords       protowire.Number = 2 // of Batch
)

// AppendRecord appends a record to the encoding of a message whose records have a field number. Size
// is proto.Size(record), after which the record was not changed. Encodings of a repeated field can be
// joined (https://protobuf.dev/programming-guides/encoding/#last-one-wins).
func AppendRecord(encoded []byte, field protowire.Number, record *pluginv1.Record, size int) ([]byte, error) {
	encoded = protowire.AppendTag(encoded, field, protowire.BytesType)
	encoded = protowire.AppendVarint(encoded, uint64(size)) //nolint:gosec // a size is not negative
	return proto.MarshalOptions{Deterministic: true, UseCachedSize: true}.MarshalAppend(encoded, record)
}

// SetEncoded adds fields to a message that are encoded already. They are kept as unknown fields,
// which protobuf sends as they are.
func SetEncoded(message proto.Message, encoded []byte) { message.ProtoReflect().SetUnknown(encoded) }
