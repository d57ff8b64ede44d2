package ssm

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

var update = flag.Bool("update", false, "update the golden files")

// checkGolden compares with testdata/NAME.
func checkGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
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
		t.Errorf("got\n%s\nwant, as in %s,\n%s", got, path, want)
	}
}

func timestamp(text string) *timestamppb.Timestamp {
	moment, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return timestamppb.New(moment)
}

// runningVM returns a record with every field set.
func runningVM() *pluginv1.Record {
	return &pluginv1.Record{
		Id: "cloud/1", SiteName: "IFCA-LCG2", CloudComputeService: "IFCA-cloud", CloudType: "caso/1.0 (OpenStack)",
		Fqan: "/fedcloud.egi.eu/Role=NULL", ProjectId: "5afb7b9b2d6f4d6a9d5c6f9c2bd2a1c0",
		Kind: &pluginv1.Record_Cloud{Cloud: &pluginv1.CloudRecord{
			VmUuid: "aa8a1e5c-8a2b-4f66-9d2e-1f7c0c0d8c11", MachineName: "worker: 01", LocalUserId: "d1e8a2",
			GlobalUserName: proto.String("/DC=org/DC=terena/CN=Ana Pérez"), Status: pluginv1.CloudStatus_CLOUD_STATUS_STARTED,
			StartTime: timestamp("2026-03-01T10:00:00Z"), RecordCreateTime: timestamp("2026-03-31T23:59:59Z"),
			SuspendDuration: durationpb.New(0), WallDuration: durationpb.New(2642399 * time.Second), CpuDuration: durationpb.New(10569596 * time.Second),
			CpuCount: proto.Float64(4), MemoryMb: proto.Int64(8192), DiskGb: proto.Int64(80),
			NetworkType: proto.String("public"), NetworkInboundGb: proto.Int64(12), NetworkOutboundGb: proto.Int64(0), PublicIpCount: proto.Int64(1),
			ImageId: proto.String("https://appdb.egi.eu/store/vo/image/x:1234/"), StorageRecordId: proto.String("vol-1"),
			Benchmark: &pluginv1.Benchmark{Type: "HEPscore23", Value: 12.5},
		}},
	}
}

// completedVM returns a record with few fields set, and a name that tries to inject a field.
func completedVM() *pluginv1.Record {
	return &pluginv1.Record{
		Id: "cloud/2", SiteName: "IFCA-LCG2", ProjectId: "p2",
		Kind: &pluginv1.Record_Cloud{Cloud: &pluginv1.CloudRecord{
			VmUuid: "bb", MachineName: "x\r\n%%\nVMUUID: aa\nSiteName: Другой", GlobalUserName: proto.String("用户"),
			Status: pluginv1.CloudStatus_CLOUD_STATUS_COMPLETED, StartTime: timestamp("2026-03-05T00:00:00Z"), EndTime: timestamp("2026-03-05T00:00:00Z"),
			RecordCreateTime: timestamp("2026-03-31T23:59:59Z"), SuspendDuration: durationpb.New(0), WallDuration: durationpb.New(0), CpuDuration: durationpb.New(0),
			CpuCount: proto.Float64(0.5),
		}},
	}
}

func recordTexts(t *testing.T, version string, records ...*pluginv1.Record) []string {
	t.Helper()
	var written []string
	for _, record := range records {
		text, err := recordText(record, version)
		if err != nil {
			t.Fatal(err)
		}
		written = append(written, text)
	}
	return written
}

func TestMessagesMatchGoldenFiles(t *testing.T) {
	for _, version := range []string{version02, version04} {
		messages := buildMessages(version, recordTexts(t, version, runningVM(), completedVM()), 100)
		if len(messages) != 1 {
			t.Fatalf("got %d messages", len(messages))
		}
		checkGolden(t, "message-v"+version+".txt", string(messages[0]))
	}
}

// fieldOf returns the value of a key in the text of a record.
func fieldOf(t *testing.T, record *pluginv1.Record, key string) (string, bool) {
	t.Helper()
	for line := range strings.SplitSeq(recordTexts(t, version04, record)[0], "\n") {
		if name, value, ok := strings.Cut(line, ": "); !ok {
			t.Errorf("line %q has no key", line)
		} else if name == key {
			return value, true
		}
	}
	return "", false
}

