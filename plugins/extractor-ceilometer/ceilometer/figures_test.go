package ceilometer

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/caso-project/caso/test/standin"
)

// TestFigures: the figures from samples, with both back ends, in one window.
func TestFigures(t *testing.T) {
	start := now.Add(-3 * time.Hour)
	for name, telemetry := range bothArchives {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, standin.Options{Empty: true, Telemetry: telemetry}, nil)
			for _, id := range []string{"plain", "restarted", "taps", "small", "gap", "silent", "gone", "doubled", "unsorted"} {
				b.server(id, start)
			}
			b.server("brand-new", now.Add(-time.Minute))
			b.cpu("plain", start.Add(time.Minute), 10, 20.5, 30.999)
			b.cpu("restarted", start.Add(time.Minute), 100, 200, 30, 60, 5, 10)
			b.cpu("taps", start.Add(time.Minute), 7)
			b.traffic("taps", "tap1", start.Add(time.Minute), 1, 2, 3)
			b.traffic("taps", "tap2", start.Add(time.Hour), 0.75, 0.25, 0.75) // added later, restarted once
			b.traffic("taps", "tap3", start.Add(2*time.Minute), 5)            // removed
			b.cpu("small", start.Add(time.Minute), 0.4)
			for i := range 5 {
				b.traffic("small", fmt.Sprintf("tap%d", i), start.Add(time.Minute), 0.3) // 1.5 GB together
			}
			b.cpu("gap", start.Add(time.Minute), 50)
			b.cpu("gap", start.Add(2*time.Hour), 20)
			b.cpu("gone", start.Add(time.Minute), 10, 20, 40)
			b.end("gone", start.Add(12*time.Minute))
			b.cpu("doubled", start.Add(time.Minute), 10, 20)
			b.cpu("doubled", start.Add(time.Minute), 10, 20)
			b.cpu("unsorted", start.Add(11*time.Minute), 30)
			b.cpu("unsorted", start.Add(time.Minute), 10, 20)
			got := b.must(beginning, now, nil)
			for id, want := range map[string]figures{
				"plain": {30, -1, -1}, "restarted": {270, -1, -1}, "taps": {7, 9, 19}, "small": {0, 1, 3}, "gap": {70, -1, -1},
				"silent": {-1, -1, -1}, "gone": {40, -1, -1}, "doubled": {20, -1, -1}, "unsorted": {30, -1, -1}, "brand-new": {-1, -1, -1},
			} {
				if figures := measured(got.last(id)); figures != want {
					t.Errorf("%s: %v, want %v", id, figures, want)
				}
			}
			if !got.hasDiagnostic("10 servers have no samples in this window, or not of all meters: 0 keep their last totals, 8 ") {
				t.Errorf("%v", got.diagnostics)
			}
		})
	}
}

// TestWindowsDoNotMatter: for every division of time into windows the last figures are the same;
// figures never fall and are never above the usage.
func TestWindowsDoNotMatter(t *testing.T) {
	start := now.Add(-6 * time.Hour)
	for name, telemetry := range bothArchives {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, standin.Options{Empty: true, Telemetry: telemetry}, nil)
			b.server("a", start)
			var values, truths []float64
			used, shown := 0.0, 0.0
			for i := range 70 {
				if i == 20 || i == 47 {
					shown = 0
				}
				used, shown = used+float64(i%7)*37, shown+float64(i%7)*37
				values, truths = append(values, shown), append(truths, used)
			}
			b.cpu("a", start.Add(time.Minute), values...)
			b.traffic("a", "tap1", start.Add(time.Minute), values...)
			whole := measured(b.must(beginning, now, nil).last("a"))
			// Each restart follows a sample, so that no usage is unknown.
			if want := int64(used); whole.cpu != want || whole.in != want || whole.out != 2*want {
				t.Fatalf("%v, want %v of each", whole, want)
			}
			random := rand.New(rand.NewPCG(1, 2))
			for range 15 {
				var cuts []int
				for range random.IntN(7) {
					cuts = append(cuts, 1+random.IntN(359))
				}
				slices.Sort(cuts)
				from, state, last := beginning, []byte(nil), figures{}
				for _, minute := range append(slices.Compact(cuts), 360) {
					to := start.Add(time.Duration(minute) * time.Minute)
					a := b.must(from, to, state)
					from, state = to, a.state
					got := measured(a.last("a"))
					samples := (minute + 3) / 5 // at 1, 6, 11, ... minutes
					truth := 0.0
					if samples > 0 {
						truth = truths[min(samples, len(truths))-1]
					}
					if got.cpu > int64(truth) || got.cpu < last.cpu && got.cpu >= 0 {
						t.Fatalf("cut at %v, at minute %d: %v after %v, truth %v", cuts, minute, got, last, truth)
					}
					last = got
				}
				if last != whole {
					t.Fatalf("cut at %v: %v, want %v", cuts, last, whole)
				}
			}
		})
	}
}

