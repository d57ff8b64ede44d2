package outbox

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"

	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// bbolt checks its two meta pages but not the pages with data. A disk that returns wrong bytes
// would cause wrong accounting, so each value has a checksum of its own:
//
//	crc32c of the rest, 4 bytes | length of the head, 4 bytes | head: JSON | body
const sealedPrefix = 8

// castagnoli returns the table of crc32c, which processors compute in hardware.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// seal encodes a head (nil for none) and a body as a value.
func seal(head any, body []byte) ([]byte, error) {
	var text []byte
	if head != nil {
		var err error
		if text, err = json.Marshal(head); err != nil {
			return nil, err
		}
	}
	value := make([]byte, sealedPrefix, sealedPrefix+len(text)+len(body))
	value = append(append(value, text...), body...)
	binary.BigEndian.PutUint32(value[4:], uint32(len(text))) //nolint:gosec // a head is small
	binary.BigEndian.PutUint32(value, crc32.Checksum(value[4:], castagnoli()))
	return value, nil
}

// unseal checks a value, decodes its head into head (nil for none) and returns its body, which is a
// part of value.
func unseal(value []byte, head any) ([]byte, error) {
	if len(value) < sealedPrefix {
		return nil, fmt.Errorf("%d bytes are too few for an entry", len(value))
	}
	if crc32.Checksum(value[4:], castagnoli()) != binary.BigEndian.Uint32(value) {
		return nil, errors.New("checksum does not match the content")
	}
	length := uint64(binary.BigEndian.Uint32(value[4:]))
	rest := value[sealedPrefix:]
	if length > uint64(len(rest)) {
		return nil, fmt.Errorf("head of %d bytes is longer than the entry", length)
	}
	if head != nil {
		if err := json.Unmarshal(rest[:length], head); err != nil {
			return nil, fmt.Errorf("decoding the head: %w", err)
		}
	}
	return rest[length:], nil
}

// sealBatch encodes a batch. The encoding is deterministic, so that a batch that is read and
// written again has the same bytes.
func sealBatch(batch *pluginv1.Batch) ([]byte, error) {
	body, err := proto.MarshalOptions{Deterministic: true}.Marshal(batch)
	if err != nil {
		return nil, err
	}
	return seal(nil, body)
}

// unsealBatch decodes a batch.
func unsealBatch(value []byte) (*pluginv1.Batch, error) {
	body, err := unseal(value, nil)
	if err != nil {
		return nil, err
	}
	batch := &pluginv1.Batch{}
	if err := proto.Unmarshal(body, batch); err != nil {
		return nil, err
	}
	return batch, nil
}

// numberKey returns the key of a batch number or of a position.
func numberKey(number uint64) []byte {
	return binary.BigEndian.AppendUint64(nil, number)
}

// keyNumber returns the number of a key.
func keyNumber(key []byte) (uint64, error) {
	if len(key) != 8 {
		return 0, fmt.Errorf("key %x is not a number", key)
	}
	return binary.BigEndian.Uint64(key), nil
}

// pairKey returns the key of two names, of which the first has no NUL.
func pairKey(first, second string) []byte {
	return []byte(first + "\x00" + second)
}

// keyPair returns the two names of a key.
func keyPair(key []byte) (first, second string) {
	first, second, _ = strings.Cut(string(key), "\x00")
	return first, second
}
