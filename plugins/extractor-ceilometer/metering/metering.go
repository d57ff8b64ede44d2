// Package metering reads samples from Ceilometer's own v2 API (service type `metering`), which was
// removed in Queens and still exists at old sites.
package metering

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"time"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/caso-project/caso/plugins/extractor-ceilometer/counters"
	"github.com/caso-project/caso/plugins/extractor-ceilometer/samples"
	"github.com/caso-project/caso/plugins/internal/openstack/api"
)

// pageLimit is the requested size of a page. Without it Ceilometer returns 100 samples, without a
// sign that there are more.
const pageLimit = 1000

// Source is the Ceilometer of one region, signed in to one project.
type Source struct{ service *gophercloud.ServiceClient }

// New returns the source of a client whose endpoint ends in /v2/.
func New(service *gophercloud.ServiceClient) *Source { return &Source{service: service} }

// sample is an OldSample of Ceilometer's API reference, with the needed fields.
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

// key identifies a sample, also in two pages.
func (s sample) key() [sha256.Size]byte {
	name := s.MessageID
	if name == "" {
		name = s.ResourceID + " " + s.Timestamp + " " + strconv.FormatFloat(s.Volume, 'g', -1, 64)
	}
	return sha256.Sum256([]byte(name))
}

// Read returns the points in [from, to).
func (s *Source) Read(
	ctx context.Context, project string, meter samples.Meter, from, to time.Time,
) ([]samples.Point, error) {
	var points []samples.Point
	err := s.eachSample(ctx, project, meter, from, to, func(one sample) error {
		server, counter := one.ResourceID, ""
		if meter != samples.CPU {
			server, counter = one.Metadata.InstanceID, one.ResourceID
		}
		at := one.at.Unix()
		points = append(points, samples.Point{Server: server, Counter: counter,
			Sample: counters.Sample{From: at, To: at + 1, Value: one.Volume}})
		return samples.CheckCount(len(points))
	})
	if err != nil {
		return nil, fmt.Errorf("reading %s from Ceilometer: %w", meter, err)
	}
	return points, nil
}

// eachSample calls a function with each sample. The API has no links and no markers: the next page
// is requested with samples as old as the last one of this page or older (or, where samples come
// oldest first, as new or newer), and samples that were read are skipped. The last page is the one
// without a new sample: a page may be shorter than the requested size.
func (s *Source) eachSample(
	ctx context.Context, project string, meter samples.Meter, from, to time.Time, add func(sample) error,
) error {
	seen := map[[sha256.Size]byte]bool{}
	size := pageLimit
	for {
		page, err := s.readPage(ctx, project, meter, from, to, size)
		if err != nil {
			return err
		}
		fresh := 0
		for _, one := range page {
			key := one.key()
			if seen[key] {
				continue
			}
			seen[key] = true
			fresh++
			if err := add(one); err != nil {
				return err
			}
		}
		switch {
		case len(page) == 0:
			return nil
		case page[0].at.Equal(page[len(page)-1].at) && len(page) >= size && size < math.MaxInt32/2:
			// All samples have one time, and there may be more of that time.
			size *= 2
		case fresh == 0:
			return nil
		case page[0].at.Before(page[len(page)-1].at):
			from = page[len(page)-1].at
		default:
			// The end is exclusive.
			to = page[len(page)-1].at.Add(time.Microsecond)
		}
	}
}

// readPage reads the first page of the samples in [from, to).
func (s *Source) readPage(
	ctx context.Context, project string, meter samples.Meter, from, to time.Time, size int,
) ([]sample, error) {
	query := url.Values{"limit": {strconv.Itoa(size)}}
	for _, q := range [][3]string{
		{"project_id", "eq", project},
		{"timestamp", "ge", formatTime(from)},
		{"timestamp", "lt", formatTime(to)},
	} {
		query.Add("q.field", q[0])
		query.Add("q.op", q[1])
		query.Add("q.value", q[2])
		query.Add("q.type", "")
	}
	var page []sample
	address := s.service.ServiceURL("meters", string(meter)) + "?" + query.Encode()
	err := api.GetStream(ctx, s.service, address, func(answer *api.Stream) error {
		page = nil
		return answer.Array(func() error {
			var one sample
			if err := answer.Decode(&one); err != nil {
				return fmt.Errorf("a sample does not match Ceilometer's API reference: %w", err)
			}
			var err error
			if one.at, err = parseTime(one.Timestamp); err != nil {
				return fmt.Errorf("a sample has the invalid time %.40q", one.Timestamp)
			}
			if err := one.checkLengths(); err != nil {
				return err
			}
			page = append(page, one)
			return samples.CheckCount(len(page))
		})
	})
	return page, err
}

// checkLengths returns an error for texts that no sample has.
func (s sample) checkLengths() error {
	for _, text := range []string{s.ResourceID, s.Timestamp, s.MessageID, s.Metadata.InstanceID} {
		if len(text) > samples.MaxID {
			return fmt.Errorf("a sample has a text of %d bytes, more than %d", len(text), samples.MaxID)
		}
	}
	return nil
}

// parseTime parses a time without a zone, which is UTC, or with one.
func parseTime(text string) (time.Time, error) {
	if at, err := time.Parse("2006-01-02T15:04:05", text); err == nil {
		return at, nil
	}
	return time.Parse(time.RFC3339, text)
}

// formatTime formats a time for queries: UTC without a zone.
func formatTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.999999") }
