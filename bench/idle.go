package main

import (
	"context"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/caso-project/caso/test/standin"
)

// benchIdle measures a run of nova and ssm that has nothing to extract and nothing to deliver.
func (b *bench) benchIdle(ctx context.Context) ([]row, error) {
	cloud, stop, err := startCloud(standin.Options{Seed: 1, Projects: 2})
	if err != nil {
		return nil, err
	}
	defer stop()
	s, err := cloud.newSite(b.programs, filepath.Join(b.dir, "idle"))
	if err != nil {
		return nil, err
	}
	to := "--extract-to=" + time.Now().UTC().Add(-time.Minute).Format(time.RFC3339)
	if _, err := s.extract(ctx, to); err != nil {
		return nil, err
	}
	var run, handshake, process series
	for range b.rounds {
		for _, one := range []struct {
			times     *series
			arguments []string
		}{
			{&process, []string{"nothing"}},
			{&handshake, []string{"handshake", b.programs.pluginPath("extractor-nova"), b.programs.pluginPath("messenger-ssm")}},
		} {
			used, err := measure(ctx, exec.CommandContext(ctx, b.programs.barePath(), one.arguments...))
			if err != nil {
				return nil, err
			}
			one.times.addMilliseconds(used.wall)
		}
		used, err := s.extract(ctx, to)
		if err != nil {
			return nil, err
		}
		run.addMilliseconds(used.wall)
	}
	return []row{
		{"nothing to do, start to end (nova, ssm, 2 projects)", "250 ms", run.format("%.0f ms"),
			"the same plugins started, described and ended by bare go-plugin " + handshake.format("%.0f") +
				" ms; a Go process that returns at once " + process.format("%.1f") + " ms"},
		{"nothing to do / bare go-plugin", "-", ratios(run, handshake).format("%.1f"), ""},
	}, nil
}
