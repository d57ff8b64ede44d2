package plugintest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Records generates n records as a messenger receives them: valid, with id, site and VO, all of one
// project, of the given types in turn (all types by default). The same arguments generate the same
// records; no two of them state the same fact.
func Records(seed uint64, n int, types ...pluginv1.RecordType) []*pluginv1.Record {
	if len(types) == 0 {
		types = contract.RecordTypes()
	}
	g := &generator{rand: rand.New(rand.NewPCG(seed, seed))} //nolint:gosec // reproducible test data
	project := g.hex(32)
	records := make([]*pluginv1.Record, 0, n)
	for i := range n {
		record := &pluginv1.Record{
			SiteName:            "TEST-SITE",
			CloudComputeService: "TEST-SITE-CLOUD",
			CloudType:           "OpenStack",
			Fqan:                "/vo.example.org/Role=member",
			ProjectId:           project,
		}
		g.fill(record, types[i%len(types)])
		record.Id = contract.RecordID(record)
		records = append(records, record)
	}
	return records
}

// Collected is an sdk.Output that keeps the records, for tests that call Extract directly.
type Collected struct{ Records []*pluginv1.Record }

// Emit keeps a record.
func (c *Collected) Emit(record *pluginv1.Record) error {
	c.Records = append(c.Records, record)
	return nil
}

// Progress does nothing.
func (c *Collected) Progress(string, int64) {}

type generator struct{ rand *rand.Rand }

func (g *generator) fill(record *pluginv1.Record, kind pluginv1.RecordType) {
	// Every record is as of a whole hour of 2026; its subject began up to 100 days before.
	now := time.Date(2026, 1, 1, g.rand.IntN(8000), 0, 0, 0, time.UTC)
	start := now.Add(-time.Duration(g.rand.IntN(100*24*3600)) * time.Second)
	switch kind {
	case pluginv1.RecordType_RECORD_TYPE_CLOUD:
		record.Kind = &pluginv1.Record_Cloud{Cloud: g.cloud(start, now)}
	case pluginv1.RecordType_RECORD_TYPE_IP:
		record.Kind = &pluginv1.Record_Ip{Ip: &pluginv1.IpRecord{
			MeasurementTime: timestamppb.New(now),
			LocalUserId:     g.hex(32),
			GlobalUserName:  g.user(),
			IpVersion:       4 + 2*g.rand.Uint32N(2),
			IpCount:         g.rand.Int64N(20),
		}}
	case pluginv1.RecordType_RECORD_TYPE_ACCELERATOR:
		record.Kind = &pluginv1.Record_Accelerator{Accelerator: &pluginv1.AcceleratorRecord{
			VmUuid:            g.uuid(),
			GlobalUserName:    g.optional(g.user()),
			MeasurementYear:   int32(now.Year()),  //nolint:gosec // fits
			MeasurementMonth:  int32(now.Month()), //nolint:gosec // fits
			Type:              pluginv1.AcceleratorType(1 + g.rand.Int32N(3)),
			Model:             "Example Accelerator X-" + g.hex(2),
			Count:             float64(1+g.rand.IntN(8)) / 2,
			AvailableDuration: seconds(g.rand.Int64N(28 * 24 * 3600)),
			ActiveDuration:    seconds(g.rand.Int64N(28 * 24 * 3600)),
		}}
	case pluginv1.RecordType_RECORD_TYPE_STORAGE:
		record.Kind = &pluginv1.Record_Storage{Storage: &pluginv1.StorageRecord{
			VolumeId:          g.uuid(),
			CreateTime:        timestamppb.New(now),
			StorageSystem:     "cinder.example.org",
			StorageClass:      g.optional("ssd"),
			LocalUserId:       g.hex(32),
			GlobalUserName:    g.optional(g.user()),
			StartTime:         timestamppb.New(start),
			EndTime:           timestamppb.New(now),
			CapacityUsedBytes: g.rand.Int64N(1 << 42),
			AttachedTo:        g.optional(g.uuid()),
		}}
	case pluginv1.RecordType_RECORD_TYPE_ENERGY:
		record.Kind = &pluginv1.Record_Energy{Energy: &pluginv1.EnergyRecord{
			VmUuid:    g.uuid(),
			StartTime: timestamppb.New(now.Add(-time.Hour)),
			EndTime:   timestamppb.New(now),
			EnergyWh:  float64(g.rand.IntN(1e6)) / 1000,
			Status:    pluginv1.CloudStatus_CLOUD_STATUS_STARTED,
		}}
	}
}

func (g *generator) cloud(start, now time.Time) *pluginv1.CloudRecord {
	cloud := &pluginv1.CloudRecord{
		VmUuid:           g.uuid(),
		MachineName:      "vm-" + g.hex(4),
		LocalUserId:      g.hex(32),
		GlobalUserName:   g.optional(g.user()),
		Status:           pluginv1.CloudStatus(1 + g.rand.Int32N(7)),
		StartTime:        timestamppb.New(start),
		RecordCreateTime: timestamppb.New(now),
		MemoryMb:         proto.Int64(int64(1+g.rand.IntN(64)) * 1024),
		DiskGb:           proto.Int64(int64(g.rand.IntN(500))),
		ImageId:          g.optional(g.uuid()),
	}
	until := now
	if cloud.GetStatus() == pluginv1.CloudStatus_CLOUD_STATUS_COMPLETED {
		until = start.Add(now.Sub(start) / 2).Truncate(time.Second)
		cloud.EndTime = timestamppb.New(until)
	}
	wall, cpus := int64(until.Sub(start)/time.Second), int64(1+g.rand.IntN(32))
	if cloud.GetStatus() == pluginv1.CloudStatus_CLOUD_STATUS_SUSPENDED {
		cloud.SuspendDuration = seconds(wall / 3)
		wall -= wall / 3
	}
	cloud.WallDuration, cloud.CpuDuration = seconds(wall), seconds(wall*cpus)
	cloud.CpuCount = proto.Float64(float64(cpus))
	if g.rand.IntN(2) == 0 {
		cloud.NetworkInboundGb, cloud.NetworkOutboundGb = proto.Int64(g.rand.Int64N(900)), proto.Int64(g.rand.Int64N(900))
		cloud.PublicIpCount = proto.Int64(g.rand.Int64N(3))
		cloud.Benchmark = &pluginv1.Benchmark{Type: "HEPscore23", Value: float64(1+g.rand.IntN(20000)) / 1000}
	}
	return cloud
}

func (g *generator) optional(text string) *string {
	if g.rand.IntN(2) == 0 {
		return nil
	}
	return &text
}

func (g *generator) user() string { return "user-" + g.hex(4) }

func (g *generator) hex(digits int) string {
	var text strings.Builder
	for range digits {
		text.WriteByte("0123456789abcdef"[g.rand.IntN(16)])
	}
	return text.String()
}

func (g *generator) uuid() string {
	return fmt.Sprintf("%s-%s-4%s-a%s-%s", g.hex(8), g.hex(4), g.hex(3), g.hex(3), g.hex(12))
}

func seconds(n int64) *durationpb.Duration { return &durationpb.Duration{Seconds: n} }
