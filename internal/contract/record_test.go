package contract_test

import (
	"math"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk/plugintest"
)

func at(seconds int64) *timestamppb.Timestamp    { return &timestamppb.Timestamp{Seconds: seconds} }
func lasting(seconds int64) *durationpb.Duration { return &durationpb.Duration{Seconds: seconds} }

// goodRecord returns a new valid record of each kind, for tests to modify.
func goodRecord(kind string) *pluginv1.Record {
	record := &pluginv1.Record{ProjectId: "p", CloudType: "OpenStack"}
	benchmark := &pluginv1.Benchmark{Type: "HEPscore23", Value: 12.5}
	switch kind {
	case "cloud":
		record.Kind = &pluginv1.Record_Cloud{Cloud: &pluginv1.CloudRecord{
			VmUuid: "vm", Status: pluginv1.CloudStatus_CLOUD_STATUS_COMPLETED,
			StartTime: at(1000), EndTime: at(2000), RecordCreateTime: at(3000),
			WallDuration: lasting(900), SuspendDuration: lasting(100), CpuDuration: lasting(1800),
			CpuCount: proto.Float64(2), Benchmark: benchmark,
		}}
	case "ip":
		record.Kind = &pluginv1.Record_Ip{Ip: &pluginv1.IpRecord{
			MeasurementTime: at(1000), LocalUserId: "u", GlobalUserName: "name", IpVersion: 4, IpCount: 0}}
	case "accelerator":
		record.Kind = &pluginv1.Record_Accelerator{Accelerator: &pluginv1.AcceleratorRecord{
			VmUuid: "vm", MeasurementYear: 2026, MeasurementMonth: 2, Type: pluginv1.AcceleratorType_ACCELERATOR_TYPE_GPU, Model: "NVIDIA A100",
			Count: 0.5, AvailableDuration: lasting(28 * 86400), ActiveDuration: lasting(1), Benchmark: benchmark}}
	case "storage":
		record.Kind = &pluginv1.Record_Storage{Storage: &pluginv1.StorageRecord{
			VolumeId: "v", CreateTime: at(3000), StorageSystem: "s", StartTime: at(1000), EndTime: at(3000)}}
	case "energy":
		record.Kind = &pluginv1.Record_Energy{Energy: &pluginv1.EnergyRecord{
			VmUuid: "vm", StartTime: at(1000), EndTime: at(2000), EnergyWh: 0, Status: pluginv1.CloudStatus_CLOUD_STATUS_STOPPED}}
	}
	return record
}

