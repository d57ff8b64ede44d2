package ceilometer

import (
	"context"
	"slices"
	"time"

	"github.com/caso-project/caso/plugins/extractor-ceilometer/counters"
	"github.com/caso-project/caso/plugins/extractor-ceilometer/samples"
	"github.com/caso-project/caso/plugins/internal/openstack/cloudrecords"
)

// maxDelay is how late a sample may arrive in the archive and still count if it matters, which is
// when the counter restarted after it.
const maxDelay = time.Hour

// readings are the samples of a window, added to the state of the last one.
type readings struct {
	// followers are by server and counter. They include the counters of the last window that have
	// no sample in this one.
	followers map[string]map[counterKey]*counters.Follower
	// firstSample is the time of a server's first sample in this window.
	firstSample map[string]int64
}

// readSamples reads the samples of all servers and meters.
func (m *measurer) readSamples(ctx context.Context, w window) (readings, error) {
	read := readings{followers: map[string]map[counterKey]*counters.Follower{}, firstSample: map[string]int64{}}
	for id := range w.servers {
		for key := range w.previous.counters(id) {
			read.follower(w, id, key)
		}
	}
	if len(w.Servers) == 0 {
		return read, nil
	}
	session, err := w.Session(ctx)
	if err != nil {
		return readings{}, err
	}
	source, err := m.archives.open(session, m.backend, w.Region)
	if err != nil {
		return readings{}, err
	}
	for _, meter := range w.meters {
		query := samples.Query{Project: w.Project.GetId(), Meter: meter, Servers: len(w.Servers),
			From: w.readFrom(), To: w.Window.To}
		err := samples.EachPoint(ctx, source, query,
			func(done int) { w.Progress("samples of "+string(meter), int64(done)) },
			func(point samples.Point) { read.add(w, meter, point) })
		if err != nil {
			return readings{}, err
		}
	}
	return read, nil
}

// add adds a sample to its counter.
func (r readings) add(w window, meter samples.Meter, point samples.Point) {
	server, ok := w.servers[point.Server]
	if !ok || point.From >= w.Window.To.Unix() {
		return
	}
	// Where processor time is read, it decides whether a server is sampled since its creation.
	if meter == samples.CPU || !slices.Contains(w.meters, samples.CPU) {
		if first, ok := r.firstSample[point.Server]; !ok || point.From < first {
			r.firstSample[point.Server] = point.From
		}
	}
	follower := r.follower(w, point.Server, counterKey{meter, shortenCounter(point.Counter)})
	follower.Add(point.Sample, countedFrom(server, point.Sample, w.now))
}

// follower returns the follower of a counter, which starts with the state of the last window.
func (r readings) follower(w window, server string, key counterKey) *counters.Follower {
	if r.followers[server] == nil {
		r.followers[server] = map[counterKey]*counters.Follower{}
	}
	if r.followers[server][key] == nil {
		cutoffs := make([]int64, len(w.Months))
		for i, month := range w.Months {
			cutoffs[i] = month.Before.Unix()
		}
		r.followers[server][key] = counters.Follow(w.previous.counters(server)[key], cutoffs, w.settleTime())
	}
	return r.followers[server][key]
}

// settleTime returns the time up to which all samples are assumed to be in the archive.
func (w window) settleTime() int64 { return w.Window.To.Add(-maxDelay).Unix() }

// readFrom returns the time from which samples are read: what was settled in the last window, and
// the creation of the servers that were not in it.
func (w window) readFrom() time.Time {
	from := w.Window.To.Unix()
	if w.hasPrevious {
		from = w.previous.settled
	}
	for id, server := range w.servers {
		if known := w.previous.servers[id]; known != nil {
			from = min(from, known.settled)
		} else {
			from = min(from, server.Created.Unix())
		}
	}
	return time.Unix(from, 0).UTC()
}

// countedFrom returns the time from which on the value of a sample counts, because it had
// certainly been reached. That is the end of the sample's time span, except for a server that
// ended within it and for the time span of now: no sample in it can be later than the server's
// end, or now.
func countedFrom(server cloudrecords.MeasuredServer, s counters.Sample, now time.Time) int64 {
	from := s.To
	if !server.End.IsZero() {
		from = min(from, server.End.Unix()+1)
	}
	if now.Unix() < from {
		from = s.From + 1
	}
	return max(from, s.From+1)
}
