package standin_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caso-project/caso/test/standin"
)

// serveTelemetry returns a cloud with a project, one server and samples of all meters.
func serveTelemetry(t testing.TB, options standin.Options) (cloud *standin.Cloud, project, token, url string) {
	t.Helper()
	start := time.Date(2026, 11, 23, 13, 0, 0, 0, time.UTC)
	options.Empty, options.Now = true, start.Add(3*time.Hour)
	cloud = standin.New(options)
	project = cloud.AddProject(standin.Project{Name: "vo-one"})
	cloud.Grant(cloud.UserID(standin.AccountingUser), project, "reader")
	cloud.AddServer(standin.Server{ID: "server-1", Name: "one", ProjectID: project, Status: "ACTIVE", Created: start, Flavor: &standin.Flavor{VCPUs: 1}})
	for i := range 30 {
		at := start.Add(time.Duration(i) * 5 * time.Minute)
		cloud.AddSamples(standin.Sample{ServerID: "server-1", Meter: "cpu", At: at, Value: float64(i) * 1e9},
			standin.Sample{ServerID: "server-1", Meter: "network.incoming.bytes", Interface: "tap1", At: at, Value: float64(i)})
	}
	server := httptest.NewServer(cloud)
	t.Cleanup(server.Close)
	body := fmt.Sprintf(`{"auth":{"identity":{"methods":["password"],"password":{"user":{"name":%q,"password":%q,"domain":{"id":"default"}}}},"scope":{"project":{"id":%q}}}}`,
		standin.AccountingUser, standin.AccountingPassword, project)
	response, err := http.Post(server.URL+"/v3/auth/tokens", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	return cloud, project, response.Header.Get("X-Subject-Token"), server.URL
}

// askFor sends a request and decodes the JSON of the answer.
func askFor(t testing.TB, method, url, token, body string, into any) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Auth-Token", token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return response.StatusCode
}

// TestGnocchiRecordings compares status and shape with answers of a real Gnocchi 4.4.
func TestGnocchiRecordings(t *testing.T) {
	_, project, token, url := serveTelemetry(t, standin.Options{Telemetry: standin.TelemetryGnocchi})
	files, err := filepath.Glob("testdata/gnocchi/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var r recording
			if err := json.Unmarshal(text, &r); err != nil {
				t.Fatal(err)
			}
			body := strings.ReplaceAll(string(r.Request.Body), "5500509818834e85ae461af8d76fc61c", project)
			with := token
			if r.Request.Headers["X-Auth-Token"] == "not-a-token" {
				with = "not-a-token"
			}
			var want, got any
			if err := json.Unmarshal(r.Response.JSON, &want); err != nil {
				t.Fatal(err)
			}
			status := askFor(t, r.Request.Method, strings.Replace(r.Request.URL, "http://127.0.0.1:8041", url+"/metric", 1), with, body, &got)
			if status != r.Response.Status || shapeOf(got) != shapeOf(want) {
				t.Errorf("%d %s\nwant %d %s", status, shapeOf(got), r.Response.Status, shapeOf(want))
			}
		})
	}
}

// shapeOf returns the types of a JSON value; of a list those of the first element.
func shapeOf(value any) string {
	switch v := value.(type) {
	case map[string]any:
		var keys []string
		for key, one := range v {
			keys = append(keys, key+":"+shapeOf(one))
		}
		slices.Sort(keys)
		return "{" + strings.Join(keys, " ") + "}"
	case []any:
		if len(v) == 0 {
			return "[]"
		}
		if _, measure := v[0].(string); measure && len(v) == 3 {
			return fmt.Sprintf("[%s %s %s]", shapeOf(v[0]), shapeOf(v[1]), shapeOf(v[2]))
		}
		return "[" + shapeOf(v[0]) + "]"
	}
	return fmt.Sprintf("%T", value)
}

// TestGnocchiMethods checks that unknown aggregation methods are errors, as in Gnocchi, and rates.
func TestGnocchiMethods(t *testing.T) {
	_, project, token, url := serveTelemetry(t, standin.Options{Telemetry: standin.TelemetryGnocchi})
	address := url + "/metric/v1/aggregates?groupby=id&start=2026-11-23T13:00:00&stop=2026-11-23T13:10:00"
	body := func(operations string) string {
		return fmt.Sprintf(`{"operations":%q,"resource_type":"instance","search":{"=":{"project_id":%q}}}`, operations, project)
	}
	var refused map[string]any
	if status := askFor(t, "POST", address, token, body("(metric cpu max)"), &refused); status != 404 || !strings.Contains(fmt.Sprint(refused), "unknown aggregation") {
		t.Errorf("%d %v", status, refused)
	}
	var groups []struct {
		Measures struct {
			Measures map[string]map[string]map[string][][3]any
		}
	}
	if status := askFor(t, "POST", address, token, body("(metric (cpu mean) (cpu rate:mean))"), &groups); status != 200 || len(groups) != 1 {
		t.Fatalf("%d %v", status, groups)
	}
	series := groups[0].Measures.Measures["server-1"]["cpu"]
	if got := fmt.Sprint(series["mean"], series["rate:mean"]); got != "[[2026-11-23T13:00:00+00:00 300 0] [2026-11-23T13:05:00+00:00 300 1e+09]] [[2026-11-23T13:05:00+00:00 300 1e+09]]" {
		t.Error(got)
	}
}