func TestCheckRecord(t *testing.T) {
	type record = pluginv1.Record
	tests := []struct {
		kind, want string // the error must hold want; empty: no error
		spoil      func(r *record)
	}{
		{"cloud", "", func(*record) {}},
		{"ip", "", func(*record) {}},
		{"accelerator", "", func(*record) {}},
		{"storage", "", func(*record) {}},
		{"energy", "", func(*record) {}},
		{"none", "no cloud, ip", func(*record) {}},
		{"cloud", `cloud record of "vm": project_id is missing`, func(r *record) { r.ProjectId = "" }},

		{"cloud", "vm_uuid is missing", func(r *record) { r.GetCloud().VmUuid = "" }},
		{"cloud", "status is 0", func(r *record) { r.GetCloud().Status = 0 }},
		{"cloud", "status is 99", func(r *record) { r.GetCloud().Status = 99 }},
		{"cloud", "start_time is missing", func(r *record) { r.GetCloud().StartTime = nil }},
		{"cloud", "after 1970", func(r *record) { r.GetCloud().StartTime = at(0) }},
		{"cloud", "after 1970", func(r *record) { r.GetCloud().EndTime = at(0) }},
		{"cloud", "whole seconds", func(r *record) { r.GetCloud().StartTime.Nanos = 1 }},
		{"cloud", "an invalid time", func(r *record) { r.GetCloud().StartTime.Nanos = -1 }},
		{"cloud", "an invalid time", func(r *record) { r.GetCloud().RecordCreateTime = at(math.MaxInt64) }},
		{"cloud", "record_create_time is missing", func(r *record) { r.GetCloud().RecordCreateTime = nil }},
		{"cloud", "start_time (1970-01-01T01:06:40Z) is after record_create_time", func(r *record) { r.GetCloud().StartTime = at(4000) }},
		{"cloud", "end_time is missing", func(r *record) { r.GetCloud().EndTime = nil }},
		{"cloud", "not COMPLETED", func(r *record) { r.GetCloud().Status = pluginv1.CloudStatus_CLOUD_STATUS_STARTED }},
		{"cloud", "is after end_time", func(r *record) { r.GetCloud().EndTime = at(999) }},
		{"cloud", "is after record_create_time", func(r *record) { r.GetCloud().EndTime = at(3001) }},
		{"cloud", "", func(r *record) { r.GetCloud().EndTime, r.GetCloud().WallDuration = at(3000), lasting(1900) }},
		{"cloud", "", func(r *record) { // never launched: it ended when it was created
			r.GetCloud().EndTime, r.GetCloud().WallDuration, r.GetCloud().SuspendDuration = at(1000), lasting(0), nil
		}},
		{"cloud", "wall_duration is missing", func(r *record) { r.GetCloud().WallDuration = nil }},
		{"cloud", "machine_name is not UTF-8", func(r *record) { r.GetCloud().MachineName = "a\xff" }},
		{"cloud", "fqan is not UTF-8", func(r *record) { r.Fqan = "\xff" }},
		{"cloud", "wall_duration is negative", func(r *record) { r.GetCloud().WallDuration = lasting(-1) }},
		{"cloud", "suspend_duration is negative", func(r *record) { r.GetCloud().SuspendDuration = lasting(-1) }},
		{"cloud", "cpu_duration is not in whole seconds", func(r *record) { r.GetCloud().CpuDuration.Nanos = 5 }},
		{"cloud", "an invalid duration", func(r *record) { r.GetCloud().CpuDuration = lasting(math.MaxInt64) }},
		{"cloud", "wall_duration is 901 s: it must be 900 s, the 1000 s since start_time less suspend_duration (100 s)", func(r *record) { r.GetCloud().WallDuration = lasting(901) }},
		{"cloud", "cpu_count is -1", func(r *record) { r.GetCloud().CpuCount = proto.Float64(-1) }},
		{"cloud", "cpu_count is NaN", func(r *record) { r.GetCloud().CpuCount = proto.Float64(math.NaN()) }},
		{"cloud", "memory_mb is negative", func(r *record) { r.GetCloud().MemoryMb = proto.Int64(-1) }},
		{"cloud", "disk_gb is negative", func(r *record) { r.GetCloud().DiskGb = proto.Int64(-1) }},
		{"cloud", "network_inbound_gb is negative", func(r *record) { r.GetCloud().NetworkInboundGb = proto.Int64(-1) }},
		{"cloud", "network_outbound_gb is negative", func(r *record) { r.GetCloud().NetworkOutboundGb = proto.Int64(-1) }},
		{"cloud", "public_ip_count is negative", func(r *record) { r.GetCloud().PublicIpCount = proto.Int64(-1) }},
		{"cloud", "benchmark.type is missing", func(r *record) { r.GetCloud().Benchmark.Type = "" }},
		{"cloud", "longer than 50", func(r *record) { r.GetCloud().Benchmark.Type = strings.Repeat("é", 51) }},
		{"cloud", "", func(r *record) { r.GetCloud().Benchmark.Type = strings.Repeat("é", 50) }},
		{"cloud", "benchmark.value is missing", func(r *record) { r.GetCloud().Benchmark.Value = 0 }},
		{"cloud", "benchmark.value is +Inf", func(r *record) { r.GetCloud().Benchmark.Value = math.Inf(1) }},
		{"cloud", "", func(r *record) { r.GetCloud().MachineName = "" }},

		{"ip", "cloud_type is missing", func(r *record) { r.CloudType = "" }},
		{"cloud", "", func(r *record) { r.CloudType = "" }},
		{"ip", "measurement_time is missing", func(r *record) { r.GetIp().MeasurementTime = nil }},
		{"ip", "local_user_id is missing", func(r *record) { r.GetIp().LocalUserId = "" }},
		{"ip", "global_user_name is missing", func(r *record) { r.GetIp().GlobalUserName = "" }},
		{"ip", "ip_version is 5", func(r *record) { r.GetIp().IpVersion = 5 }},
		{"ip", "ip_count is negative", func(r *record) { r.GetIp().IpCount = -1 }},

		{"accelerator", "vm_uuid is missing", func(r *record) { r.GetAccelerator().VmUuid = "" }},
		{"accelerator", "model is missing", func(r *record) { r.GetAccelerator().Model = "" }},
		{"accelerator", "measurement_year is 0", func(r *record) { r.GetAccelerator().MeasurementYear = 0 }},
		{"accelerator", "measurement_month is 13", func(r *record) { r.GetAccelerator().MeasurementMonth = 13 }},
		{"accelerator", "type is 0", func(r *record) { r.GetAccelerator().Type = 0 }},
		{"accelerator", "type is 4", func(r *record) { r.GetAccelerator().Type = 4 }},
		{"accelerator", "count is -0.5", func(r *record) { r.GetAccelerator().Count = -0.5 }},
		{"accelerator", "cores is negative", func(r *record) { r.GetAccelerator().Cores = proto.Int64(-1) }},
		{"accelerator", "its month has 2419200 s", func(r *record) { r.GetAccelerator().AvailableDuration = lasting(28*86400 + 1) }},
		{"accelerator", "its month has 2678400 s", func(r *record) {
			r.GetAccelerator().MeasurementMonth, r.GetAccelerator().ActiveDuration = 12, lasting(31*86400+1)
		}},
		{"accelerator", "active_duration is negative", func(r *record) { r.GetAccelerator().ActiveDuration = lasting(-1) }},

		{"storage", "volume_id is missing", func(r *record) { r.GetStorage().VolumeId = "" }},
		{"storage", "create_time is missing", func(r *record) { r.GetStorage().CreateTime = nil }},
		{"storage", "storage_system is missing", func(r *record) { r.GetStorage().StorageSystem = "" }},
		{"storage", "start_time is missing", func(r *record) { r.GetStorage().StartTime = nil }},
		{"storage", "end_time is missing", func(r *record) { r.GetStorage().EndTime = nil }},
		{"storage", "is after end_time", func(r *record) { r.GetStorage().EndTime = at(999) }},
		{"storage", "is after create_time", func(r *record) { r.GetStorage().EndTime = at(3001) }},
		{"storage", "capacity_used_bytes is negative", func(r *record) { r.GetStorage().CapacityUsedBytes = -1 }},

		{"energy", "vm_uuid is missing", func(r *record) { r.GetEnergy().VmUuid = "" }},
		{"energy", "start_time is missing", func(r *record) { r.GetEnergy().StartTime = nil }},
		{"energy", "end_time is missing", func(r *record) { r.GetEnergy().EndTime = nil }},
		{"energy", "is after end_time", func(r *record) { r.GetEnergy().StartTime = at(2001) }},
		{"energy", "energy_wh is NaN", func(r *record) { r.GetEnergy().EnergyWh = math.NaN() }},
		{"energy", "status is 0", func(r *record) { r.GetEnergy().Status = 0 }},
	}
	for _, test := range tests {
		t.Run(test.kind+" "+test.want, func(t *testing.T) {
			record := goodRecord(test.kind)
			test.spoil(record)
			switch err := contract.CheckRecord(record); {
			case test.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
	if err := contract.CheckRecord(nil); err == nil {
		t.Error("no record at all passes")
	}
}

// Whatever a plugin sends, the check answers, and so does the id.
func FuzzCheckRecord(f *testing.F) {
	for _, record := range plugintest.Records(1, 10) {
		data, err := proto.Marshal(record)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		record := &pluginv1.Record{}
		if proto.Unmarshal(data, record) != nil {
			return
		}
		err := contract.CheckRecord(record)
		id := contract.RecordID(record)
		if len(id) > contract.MaxRecordIDBytes || strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' }) {
			t.Errorf("id %q of %d bytes", id, len(id))
		}
		if err == nil && id == "" {
			t.Errorf("a good record has no id: %v", record)
		}
	})
}

func BenchmarkCheckRecord(b *testing.B) {
	records := plugintest.Records(1, 100)
	for i := 0; b.Loop(); i++ {
		if err := contract.CheckRecord(records[i%len(records)]); err != nil {
			b.Fatal(err)
		}
	}
}
