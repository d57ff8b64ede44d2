package samples

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/caso-project/caso/plugins/extractor-ceilometer/counters"
)

// archive returns points at a steady rate and records the requests.
type archive struct {
	perMinute int
	asked     []time.Duration
	most      int
	covered   time.Time
	fail      error
}

func (a *archive) Read(_ context.Context, _ string, _ Meter, from, to time.Time) ([]Point, error) {
	if !a.covered.IsZero() && !a.covered.Equal(from) {
		return nil, errors.New("a time was left out or asked for twice")
	}
	a.covered = to
	a.asked = append(a.asked, to.Sub(from))
	points := make([]Point, a.perMinute*int(to.Sub(from)/time.Minute))
	for i := range points {
		points[i] = Point{Server: "a", Sample: counters.Sample{From: from.Unix() + int64(i), To: from.Unix() + int64(i) + 1}}
	}
	a.most = max(a.most, len(points))
	return points, a.fail
}

// TestEachPoint: all of the time is read once, in answers of limited size.
func TestEachPoint(t *testing.T) {
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name               string
		perMinute, servers int
		length             time.Duration
		requests, most     int
	}{
		{"an hour", 200, 1000, time.Hour, 1, pointsPerRequest},
		{"two days of 1000 servers", 200, 1000, 2 * 24 * time.Hour, 20, 2 * pointsPerRequest},
		{"a dense archive", 2000, 1000, 10 * time.Hour, 20, 12 * pointsPerRequest},
		{"years of nothing", 0, 5, 10 * 365 * 24 * time.Hour, 20, 0},
		{"nothing", 10, 10, 0, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := &archive{perMinute: test.perMinute}
			taken := 0
			err := EachPoint(t.Context(), a, Query{"p", CPU, test.servers, from, from.Add(test.length)}, func(int) {}, func(Point) { taken++ })
			if err != nil || len(a.asked) > test.requests || a.most > test.most || taken != test.perMinute*int(test.length/time.Minute) {
				t.Errorf("%d requests, at most %d points, %d taken: %v", len(a.asked), a.most, taken, err)
			}
			if test.length > 0 && !a.covered.Equal(from.Add(test.length)) {
				t.Errorf("covered until %v", a.covered)
			}
		})
	}
	broken := &archive{fail: errors.New("away")}
	if err := EachPoint(t.Context(), broken, Query{"p", CPU, 1, from, from.Add(time.Hour)}, func(int) {}, func(Point) {}); !errors.Is(err, broken.fail) {
		t.Errorf("%v", err)
	}
}

// TestFinestPoints: points are sorted, and coarse ones are left out where there are finer ones.
func TestFinestPoints(t *testing.T) {
	point := func(server string, from, length int64) Point {
		return Point{Server: server, Sample: counters.Sample{From: from, To: from + length}}
	}
	got := finestPoints([]Point{point("b", 0, 3600), point("a", 3600, 300), point("a", 0, 3600), point("a", 3600, 3600), point("a", 7200, 3600), point("a", 3900, 300), point("a", 300, 0)})
	want := []Point{point("a", 3600, 300), point("a", 3900, 300), point("a", 7200, 3600), point("b", 0, 3600)}
	// The one without a length has the finest granularity.
	want = append([]Point{point("a", 300, 0)}, want...)
	if len(got) != len(want) {
		t.Fatalf("%v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%v, want %v", got[i], want[i])
		}
	}
}