// TestMonths: a window over the end of a month has figures as of the month end.
func TestMonths(t *testing.T) {
	midnight := time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
	for name, telemetry := range bothArchives {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, standin.Options{Empty: true, Telemetry: telemetry}, nil)
			b.server("a", midnight.Add(-time.Hour))
			b.server("b", midnight.Add(-time.Minute))
			b.cpu("a", midnight.Add(-10*time.Minute), 100, 200, 300, 400) // 23:50, 23:55, 00:00, 00:05
			b.cpu("b", midnight, 30)
			got := b.must(beginning, now, nil)
			var lines []string
			for _, record := range got.records {
				r := record.GetCloud()
				lines = append(lines, fmt.Sprint(r.GetVmUuid(), r.GetRecordCreateTime().AsTime().Format(" 01-02 15:04:05 "), measured(r).cpu))
			}
			want := []string{"a 03-31 23:59:59 200", "b 03-31 23:59:59 -1", "a 04-10 12:00:00 400", "b 04-10 12:00:00 30"}
			if !slices.Equal(lines, want) {
				t.Errorf("%q, want %q", lines, want)
			}
		})
	}
}

// TestGranularities: an archive with several granularities, metrics with different policies, and a
// policy without the mean.
func TestGranularities(t *testing.T) {
	start := now.Add(-48 * time.Hour)
	minutes := standin.ArchivePolicy{Methods: []string{"mean", "max"}, Grains: []standin.Grain{
		{Granularity: time.Minute, Timespan: 3 * time.Hour}, {Granularity: time.Hour, Timespan: 365 * 24 * time.Hour}}}
	largest := standin.ArchivePolicy{Methods: []string{"max"}, Grains: minutes.Grains}
	last := standin.ArchivePolicy{Methods: []string{"last", "mean"}, Grains: minutes.Grains}
	for name, policies := range map[string]map[string]standin.ArchivePolicy{
		"default": nil, "two grains": {"a": minutes, "b": minutes}, "mixed": {"a": minutes}, "max alone": {"a": largest, "b": largest}, "last": {"a": last, "b": last},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, standin.Options{Empty: true, Telemetry: standin.TelemetryGnocchi}, nil)
			for _, id := range []string{"a", "b"} {
				b.server(id, start)
				var values []float64
				for i := range 570 { // until half an hour ago; restarts after a day
					values = append(values, float64(i%288)*60)
				}
				b.cpu(id, start.Add(time.Minute), values...)
			}
			for id, policy := range policies {
				b.cloud.SetArchivePolicy(id, policy)
			}
			a := b.must(beginning, now, nil)
			want := float64(287*60 + 281*60)
			for _, id := range []string{"a", "b"} {
				got := float64(measured(a.last(id)).cpu)
				// The mean of an hour lags by half an hour where a counter restarts.
				if got > want || got < want-3600 || policies == nil && got != want {
					t.Errorf("%s: %v, want %v", id, got, want)
				}
			}
		})
	}
}

// TestGranularityChanges: a policy that changes between two windows neither doubles nor loses
// usage.
func TestGranularityChanges(t *testing.T) {
	start := now.Add(-8 * time.Hour)
	b := newBench(t, standin.Options{Empty: true, Telemetry: standin.TelemetryGnocchi}, nil)
	b.server("a", start)
	var values []float64
	for i := range 95 {
		values = append(values, float64(i+1)*60)
	}
	b.cpu("a", start.Add(time.Minute), values...)
	state, last := []byte(nil), int64(0)
	from := beginning
	for i, granularity := range []time.Duration{5 * time.Minute, time.Hour, time.Minute, 10 * time.Minute} {
		b.cloud.SetArchivePolicy("a", standin.ArchivePolicy{Methods: []string{"mean"}, Grains: []standin.Grain{{Granularity: granularity, Timespan: 30 * 24 * time.Hour}}})
		to := start.Add(time.Duration(i+1) * 2 * time.Hour)
		a := b.must(from, to, state)
		got, truth := measured(a.last("a")).cpu, int64(24*(i+1)*60)
		if got < last || got > truth || got < truth-3600 {
			t.Errorf("grain %v: %d after %d, truth %d", granularity, got, last, truth)
		}
		from, state, last = to, a.state, got
	}
}
