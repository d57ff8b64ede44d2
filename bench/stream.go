package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// streamRun is a shape of a run of the simulated extractor.
type streamRun struct {
	messenger         string
	projects, servers int
}

func (r streamRun) records() int { return r.projects * r.servers }

// streamFigures are the figures of a shape, one for each round.
type streamFigures struct {
	// perRecord is the CPU time of all processes for a record, in microseconds.
	perRecord series
	wall      series
	peaks     peakFigures
	largest   series
}

func (f *streamFigures) add(used usage, count int) {
	f.perRecord.add(float64(used.cpu) / 1e3 / float64(count))
	f.wall.addMilliseconds(used.wall)
	f.largest.addMegabytes(used.largest())
	f.peaks.add(used.peaks)
}

// benchStream measures records on their way through the host.
func (b *bench) benchStream(ctx context.Context) ([]row, error) {
	// few is the size of the runs whose memory is compared with that of the large ones.
	many := b.scaled(1_000_000)
	few := many / 100
	noop := streamRun{"noop", 1, many}
	manyProjects := streamRun{"noop", 100, many / 100}
	ssm := streamRun{"ssm", 1, many}
	small := streamRun{"noop", 1, few}
	smallSSM := streamRun{"ssm", 1, few}
	figures := map[streamRun]*streamFigures{}
	var floor, floorFew streamFigures
	for range b.rounds {
		for _, one := range []struct {
			figures *streamFigures
			count   int
		}{{&floorFew, few}, {&floor, many}} {
			bare := exec.CommandContext(ctx, b.programs.barePath(), "relay", b.programs.barePath(), strconv.Itoa(one.count))
			used, err := measure(ctx, bare)
			if err != nil {
				return nil, err
			}
			one.figures.add(used, one.count)
		}
		for _, shape := range []streamRun{small, smallSSM, noop, ssm, manyProjects} {
			used, err := b.runStream(ctx, shape)
			if err != nil {
				return nil, err
			}
			if figures[shape] == nil {
				figures[shape] = &streamFigures{}
			}
			figures[shape].add(used, shape.records())
		}
	}
	costs := func(f *streamFigures) string {
		return fmt.Sprintf("%s µs/record; floor %s µs/record; wall %s s", f.perRecord.format("%.1f"), floor.perRecord.format("%.1f"),
			f.seconds().format("%.1f"))
	}
	added := make(series, b.rounds)
	for i := range added {
		added[i] = figures[ssm].perRecord[i] - figures[noop].perRecord[i]
	}
	return []row{
		{fmt.Sprintf("%d records of one project to noop: CPU of all processes / bare two-hop stream", many), "1.6",
			ratios(figures[noop].perRecord, floor.perRecord).format("%.2f"), costs(figures[noop])},
		{fmt.Sprintf("%d records of 100 projects to noop: CPU of all processes / bare two-hop stream", many), "1.6",
			ratios(figures[manyProjects].perRecord, floor.perRecord).format("%.2f"), costs(figures[manyProjects])},
		{fmt.Sprintf("%d records to ssm: CPU above that of noop", many), "30 µs/record", added.format("%.1f µs/record"), costs(figures[ssm])},
		{fmt.Sprintf("largest process, %d / %d records to noop", many, few), "1",
			ratios(figures[noop].largest, figures[small].largest).format("%.2f"),
			figures[noop].peaks.String() + "; with few records " + figures[small].peaks.String()},
		{fmt.Sprintf("largest process, %d records of 100 projects / %d of one", many, few), "1",
			ratios(figures[manyProjects].largest, figures[small].largest).format("%.2f"), figures[manyProjects].peaks.String()},
		{fmt.Sprintf("largest process, %d / %d records to ssm", many, few), "1",
			ratios(figures[ssm].largest, figures[smallSSM].largest).format("%.2f"), figures[ssm].peaks.String()},
		{fmt.Sprintf("largest process of the bare two-hop stream, %d / %d records", many, few), "-",
			ratios(floor.largest, floorFew.largest).format("%.2f"), floor.peaks.String()},
	}, nil
}

func (f *streamFigures) seconds() series {
	seconds := make(series, len(f.wall))
	for i, milliseconds := range f.wall {
		seconds[i] = milliseconds / 1e3
	}
	return seconds
}

// runStream extracts a window of one hour from the simulated extractor into an empty outbox.
func (b *bench) runStream(ctx context.Context, shape streamRun) (usage, error) {
	s, err := newSite(b.programs, filepath.Join(b.dir, "stream"),
		"extractor = simulated\nmessengers = "+shape.messenger,
		fmt.Sprintf("[simulated]\nproject_count = %d\nservers = %d\n", shape.projects, shape.servers))
	if err != nil {
		return usage{}, err
	}
	if err := s.empty(); err != nil {
		return usage{}, err
	}
	to := time.Now().UTC().Add(-time.Minute).Truncate(time.Second)
	used, err := s.extract(ctx, "--extract-from", to.Add(-time.Hour).Format(time.RFC3339), "--extract-to", to.Format(time.RFC3339))
	if err == nil && !strings.Contains(used.output, fmt.Sprintf("done: %d records", shape.records())) {
		err = fmt.Errorf("the run did not deliver %d records:\n%s", shape.records(), used.output)
	}
	return used, err
}
