package ceilometer

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/caso-project/caso/plugins/extractor-nova/nova"
	pluginv1 "github.com/caso-project/caso/proto/caso/plugin/v1"
	"github.com/caso-project/caso/sdk/plugintest"
	"github.com/caso-project/caso/test/standin"
)

// TestSameRecordsAsNova: for the same cloud, in a first window and the next, both extractors emit
// the same records except for the measured figures; with cpu_duration = allocated, except for the
// traffic.
func TestSameRecordsAsNova(t *testing.T) {
	for _, mode := range []string{"used", "allocated"} {
		for name, telemetry := range bothArchives {
			t.Run(mode+" "+name, func(t *testing.T) {
				b := newBench(t, standin.Options{Seed: 5, Telemetry: telemetry}, map[string]string{"ceilometer.cpu_duration": mode})
				for i, server := range b.cloud.Servers(b.project) {
					if i%3 > 0 && !server.Launched.IsZero() {
						b.cpu(server.ID, server.Launched, 1, 2, 3)
						b.traffic(server.ID, "tap", server.Launched, 1, 2)
					}
				}
				other := b.configured(nova.New(), nil)
				from, theirs, ours := beginning, []byte(nil), []byte(nil)
				different := 0
				for _, to := range []time.Time{now.Add(-48 * time.Hour), now} {
					want, got := b.run(other, from, to, theirs), b.run(b.extractor, from, to, ours)
					if want.err != nil || got.err != nil || len(want.records) != len(got.records) || len(got.records) < 20 {
						t.Fatalf("%d records, nova has %d: %v %v", len(got.records), len(want.records), got.err, want.err)
					}
					for i := range want.records {
						different += without(t, want.records[i], got.records[i], mode == "used")
					}
					from, theirs, ours = to, want.state, got.state
				}
				if different == 0 {
					t.Error("nothing was measured")
				}
			})
		}
	}
}

// without compares two records except for the measured figures, and returns the number of these.
func without(t *testing.T, want, got *pluginv1.Record, used bool) int {
	t.Helper()
	n := 0
	if got.GetCloud().NetworkInboundGb != nil {
		n++
	}
	got.GetCloud().NetworkInboundGb, got.GetCloud().NetworkOutboundGb = nil, nil
	if used {
		want.GetCloud().CpuDuration, got.GetCloud().CpuDuration = nil, nil
	}
	if !proto.Equal(want, got) {
		t.Errorf("%v\nnova has\n%v", got, want)
	}
	return n
}

// TestRequests: a window after the first needs one request per meter for any number of servers.
func TestRequests(t *testing.T) {
	b := newBench(t, standin.Options{Empty: true, Telemetry: standin.TelemetryGnocchi}, nil)
	for i := range 300 {
		id := fmt.Sprintf("server-%03d", i)
		b.server(id, now.Add(-2*time.Hour))
		b.cpu(id, now.Add(-100*time.Minute), 10, 20)
		b.traffic(id, "tap", now.Add(-100*time.Minute), 1, 2)
	}
	first := b.must(beginning, now.Add(-time.Hour), nil)
	b.cloud.ResetRequests()
	b.must(now.Add(-time.Hour), now, first.state)
	if n := b.cloud.CountRequests("POST", "/metric/v1/aggregates"); n != 3 {
		t.Errorf("%d requests", n)
	}
	if perServer := len(first.state) / 300; perServer > 250 {
		t.Errorf("%d bytes of state for each server", perServer)
	}
}

// TestConform runs the conformance suite.
func TestConform(t *testing.T) {
	b := newBench(t, standin.Options{Seed: 1, Telemetry: standin.TelemetryGnocchi}, nil)
	for i, server := range b.cloud.Servers(b.project) {
		if i%2 == 0 {
			b.cpu(server.ID, server.Created, 1, 2, 3)
		}
	}
	plugintest.Conform(t, plugintest.Extractor(t, New()), plugintest.Settings{
		From: beginning, To: now,
		Options: map[string]string{
			"extractor.user": standin.AccountingUser, "extractor.password": standin.AccountingPassword, "extractor.endpoint": b.url,
		},
	})
}
