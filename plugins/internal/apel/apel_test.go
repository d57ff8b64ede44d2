package apel

import (
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

func cloudRecord(change func(*pluginv1.CloudRecord)) *pluginv1.Record {
	vm := &pluginv1.CloudRecord{VmUuid: "u", Status: pluginv1.CloudStatus_CLOUD_STATUS_STARTED}
	if change != nil {
		change(vm)
	}
	return &pluginv1.Record{SiteName: "s", Kind: &pluginv1.Record_Cloud{Cloud: vm}}
}

func TestAbsentValuesAreLeftOut(t *testing.T) {
	fields, err := RecordFields(cloudRecord(nil))
	if err != nil {
		t.Fatal(err)
	}
	want := Fields{"VMUUID": "u", "SiteName": "s", "Status": "started"}
	if !maps.Equal(fields, want) {
		t.Errorf("got %v, want %v", fields, want)
	}
}

func TestZeroIsKept(t *testing.T) {
	fields, err := RecordFields(cloudRecord(func(vm *pluginv1.CloudRecord) {
		vm.CpuCount = proto.Float64(0)
		vm.MemoryMb = proto.Int64(0)
		vm.PublicIpCount = proto.Int64(0)
		vm.SuspendDuration = durationpb.New(0)
	}))
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"Memory", "PublicIPCount", "SuspendDuration"} {
		if fields[key] != int64(0) {
			t.Errorf("%s is %v, want 0", key, fields[key])
		}
	}
	if fields["CpuCount"] != float64(0) {
		t.Errorf("CpuCount is %v, want 0", fields["CpuCount"])
	}
}

func TestInvalidValues(t *testing.T) {
	cases := map[string]struct {
		change func(*pluginv1.CloudRecord)
		key    string
	}{
		"negative wall time":     {func(vm *pluginv1.CloudRecord) { vm.WallDuration = &durationpb.Duration{Seconds: -5} }, "WallDuration"},
		"negative memory":        {func(vm *pluginv1.CloudRecord) { vm.MemoryMb = proto.Int64(-1) }, "Memory"},
		"CPU count not a number": {func(vm *pluginv1.CloudRecord) { vm.CpuCount = proto.Float64(math.NaN()) }, "CpuCount"},
		"infinite CPU count":     {func(vm *pluginv1.CloudRecord) { vm.CpuCount = proto.Float64(math.Inf(1)) }, "CpuCount"},
		"negative CPU count":     {func(vm *pluginv1.CloudRecord) { vm.CpuCount = proto.Float64(-1) }, "CpuCount"},
		"CPU count too large":    {func(vm *pluginv1.CloudRecord) { vm.CpuCount = proto.Float64(1e7) }, "CpuCount"},
		"time out of range":      {func(vm *pluginv1.CloudRecord) { vm.StartTime = &timestamppb.Timestamp{Seconds: 1 << 50} }, "StartTime"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := RecordFields(cloudRecord(c.change))
			if err == nil || !strings.HasPrefix(err.Error(), c.key+" ") {
				t.Errorf("got error %v, want one about %s", err, c.key)
			}
		})
	}
}

func TestBenchmarkIsCompleteOrLeftOut(t *testing.T) {
	cases := map[string]struct {
		benchmark *pluginv1.Benchmark
		want      any
	}{
		"complete":     {&pluginv1.Benchmark{Type: "HEPscore23", Value: 12.34567}, 12.346},
		"none":         {nil, nil},
		"without type": {&pluginv1.Benchmark{Value: 3}, nil},
		"rounds to 0":  {&pluginv1.Benchmark{Type: "x", Value: 0.0001}, nil},
		"negative":     {&pluginv1.Benchmark{Type: "x", Value: -2}, nil},
		"not a number": {&pluginv1.Benchmark{Type: "x", Value: math.NaN()}, nil},
		"too large":    {&pluginv1.Benchmark{Type: "x", Value: 1e9}, nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			fields, err := RecordFields(cloudRecord(func(vm *pluginv1.CloudRecord) { vm.Benchmark = c.benchmark }))
			if err != nil {
				t.Fatal(err)
			}
			_, typed := fields["BenchmarkType"]
			if fields["Benchmark"] != c.want || typed != (c.want != nil) {
				t.Errorf("got Benchmark %v, BenchmarkType %v", fields["Benchmark"], fields["BenchmarkType"])
			}
		})
	}
}

