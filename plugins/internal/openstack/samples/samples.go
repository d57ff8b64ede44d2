// Package samples reads the samples of a project's servers from a telemetry archive in time order and in
// pieces of bounded size, whichever archive it is (see packages gnocchi and metering). What the samples add up to is
// left to package counters.
package samples

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/caso-project/caso/plugins/internal/openstack/counters"
)

// Meter is what is measured. The names are those of Ceilometer's meters.
type Meter string

// The meters that accounting knows. All are cumulative.
const (
	CPU      Meter = "cpu"                    // ns
	Incoming Meter = "network.incoming.bytes" // B
	Outgoing Meter = "network.outgoing.bytes" // B
)

// Point is a sample of one of a server's counters.
type Point struct {
	// Server is the server's ID.
	Server string
	// Counter tells the server's counters of a meter apart: the ID of the interface. Empty where there is one.
	Counter string
	counters.Sample
}

// Source is a telemetry archive.
type Source interface {
	// Read gives the points of a project's servers in [from, to). It may give more at both ends, where
	// its grain is coarse.
	Read(ctx context.Context, project string, meter Meter, from, to time.Time) ([]Point, error)
}

const (
	// piece is how many points an answer should have at most: 10 MB of Gnocchi's JSON where each has two figures.
	piece = 100_000
	// usual is the time between two points, where nothing is known yet: Ceilometer's default.
	usual = 5 * time.Minute
	// shortest and longest bound the time of one request.
	shortest, longest = 10 * time.Minute, 366 * 24 * time.Hour
)

// Each calls a function with all points of a meter in [from, to), each counter's in time order. The time is cut into
// requests by the number of servers, and then by how many points the last request gave.
func Each(ctx context.Context, source Source, project string, meter Meter, servers int, from, to time.Time, take func(Point)) error {
	step := clamp(usual * time.Duration(piece/max(servers, 1)))
	for from.Before(to) {
		until := from.Add(step)
		if until.After(to) {
			until = to
		}
		points, err := source.Read(ctx, project, meter, from, until)
		if err != nil {
			return err
		}
		for _, point := range finest(points) {
			take(point)
		}
		from, step = until, next(step, len(points))
	}
	return nil
}

// next is how long the next request may be. It grows carefully: what is newer is often of a finer grain.
func next(step time.Duration, points int) time.Duration {
	if points <= piece/4 {
		return clamp(4 * step)
	}
	return clamp(step / time.Duration(points) * piece)
}

func clamp(step time.Duration) time.Duration {
	return max(shortest, min(step, longest)).Truncate(time.Minute)
}

// finest sorts points by counter and time and drops those that others have in a finer grain. An archive keeps
// the same readings in several, and the coarser for longer.
func finest(points []Point) []Point {
	slices.SortFunc(points, func(a, b Point) int {
		return cmp.Or(strings.Compare(a.Server, b.Server), strings.Compare(a.Counter, b.Counter),
			cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To), cmp.Compare(a.Value, b.Value))
	})
	kept := points[:0]
	for i, point := range points {
		if !refined(point, points[i+1:]) {
			kept = append(kept, point)
		}
	}
	return kept
}

// refined says whether one of the points after it, in the same counter, lies within the point and is of a finer grain.
func refined(point Point, after []Point) bool {
	for _, other := range after {
		if other.Server != point.Server || other.Counter != point.Counter || other.From >= point.To {
			return false
		}
		if other.To-other.From < point.To-point.From {
			return true
		}
	}
	return false
}
