// Package gnocchi reads samples from Gnocchi's v1 API, where Ceilometer has stored them since
// Pike. It reads the resource types that ceilometer-upgrade creates: `instance`, whose id is the
// server's, and `instance_network_interface`, one for each interface, whose attribute instance_id
// is the server's.
package gnocchi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/caso-project/caso/plugins/extractor-ceilometer/samples"
	"github.com/caso-project/caso/plugins/internal/openstack/api"
)

// Methods holds the aggregation methods that the archives of one Gnocchi have, so that each is
// tried once and not for every project. It is safe for concurrent use.
type Methods struct {
	mutex sync.Mutex
	index map[samples.Meter]int // into methods()
}

// NewMethods returns an empty Methods.
func NewMethods() *Methods { return &Methods{index: map[samples.Meter]int{}} }

// method is an aggregation method, and a second one that adds information.
type method struct{ value, rise string }

// methods returns the methods that are suitable for a cumulative counter, the best first. The
// largest and the last sample of a time span are samples. Their mean, the only method in
// Ceilometer's own archive policy, need not be one; the mean of their rises shows whether it is.
func methods() []method {
	return []method{{value: "max"}, {value: "last"}, {value: "mean", rise: "rate:mean"}, {value: "mean"}}
}

// operations returns Gnocchi's operations for the metrics of a meter, without aggregating metrics.
func (m method) operations(meter samples.Meter) string {
	if m.rise == "" {
		return fmt.Sprintf("(metric %s %s)", meter, m.value)
	}
	return fmt.Sprintf("(metric (%[1]s %[2]s) (%[1]s %[3]s))", meter, m.value, m.rise)
}

// current returns the index of the method to use.
func (m *Methods) current(meter samples.Meter) int {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.index[meter]
}

// exclude excludes a method, which some of a meter's metrics lack.
func (m *Methods) exclude(meter samples.Meter, method int) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.index[meter] = max(m.index[meter], method+1)
}

// Source is the Gnocchi of one region, signed in to one project.
type Source struct {
	service *gophercloud.ServiceClient
	methods *Methods
}

// New returns the source of a client whose endpoint ends in /v1/.
func New(service *gophercloud.ServiceClient, methods *Methods) *Source {
	return &Source{service: service, methods: methods}
}

// aggregatesQuery asks for the metrics of a project's resources of one type, in all granularities.
// So metrics with different archive policies, which Gnocchi refuses to aggregate, fit into one
// request.
type aggregatesQuery struct {
	Operations   string `json:"operations"`
	Search       any    `json:"search"`
	ResourceType string `json:"resource_type"`
}

// measure is [time, granularity in seconds, value].
type measure struct {
	from, to int64
	value    float64
}

// UnmarshalJSON parses the array.
func (m *measure) UnmarshalJSON(text []byte) error {
	var at string
	var granularity float64
	if err := json.Unmarshal(text, &[]any{&at, &granularity, &m.value}); err != nil {
		return err
	}
	from, err := parseTime(at)
	if err != nil || !(granularity >= 0 && granularity < 1e10) {
		return fmt.Errorf("invalid measure of %.40q with granularity %g", at, granularity)
	}
	m.from = from.Unix()
	m.to = m.from + max(1, int64(granularity))
	return nil
}

// parseTime parses a time with a zone, as Gnocchi 4 writes it, or without, as UTC.
func parseTime(text string) (time.Time, error) {
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	return time.Parse("2006-01-02T15:04:05", text)
}

// errMethod is the error for an aggregation method that one of the metrics lacks.
var errMethod = errors.New("unknown aggregation")

// Read reads the points in one request, and in one more for each aggregation method that is
// missing.
func (s *Source) Read(
	ctx context.Context, project string, meter samples.Meter, from, to time.Time,
) ([]samples.Point, error) {
	all := methods()
	for {
		method := s.methods.current(meter)
		if method == len(all) {
			return nil, fmt.Errorf("reading %s from Gnocchi: its metrics have none of the aggregation "+
				"methods max, last and mean in common", meter)
		}
		points, err := s.readWith(ctx, project, meter, all[method], from, to)
		if errors.Is(err, errMethod) {
			s.methods.exclude(meter, method)
			continue
		}
		return points, err
	}
}

// readWith reads the points with one aggregation method.
func (s *Source) readWith(
	ctx context.Context, project string, meter samples.Meter, method method, from, to time.Time,
) ([]samples.Point, error) {
	resourceType, groups := "instance", "groupby=id"
	if meter != samples.CPU {
		resourceType, groups = "instance_network_interface", "groupby=id&groupby=instance_id"
	}
	address := s.service.ServiceURL("aggregates") + "?" + groups +
		"&start=" + formatTime(from) + "&stop=" + formatTime(to)
	var points []samples.Point
	err := api.PostStream(ctx, s.service, address, aggregatesQuery{
		Operations:   method.operations(meter),
		Search:       map[string]any{"=": map[string]string{"project_id": project}},
		ResourceType: resourceType,
	}, func(answer *api.Stream) error {
		points = nil
		return answer.Array(func() error {
			group := aggregatesGroup{meter: meter, method: method, points: points}
			err := group.readGroup(answer)
			points = group.points
			return err
		})
	})
	noMetric := fmt.Sprintf("Metric ['%s'] does not exist", meter)
	switch {
	case err == nil:
	case isRefusal(err, http.StatusBadRequest, "Metrics not found"),
		isRefusal(err, http.StatusNotFound, noMetric):
		// No resource of the project has the metric, or the project has no resource. The first
		// text is of Gnocchi until 4.4, the second of later ones.
		return nil, nil
	case isRefusal(err, http.StatusNotFound, "unknown aggregation"):
		return nil, errMethod
	default:
		return nil, fmt.Errorf("reading %s from Gnocchi: %w", meter, err)
	}
	return points, nil
}

// isRefusal reports whether an error is a status of Gnocchi with a cause.
func isRefusal(err error, status int, cause string) bool {
	var answer *api.Error
	return errors.As(err, &answer) && answer.Status == status && strings.Contains(answer.Message, cause)
}

// formatTime formats a time for Gnocchi's queries: UTC without a zone.
func formatTime(t time.Time) string { return url.QueryEscape(t.UTC().Format("2006-01-02T15:04:05")) }
