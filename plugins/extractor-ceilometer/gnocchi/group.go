package gnocchi

import (
	"math"

	"github.com/caso-project/caso/plugins/extractor-ceilometer/counters"
	"github.com/caso-project/caso/plugins/extractor-ceilometer/samples"
	"github.com/caso-project/caso/plugins/internal/openstack/api"
)

// aggregatesGroup reads the metrics of one resource: by resource, metric name and aggregation
// method.
type aggregatesGroup struct {
	meter  samples.Meter
	method method

	group struct {
		ID         string `json:"id"`
		InstanceID string `json:"instance_id"`
	}
	// values and rises are the series of the aggregation methods, by the ID of the resource.
	values, rises map[string][]measure
	// points are those of all groups so far.
	points []samples.Point
}

// readGroup reads the group and adds its points.
func (g *aggregatesGroup) readGroup(answer *api.Stream) error {
	g.values, g.rises = map[string][]measure{}, map[string][]measure{}
	err := answer.Object(func(name string) error {
		switch name {
		case "group":
			return answer.Decode(&g.group)
		case "measures":
			return answer.Object(func(name string) error {
				if name != "measures" {
					return answer.Skip()
				}
				return answer.Object(func(resource string) error { return g.readResource(answer, resource) })
			})
		}
		return answer.Skip()
	})
	if err != nil {
		return err
	}
	return g.addPoints()
}

// readResource reads the metrics of a resource.
func (g *aggregatesGroup) readResource(answer *api.Stream, resource string) error {
	return answer.Object(func(metric string) error {
		if metric != string(g.meter) {
			return answer.Skip()
		}
		return answer.Object(func(aggregation string) error {
			switch aggregation {
			case g.method.value:
				return g.readSeries(answer, g.values, resource)
			case g.method.rise:
				return g.readSeries(answer, g.rises, resource)
			}
			return answer.Skip()
		})
	})
}

// readSeries reads the measures of one metric and aggregation method.
func (g *aggregatesGroup) readSeries(
	answer *api.Stream, into map[string][]measure, resource string,
) error {
	return answer.Array(func() error {
		var one measure
		if err := answer.Decode(&one); err != nil {
			return err
		}
		into[resource] = append(into[resource], one)
		return samples.CheckCount(len(g.points) + len(into[resource]))
	})
}

// addPoints adds the points of the resource.
func (g *aggregatesGroup) addPoints() error {
	server, counter := g.group.ID, ""
	if g.meter != samples.CPU {
		server, counter = g.group.InstanceID, g.group.ID
	}
	if len(server) > samples.MaxID || len(counter) > samples.MaxID {
		return nil
	}
	values, rises := g.values[g.group.ID], g.rises[g.group.ID]
	riseOf := make(map[[2]int64]float64, len(rises))
	for _, m := range rises {
		riseOf[[2]int64{m.from, m.to}] = m.value
	}
	for _, m := range values {
		sample := counters.Sample{From: m.from, To: m.to, Value: m.value,
			Averaged: g.method.value == "mean", Rise: math.NaN()}
		if rise, ok := riseOf[[2]int64{m.from, m.to}]; ok {
			sample.Rise = rise
		}
		g.points = append(g.points, samples.Point{Server: server, Counter: counter, Sample: sample})
	}
	return nil
}
