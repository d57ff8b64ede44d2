package ceilometer

import (
	"math"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/caso-project/caso/plugins/internal/openstack/cloudrecords"
	"github.com/caso-project/caso/plugins/internal/openstack/samples"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

const (
	// nanoseconds of processor time are reported as whole seconds.
	nanoseconds = 1e9
	// gigabyte is 2^30 bytes. APEL's documentation says GB and no more; cASO divided by 2^30 when it had a
	// ceilometer extractor, and Disk in the same record is in nova's GB, which are 2^30 bytes.
	gigabyte = 1 << 30
)

// fill puts the measured figures into a record. They were added up as they were measured and are rounded
// here, once and down, so that nothing is reported that was not used.
func (w *work) fill(server string, moment int, record *pluginv1.CloudRecord) bool {
	one := w.servers[server]
	if one == nil {
		return true
	}
	if w.reportedBefore(one) {
		return false
	}
	never := w.neverRan(one)
	whole := func(meter samples.Meter, unit float64) (int64, bool) {
		total := w.totals[server][meter][moment]
		return int64(math.Floor(total.value / unit)), total.known || never
	}
	if w.measurer.used {
		record.CpuDuration = nil
		if seconds, known := whole(samples.CPU, nanoseconds); known {
			record.CpuDuration = &durationpb.Duration{Seconds: seconds}
		}
	}
	if gigabytes, known := whole(samples.Incoming, gigabyte); known {
		record.NetworkInboundGb = proto.Int64(gigabytes)
	}
	if gigabytes, known := whole(samples.Outgoing, gigabyte); known {
		record.NetworkOutboundGb = proto.Int64(gigabytes)
	}
	return true
}

// reportedBefore says that a record is better left out: nothing is remembered, the window is one that is
// reported again, the server is older than it, and the archive does not reach back to its creation. Its record as
// of then was reported with what was remembered then. What the archive still shows may be less, or nothing, and
// the APEL server, which keeps the record that comes last, would bill the month with that: too little, or with a
// negative figure, and the next month with everything since the creation.
func (w *work) reportedBefore(server *cloudrecords.Server) bool {
	if !w.fresh || w.now.Sub(w.job.Window.To) < past || !server.Created.Before(w.job.Window.From) {
		return false
	}
	return !w.covers(server) && !w.neverRan(server)
}

// covers says whether the archive has a server's samples since its creation.
func (w *work) covers(server *cloudrecords.Server) bool {
	first, ok := w.first[server.ID]
	return ok && time.Unix(first, 0).Before(server.Created.Add(covered))
}

// neverRan says that it is known that the server used nothing.
func (w *work) neverRan(server *cloudrecords.Server) bool {
	return !server.End.IsZero() && server.End.Equal(server.Created)
}