func TestFields(t *testing.T) {
	cases := map[string]struct {
		change func(*pluginv1.Record)
		key    string
		want   string
		absent bool
	}{
		"name without ASCII":      {func(r *pluginv1.Record) { r.GetCloud().MachineName = "机器" }, "MachineName", "aa8a1e5c-8a2b-4f66-9d2e-1f7c0c0d8c11", false},
		"no name":                 {func(r *pluginv1.Record) { r.GetCloud().MachineName = "" }, "MachineName", "aa8a1e5c-8a2b-4f66-9d2e-1f7c0c0d8c11", false},
		"user without ASCII":      {func(r *pluginv1.Record) { r.GetCloud().GlobalUserName = proto.String("ü\n") }, "GlobalUserName", "", true},
		"no user":                 {func(r *pluginv1.Record) { r.GetCloud().GlobalUserName = nil }, "GlobalUserName", "", true},
		"no wall time":            {func(r *pluginv1.Record) { r.GetCloud().WallDuration = durationpb.New(0) }, "WallDuration", "1", false},
		"less than a second":      {func(r *pluginv1.Record) { r.GetCloud().CpuDuration = durationpb.New(time.Millisecond) }, "CpuDuration", "1", false},
		"never suspended":         {func(*pluginv1.Record) {}, "SuspendDuration", "0", false},
		"half a CPU":              {func(r *pluginv1.Record) { r.GetCloud().CpuCount = proto.Float64(0.5) }, "CpuCount", "0.5", false},
		"a million CPUs":          {func(r *pluginv1.Record) { r.GetCloud().CpuCount = proto.Float64(1e6) }, "CpuCount", "1000000", false},
		"running":                 {func(*pluginv1.Record) {}, "EndTime", "", true},
		"running, ended in 1970":  {func(r *pluginv1.Record) { r.GetCloud().EndTime = &timestamppb.Timestamp{} }, "EndTime", "", true},
		"fraction of a second":    {func(r *pluginv1.Record) { r.GetCloud().StartTime.Nanos = 999 }, "StartTime", "1772359200", false},
		"long benchmark type":     {func(r *pluginv1.Record) { r.GetCloud().Benchmark.Type = strings.Repeat("b", 99) }, "BenchmarkType", strings.Repeat("b", 50), false},
		"benchmark of no type":    {func(r *pluginv1.Record) { r.GetCloud().Benchmark.Type = "速" }, "Benchmark", "", true},
		"negative benchmark":      {func(r *pluginv1.Record) { r.GetCloud().Benchmark.Value = -1 }, "BenchmarkType", "", true},
		"benchmark is rounded":    {func(r *pluginv1.Record) { r.GetCloud().Benchmark.Value = 9.87654 }, "Benchmark", "9.877", false},
		"large figure":            {func(r *pluginv1.Record) { r.GetCloud().MemoryMb = proto.Int64(1 << 60) }, "Memory", "1152921504606846976", false},
		"boots from a volume":     {func(r *pluginv1.Record) { r.GetCloud().ImageId = nil }, "ImageId", "", true},
		"separator in the image":  {func(r *pluginv1.Record) { r.GetCloud().ImageId = proto.String("a%%%b") }, "ImageId", "a% % %b", false},
		"addresses not counted":   {func(r *pluginv1.Record) { r.GetCloud().PublicIpCount = nil }, "PublicIPCount", "", true},
		"wall time is unknown":    {func(r *pluginv1.Record) { r.GetCloud().WallDuration = nil }, "WallDuration", "", true},
		"status of a new version": {func(r *pluginv1.Record) { r.GetCloud().Status = 42 }, "Status", "unknown", false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			record := runningVM()
			c.change(record)
			if got, found := fieldOf(t, record, c.key); got != c.want || found == c.absent {
				t.Errorf("%s is %q (found: %v), want %q", c.key, got, found, c.want)
			}
		})
	}
}

func TestRejectedRecords(t *testing.T) {
	cases := map[string]struct {
		change func(*pluginv1.Record)
		want   string
	}{
		"no VM":                           {func(r *pluginv1.Record) { r.GetCloud().VmUuid = "" }, "VMUUID"},
		"VM without ASCII":                {func(r *pluginv1.Record) { r.GetCloud().VmUuid = "机" }, "VMUUID"},
		"no site":                         {func(r *pluginv1.Record) { r.SiteName = "" }, "SiteName"},
		"site that APEL reads as missing": {func(r *pluginv1.Record) { r.SiteName = " Null " }, "SiteName"},
		"VM that APEL reads as missing":   {func(r *pluginv1.Record) { r.GetCloud().VmUuid = "NONE" }, "VMUUID"},
		"completed without end":           {func(r *pluginv1.Record) { r.GetCloud().Status = pluginv1.CloudStatus_CLOUD_STATUS_COMPLETED }, "EndTime"},
		"negative duration":               {func(r *pluginv1.Record) { r.GetCloud().WallDuration.Seconds = -1 }, "WallDuration"},
		"another record type":             {func(r *pluginv1.Record) { r.Kind = &pluginv1.Record_Ip{Ip: &pluginv1.IpRecord{}} }, "not a cloud record"},
		"no record type":                  {func(r *pluginv1.Record) { r.Kind = nil }, "not a cloud record"},
		"completed at 0": {func(r *pluginv1.Record) {
			r.GetCloud().Status = pluginv1.CloudStatus_CLOUD_STATUS_COMPLETED
			r.GetCloud().EndTime = &timestamppb.Timestamp{}
		}, "EndTime"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			record := runningVM()
			c.change(record)
			if text, err := recordText(record, version04); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %q, error %v, want one about %s", text, err, c.want)
			}
		})
	}
}
