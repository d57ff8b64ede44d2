package cloudrecords

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/caso-project/caso/internal/version"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk"
)

// recordSource is everything that the records of one server are made from.
type recordSource struct {
	server  server
	details details
	// usage has an entry for each month; nil where nothing is measured.
	usage []Usage
	// cpuMeasured is set where usage replaces the allocated processor time.
	cpuMeasured bool
	// endUnreported is set where the last window reported the server as not ended.
	endUnreported bool
}

// check returns the first error that sdk.CheckRecord finds in the records of the server.
func (r recordSource) check(project string, months []sdk.Month) error {
	for i := range months {
		if record := r.record(project, months, i); record != nil {
			if err := sdk.CheckRecord(record); err != nil {
				return err
			}
		}
	}
	return nil
}

// record returns the record as of a month of the window, by its index; nil where the server has
// none.
func (r recordSource) record(project string, months []sdk.Month, month int) *pluginv1.Record {
	// Only the first part of a window follows the last window.
	f, ok := r.server.life.figuresIn(months[month], month == 0 && r.endUnreported)
	if !ok {
		return nil
	}
	slept := r.server.slept(r.server.life.created, f.until())
	cloud := &pluginv1.CloudRecord{
		VmUuid:           r.server.ID,
		MachineName:      r.server.Name,
		LocalUserId:      r.server.UserID,
		GlobalUserName:   nonEmpty(r.details.userName),
		Status:           f.status,
		StartTime:        timestamppb.New(r.server.life.created),
		RecordCreateTime: timestamppb.New(f.asOf),
		SuspendDuration:  durationpb.New(slept),
		WallDuration:     durationpb.New(f.wall - slept),
		ImageId:          nonEmpty(r.details.imageName),
		PublicIpCount:    proto.Int64(r.details.publicIPs),
	}
	if !f.end.IsZero() {
		cloud.EndTime = timestamppb.New(f.end)
	}
	if seconds, known := r.server.cpuSeconds(r.server.life.created, f.until()); known {
		cloud.CpuDuration = &durationpb.Duration{Seconds: seconds}
	}
	if flavor := r.server.flavorAsOf(f.until()); flavor != nil {
		cloud.Benchmark = r.details.benchmarks[flavor]
		cloud.CpuCount = proto.Float64(float64(flavor.VCPUs))
		cloud.MemoryMb = proto.Int64(flavor.MemoryMB)
		cloud.DiskGb = proto.Int64(flavor.DiskGB)
	}
	if r.usage != nil {
		r.usage[month].addTo(cloud, r.cpuMeasured)
	}
	return &pluginv1.Record{
		CloudType: "caso/" + version.String() + " (OpenStack)",
		ProjectId: project,
		Kind:      &pluginv1.Record_Cloud{Cloud: cloud},
	}
}

// addTo sets the measured fields of a record. A figure that is not known is left out.
func (u Usage) addTo(cloud *pluginv1.CloudRecord, cpuMeasured bool) {
	if cpuMeasured {
		cloud.CpuDuration = nil
		if u.CPUSeconds.Known {
			cloud.CpuDuration = &durationpb.Duration{Seconds: u.CPUSeconds.Value}
		}
	}
	if u.InboundGB.Known {
		cloud.NetworkInboundGb = proto.Int64(u.InboundGB.Value)
	}
	if u.OutboundGB.Known {
		cloud.NetworkOutboundGb = proto.Int64(u.OutboundGB.Value)
	}
}

// nonEmpty returns a text as an optional field, nil where it is empty.
func nonEmpty(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
