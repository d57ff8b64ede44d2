package cloudrecords

import (
	"context"
	"time"

	sdk "github.com/caso-project/caso/internal/oldsdk"
	"github.com/caso-project/caso/plugins/internal/openstack/accounting"
	"github.com/caso-project/caso/plugins/internal/openstack/auth"
	"github.com/caso-project/caso/plugins/internal/openstack/servers"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
)

// Measurer knows what servers really used.
type Measurer interface {
	// Options are those that it wants beside those of every extractor of servers.
	Options() []*pluginv1.Option
	// Configure takes them. It opens no connection.
	Configure(config sdk.Config) []*pluginv1.Diagnostic
	// Measure finds out what the servers of one project's window used. An error fails the window.
	Measure(ctx context.Context, job Job) (Measured, error)
}

// Job is one project's window and the servers that are reported in it.
type Job struct {
	Project *pluginv1.Project
	Window  servers.Window
	// Session is signed in to the project; Regions are those that are reported on.
	Session *auth.Session
	Regions []string
	// Moments are those as of which there are records, in time order.
	Moments []accounting.Moment
	// Servers are those that existed in the window or before, in the order of their creation.
	Servers []Server
	// State is what Measured.State was in the last window; empty where there was none, or it was lost.
	State []byte
	// Keep says whether records of a server may come in a later window, so that it has to be remembered.
	Keep func(server string) bool
}

// Server is what a Measurer has to know of one.
type Server struct {
	ID      string
	Created time.Time
	// End is zero for a server that has not ended.
	End time.Time
	// VCPUs is 0 where it is not known.
	VCPUs int64
}

// Fill puts what was measured into the record of a server as of a moment, by its place in Job.Moments. It
// returns false where the record is better left out.
type Fill func(server string, moment int, record *pluginv1.CloudRecord) bool

// Measured is what a Measurer found out.
type Measured struct {
	Fill Fill
	// State is to be given back with the next window.
	State       []byte
	Diagnostics []*pluginv1.Diagnostic
}

// measure asks the measurer, where there is one.
func (x *extraction) measure(ctx context.Context, moments []accounting.Moment, before memory, after *memory) error {
	if x.extractor.measurer == nil {
		return nil
	}
	job := Job{Project: x.project, Window: x.window, Session: x.session, Regions: x.regions, Moments: moments, State: before.measured}
	over := map[string]bool{}
	for i := range x.subjects {
		s := &x.subjects[i]
		if before.closed(s) {
			over[s.ID] = true
			continue
		}
		end, ended := s.End()
		if ended && end.Before(x.window.From) && !before.open[s.ID] {
			over[s.ID] = true
			continue
		}
		server := Server{ID: s.ID, Created: s.Lifecycle.Created}
		if ended {
			server.End = end
		}
		if s.Flavor != nil {
			server.VCPUs = s.Flavor.VCPUs
		}
		_, soft := after.soft[s.ID]
		over[s.ID] = !after.open[s.ID] && !soft
		job.Servers = append(job.Servers, server)
	}
	job.Keep = func(server string) bool { return !over[server] }
	measured, err := x.extractor.measurer.Measure(ctx, job)
	x.diagnostics = append(x.diagnostics, measured.Diagnostics...)
	if err != nil {
		return err
	}
	x.fill, after.measured = measured.Fill, measured.State
	return nil
}
