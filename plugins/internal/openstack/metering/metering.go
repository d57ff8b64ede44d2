// Package metering reads samples from Ceilometer's own v2 API (service type `metering`), which was removed in
// Queens and is still there at old sites.
package metering

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"time"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/caso-project/caso/plugins/internal/openstack/api"
	"github.com/caso-project/caso/plugins/internal/openstack/counters"
	"github.com/caso-project/caso/plugins/internal/openstack/samples"
)

// limit is how many samples a page may have. Without it Ceilometer gives 100 and does not say that there are more.
const limit = 1000

// Source is the Ceilometer of one region, signed in to one project.
type Source struct{ service *gophercloud.ServiceClient }

// New makes a source of a client whose endpoint ends in /v2/.
func New(service *gophercloud.ServiceClient) *Source { return &Source{service: service} }

// sample is an OldSample of the API's reference, as far as it is wanted.
type sample struct {
	ResourceID string  `json:"resource_id"`
	Volume     float64 `json:"counter_volume"`
	Timestamp  string  `json:"timestamp"`
	MessageID  string  `json:"message_id"`
	Metadata   struct {
		InstanceID string `json:"instance_id"`
	} `json:"resource_metadata"`

	at time.Time
}

// key tells samples apart. The same sample in two pages has the same.
func (s sample) key() string {
	if s.MessageID != "" {
		return s.MessageID
	}
	return s.ResourceID + " " + s.Timestamp + " " + strconv.FormatFloat(s.Volume, 'g', -1, 64)
}

// Read gives the points of [from, to).
func (s *Source) Read(ctx context.Context, project string, meter samples.Meter, from, to time.Time) ([]samples.Point, error) {
	var points []samples.Point
	err := s.each(ctx, project, meter, from, to, func(one sample) {
		server, counter := one.ResourceID, ""
		if meter != samples.CPU {
			server, counter = one.Metadata.InstanceID, one.ResourceID
		}
		at := one.at.Unix()
		points = append(points, samples.Point{Server: server, Counter: counter,
			Sample: counters.Sample{From: at, To: at + 1, Value: one.Volume}})
	})
	if err != nil {
		return nil, fmt.Errorf("reading %s from Ceilometer: %w", meter, err)
	}
	return points, nil
}

// each walks through the samples page by page. There are no links and no markers: a page is continued
// by asking for what is as old as its last sample or older (or, where samples come oldest first, as new or newer), and
// those that came already are left out. It ends with the page that brings nothing new, because the service may
// give fewer samples than it was asked for.
func (s *Source) each(ctx context.Context, project string, meter samples.Meter, from, to time.Time, take func(sample)) error {
	seen := map[string]bool{}
	size := limit
	for {
		page, err := s.page(ctx, project, meter, from, to, size)
		if err != nil {
			return err
		}
		fresh := 0
		for _, one := range page {
			if !seen[one.key()] {
				seen[one.key()] = true
				fresh++
				take(one)
			}
		}
		switch {
		case len(page) == 0:
			return nil
		case page[0].at.Equal(page[len(page)-1].at) && len(page) >= size && size < math.MaxInt32/2:
			// All at one time: there may be more of that time than fit.
			size *= 2
		case fresh == 0:
			return nil
		case page[0].at.Before(page[len(page)-1].at):
			from = page[len(page)-1].at
		default:
			// Up to and with the last one's.
			to = page[len(page)-1].at.Add(time.Microsecond)
		}
	}
}

// page reads the samples of [from, to) that come first.
func (s *Source) page(ctx context.Context, project string, meter samples.Meter, from, to time.Time, size int) ([]sample, error) {
	query := url.Values{"limit": {strconv.Itoa(size)}}
	for _, q := range [][3]string{{"project_id", "eq", project}, {"timestamp", "ge", stamp(from)}, {"timestamp", "lt", stamp(to)}} {
		query.Add("q.field", q[0])
		query.Add("q.op", q[1])
		query.Add("q.value", q[2])
		query.Add("q.type", "")
	}
	var raw []json.RawMessage
	if err := api.Get(ctx, s.service, s.service.ServiceURL("meters", string(meter))+"?"+query.Encode(), &raw); err != nil {
		return nil, err
	}
	page := make([]sample, 0, len(raw))
	for _, text := range raw {
		var one sample
		if err := json.Unmarshal(text, &one); err != nil {
			return nil, fmt.Errorf("a sample is not what the API's reference says: %w", err)
		}
		var err error
		if one.at, err = parseTime(one.Timestamp); err != nil {
			return nil, fmt.Errorf("a sample's time %.40q cannot be read", one.Timestamp)
		}
		page = append(page, one)
	}
	return page, nil
}

// parseTime reads a time without a zone, which is UTC, or with one.
func parseTime(text string) (time.Time, error) {
	if at, err := time.Parse("2006-01-02T15:04:05", text); err == nil {
		return at, nil
	}
	return time.Parse(time.RFC3339, text)
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.999999") }
