package outbox

import (
	"errors"
	"fmt"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Records are encoded records: the field records of pluginv1.Batch. They are encoded once, when the
// host has accepted them, and stored and delivered as they are. The zero value is none.
type Records struct {
	encoded []byte
	count   int
	types   typeSet
}

// EncodeRecords encodes records. Sizes are those of proto.Size, after which the records were not
// changed; nil measures them.
func EncodeRecords(list []*pluginv1.Record, sizes []int) (Records, error) {
	total := 0
	if sizes == nil {
		sizes = make([]int, len(list))
		for i, record := range list {
			sizes[i] = proto.Size(record)
		}
	}
	for _, size := range sizes {
		total += EncodedSize(size)
	}
	records := Records{encoded: make([]byte, 0, total), count: len(list)}
	for i, record := range list {
		var err error
		if records.encoded, err = contract.AppendRecord(records.encoded, contract.BatchRecords, record, sizes[i]); err != nil {
			return Records{}, err
		}
		records.types = records.types.with(contract.RecordTypeOf(record))
	}
	return records, nil
}

// EncodedSize returns the size of an encoded record in a batch.
func EncodedSize(size int) int {
	return protowire.SizeTag(contract.BatchRecords) + protowire.SizeBytes(size)
}

// ParseRecords returns records that were encoded by EncodeRecords.
func ParseRecords(encoded []byte) (Records, error) {
	records := Records{encoded: slices.Clip(encoded)}
	err := records.each(func(_ []byte, recordType pluginv1.RecordType) {
		records.count++
		records.types = records.types.with(recordType)
	})
	return records, err
}

// Bytes returns the encoding. It must not be changed.
func (r Records) Bytes() []byte { return r.encoded }

// Count returns the number of records.
func (r Records) Count() int { return r.count }

// Join returns the records of both, in this order. Of several results of joining to the same
// records only the last may be used: they share memory.
func (r Records) Join(others Records) Records {
	if r.count == 0 {
		return others
	}
	return Records{encoded: append(r.encoded, others.encoded...), count: r.count + others.count, types: r.types | others.types}
}

// Decode returns the decoded records.
func (r Records) Decode() ([]*pluginv1.Record, error) {
	batch := &pluginv1.Batch{}
	if err := proto.Unmarshal(r.encoded, batch); err != nil {
		return nil, err
	}
	return batch.GetRecords(), nil
}

// Select returns the records of some types. It does not decode them.
func (r Records) Select(selected func(pluginv1.RecordType) bool) Records {
	var types typeSet
	for _, recordType := range contract.RecordTypes() {
		if selected(recordType) {
			types = types.with(recordType)
		}
	}
	if r.types&^types == 0 {
		return r
	}
	part := Records{types: r.types & types}
	if part.types == 0 {
		return Records{}
	}
	// There is no error: EncodeRecords or ParseRecords has the same encoding.
	_ = r.each(func(entry []byte, recordType pluginv1.RecordType) {
		if types.with(recordType) == types {
			part.encoded = append(part.encoded, entry...)
			part.count++
		}
	})
	return part
}

// typeSet is a set of record types, a bit each.
type typeSet uint64

func (s typeSet) with(t pluginv1.RecordType) typeSet {
	return s | 1<<(uint64(t)&63) //nolint:gosec // few types
}

var errEncoding = errors.New("invalid encoding of records")

// each calls visit with each record, its tag and its length before it, and its type.
func (r Records) each(visit func(entry []byte, recordType pluginv1.RecordType)) error {
	for rest := r.encoded; len(rest) > 0; {
		number, wireType, tagLength := protowire.ConsumeTag(rest)
		if tagLength < 0 || number != contract.BatchRecords || wireType != protowire.BytesType {
			return errEncoding
		}
		record, length := protowire.ConsumeBytes(rest[tagLength:])
		if length < 0 {
			return fmt.Errorf("%w: %w", errEncoding, protowire.ParseError(length))
		}
		recordType, err := contract.EncodedRecordType(record)
		if err != nil {
			return fmt.Errorf("%w: %w", errEncoding, err)
		}
		visit(rest[:tagLength+length], recordType)
		rest = rest[tagLength+length:]
	}
	return nil
}
