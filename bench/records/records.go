// Package records makes the records that the benchmarks extract, store and deliver.
package records

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/caso-project/caso/internal/contract"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Cloud returns the record of one server of a project as of the end of a window. Servers of
// different numbers have different IDs. The fields are those that extractor-nova sets.
func Cloud(project string, number int, to time.Time) *pluginv1.Record {
	months := contract.Months(to.Add(-time.Second), to)
	asOf := months[len(months)-1].AsOf
	start := asOf.Add(-time.Hour)
	if monthStart := time.Date(asOf.Year(), asOf.Month(), 1, 0, 0, 0, 0, time.UTC); start.Before(monthStart) {
		start = monthStart
	}
	vcpus := 1 << (number % 4)
	wall := asOf.Sub(start)
	return &pluginv1.Record{
		CloudType: "OpenStack",
		ProjectId: project,
		Kind: &pluginv1.Record_Cloud{Cloud: &pluginv1.CloudRecord{
			VmUuid:           fmt.Sprintf("%08x-1b2c-4d3e-8f40-%012x", number, number),
			MachineName:      fmt.Sprintf("worker-%07d.example.org", number),
			LocalUserId:      fmt.Sprintf("9f8e7d6c5b4a39281706f5e4d3c2%04x", number%500),
			GlobalUserName:   proto.String(fmt.Sprintf("user-%d", number%500)),
			Status:           pluginv1.CloudStatus_CLOUD_STATUS_STARTED,
			StartTime:        timestamppb.New(start),
			RecordCreateTime: timestamppb.New(asOf),
			SuspendDuration:  durationpb.New(0),
			WallDuration:     durationpb.New(wall),
			CpuDuration:      durationpb.New(wall * time.Duration(vcpus)),
			CpuCount:         proto.Float64(float64(vcpus)),
			MemoryMb:         proto.Int64(int64(vcpus) << 11),
			DiskGb:           proto.Int64(20),
			PublicIpCount:    proto.Int64(0),
			ImageId:          proto.String(fmt.Sprintf("7c6b5a49-1b2c-4d3e-8f40-%012x", number%50)),
			Benchmark:        &pluginv1.Benchmark{Type: "HEPscore23", Value: 11.35},
		}},
	}
}

// Stored returns the record with the fields that the host sets, as it is stored and delivered.
func Stored(project string, number int, to time.Time) *pluginv1.Record {
	record := Cloud(project, number, to)
	record.SiteName = Site
	record.CloudComputeService = Site
	record.Fqan = VO
	record.Id = contract.RecordID(record)
	return record
}

// The values of the fields that the host sets.
const (
	Site = "BENCH-SITE"
	VO   = "vo.bench.example.org"
)

// PerBatch returns how many of these records the SDK puts into a batch.
func PerBatch() int {
	const overhead = 8 // as counted by the SDK for each record
	size := proto.Size(Cloud("project-0000", 1, time.Date(2026, 3, 10, 0, 0, 0, 0, time.UTC))) + overhead
	return min(contract.FullBatchRecords, contract.FullBatchBytes/size)
}
