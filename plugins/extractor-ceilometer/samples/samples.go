// Package samples reads the samples of a project's servers from a telemetry archive, in time order
// and with answers of limited size. The archives are in packages gnocchi and metering.
package samples

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/caso-project/caso/plugins/extractor-ceilometer/counters"
	"github.com/caso-project/caso/plugins/internal/openstack/transport"
)

// Meter is the name of one of Ceilometer's meters.
type Meter string

// The meters that accounting needs. All are cumulative.
const (
	CPU      Meter = "cpu"                    // ns
	Incoming Meter = "network.incoming.bytes" // B
	Outgoing Meter = "network.outgoing.bytes" // B
)

// Point is a sample of one of a server's counters.
type Point struct {
	// Server is the server's ID.
	Server string
	// Counter distinguishes the server's counters of a meter: the ID of the interface. It is empty
	// where there is one counter.
	Counter string
	counters.Sample
}

// Source is a telemetry archive.
type Source interface {
	// Read returns the points of a project's servers in [from, to). It may return more at both
	// ends, where the granularity of the archive is coarse.
	Read(ctx context.Context, project string, meter Meter, from, to time.Time) ([]Point, error)
}

// Query selects the points of a project.
type Query struct {
	Project string
	Meter   Meter
	// Servers is the number of the project's servers.
	Servers int
	// From and To are the time, [From, To).
	From, To time.Time
}

const (
	// MaxID is the largest length of the ID of a server or a counter, in bytes.
	MaxID = 255
	// maxPoints limits the points of one answer, which are in memory at the same time.
	maxPoints = 600_000
	// pointsPerRequest is the aimed number of points in an answer: 10 MB of Gnocchi's JSON where
	// each point has two figures.
	pointsPerRequest = 100_000
	// defaultInterval is the assumed time between two points for the first request: Ceilometer's
	// default.
	defaultInterval = 5 * time.Minute
	// minStep and maxStep limit the time span of one request. After an answer that is too large it is
	// shortened down to shortestStep.
	minStep, maxStep = 10 * time.Minute, 366 * 24 * time.Hour
	shortestStep     = time.Minute
)

// errTooMany is the error of an answer with more than maxPoints.
var errTooMany = fmt.Errorf("the answer has more than %d samples", maxPoints)

// CheckCount returns an error where a number of points is too large for one answer.
func CheckCount(points int) error {
	if points > maxPoints {
		return errTooMany
	}
	return nil
}

// isTooLarge reports whether a shorter time span may help against an error.
func isTooLarge(err error) bool {
	return errors.Is(err, errTooMany) || errors.Is(err, transport.ErrTooLarge)
}

// EachPoint calls a function with all points of a query, those of each counter in time order. The
// time is divided into requests by the number of servers, then by the number of points in the last
// answer. Progress is called with the number of points read so far.
func EachPoint(
	ctx context.Context, source Source, query Query, progress func(done int), add func(Point),
) error {
	from, done := query.From, 0
	step := limitStep(defaultInterval * time.Duration(pointsPerRequest/max(query.Servers, 1)))
	for from.Before(query.To) {
		until := from.Add(step)
		if until.After(query.To) {
			until = query.To
		}
		points, err := source.Read(ctx, query.Project, query.Meter, from, until)
		if isTooLarge(err) && step > shortestStep {
			step = max(shortestStep, (step / 8).Truncate(shortestStep))
			continue
		}
		if err != nil {
			return err
		}
		done += len(points)
		progress(done)
		for _, point := range finestPoints(points) {
			add(point)
		}
		from, step = until, nextStep(step, len(points))
	}
	return nil
}

// nextStep returns the time span of the next request. It grows slowly: newer points are often of a
// finer granularity.
func nextStep(step time.Duration, points int) time.Duration {
	if points <= pointsPerRequest/4 {
		return limitStep(4 * step)
	}
	return limitStep(step / time.Duration(points) * pointsPerRequest)
}

func limitStep(step time.Duration) time.Duration {
	return max(minStep, min(step, maxStep)).Truncate(time.Minute)
}

// finestPoints sorts points by counter and time and drops those that others have in a finer
// granularity. An archive keeps the same samples in several, and the coarser ones for longer.
func finestPoints(points []Point) []Point {
	slices.SortFunc(points, func(a, b Point) int {
		return cmp.Or(strings.Compare(a.Server, b.Server), strings.Compare(a.Counter, b.Counter),
			cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To), cmp.Compare(a.Value, b.Value))
	})
	kept := points[:0]
	for i, point := range points {
		if !hasFiner(point, points[i+1:]) {
			kept = append(kept, point)
		}
	}
	return kept
}

// hasFiner reports whether one of the points after a point is of the same counter, lies within the
// point, and has a finer granularity.
func hasFiner(point Point, after []Point) bool {
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
