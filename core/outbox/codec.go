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

// bbolt checks its two meta pages but not the pages with data. A disk that returns other bytes than were
// written would turn into wrong accounting, so each value carries a checksum of its own:
//
//	crc32c of the rest, 4 bytes | length of the head, 4 bytes | head: JSON | body
const sealedPrefix = 8

// castagnoli is the polynomial of crc32c, which processors compute in hardware.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// seal makes a value of a head (nil for none) and a body.
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
	binary.BigEndian.PutUint32(value[4:], uint32(len(text)))
	binary.BigEndian.PutUint32(value, crc32.Checksum(value[4:], castagnoli()))
	return value, nil
}

// unseal checks a value, reads its head into head (nil where there is none) and returns its body, which
// is a part of value.
func unseal(value []byte, head any) ([]byte, error) {
	if len(value) < sealedPrefix {
		return nil, fmt.Errorf("%d bytes are too few for an entry", len(value))
	}
	if crc32.Checksum(value[4:], castagnoli()) != binary.BigEndian.Uint32(value) {
		return nil, errors.New("its checksum does not fit its content")
	}
	length := uint64(binary.BigEndian.Uint32(value[4:]))
	rest := value[sealedPrefix:]
	if length > uint64(len(rest)) {
		return nil, fmt.Errorf("its head of %d bytes is longer than the entry", length)
	}
	if head != nil {
		if err := json.Unmarshal(rest[:length], head); err != nil {
			return nil, fmt.Errorf("reading its head: %w", err)
		}
	}
	return rest[length:], nil
}

// sealBatch makes the value of a batch. The encoding is deterministic, so that a batch that is read and
// written again has the same bytes.
func sealBatch(batch *pluginv1.Batch) ([]byte, error) {
	body, err := proto.MarshalOptions{Deterministic: true}.Marshal(batch)
	if err != nil {
		return nil, err
	}
	return seal(nil, body)
}

// unsealBatch reads the value of a batch.
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

// numberKey is the key of a batch's number or of a position.
func numberKey(number uint64) []byte {
	return binary.BigEndian.AppendUint64(nil, number)
}

// keyNumber is the number that a key stands for.
func keyNumber(key []byte) (uint64, error) {
	if len(key) != 8 {
		return 0, fmt.Errorf("the key %x is no number", key)
	}
	return binary.BigEndian.Uint64(key), nil
}

// pairKey is the key of two names, of which the first has no NUL in it.
func pairKey(first, second string) []byte {
	return []byte(first + "\x00" + second)
}

// keyPair is what pairKey was made of.
func keyPair(key []byte) (first, second string) {
	first, second, _ = strings.Cut(string(key), "\x00")
	return first, second
}
