package ceilometer

import (
	"context"
	"time"

	"github.com/caso-project/caso/plugins/extractor-ceilometer/samples"
	"github.com/caso-project/caso/plugins/internal/openstack/cloudrecords"
	"github.com/caso-project/caso/sdk"
)

// measurer is the cloudrecords.Measurer of this extractor. It is safe for concurrent use once it is
// configured.
type measurer struct {
	now         func() time.Time
	backend     string
	cpuMeasured bool
	archives    archives
}

// window is a MeasureRequest with what follows from it and the options.
type window struct {
	cloudrecords.MeasureRequest
	// servers are the servers of the request by ID.
	servers map[string]cloudrecords.MeasuredServer
	meters  []samples.Meter
	now     time.Time
	// previous is the state of the last window. It is empty, and hasPrevious not set, for the first
	// window, a republished one, and one whose state was lost.
	previous    *counterState
	hasPrevious bool
}

// Measure reads the samples of a window and computes totals from them.
func (m *measurer) Measure(
	ctx context.Context, request cloudrecords.MeasureRequest,
) (cloudrecords.Measurement, error) {
	measurement := cloudrecords.Measurement{CPUMeasured: m.cpuMeasured}
	w, warning := m.newWindow(request)
	if warning != nil {
		measurement.Warnings = append(measurement.Warnings, warning)
	}
	read, err := m.readSamples(ctx, w)
	if err != nil {
		return measurement, err
	}
	totals := computeTotals(w, read)
	measurement.LeftOut = findLeftOut(w, read)
	measurement.Usage = roundTotals(w, totals)
	measurement.State = nextState(w, read, totals).encode()
	measurement.Warnings = append(measurement.Warnings, findWarnings(w, read, totals, measurement.LeftOut)...)
	return measurement, nil
}

// newWindow returns the window of a request. It warns about a state that cannot be read.
func (m *measurer) newWindow(request cloudrecords.MeasureRequest) (w window, warning error) {
	w = window{MeasureRequest: request, servers: map[string]cloudrecords.MeasuredServer{},
		meters: []samples.Meter{samples.Incoming, samples.Outgoing}, now: m.now(), previous: newCounterState()}
	if m.cpuMeasured {
		w.meters = allMeters()
	}
	for _, server := range request.Servers {
		w.servers[server.ID] = server
	}
	if len(request.State) == 0 {
		return w, nil
	}
	previous, err := parseCounterState(request.State)
	if err != nil {
		return w, sdk.Warnf("%s", err)
	}
	w.previous, w.hasPrevious = previous, true
	return w, nil
}
