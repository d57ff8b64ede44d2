package standin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// gnocchi answers for the metric service: its versions, and aggregates, which read the metrics of
// all resources of a project in one request.
func (q *call) gnocchi() {
	parts := segments(q.path)
	if len(parts) == 0 {
		q.write(http.StatusOK, "application/json", object{"build": "4.4.2", "versions": []any{object{
			"status": "CURRENT", "id": "v1.0", "updated": "2015-03-19",
			"links": []any{object{"rel": "self", "href": q.base + "/v1/"}}}}})
		return
	}
	if !q.authenticate() {
		q.header("WWW-Authenticate", fmt.Sprintf("Keystone uri=%q", q.cloud.base(q.r)+"/identity"))
		q.write(http.StatusUnauthorized, "application/json", object{"error": object{"code": 401, "title": "Unauthorized",
			"message": "The request you have made requires authentication."}})
		return
	}
	q.cloud.mu.RLock()
	defer q.cloud.mu.RUnlock()
	if q.r.Method == http.MethodPost && slices.Equal(parts, []string{"v1", "aggregates"}) {
		q.gnocchiAggregates()
		return
	}
	q.gnocchiError(http.StatusNotFound, "The resource could not be found.")
}

func (q *call) gnocchiError(status int, description any) {
	q.write(status, "application/json", object{"code": status, "title": http.StatusText(status), "description": description})
}

// metricRef is one metric of an operation: its name and its aggregation method.
type metricRef struct{ name, method string }

// The supported operations: metrics as they are, and the maximum or sum of a group. Each resource
// is a group here, so that maximum and sum are the metric itself.
var (
	metricPattern = regexp.MustCompile(`^\(metric ([a-z.]+) ([a-z:]+)\)$`)
	listPattern   = regexp.MustCompile(`^\(metric((?: \([a-z.]+ [a-z:]+\))+)\)$`)
	reducePattern = regexp.MustCompile(`^\(aggregate (?:max|sum) (\(metric [a-z.]+ [a-z:]+\))\)$`)
)

// parseOperations parses an operation.
func parseOperations(text string) (refs []metricRef, reduced, ok bool) {
	if m := reducePattern.FindStringSubmatch(text); m != nil {
		refs, _, ok = parseOperations(m[1])
		return refs, true, ok
	}
	if m := metricPattern.FindStringSubmatch(text); m != nil {
		return []metricRef{{m[1], m[2]}}, false, true
	}
	if m := listPattern.FindStringSubmatch(text); m != nil {
		for one := range strings.SplitSeq(strings.Trim(m[1], " ()"), ") (") {
			name, method, _ := strings.Cut(one, " ")
			refs = append(refs, metricRef{name, method})
		}
		return refs, false, true
	}
	return nil, false, false
}

// searchedProject parses the two spellings of the one supported search.
func searchedProject(search json.RawMessage) string {
	var text string
	if json.Unmarshal(search, &text) == nil {
		project, _ := strings.CutPrefix(text, "project_id='")
		return strings.TrimSuffix(project, "'")
	}
	var equal struct {
		Equal struct {
			Project string `json:"project_id"`
		} `json:"="`
	}
	_ = json.Unmarshal(search, &equal)
	return equal.Equal.Project
}

func (q *call) gnocchiAggregates() {
	var body struct {
		Operations   string          `json:"operations"`
		Search       json.RawMessage `json:"search"`
		ResourceType string          `json:"resource_type"`
	}
	_ = json.NewDecoder(q.r.Body).Decode(&body)
	refs, reduced, ok := parseOperations(body.Operations)
	if !ok {
		q.gnocchiError(http.StatusBadRequest, object{"cause": "Invalid operations", "reason": "Fail to parse the operations string",
			"detail": "Expected ')', found end of text  (at char 9), (line:1, col:10)"})
		return
	}
	if body.ResourceType != "instance" && body.ResourceType != "instance_network_interface" {
		q.gnocchiError(http.StatusBadRequest, object{"cause": "Resource type does not exist", "detail": body.ResourceType})
		return
	}
	project := searchedProject(body.Search)
	if project != q.token.projectID && !q.token.has("admin") {
		project = "" // Gnocchi's policy adds the token's project to the search
	}
	resources := q.gnocchiResources(project, body.ResourceType, refs[0].name)
	if len(resources) == 0 {
		q.gnocchiError(http.StatusBadRequest, object{"cause": "Metrics not found", "detail": []string{refs[0].name}})
		return
	}
	groups := []any{}
	for _, one := range resources {
		series := object{}
		for _, ref := range refs {
			if !slices.Contains(one.policy.Methods, ref.method) {
				q.gnocchiError(http.StatusNotFound, object{"cause": "Metrics with unknown aggregation",
					"detail": [][]string{{uuid("metric", one.id, ref.name), ref.method}}})
				return
			}
			series[ref.method] = q.measures(one, ref.method)
		}
		measures := object{one.id: object{refs[0].name: series}}
		if reduced {
			measures = object{"aggregated": series[refs[0].method]}
		}
		group := object{}
		for _, key := range q.r.URL.Query()["groupby"] {
			group[key] = map[string]string{"id": one.id, "instance_id": one.server, "project_id": project}[key]
		}
		groups = append(groups, object{"group": group, "measures": object{"measures": measures}})
	}
	q.write(http.StatusOK, "application/json", groups)
}

