package outbox

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"testing"

	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

func TestSealedValuesDetectEveryFlippedBit(t *testing.T) {
	value, err := seal(entry{ID: "x-1", Number: 7}, []byte("body"))
	must(t, err)
	var back entry
	body, err := unseal(value, &back)
	if err != nil || back.ID != "x-1" || back.Number != 7 || string(body) != "body" {
		t.Fatalf("%+v %q %v", back, body, err)
	}
	for bit := range len(value) * 8 {
		bad := bytes.Clone(value)
		bad[bit/8] ^= 1 << (bit % 8)
		if _, err := unseal(bad, &back); err == nil {
			t.Errorf("bit %d flipped and nobody noticed", bit)
		}
	}
}

func FuzzUnseal(f *testing.F) {
	whole, err := seal(entry{ID: "x-1", Origin: Origin{Extractor: "nova"}}, []byte("body"))
	must(f, err)
	batch, err := sealBatch(&pluginv1.Batch{Id: "x-2", Records: records("a", "b")})
	must(f, err)
	for _, seed := range [][]byte{whole, batch, nil, whole[:7], make([]byte, 8), bytes.Repeat([]byte{0xff}, 40)} {
		f.Add(seed, false)
		f.Add(seed, true)
	}
	f.Fuzz(func(t *testing.T, data []byte, repair bool) {
		if repair {
			// A valid checksum lets the input reach the decoders.
			data = resealed(data)
		}
		var one entry
		if _, err := unseal(data, &one); err == nil && len(data) < sealedPrefix {
			t.Error("accepted too few bytes")
		}
		if batch, err := unsealBatch(data); err == nil {
			again, err := sealBatch(batch)
			must(t, err)
			back, err := unsealBatch(again)
			if err != nil || !proto.Equal(batch, back) {
				t.Errorf("a batch changed on its way: %v", err)
			}
		}
		_, _ = decodeEntry(1, data)
		_, _ = decodeCheckpoint(data, data)
		_, _ = decodeAside(data, data)
	})
}

// resealed returns data with a valid checksum.
func resealed(data []byte) []byte {
	if len(data) < sealedPrefix {
		return data
	}
	data = bytes.Clone(data)
	binary.BigEndian.PutUint32(data, crc32.Checksum(data[4:], castagnoli()))
	return data
}
