package metering

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/caso-project/caso/plugins/extractor-ceilometer/samples"
)

var start = time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)

// archive answers like Ceilometer's v2 API: a page of samples, the newest or the oldest first.
type archive struct {
	times     []time.Time
	most      int // whatever limit is requested
	oldest    bool
	anonymous bool // without message ids
	requests  int
}

func (a *archive) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.requests++
	query := r.URL.Query()
	from, to, err := bounds(query)
	limit, limitErr := strconv.Atoi(query.Get("limit"))
	if err != nil || limitErr != nil || r.URL.Path != "/v2/meters/cpu" || query["q.value"][0] != "p" {
		http.Error(w, "what?", http.StatusBadRequest)
		return
	}
	page := []map[string]any{}
	for i, at := range a.times {
		if !at.Before(from) && at.Before(to) {
			one := map[string]any{"resource_id": "a", "counter_volume": i, "timestamp": at.Format("2006-01-02T15:04:05.999999")}
			if !a.anonymous {
				one["message_id"] = fmt.Sprint("m", i)
			}
			page = append(page, one)
		}
	}
	if !a.oldest {
		slices.Reverse(page)
	}
	page = page[:min(len(page), limit)]
	if a.most > 0 {
		page = page[:min(len(page), a.most)]
	}
	_ = json.NewEncoder(w).Encode(page)
}

func bounds(query url.Values) (from, to time.Time, err error) {
	for i, field := range query["q.field"] {
		if field != "timestamp" {
			continue
		}
		at, err := time.Parse("2006-01-02T15:04:05.999999", query["q.value"][i])
		if err != nil {
			return from, to, err
		}
		if query["q.op"][i] == "ge" {
			from = at
		} else {
			to = at
		}
	}
	return from, to, nil
}

// spaced returns times with a distance.
func spaced(n int, apart time.Duration) []time.Time {
	var times []time.Time
	for i := range n {
		times = append(times, start.Add(time.Duration(i)*apart))
	}
	return times
}

// TestPages: every sample is read once, wherever pages end.
func TestPages(t *testing.T) {
	same := slices.Concat(spaced(700, time.Second), slices.Repeat([]time.Time{start.Add(700 * time.Second)}, 1500), []time.Time{start.Add(800 * time.Second)})
	for name, a := range map[string]*archive{
		"none":                   {},
		"one page":               {times: spaced(10, time.Second)},
		"exactly a page":         {times: spaced(pageLimit, time.Second)},
		"several":                {times: spaced(3456, time.Second)},
		"several, oldest first":  {times: spaced(3456, time.Second), oldest: true},
		"parts of a second":      {times: spaced(2500, time.Microsecond)},
		"two of each time":       {times: slices.Concat(spaced(1200, time.Second))},
		"many of one time":       {times: same},
		"a service with a limit": {times: spaced(1234, time.Second), most: 100},
		"without ids":            {times: spaced(2345, time.Second), anonymous: true},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(a)
			defer server.Close()
			source := New(&gophercloud.ServiceClient{ProviderClient: &gophercloud.ProviderClient{}, Endpoint: server.URL + "/v2/"})
			points, err := source.Read(t.Context(), "p", samples.CPU, start, start.Add(time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			seen := map[float64]int{}
			for _, point := range points {
				seen[point.Value]++
			}
			if len(points) != len(a.times) || len(seen) != len(a.times) {
				t.Errorf("%d points, %d different, of %d, in %d requests", len(points), len(seen), len(a.times), a.requests)
			}
		})
	}
}

// TestTimeIsHalfOpen: a sample at the end belongs to the next time span.
func TestTimeIsHalfOpen(t *testing.T) {
	server := httptest.NewServer(&archive{times: spaced(10, time.Second)})
	defer server.Close()
	source := New(&gophercloud.ServiceClient{ProviderClient: &gophercloud.ProviderClient{}, Endpoint: server.URL + "/v2/"})
	points, err := source.Read(t.Context(), "p", samples.CPU, start.Add(2*time.Second), start.Add(5*time.Second))
	if err != nil || len(points) != 3 {
		t.Errorf("%v %v", points, err)
	}
}
