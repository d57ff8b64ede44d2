package standin_test

import (
	"testing"

	"github.com/caso-project/caso/test/standin"
)

// oldSample has the keys of an OldSample (reference of Ceilometer's v2 API, Newton).
type oldSample struct {
	Source           *string         `json:"source"`
	CounterName      *string         `json:"counter_name"`
	CounterType      *string         `json:"counter_type"`
	CounterUnit      *string         `json:"counter_unit"`
	CounterVolume    *float64        `json:"counter_volume"`
	UserID           *string         `json:"user_id"`
	ProjectID        *string         `json:"project_id"`
	ResourceID       *string         `json:"resource_id"`
	Timestamp        *string         `json:"timestamp"`
	RecordedAt       *string         `json:"recorded_at"`
	MessageID        *string         `json:"message_id"`
	ResourceMetadata *map[string]any `json:"resource_metadata"`
}

// TestCeilometerSamples checks order, limit and time range of samples.
func TestCeilometerSamples(t *testing.T) {
	_, project, token, url := serveTelemetry(t, standin.Options{Telemetry: standin.TelemetryCeilometer})
	address := url + "/metering/v2/meters/cpu?q.field=project_id&q.op=eq&q.value=" + project
	var page []oldSample
	if status := askFor(t, "GET", address+"&limit=7", token, "", &page); status != 200 || len(page) != 7 || *page[0].CounterVolume != 29e9 || *page[6].CounterVolume != 23e9 {
		t.Fatalf("%d %v", status, page)
	}
	for _, one := range page {
		if one.Source == nil || *one.CounterName != "cpu" || *one.CounterType != "cumulative" || *one.CounterUnit != "ns" || one.UserID == nil || *one.ProjectID != project ||
			*one.ResourceID != "server-1" || one.Timestamp == nil || one.RecordedAt == nil || one.MessageID == nil || one.ResourceMetadata == nil {
			t.Errorf("%+v", one)
		}
	}
	address += "&q.field=timestamp&q.op=ge&q.value=2026-11-23T13:05:00&q.field=timestamp&q.op=lt&q.value=2026-11-23T13:20:00"
	if status := askFor(t, "GET", address, token, "", &page); status != 200 || len(page) != 3 || *page[2].CounterVolume != 1e9 {
		t.Errorf("%d %v", status, page)
	}
	var refused map[string]any
	for what, status := range map[string]int{"limit=0": 400, "q.field=colour&q.op=eq&q.value=red": 400, "q.field=timestamp&q.op=ge&q.value=yesterday": 400, "q.field=project_id&q.op=eq&q.value=other": 401} {
		if got := askFor(t, "GET", url+"/metering/v2/meters/cpu?"+what, token, "", &refused); got != status {
			t.Errorf("%s: %d, want %d", what, got, status)
		}
	}
}
