package ceilometer

import (
	"math"
	"slices"
	"time"

	"github.com/caso-project/caso/plugins/extractor-ceilometer/samples"
	"github.com/caso-project/caso/plugins/internal/openstack/cloudrecords"
)

const (
	// nanosecondsPerSecond converts processor time, which is reported in whole seconds.
	nanosecondsPerSecond = 1e9
	// bytesPerGB is 2^30. APEL's documentation does not define GB; cASO divided by 2^30 when it
	// had a ceilometer extractor, and Disk in the same record is in nova's GB, which are 2^30
	// bytes.
	bytesPerGB = 1 << 30
	// maxFirstSampleDelay is the longest time from a server's creation to its first sample, if the
	// archive has all of them.
	maxFirstSampleDelay = time.Hour
)

// total is the total of a meter, if it is known.
type total struct {
	value float64
	known bool
}

// serverTotals has, for each meter, one total for each month of the window.
type serverTotals map[samples.Meter][]total

// computeTotals adds up the counters of each server as of each month of the window.
func computeTotals(w window, read readings) map[string]serverTotals {
	totals := map[string]serverTotals{}
	for id := range w.servers {
		totals[id] = serverTotals{}
		for _, meter := range w.meters {
			totals[id][meter] = sumCounters(w, read, id, meter)
		}
	}
	return totals
}

// sumCounters returns one server's totals of one meter. They are never less than what was reported
// before.
func sumCounters(w window, read readings, server string, meter samples.Meter) []total {
	reported, known := w.previous.reported(server)[meter]
	last := total{reported, known}
	totals := make([]total, len(w.Months))
	for i := range totals {
		var values []float64
		for key, follower := range read.followers[server] {
			if key.meter != meter {
				continue
			}
			if value, ok := follower.TotalAt(i); ok {
				values = append(values, value)
			}
		}
		if len(values) > 0 {
			// In a fixed order, so that rounding errors are the same each time.
			slices.Sort(values)
			sum := 0.0
			for _, value := range values {
				sum += value
			}
			last = total{max(last.value, sum), true}
		}
		totals[i] = last
	}
	return totals
}

// roundTotals returns the figures of the records. Totals are rounded down, once and here, so that
// no more is reported than was used.
func roundTotals(w window, totals map[string]serverTotals) map[string][]cloudrecords.Usage {
	usage := map[string][]cloudrecords.Usage{}
	for id, server := range w.servers {
		figure := func(meter samples.Meter, month int, unit float64) cloudrecords.Figure {
			if totals[id][meter] == nil {
				return cloudrecords.Figure{}
			}
			one := totals[id][meter][month]
			return cloudrecords.Figure{Value: int64(math.Floor(one.value / unit)), Known: one.known || neverRan(server)}
		}
		usage[id] = make([]cloudrecords.Usage, len(w.Months))
		for i := range usage[id] {
			usage[id][i] = cloudrecords.Usage{
				CPUSeconds: figure(samples.CPU, i, nanosecondsPerSecond),
				InboundGB:  figure(samples.Incoming, i, bytesPerGB),
				OutboundGB: figure(samples.Outgoing, i, bytesPerGB),
			}
		}
	}
	return usage
}

// findLeftOut returns the servers that are left out of a republished window: those that were
// created before it and whose samples do not reach back to their creation. Their earlier records
// were computed from the state of that time. What the archive still has may be less, or nothing,
// and the APEL server, which keeps the record that comes last, would bill the month with that: too
// little, or with a negative figure, and the next month with everything since the creation.
func findLeftOut(w window, read readings) map[string]bool {
	leftOut := map[string]bool{}
	if !w.Republish {
		return leftOut
	}
	for id, server := range w.servers {
		if server.Created.Before(w.Window.From) && !read.sinceCreation(server) && !neverRan(server) {
			leftOut[id] = true
		}
	}
	return leftOut
}

// sinceCreation reports whether the archive has a server's samples since its creation.
func (r readings) sinceCreation(server cloudrecords.MeasuredServer) bool {
	first, ok := r.firstSample[server.ID]
	return ok && time.Unix(first, 0).Before(server.Created.Add(maxFirstSampleDelay))
}

// neverRan reports whether a server certainly used nothing.
func neverRan(server cloudrecords.MeasuredServer) bool {
	return !server.End.IsZero() && server.End.Equal(server.Created)
}