// gnocchiResource is a resource with the samples of one metric.
type gnocchiResource struct {
	id, server string
	policy     ArchivePolicy
	samples    []Sample
}

// gnocchiResources returns a project's resources of a type that have a metric, with its samples.
func (q *call) gnocchiResources(project, kind, metric string) []*gnocchiResource {
	var all []*gnocchiResource
	byID := map[string]*gnocchiResource{}
	for _, s := range q.cloud.samplesOf(project, metric) {
		if (s.Interface == "") != (kind == "instance") {
			continue
		}
		id := s.ServerID
		if s.Interface != "" {
			id = uuid("resource", s.resource())
		}
		one := byID[id]
		if one == nil {
			policy, ok := q.cloud.telemetry.policies[s.ServerID]
			if !ok {
				policy = ceilometerLowRate()
			}
			one = &gnocchiResource{id: id, server: s.ServerID, policy: policy}
			byID[id] = one
			all = append(all, one)
		}
		if n := len(one.samples); n > 0 && one.samples[n-1].At.Equal(s.At) {
			one.samples[n-1] = s // the last measure of a time replaces earlier ones
			continue
		}
		one.samples = append(one.samples, s)
	}
	slices.SortFunc(all, func(a, b *gnocchiResource) int { return strings.Compare(a.id, b.id) })
	return all
}

// measures aggregates a metric in all its granularities, the coarsest first, within the requested
// range. Gnocchi returns every granule that the range touches.
func (q *call) measures(r *gnocchiResource, method string) [][3]any {
	query := q.r.URL.Query()
	start, _ := time.Parse("2006-01-02T15:04:05", query.Get("start"))
	stop, err := time.Parse("2006-01-02T15:04:05", query.Get("stop"))
	if err != nil {
		stop = r.samples[len(r.samples)-1].At.Add(time.Second)
	}
	newest := r.samples[len(r.samples)-1].At
	grains := slices.Clone(r.policy.Grains)
	slices.SortFunc(grains, func(a, b Grain) int { return int(b.Granularity - a.Granularity) })
	all := [][3]any{}
	for _, grain := range grains {
		kept := newest.Add(-grain.Timespan)
		for _, granule := range splitByGrain(r.samples, grain.Granularity) {
			at := granule[len(granule)-1].At.Truncate(grain.Granularity)
			value, ok := aggregate(granule, method, r.samples)
			if ok && at.After(kept) && at.Before(stop) && at.Add(grain.Granularity).After(start) {
				all = append(all, [3]any{at.Format("2006-01-02T15:04:05+00:00"), grain.Granularity.Seconds(), value})
			}
		}
	}
	return all
}

// splitByGrain groups samples by granule.
func splitByGrain(samples []Sample, granularity time.Duration) [][]Sample {
	var all [][]Sample
	for _, s := range samples {
		n := len(all)
		if n > 0 && all[n-1][0].At.Truncate(granularity).Equal(s.At.Truncate(granularity)) {
			all[n-1] = append(all[n-1], s)
			continue
		}
		all = append(all, []Sample{s})
	}
	return all
}

// aggregate returns one value of the samples of a granule; a rate needs the sample before, which
// the first granule lacks.
func aggregate(granule []Sample, method string, all []Sample) (float64, bool) {
	var values []float64
	for _, s := range granule {
		values = append(values, s.Value)
	}
	if method == "rate:mean" {
		first := slices.IndexFunc(all, func(s Sample) bool { return s.At.Equal(granule[0].At) })
		values = nil
		for i := max(first, 1); i < first+len(granule); i++ {
			values = append(values, all[i].Value-all[i-1].Value)
		}
		if len(values) == 0 {
			return 0, false
		}
		method = "mean"
	}
	switch method {
	case "max":
		return slices.Max(values), true
	case "last":
		return values[len(values)-1], true
	}
	sum := 0.0
	for _, value := range values {
		sum += value
	}
	return sum / float64(len(values)), true
}
