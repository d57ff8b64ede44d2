package cloudrecords

import (
	"context"
	"time"

	"github.com/caso-project/caso/plugins/internal/openstack"
	"github.com/caso-project/caso/sdk"
)

// Measurer finds out what servers used.
type Measurer interface {
	// Options returns the measurer's own options.
	Options() []sdk.Option
	// Configure reads them. It opens no connection.
	Configure(config sdk.Config) error
	// Measure returns what the servers of a project used until each record time of a window. An
	// error fails the window.
	Measure(ctx context.Context, request MeasureRequest) (Measurement, error)
}

// MeasureRequest asks for what servers used.
type MeasureRequest struct {
	// Scope has the project, the window, the session and the region. Its State is the one of the
	// last Measurement; it is empty before the first, and in a republished window.
	openstack.Scope
	// Months are the parts of the window, in time order.
	Months []sdk.Month
	// Servers are those that may have a record in the window, by creation time.
	Servers []MeasuredServer
	// Finished has the IDs of servers that have no record in a later window. Their state can be
	// dropped.
	Finished map[string]bool
	// Progress reports how many items were read so far.
	Progress func(items string, done int64)
}

// MeasuredServer is a server to measure.
type MeasuredServer struct {
	ID      string
	Created time.Time
	// End is zero for a server that has not ended.
	End time.Time
}

// Measurement is the answer to a MeasureRequest.
type Measurement struct {
	// Usage has for each server, by ID, one entry for each month of the request.
	Usage map[string][]Usage
	// CPUMeasured is set where CPUSeconds replaces the allocated processor time, also where it is
	// not known.
	CPUMeasured bool
	// LeftOut has the IDs of servers without any record in this window.
	LeftOut map[string]bool
	// State is the state for the next MeasureRequest.
	State []byte
	// Warnings are also set with an error.
	Warnings []error
}

// Usage is what a server used from its creation until a record time.
type Usage struct{ CPUSeconds, InboundGB, OutboundGB Figure }

// Figure is a number that may not be known.
type Figure struct {
	Value int64
	Known bool
}

// measure asks the measurer for the servers that may have a record in the window. Without a
// measurer nothing is measured.
func (c *Collector) measure(
	ctx context.Context, scope openstack.Scope, months []sdk.Month, found []server,
	previous, next state, out sdk.Output,
) (Measurement, error) {
	if c.measurer == nil {
		return Measurement{}, nil
	}
	scope.State = previous.measurer
	if scope.Republish {
		scope.State = nil
	}
	request := MeasureRequest{Scope: scope, Months: months, Finished: map[string]bool{}, Progress: out.Progress}
	for _, s := range found {
		end, ended := s.life.end()
		endedBefore := ended && end.Before(scope.Window.From) && !endUnreported(s, scope, previous)
		if endedBefore || !scope.Republish && previous.endWasReported(s) {
			request.Finished[s.ID] = true
			continue
		}
		// A server that nova still has may be restored.
		request.Finished[s.ID] = next.servers[s.ID] == nil
		request.Servers = append(request.Servers, MeasuredServer{ID: s.ID, Created: s.life.created, End: end})
	}
	return c.measurer.Measure(ctx, request)
}
