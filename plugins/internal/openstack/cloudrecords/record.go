package cloudrecords

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/caso-project/caso/plugins/internal/openstack/accounting"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// record writes what is known of a server as of one moment.
func record(project string, s *subject, figures accounting.Figures) *pluginv1.Record {
	cloud := &pluginv1.CloudRecord{
		VmUuid:           s.ID,
		MachineName:      s.Name,
		LocalUserId:      s.UserID,
		GlobalUserName:   optional(s.userName),
		Status:           figures.Status,
		StartTime:        timestamppb.New(s.Lifecycle.Created),
		RecordCreateTime: timestamppb.New(figures.AsOf),
		SuspendDuration:  durationpb.New(0),
		WallDuration:     durationpb.New(figures.Wall),
		ImageId:          optional(s.imageName),
		Benchmark:        s.benchmark,
		PublicIpCount:    proto.Int64(s.publicIPs),
	}
	if !figures.End.IsZero() {
		cloud.EndTime = timestamppb.New(figures.End)
	}
	if f := s.Flavor; f != nil {
		cloud.CpuCount = proto.Float64(float64(f.VCPUs))
		cloud.CpuDuration = &durationpb.Duration{Seconds: figures.CPUSeconds(f.VCPUs)}
		cloud.MemoryMb = proto.Int64(f.MemoryMB)
		cloud.DiskGb = proto.Int64(f.DiskGB)
	}
	return &pluginv1.Record{CloudType: cloudType(), ProjectId: project, Kind: &pluginv1.Record_Cloud{Cloud: cloud}}
}

// optional is a text that is left out where it is empty.
func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
