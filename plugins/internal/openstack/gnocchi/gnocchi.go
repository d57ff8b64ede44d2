// Package gnocchi reads samples from Gnocchi's v1 API, where Ceilometer has put them since Pike. It knows the
// resource types that ceilometer-upgrade makes: `instance`, whose id is the server's, and
// `instance_network_interface`, one for each interface, whose attribute instance_id is the server's.
package gnocchi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/caso-project/caso/plugins/internal/openstack/api"
	"github.com/caso-project/caso/plugins/internal/openstack/counters"
	"github.com/caso-project/caso/plugins/internal/openstack/samples"
)

// Methods remembers how a cloud's archives can be asked, so that it is found out once and not for
// each project. It is safe for concurrent use.
type Methods struct {
	mutex sync.Mutex
	index map[samples.Meter]int
}

// NewMethods makes an empty memory.
func NewMethods() *Methods { return &Methods{index: map[samples.Meter]int{}} }

// method is an aggregation method, and another that tells more about it.
type method struct{ value, rise string }

// methods are those that can do for a cumulative counter, the best first. The largest and the last reading of a
// time are readings. Their mean, all that Ceilometer's own archive policy has, need not be, but the mean of their
// rises tells whether it is.
func methods() []method {
	return []method{{value: "max"}, {value: "last"}, {value: "mean", rise: "rate:mean"}, {value: "mean"}}
}

// operations asks for a meter's metrics as they are, without adding several up.
func (m method) operations(meter samples.Meter) string {
	if m.rise == "" {
		return fmt.Sprintf("(metric %s %s)", meter, m.value)
	}
	return fmt.Sprintf("(metric (%[1]s %[2]s) (%[1]s %[3]s))", meter, m.value, m.rise)
}

// current is the method to ask with.
func (m *Methods) current(meter samples.Meter) int {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.index[meter]
}

// refused says that a method is not there for all of a meter's metrics.
func (m *Methods) refused(meter samples.Meter, method int) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.index[meter] = max(m.index[meter], method+1)
}

// Source is the Gnocchi of one region, signed in to one project.
type Source struct {
	service *gophercloud.ServiceClient
	methods *Methods
}

// New makes a source of a client whose endpoint ends in /v1/.
func New(service *gophercloud.ServiceClient, methods *Methods) *Source {
	return &Source{service: service, methods: methods}
}

// question is what is asked: the metrics of a project's resources of one type, in all grains that there are. So metrics with different archive policies,
// which Gnocchi refuses to aggregate, can be asked for at once.
type question struct {
	Operations   string `json:"operations"`
	Search       any    `json:"search"`
	ResourceType string `json:"resource_type"`
}

// answer is one resource's metrics: resource, metric name, aggregation method, measures.
type answer struct {
	Group struct {
		ID         string `json:"id"`
		InstanceID string `json:"instance_id"`
	} `json:"group"`
	Measures struct {
		Measures map[string]map[string]map[string][]measure `json:"measures"`
	} `json:"measures"`
}

// measure is [time, granularity in seconds, value].
type measure struct {
	from, to int64
	value    float64
}

// UnmarshalJSON reads the array.
func (m *measure) UnmarshalJSON(text []byte) error {
	var at string
	var granularity float64
	if err := json.Unmarshal(text, &[]any{&at, &granularity, &m.value}); err != nil {
		return err
	}
	from, err := parseTime(at)
	if err != nil || !(granularity >= 0 && granularity < 1e10) {
		return fmt.Errorf("a measure of %.40q with granularity %g", at, granularity)
	}
	m.from = from.Unix()
	m.to = m.from + max(1, int64(granularity))
	return nil
}

// parseTime reads a time with a zone, as Gnocchi 4 writes it, or without, as UTC.
func parseTime(text string) (time.Time, error) {
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	return time.Parse("2006-01-02T15:04:05", text)
}

// errMethod says that one of the metrics is not kept with the aggregation method.
var errMethod = errors.New("unknown aggregation")

// Read asks one question, or one more for each aggregation method that is not there.
func (s *Source) Read(ctx context.Context, project string, meter samples.Meter, from, to time.Time) ([]samples.Point, error) {
	all := methods()
	for {
		method := s.methods.current(meter)
		if method == len(all) {
			return nil, fmt.Errorf("reading %s from Gnocchi: its metrics have none of the aggregation methods max, last and mean in common", meter)
		}
		points, err := s.ask(ctx, project, meter, all[method], from, to)
		if errors.Is(err, errMethod) {
			s.methods.refused(meter, method)
			continue
		}
		return points, err
	}
}

// ask asks with one method.
func (s *Source) ask(ctx context.Context, project string, meter samples.Meter, method method, from, to time.Time) ([]samples.Point, error) {
	kind, groups := "instance", "groupby=id"
	if meter != samples.CPU {
		kind, groups = "instance_network_interface", "groupby=id&groupby=instance_id"
	}
	address := s.service.ServiceURL("aggregates") + "?" + groups + "&start=" + stamp(from) + "&stop=" + stamp(to)
	var answers []answer
	err := api.Post(ctx, s.service, address, question{
		Operations:   method.operations(meter),
		Search:       map[string]any{"=": map[string]string{"project_id": project}},
		ResourceType: kind,
	}, &answers)
	switch {
	case err == nil:
	case refusal(err, http.StatusBadRequest, "Metrics not found"), refusal(err, http.StatusNotFound, fmt.Sprintf("Metric ['%s'] does not exist", meter)):
		// As Gnocchi says it until 4.4, and later. No resource of the project has such a metric; no resource at all is answered the same way.
		return nil, nil
	case refusal(err, http.StatusNotFound, "unknown aggregation"):
		return nil, errMethod
	default:
		return nil, fmt.Errorf("reading %s from Gnocchi: %w", meter, err)
	}
	var points []samples.Point
	for _, one := range answers {
		server, counter := one.Group.ID, ""
		if meter != samples.CPU {
			server, counter = one.Group.InstanceID, one.Group.ID
		}
		series := one.Measures.Measures[one.Group.ID][string(meter)]
		rises := byTime(series[method.rise])
		for _, m := range series[method.value] {
			sample := counters.Sample{From: m.from, To: m.to, Value: m.value, Averaged: method.value == "mean", Rise: math.NaN()}
			if rise, ok := rises[[2]int64{m.from, m.to}]; ok {
				sample.Rise = rise
			}
			points = append(points, samples.Point{Server: server, Counter: counter, Sample: sample})
		}
	}
	return points, nil
}

// byTime finds a measure by its time and grain.
func byTime(measures []measure) map[[2]int64]float64 {
	found := make(map[[2]int64]float64, len(measures))
	for _, m := range measures {
		found[[2]int64{m.from, m.to}] = m.value
	}
	return found
}

// refusal says whether Gnocchi refused for a reason.
func refusal(err error, status int, cause string) bool {
	var answer *api.Error
	return errors.As(err, &answer) && answer.Status == status && strings.Contains(answer.Message, cause)
}

// stamp writes a time as Gnocchi reads it: UTC.
func stamp(t time.Time) string { return url.QueryEscape(t.UTC().Format("2006-01-02T15:04:05")) }
