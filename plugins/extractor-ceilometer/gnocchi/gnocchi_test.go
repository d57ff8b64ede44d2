package gnocchi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"

	"github.com/caso-project/caso/plugins/extractor-ceilometer/samples"
)

// asked is a received request.
type asked struct {
	query      string
	operations string
	kind       string
}

// serve answers requests with a function and records them.
func serve(t *testing.T, answer func(operations string) (int, string)) (*Source, *[]asked) {
	t.Helper()
	var questions []asked
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q aggregatesQuery
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil || r.URL.Path != "/v1/aggregates" {
			t.Errorf("%s %v", r.URL, err)
		}
		questions = append(questions, asked{r.URL.RawQuery, q.Operations, q.ResourceType})
		status, body := answer(q.Operations)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = fmt.Fprint(w, body)
	}))
	t.Cleanup(server.Close)
	return New(&gophercloud.ServiceClient{ProviderClient: &gophercloud.ProviderClient{}, Endpoint: server.URL + "/v1/"}, NewMethods()), &questions
}

var from = time.Date(2026, 11, 23, 11, 0, 0, 0, time.UTC)

// TestRecorded reads the recorded answer of a Gnocchi 4.4 about the interfaces of a project.
func TestRecorded(t *testing.T) {
	recorded, err := os.ReadFile("testdata/interfaces.json")
	if err != nil {
		t.Fatal(err)
	}
	source, questions := serve(t, func(operations string) (int, string) {
		if strings.Contains(operations, "mean") {
			return 200, string(recorded)
		}
		return 404, `{"code": 404, "title": "Not Found", "description": {"cause": "Metrics with unknown aggregation", "detail": [["38146186-3f40-48b1-b0ca-fa5458e3803f", "max"]]}}`
	})
	for range 2 {
		points, err := source.Read(t.Context(), "p", samples.Incoming, from, from.Add(time.Hour))
		if err != nil || len(points) != 5 {
			t.Fatalf("%v %v", points, err)
		}
		first, second := points[0], points[1]
		if first.Server != "0e8c42e1-ef14-4c66-ac77-26551e000509" || first.Counter != "3cfd2c1c-dc51-526f-9ab6-3b350ca8c0d6" ||
			first.From != 1795432800 || first.To != 1795433100 || first.Value != 1000 || !first.Averaged || first.Rise == first.Rise {
			t.Errorf("%+v", first)
		}
		if second.Value != 1543000 || second.Rise != 1542000 {
			t.Errorf("%+v", second)
		}
	}
	var operations []string
	for _, q := range *questions {
		operations = append(operations, q.operations)
		if q.kind != "instance_network_interface" || q.query != "groupby=id&groupby=instance_id&start=2026-11-23T11%3A00%3A00&stop=2026-11-23T12%3A00%3A00" {
			t.Errorf("%+v", q)
		}
	}
	both := "(metric (network.incoming.bytes mean) (network.incoming.bytes rate:mean))"
	want := []string{"(metric network.incoming.bytes max)", "(metric network.incoming.bytes last)", both, both}
	if fmt.Sprint(operations) != fmt.Sprint(want) {
		t.Errorf("%q, want %q", operations, want)
	}
}

// TestRefusals: without a metric there is no sample; any other answer is an error with the meter.
func TestRefusals(t *testing.T) {
	for _, test := range []struct {
		name   string
		status int
		body   string
		say    string
	}{
		{"no metric", 400, `{"code": 400, "title": "Bad Request", "description": {"cause": "Metrics not found", "detail": ["cpu"]}}`, ""},
		{"no metric, a later Gnocchi", 404, `{"code": 404, "title": "Not Found", "description": "Metric ['cpu'] does not exist"}`, ""},
		{"no such address", 404, `{"code": 404, "title": "Not Found", "description": "The resource could not be found."}`, "404"},
		{"no method", 404, `{"code": 404, "title": "Not Found", "description": {"cause": "Metrics with unknown aggregation", "detail": []}}`, "none of the aggregation methods"},
		{"no type", 400, `{"code": 400, "title": "Bad Request", "description": {"cause": "Resource type does not exist", "detail": "instance"}}`, "Resource type does not exist"},
		{"no right", 403, `{"code": 403, "title": "Forbidden", "description": ""}`, "403"},
		{"no JSON", 200, `<html>`, "JSON"},
	} {
		t.Run(test.name, func(t *testing.T) {
			source, _ := serve(t, func(string) (int, string) { return test.status, test.body })
			points, err := source.Read(t.Context(), "p", samples.CPU, from, from.Add(time.Hour))
			switch {
			case len(points) != 0 || (err == nil) != (test.say == ""):
				t.Errorf("%v %v", points, err)
			case err != nil && (!strings.Contains(err.Error(), test.say) || !strings.Contains(err.Error(), "reading cpu from Gnocchi")):
				t.Errorf("%v, want %q", err, test.say)
			}
		})
	}
}

// FuzzMeasure: a measure that can be parsed has a time span.
func FuzzMeasure(f *testing.F) {
	f.Add([]byte(`["2026-11-23T11:20:00+00:00", 300.0, 5000000000.0]`))
	f.Add([]byte(`["2026-11-23T11:20:00", 1e300, -1]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var m measure
		if json.Unmarshal(text, &m) == nil && string(text) != "null" && m.to <= m.from {
			t.Errorf("%s: %+v", text, m)
		}
	})
}
