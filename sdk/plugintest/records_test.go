package plugintest

import (
	"testing"

	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
)

func TestRecordsAreValidAndTheSameEachTime(t *testing.T) {
	one, again := Records(42, 1000), Records(42, 1000)
	kinds := map[pluginv1.RecordType]int{}
	for i, record := range one {
		if err := sdk.CheckRecord(record); err != nil {
			t.Errorf("%v", err)
		}
		if record.GetId() != sdk.RecordID(record) || record.GetSiteName() == "" || record.GetFqan() == "" {
			t.Errorf("incomplete: %v", record)
		}
		if !proto.Equal(record, again[i]) {
			t.Fatalf("record %d differs the second time", i)
		}
		kinds[sdk.RecordTypeOf(record)]++
	}
	for _, recordType := range AllTypes() {
		if kinds[recordType] != 200 {
			t.Errorf("%d records of type %v", kinds[recordType], recordType)
		}
	}
	if proto.Equal(one[0], Records(43, 1)[0]) {
		t.Error("another seed gives the same record")
	}
}

func TestOddRecordsFollowTheContract(t *testing.T) {
	texts := len(oddTexts())
	for _, recordType := range AllTypes() {
		odd := oddRecords(1, []pluginv1.RecordType{recordType})
		// Each text but for those that a kind cannot hold, and the bare one.
		if len(odd) < texts {
			t.Errorf("only %d odd records of type %v", len(odd), recordType)
		}
		for _, record := range odd {
			if err := sdk.CheckRecord(record); err != nil {
				t.Errorf("%v", err)
			}
			if bytes := proto.Size(record); bytes > sdk.MaxBatchBytes-100 {
				t.Errorf("a record has %d bytes", bytes)
			}
		}
	}
}
