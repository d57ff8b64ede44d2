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

// AppendRecord appends a record to the encoding of a message whose records have a field number.
// Size is proto.Size(record), after which the record was not changed. Encodings of a repeated field
// can be joined (https://protobuf.dev/programming-guides/encoding/#last-one-wins).
func AppendRecord(encoded []byte, field protowire.Number, record *pluginv1.Record, size int) ([]byte, error) {
	encoded = protowire.AppendTag(encoded, field, protowire.BytesType)
	encoded = protowire.AppendVarint(encoded, uint64(size)) //nolint:gosec // a size is not negative
	return proto.MarshalOptions{Deterministic: true, UseCachedSize: true}.MarshalAppend(encoded, record)
}

// SetEncoded adds fields to a message that are encoded already. They are kept as unknown fields,
// which protobuf sends as they are.
func SetEncoded(message proto.Message, encoded []byte) { message.ProtoReflect().SetUnknown(encoded) }

// EncodedRecordType returns the type of an encoded record; unspecified if it has no content.
func EncodedRecordType(record []byte) (pluginv1.RecordType, error) {
	found := pluginv1.RecordType_RECORD_TYPE_UNSPECIFIED
	for len(record) > 0 {
		number, wireType, tagLength := protowire.ConsumeTag(record)
		if tagLength < 0 {
			return found, protowire.ParseError(tagLength)
		}
		length := protowire.ConsumeFieldValue(number, wireType, record[tagLength:])
		if length < 0 {
			return found, protowire.ParseError(length)
		}
		// Of a oneof that occurs several times, the last counts.
		switch number {
		case 10:
			found = pluginv1.RecordType_RECORD_TYPE_CLOUD
		case 11:
			found = pluginv1.RecordType_RECORD_TYPE_IP
		case 12:
			found = pluginv1.RecordType_RECORD_TYPE_ACCELERATOR
		case 13:
			found = pluginv1.RecordType_RECORD_TYPE_STORAGE
		case 14:
			found = pluginv1.RecordType_RECORD_TYPE_ENERGY
		}
		record = record[tagLength+length:]
	}
	return found, nil
}
