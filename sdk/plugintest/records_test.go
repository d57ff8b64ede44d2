package plugintest

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

func TestRecordsAreValidAndTheSameEachTime(t *testing.T) {
	one, again := Records(42, 1000), Records(42, 1000)
	kinds := map[pluginv1.RecordType]int{}
	for i, record := range one {
		if err := contract.CheckRecord(record); err != nil {
			t.Errorf("%v", err)
		}
		if record.GetId() != contract.RecordID(record) || record.GetSiteName() == "" || record.GetFqan() == "" {
			t.Errorf("incomplete: %v", record)
		}
		if !proto.Equal(record, again[i]) {
			t.Fatalf("record %d differs the second time", i)
		}
		kinds[contract.RecordTypeOf(record)]++
	}
	for _, recordType := range contract.RecordTypes() {
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
	for _, recordType := range contract.RecordTypes() {
		odd := oddRecords(1, []pluginv1.RecordType{recordType})
		// One per text, except those that are invalid in a type, and one with the required fields only.
		if len(odd) < texts {
			t.Errorf("only %d odd records of type %v", len(odd), recordType)
		}
		for _, record := range odd {
			if err := contract.CheckRecord(record); err != nil {
				t.Errorf("%v", err)
			}
			if bytes := proto.Size(record); bytes > contract.MaxBatchBytes-100 {
				t.Errorf("a record has %d bytes", bytes)
			}
		}
	}
}
