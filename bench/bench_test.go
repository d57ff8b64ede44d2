package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/caso-project/caso/test/standin"
)

// The benchmarks that make bench-check compares between two commits: parts of the table of the
// driver, at sizes of a second. They need the programs of make build.

func newBench(b *testing.B) *bench {
	b.Helper()
	if _, err := os.Stat("../bin/caso"); err != nil {
		b.Skip("run make build first: ", err)
	}
	// b.TempDir() is too long for the path of a socket.
	dir, err := os.MkdirTemp("", "caso-bench-")
	must(b, err)
	b.Cleanup(func() { must(b, os.RemoveAll(dir)) })
	p, err := buildPrograms(b.Context(), filepath.Join(dir, "bin"), "../bin")
	must(b, err)
	return &bench{rounds: 1, scale: 1, dir: dir, programs: p}
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// BenchmarkOutbox measures a batch through commit, delivery and deletion.
func BenchmarkOutbox(b *testing.B) {
	for _, store := range []struct {
		name string
		open func(string) (queue, error)
	}{{"SQLite", openSQLite}, {"bbolt", openBolt}} {
		b.Run(store.name, func(b *testing.B) {
			q, err := store.open(b.TempDir())
			must(b, err)
			b.Cleanup(func() { must(b, q.Close()) })
			work := newOutboxWork()
			must(b, work.fill(q, 1000))
			for b.Loop() {
				must(b, work.pass(q))
			}
		})
	}
}

// BenchmarkStream measures records from the simulated extractor to a messenger.
func BenchmarkStream(b *testing.B) {
	for _, messenger := range []string{"noop", "ssm"} {
		b.Run(messenger, func(b *testing.B) {
			bench := newBench(b)
			shape := streamRun{messenger, 1, 50_000}
			measureRuns(b, float64(shape.records()), func() (usage, error) { return bench.runStream(b.Context(), shape) })
		})
	}
}

// measureRuns reports the CPU time and the largest process of runs, in addition to their time.
func measureRuns(b *testing.B, units float64, run func() (usage, error)) {
	b.Helper()
	var cpu, largest float64
	runs := 0
	for b.Loop() {
		used, err := run()
		must(b, err)
		cpu += float64(used.cpu.Microseconds())
		largest = max(largest, float64(used.largest())/1e6)
		runs++
	}
	b.ReportMetric(cpu/units/float64(runs), "cpu-µs/record")
	b.ReportMetric(largest, "peak-MB")
}

// BenchmarkFirstRun measures a first run of nova and ssm.
func BenchmarkFirstRun(b *testing.B) {
	benchmarkCloud(b, func(ctx context.Context, c *cloud, s *site, to time.Time) (usage, error) {
		if err := s.empty(); err != nil {
			return usage{}, err
		}
		return s.extract(ctx, "--extract-to", to.Format(time.RFC3339))
	})
}

// BenchmarkNothingToDo measures a run whose window is empty.
func BenchmarkNothingToDo(b *testing.B) {
	benchmarkCloud(b, func(ctx context.Context, _ *cloud, s *site, to time.Time) (usage, error) {
		return s.extract(ctx, "--extract-to", to.Format(time.RFC3339))
	})
}

const benchmarkServers = 2000

func benchmarkCloud(b *testing.B, run func(context.Context, *cloud, *site, time.Time) (usage, error)) {
	b.Helper()
	bench := newBench(b)
	to := time.Now().UTC().Truncate(time.Second).Add(-time.Minute)
	c, stop, err := startCloud(standin.Options{Seed: 1, Now: to, Projects: 1, ServersPerProject: benchmarkServers})
	must(b, err)
	b.Cleanup(stop)
	s, err := c.newSite(bench.programs, filepath.Join(bench.dir, "cloud"))
	must(b, err)
	_, err = run(b.Context(), c, s, to)
	must(b, err)
	measureRuns(b, benchmarkServers, func() (usage, error) { return run(b.Context(), c, s, to) })
}
