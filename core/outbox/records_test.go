package outbox_test

import (
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/caso-project/caso/core/outbox"
	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk/plugintest"
)

func encode(t *testing.T, list []*pluginv1.Record) outbox.Records {
	t.Helper()
	records, err := outbox.EncodeRecords(list, nil)
	if err != nil {
		t.Fatal(err)
	}
	return records
}

func checkRecords(t *testing.T, what string, records outbox.Records, want []*pluginv1.Record) {
	t.Helper()
	got, err := records.Decode()
	if err != nil || records.Count() != len(want) || !slices.EqualFunc(got, want, func(a, b *pluginv1.Record) bool { return proto.Equal(a, b) }) {
		t.Errorf("%s: %d records %v (%v), want %v", what, records.Count(), got, err, want)
	}
}

// TestRecords checks that records are those that were encoded, however they are split and joined.
func TestRecords(t *testing.T) {
	list := plugintest.Records(1, 25)
	records := encode(t, list)
	checkRecords(t, "encoded", records, list)
	whole, err := proto.Marshal(&pluginv1.Batch{Records: list})
	if err != nil || !slices.Equal(records.Bytes(), whole) {
		t.Errorf("the encoding is not that of pluginv1.Batch (%v)", err)
	}
	parsed, err := outbox.ParseRecords(records.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	checkRecords(t, "parsed", parsed, list)
	checkRecords(t, "joined", outbox.Records{}.Join(encode(t, list[:7])).Join(encode(t, list[7:7])).Join(encode(t, list[7:])), list)
	for _, source := range []outbox.Records{records, parsed, encode(t, list[:10]).Join(encode(t, list[10:]))} {
		for _, selected := range [][]pluginv1.RecordType{nil, contract.RecordTypes(), contract.RecordTypes()[:1], contract.RecordTypes()[1:3], contract.RecordTypes()[4:]} {
			want := slices.DeleteFunc(slices.Clone(list), func(r *pluginv1.Record) bool { return !slices.Contains(selected, contract.RecordTypeOf(r)) })
			part := source.Select(func(t pluginv1.RecordType) bool { return slices.Contains(selected, t) })
			checkRecords(t, "selected", part, want)
		}
	}
}

// TestJoinKeepsItsSources checks that records that were read or encoded do not change when others
// are joined to them.
func TestJoinKeepsItsSources(t *testing.T) {
	list := plugintest.Records(1, 3)
	bytes := append(make([]byte, 0, 1<<20), encode(t, list).Bytes()...)
	parsed, err := outbox.ParseRecords(bytes)
	if err != nil {
		t.Fatal(err)
	}
	one, two := parsed.Join(encode(t, list[:1])), parsed.Join(encode(t, list[1:2]))
	checkRecords(t, "first", one, append(slices.Clone(list), list[0]))
	checkRecords(t, "second", two, append(slices.Clone(list), list[1]))
}

// TestParseRecordsOfDamagedBytes checks that bytes that were cut are an error.
func TestParseRecordsOfDamagedBytes(t *testing.T) {
	encoded := encode(t, plugintest.Records(1, 1)).Bytes()
	for size := 1; size < len(encoded); size++ {
		if _, err := outbox.ParseRecords(encoded[:size]); err == nil {
			t.Fatalf("no error with %d of %d bytes", size, len(encoded))
		}
	}
	if _, err := outbox.ParseRecords([]byte("\x0a\x01x")); err == nil {
		t.Error("no error with another field")
	}
}
