package standin

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// ceilometer answers for the metering service, Ceilometer's own v2 API (API reference for Newton):
// the samples of one meter, newest first, 100 without a limit, without links or markers.
func (q *call) ceilometer() {
	if !q.authenticate() {
		q.ceilometerError(http.StatusUnauthorized, "Authentication required")
		return
	}
	q.cloud.mu.RLock()
	defer q.cloud.mu.RUnlock()
	parts := segments(q.path)
	if q.r.Method != http.MethodGet || len(parts) != 3 || parts[0] != "v2" || parts[1] != "meters" {
		q.ceilometerError(http.StatusNotFound, "Not Found")
		return
	}
	query := q.r.URL.Query()
	limit := 100
	if text := query.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			q.ceilometerError(http.StatusBadRequest, "Limit should be positive")
			return
		}
		limit = n
	}
	if q.cloud.opts.SampleLimit > 0 {
		limit = min(limit, q.cloud.opts.SampleLimit)
	}
	project, matches := q.token.projectID, []func(Sample) bool{}
	fields, operators, values := query["q.field"], query["q.op"], query["q.value"]
	if len(operators) != len(fields) || len(values) != len(fields) {
		q.ceilometerError(http.StatusBadRequest, "Unknown argument: \"q\"")
		return
	}
	for i, field := range fields {
		switch field {
		case "project_id", "project":
			if values[i] != project && !q.token.has("admin") {
				q.ceilometerError(http.StatusUnauthorized, fmt.Sprintf("Not Authorized to access project %s", values[i]))
				return
			}
			project = values[i]
		case "timestamp":
			match, err := timestampMatch(operators[i], values[i])
			if err != nil {
				q.ceilometerError(http.StatusBadRequest, err.Error())
				return
			}
			matches = append(matches, match)
		default:
			q.ceilometerError(http.StatusBadRequest, fmt.Sprintf("Unknown argument: %q: unrecognized field in query", field))
			return
		}
	}
	q.write(http.StatusOK, "application/json", q.oldSamples(project, parts[2], matches, limit))
}

// timestampMatch is one condition on the time.
func timestampMatch(operator, value string) (func(Sample) bool, error) {
	at, err := time.Parse("2006-01-02T15:04:05.999999", value)
	if err != nil {
		return nil, fmt.Errorf("invalid input for field/attribute timestamp. Value: '%s'", value)
	}
	switch operator {
	case "ge":
		return func(s Sample) bool { return !s.At.Before(at) }, nil
	case "gt":
		return func(s Sample) bool { return s.At.After(at) }, nil
	case "le":
		return func(s Sample) bool { return !s.At.After(at) }, nil
	case "lt":
		return func(s Sample) bool { return s.At.Before(at) }, nil
	}
	return nil, fmt.Errorf("unimplemented operator for timestamp: %s", operator)
}

// oldSamples returns the matching samples in the API's form.
func (q *call) oldSamples(project, meter string, matches []func(Sample) bool, limit int) []any {
	found := q.cloud.samplesOf(project, meter)
	slices.Reverse(found)
	seen := map[string]bool{}
	views := []any{}
	for _, s := range found {
		if seen[s.MessageID] || slices.ContainsFunc(matches, func(match func(Sample) bool) bool { return !match(s) }) {
			continue
		}
		seen[s.MessageID] = true
		if len(views) == limit {
			break
		}
		server := q.cloud.store.servers[s.ServerID]
		unit, metadata := "ns", object{"display_name": server.Name, "status": "active"}
		if s.Interface != "" {
			unit, metadata = "B", object{"instance_id": s.ServerID, "name": s.Interface, "vnic_name": s.Interface}
		}
		views = append(views, object{
			"counter_name": meter, "counter_type": "cumulative", "counter_unit": unit, "counter_volume": s.Value,
			"resource_id": s.resource(), "project_id": project, "user_id": server.UserID, "source": "openstack",
			"timestamp": s.At.Format("2006-01-02T15:04:05.999999"), "recorded_at": s.At.Format("2006-01-02T15:04:05.999999"),
			"message_id": s.MessageID, "resource_metadata": metadata,
		})
	}
	return views
}

// ceilometerError sends an error in WSME's form.
func (q *call) ceilometerError(status int, message string) {
	q.write(status, "application/json", object{"error_message": object{"debuginfo": nil, "faultcode": "Client", "faultstring": message}})
}
