package logstash

import (
	"encoding/json"
	"flag"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

var update = flag.Bool("update", false, "update the golden files")

func timestamp(text string) *timestamppb.Timestamp {
	moment, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return timestamppb.New(moment)
}

// oneOfEachType returns a record of every type, the first with every field set.
func oneOfEachType() []*pluginv1.Record {
	records := []*pluginv1.Record{
		{Kind: &pluginv1.Record_Cloud{Cloud: &pluginv1.CloudRecord{
			VmUuid: "aa8a1e5c", MachineName: "näme <&> \"x\"\nline", LocalUserId: "u1", GlobalUserName: proto.String("用户"),
			Status: pluginv1.CloudStatus_CLOUD_STATUS_COMPLETED, StartTime: timestamp("2026-03-01T10:00:00Z"), EndTime: timestamp("2026-03-02T10:00:00Z"),
			RecordCreateTime: timestamp("2026-03-31T23:59:59Z"), SuspendDuration: durationpb.New(0), WallDuration: durationpb.New(24 * time.Hour),
			CpuDuration: durationpb.New(36 * time.Hour), CpuCount: proto.Float64(1.5), MemoryMb: proto.Int64(2048), DiskGb: proto.Int64(20),
			NetworkType: proto.String("public"), NetworkInboundGb: proto.Int64(1), NetworkOutboundGb: proto.Int64(2), PublicIpCount: proto.Int64(0),
			ImageId: proto.String("image"), StorageRecordId: proto.String("volume"), Benchmark: &pluginv1.Benchmark{Type: "HEPscore23", Value: 12.3456},
		}}},
		{Kind: &pluginv1.Record_Cloud{Cloud: &pluginv1.CloudRecord{
			VmUuid: "bb", Status: pluginv1.CloudStatus_CLOUD_STATUS_STARTED, WallDuration: durationpb.New(0)}}},
		{Kind: &pluginv1.Record_Ip{Ip: &pluginv1.IpRecord{
			MeasurementTime: timestamp("2026-03-31T12:00:00Z"), LocalUserId: "u1", GlobalUserName: "Ana", IpVersion: 4, IpCount: 3}}},
		{Kind: &pluginv1.Record_Accelerator{Accelerator: &pluginv1.AcceleratorRecord{
			VmUuid: "aa8a1e5c", GlobalUserName: proto.String("Ana"), MeasurementYear: 2026, MeasurementMonth: 3, Type: pluginv1.AcceleratorType_ACCELERATOR_TYPE_GPU,
			Model: "NVIDIA A100", Count: 0.5, Cores: proto.Int64(3456), AvailableDuration: durationpb.New(time.Hour),
			ActiveDuration: durationpb.New(time.Minute), Benchmark: &pluginv1.Benchmark{Type: "b", Value: 2}}}},
		{Kind: &pluginv1.Record_Storage{Storage: &pluginv1.StorageRecord{
			VolumeId: "vol", CreateTime: timestamp("2026-03-31T12:00:00Z"), StorageSystem: "cinder", StorageClass: proto.String("ssd"), LocalUserId: "u1",
			GlobalUserName: proto.String("Ana"), StartTime: timestamp("2026-03-01T00:00:00Z"), EndTime: timestamp("2026-03-31T12:00:00Z"),
			CapacityUsedBytes: 10 << 30, AttachedTo: proto.String("aa8a1e5c")}}},
		{Kind: &pluginv1.Record_Energy{Energy: &pluginv1.EnergyRecord{
			VmUuid: "aa8a1e5c", StartTime: timestamp("2026-03-31T11:00:00Z"), EndTime: timestamp("2026-03-31T12:00:00Z"), EnergyWh: 0.125,
			Status: pluginv1.CloudStatus_CLOUD_STATUS_COMPLETED}}},
	}
	for i, record := range records {
		record.Id = "record/" + string(rune('0'+i))
		record.SiteName, record.CloudComputeService, record.CloudType = "SITE", "service", "OpenStack"
		record.Fqan, record.ProjectId = "/vo", "project"
	}
	return records
}

func documentLines(t *testing.T, records []*pluginv1.Record) string {
	t.Helper()
	var all strings.Builder
	for _, record := range records {
		line, err := documentLine(record)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(line)
	}
	return all.String()
}

func TestDocumentsMatchGoldenFile(t *testing.T) {
	const path = "testdata/documents.jsonl"
	got := documentLines(t, oneOfEachType())
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if again := documentLines(t, oneOfEachType()); again != got {
		t.Error("the same records gave other bytes the second time")
	}
}

func TestInvalidValueHasNoDocument(t *testing.T) {
	record := oneOfEachType()[0]
	record.GetCloud().CpuCount = proto.Float64(math.NaN())
	if line, err := documentLine(record); err == nil {
		t.Errorf("got %s", line)
	}
}

// FuzzDocument checks that any text stays on one line and is decoded to the same text.
func FuzzDocument(f *testing.F) {
	for _, seed := range []string{"", "plain", "a\nb\r\n", "\u2028\u0085", "\x00\x1f\x7f", "</script>&", `"\`, "日本語"} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, name, id string) {
		// Strings of the contract are valid UTF-8.
		name, id = strings.ToValidUTF8(name, "?"), strings.ToValidUTF8(id, "?")
		line, err := documentLine(&pluginv1.Record{Id: id, Kind: &pluginv1.Record_Cloud{Cloud: &pluginv1.CloudRecord{MachineName: name}}})
		if err != nil {
			t.Fatal(err)
		}
		if strings.IndexByte(string(line), '\n') != len(line)-1 {
			t.Errorf("more than one line: %q", line)
		}
		var back struct {
			MachineName string
			ID          string `json:"document_id"`
		}
		if err := json.Unmarshal(line, &back); err != nil || back.MachineName != name || back.ID != id {
			t.Errorf("got %q back from %q, %v", back, line, err)
		}
	})
}
