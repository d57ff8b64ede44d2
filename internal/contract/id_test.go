package contract_test

import (
	"strings"
	"testing"

	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk/plugintest"
)

func ipRecord(project, user string) *pluginv1.Record {
	record := goodRecord("ip")
	record.ProjectId, record.GetIp().LocalUserId = project, user
	return record
}

func gpuRecord(vm, model string) *pluginv1.Record {
	record := goodRecord("accelerator")
	record.GetAccelerator().VmUuid = vm
	record.GetAccelerator().Model = model
	return record
}

func vmRecord(vm string) *pluginv1.Record {
	record := goodRecord("cloud")
	record.GetCloud().VmUuid = vm
	return record
}

func TestRecordID(t *testing.T) {
	tests := []struct {
		record *pluginv1.Record
		want   string
	}{
		{vmRecord("6ac0a1fe-4a0b-4f0c-9d3e-0123456789ab"), "cloud-6ac0a1fe-4a0b-4f0c-9d3e-0123456789ab-3000"},
		{goodRecord("storage"), "storage-v-3000"},
		{goodRecord("energy"), "energy-vm-1000-2000"},
		{ipRecord("p", "u"), "ip-p-u-v4-1000"},
		{ipRecord("p-1", "u-1"), "ip-p%2D1-u-1-v4-1000"},
		{gpuRecord("vm", ""), "accelerator-vm-2026-02-gpu"},
		{gpuRecord("vm", "Example X-2"), "accelerator-vm-2026-02-gpu-Example%20X%2D2"},
		{vmRecord("a b%~\n\x7fé"), "cloud-a%20b%25%7E%0A%7F%C3%A9-3000"},
		{vmRecord(`Az09-._:/@+=,"\<&>'`), "cloud-Az09-._:/@+=,%22%5C%3C%26%3E%27-3000"},
		{&pluginv1.Record{}, ""},
		{nil, ""},
	}
	for _, test := range tests {
		if got := contract.RecordID(test.record); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

func TestRecordIDIsOfTheFact(t *testing.T) {
	// Figures and names are not part of the id.
	one, other := goodRecord("cloud"), goodRecord("cloud")
	other.GetCloud().WallDuration, other.GetCloud().MachineName, other.Fqan = lasting(1), "renamed", "vo"
	if contract.RecordID(one) != contract.RecordID(other) {
		t.Error("the same fact has two ids")
	}
	// Facts that look alike.
	long := strings.Repeat("x", 600)
	for _, pair := range [][2]*pluginv1.Record{
		{ipRecord("a-b", "c"), ipRecord("a", "b-c")},
		{ipRecord("a%2Db", "c"), ipRecord("a-b", "c")},
		{gpuRecord("vm", "a"), gpuRecord("vm", "b")},
		{gpuRecord("vm", "gpu"), gpuRecord("vm-2026-02-gpu", "")},
		{gpuRecord("x-2026-02-gpu-a", "b"), gpuRecord("x", "a-2026-02-gpu-b")},
		{vmRecord(long + "a"), vmRecord(long + "b")},
		{vmRecord("a b"), vmRecord("a%20b")},
	} {
		if contract.RecordID(pair[0]) == contract.RecordID(pair[1]) {
			t.Errorf("two facts have the id %q", contract.RecordID(pair[0]))
		}
	}
	if id := contract.RecordID(vmRecord(long)); len(id) != contract.MaxRecordIDBytes || id != contract.RecordID(vmRecord(long)) {
		t.Errorf("a long id: %q", id)
	}
	seen := map[string]bool{}
	for _, record := range plugintest.Records(7, 5000) {
		if record.GetId() == "" || seen[record.GetId()] {
			t.Fatalf("id %q is empty or there twice", record.GetId())
		}
		seen[record.GetId()] = true
	}
}

// Two subjects share an id only if they are the same.
func FuzzRecordID(f *testing.F) {
	f.Add("a-b", "c", "a", "b-c")
	f.Add("a%2Db", "c", "a-b", "c")
	f.Add("", "-", "-", "")
	f.Fuzz(func(t *testing.T, project1, user1, project2, user2 string) {
		one, other := contract.RecordID(ipRecord(project1, user1)), contract.RecordID(ipRecord(project2, user2))
		if same := project1 == project2 && user1 == user2; same != (one == other) {
			t.Errorf("%q and %q", one, other)
		}
		models := contract.RecordID(gpuRecord(project1, user1)) == contract.RecordID(gpuRecord(project2, user2))
		if same := project1 == project2 && user1 == user2; same != models {
			t.Errorf("%q", contract.RecordID(gpuRecord(project1, user1)))
		}
	})
}

func BenchmarkRecordID(b *testing.B) {
	records := plugintest.Records(1, 100)
	for i := 0; b.Loop(); i++ {
		if contract.RecordID(records[i%len(records)]) == "" {
			b.Fatal("no id")
		}
	}
}