func TestStatusText(t *testing.T) {
	want := []string{"unknown", "started", "suspended", "completed", "error", "paused", "stopped", "unknown"}
	for number := range pluginv1.CloudStatus_name {
		if got := statusText(pluginv1.CloudStatus(number)); got != want[number] {
			t.Errorf("status %d is %q, want %q", number, got, want[number])
		}
	}
	if got := statusText(99); got != "unknown" {
		t.Errorf("a status of a later version is %q", got)
	}
}

func TestRoundToDecimalColumn(t *testing.T) {
	for value, want := range map[float64]float64{4: 4, 0.5: 0.5, 1.23449: 1.234, math.Copysign(0, -1): 0} {
		got, ok := roundToDecimalColumn(value)
		if !ok || got != want || math.Signbit(got) {
			t.Errorf("%v became %v, %v", value, got, ok)
		}
	}
}

func TestKeysOfOtherRecordTypes(t *testing.T) {
	cases := map[string]struct {
		record *pluginv1.Record
		keys   []string
	}{
		"ip": {&pluginv1.Record{SiteName: "s", CloudType: "c", Fqan: "f", ProjectId: "p", Kind: &pluginv1.Record_Ip{Ip: &pluginv1.IpRecord{
			MeasurementTime: timestamppb.Now(), LocalUserId: "u", GlobalUserName: "n", IpVersion: 6, IpCount: 0}}},
			[]string{"CloudType", "FQAN", "GlobalUserName", "IPCount", "IPVersion", "LocalGroup", "LocalUser", "MeasurementTime", "SiteName"}},
		"accelerator": {&pluginv1.Record{SiteName: "s", CloudType: "c", Fqan: "f", Kind: &pluginv1.Record_Accelerator{Accelerator: &pluginv1.AcceleratorRecord{
			VmUuid: "u", MeasurementMonth: 2, MeasurementYear: 2026, Count: 0.25, AvailableDuration: durationpb.New(9e9)}}},
			[]string{"AssociatedRecord", "AssociatedRecordType", "AvailableDuration", "Count", "FQAN", "MeasurementMonth", "MeasurementYear", "SiteName", "Type"}},
		"storage": {&pluginv1.Record{SiteName: "s", Fqan: "f", ProjectId: "p", Kind: &pluginv1.Record_Storage{Storage: &pluginv1.StorageRecord{
			VolumeId: "v", CreateTime: timestamppb.Now(), StorageSystem: "y", StartTime: timestamppb.Now(), EndTime: timestamppb.Now()}}},
			[]string{"EndTime", "Group", "LocalGroup", "ResourceCapacityUsed", "Site", "StartTime", "StorageSystem", "createTime", "recordId"}},
		"energy": {&pluginv1.Record{SiteName: "s", Fqan: "f", Kind: &pluginv1.Record_Energy{Energy: &pluginv1.EnergyRecord{
			VmUuid: "v", StartTime: timestamppb.Now(), EndTime: timestamppb.Now(), EnergyWh: 0.00012}}},
			[]string{"EndExecTime", "EnergyWh", "ExecUnitFinished", "ExecUnitID", "Owner", "SiteName", "StartExecTime", "Status"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			fields, err := RecordFields(c.record)
			if err != nil {
				t.Fatal(err)
			}
			if keys := slices.Sorted(maps.Keys(fields)); !slices.Equal(keys, c.keys) {
				t.Errorf("got keys %v, want %v", keys, c.keys)
			}
		})
	}
	if _, err := RecordFields(&pluginv1.Record{}); err == nil {
		t.Error("a record of no type was accepted")
	}
}
