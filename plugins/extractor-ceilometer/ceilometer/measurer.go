package ceilometer

import (
	"context"
	"slices"
	"strings"
	"time"

	sdk "github.com/caso-project/caso/internal/oldsdk"
	"github.com/caso-project/caso/plugins/internal/openstack/cloudrecords"
	"github.com/caso-project/caso/plugins/internal/openstack/counters"
	"github.com/caso-project/caso/plugins/internal/openstack/samples"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

const (
	// late is how late a sample may come and still be counted if it matters, which is when the counter began
	// again after it.
	late = time.Hour
	// forget is after how long a server is forgotten that nova no longer speaks of.
	forget = 60 * 24 * time.Hour
	// covered is how long after a server's creation its first sample comes at the latest, if the archive
	// has all of them.
	covered = time.Hour
	// past is how far a window's end lies back at least, if it is one that is reported again.
	past = 24 * time.Hour
)

// measurer finds out what servers used. It is safe for concurrent use once it is configured.
type measurer struct {
	now      func() time.Time
	backend  string
	used     bool
	archives archives
}

func newMeasurer(now func() time.Time) *measurer { return &measurer{now: now} }

// Measure reads the samples of a window and makes totals of them.
func (m *measurer) Measure(ctx context.Context, job cloudrecords.Job) (cloudrecords.Measured, error) {
	w := &work{measurer: m, job: job, now: m.now(), before: newLedger(), readings: map[string]map[counterKey]*counters.Reading{},
		first: map[string]int64{}, servers: map[string]*cloudrecords.Server{}}
	w.fresh = len(job.State) == 0
	if !w.fresh {
		before, err := readLedger(job.State)
		if err != nil {
			w.fresh = true
			w.warn("%s", err)
		} else {
			w.before = before
		}
	}
	for i := range job.Servers {
		w.servers[job.Servers[i].ID] = &job.Servers[i]
	}
	if err := w.read(ctx); err != nil {
		return cloudrecords.Measured{Diagnostics: w.diagnostics}, err
	}
	w.total()
	w.explain()
	return cloudrecords.Measured{Fill: w.fill, State: w.after().bytes(), Diagnostics: w.diagnostics}, nil
}

// work is the measuring of one project's window.
type work struct {
	measurer *measurer
	job      cloudrecords.Job
	now      time.Time
	before   *ledger
	// fresh says that nothing is remembered of the window before.
	fresh    bool
	servers  map[string]*cloudrecords.Server
	readings map[string]map[counterKey]*counters.Reading
	// first is the time of a server's first sample in this window.
	first map[string]int64
	// totals are a server's, one for each moment.
	totals      map[string]map[samples.Meter][]figure
	diagnostics []*pluginv1.Diagnostic
}

// figure is a total, if it is known.
type figure struct {
	value float64
	known bool
}

// meters are those that are needed.
func (w *work) meters() []samples.Meter {
	if w.measurer.used {
		return meters()
	}
	return []samples.Meter{samples.Incoming, samples.Outgoing}
}

// settle is until when samples are taken to be complete once this window was read.
func (w *work) settle() int64 { return w.job.Window.To.Add(-late).Unix() }

// read reads all samples.
func (w *work) read(ctx context.Context) error {
	if len(w.job.Servers) == 0 {
		return nil
	}
	from := w.from()
	for _, region := range w.job.Regions {
		source, err := w.measurer.archives.source(w.job.Session, w.measurer.backend, region)
		if err != nil {
			return err
		}
		for _, meter := range w.meters() {
			err := samples.Each(ctx, source, w.job.Project.GetId(), meter, len(w.job.Servers), from, w.job.Window.To,
				func(point samples.Point) { w.take(meter, point) })
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// from is since when samples are to be read: since what was settled for all servers, and since the creation of those that were
// not there.
func (w *work) from() time.Time {
	from := w.before.settled
	if w.fresh {
		from = w.job.Window.To.Unix()
	}
	for id, server := range w.servers {
		if one := w.before.servers[id]; one != nil {
			from = min(from, one.settled)
		} else {
			from = min(from, server.Created.Unix())
		}
	}
	return time.Unix(from, 0).UTC()
}

// take counts one sample.
func (w *work) take(meter samples.Meter, point samples.Point) {
	server := w.servers[point.Server]
	if server == nil || point.From >= w.job.Window.To.Unix() {
		return
	}
	if meter == samples.CPU || !w.measurer.used {
		if first, ok := w.first[point.Server]; !ok || point.From < first {
			w.first[point.Server] = point.From
		}
	}
	w.reading(point.Server, counterKey{meter, short(point.Counter)}).Add(point.Sample, w.counted(server, point.Sample))
}

// reading is that of one counter.
func (w *work) reading(server string, key counterKey) *counters.Reading {
	if w.readings[server] == nil {
		w.readings[server] = map[counterKey]*counters.Reading{}
	}
	one := w.readings[server][key]
	if one == nil {
		cutoffs := make([]int64, len(w.job.Moments))
		for i, moment := range w.job.Moments {
			cutoffs[i] = moment.Before.Unix()
		}
		one = counters.Follow(w.before.of(server).marks[key], cutoffs, w.settle())
		w.readings[server][key] = one
	}
	return one
}

// counted is by when a sample's value had surely been reached. That is the end of the time it stands for, but for
// a server that ended within that time, and for the time that has only just begun: no reading in it can be
// later than the server's end, or now.
func (w *work) counted(server *cloudrecords.Server, s counters.Sample) int64 {
	by := s.To
	if !server.End.IsZero() {
		by = min(by, server.End.Unix()+1)
	}
	if now := w.now.Unix(); now < by {
		by = s.From + 1
	}
	return max(by, s.From+1)
}

// total adds up the counters of each server as of each moment.
func (w *work) total() {
	w.totals = map[string]map[samples.Meter][]figure{}
	for id := range w.servers {
		// Counters that gave no sample count with what they had.
		for key := range w.before.of(id).marks {
			w.reading(id, key)
		}
		byMeter := map[samples.Meter][]figure{}
		for _, meter := range w.meters() {
			byMeter[meter] = w.sum(id, meter)
		}
		w.totals[id] = byMeter
	}
}

// sum is one server's total of one meter as of each moment. It is never less than what was reported before.
func (w *work) sum(server string, meter samples.Meter) []figure {
	floor, known := w.before.of(server).reported[meter]
	last := figure{floor, known}
	figures := make([]figure, len(w.job.Moments))
	for i := range figures {
		var now figure
		var values []float64
		for key, reading := range w.readings[server] {
			if value, ok := reading.At(i); ok && key.meter == meter {
				values, now.known = append(values, value), true
			}
		}
		// In one order, so that the last bits are the same each time.
		slices.Sort(values)
		for _, value := range values {
			now.value += value
		}
		if now.known {
			last = figure{max(last.value, now.value), true}
		}
		figures[i] = last
	}
	return figures
}

// after is what is to be remembered.
func (w *work) after() *ledger {
	after := newLedger()
	after.settled = max(w.settle(), w.before.settled)
	for id, one := range w.before.servers {
		if w.servers[id] == nil && w.job.Keep(id) && !one.forgotten(w.job.Window.To) {
			after.servers[id] = one
		}
	}
	for id := range w.servers {
		if !w.job.Keep(id) {
			continue
		}
		one := after.of(id)
		for key, mark := range w.before.of(id).marks {
			one.marks[key] = mark
		}
		for meter, total := range w.before.of(id).reported {
			one.reported[meter] = total
		}
		for key, reading := range w.readings[id] {
			if mark := reading.Mark(); mark.Known() {
				one.marks[key] = mark
			}
		}
		for meter, figures := range w.totals[id] {
			if last := figures[len(figures)-1]; last.known {
				one.reported[meter] = last.value
			}
		}
	}
	return after
}

// forgotten says that a server was in no window for long.
func (a *account) forgotten(now time.Time) bool {
	return now.Unix()-a.settled > int64(forget/time.Second)
}

// warn adds a warning about the project.
func (w *work) warn(format string, args ...any) *pluginv1.Diagnostic {
	warning := sdk.Warnf(format, args...)
	warning.Project = w.job.Project.GetId()
	w.diagnostics = append(w.diagnostics, warning)
	return warning
}

// some names a few of many.
func some(ids []string) string {
	slices.Sort(ids)
	if len(ids) > 5 {
		return strings.Join(ids[:5], ", ") + ", ..."
	}
	return strings.Join(ids, ", ")
}
