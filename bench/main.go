// Command bench measures caso and prints a Markdown table, of which docs/performance.md is one
// output. Every figure is compared with a floor or a peer that is measured in the same run, in
// turn, in several rounds; the table has medians with the smallest and the largest value.
//
// It is run by make bench. The groups are outbox, open, stream, cloud, projects and idle.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
)

// bench is the setting of the measurements.
type bench struct {
	rounds   int
	scale    float64
	dir      string
	programs programs
}

// scaled returns a size of the full benchmarks, reduced by -scale.
func (b *bench) scaled(size int) int { return max(1000, int(float64(size)*b.scale)) }

// group is a part of the table.
type group struct {
	name    string
	measure func(context.Context) ([]row, error)
}

func (b *bench) groups() []group {
	return []group{
		{"outbox", b.benchOutbox},
		{"open", b.benchOpen},
		{"stream", b.benchStream},
		{"cloud", b.benchCloud},
		{"projects", b.benchProjects},
		{"idle", b.benchIdle},
	}
}

func main() {
	if dir := os.Getenv(crashRole); dir != "" {
		exitOn(commitAndCrash(dir))
	}
	rounds := flag.Int("rounds", 5, "how often each figure is measured")
	scale := flag.Float64("scale", 1, "size of the measurements; 1 is what docs/performance.md has")
	bin := flag.String("bin", "bin", "directory with caso and its plugins")
	only := flag.String("only", "", "groups to measure, separated by commas (default: all)")
	dir := flag.String("dir", "", "directory for outboxes and spools (default: a temporary one)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	exitOn(runGroups(ctx, &bench{rounds: *rounds, scale: *scale, dir: *dir}, *bin, *only))
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func runGroups(ctx context.Context, b *bench, bin, only string) error {
	dir, err := os.MkdirTemp(b.dir, "caso-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	b.dir = dir
	if b.programs, err = buildPrograms(ctx, filepath.Join(dir, "bin"), bin); err != nil {
		return err
	}
	var rows []row
	for _, g := range b.groups() {
		if only != "" && !slices.Contains(strings.Split(only, ","), g.name) {
			continue
		}
		fmt.Fprintln(os.Stderr, "measuring", g.name)
		measured, err := g.measure(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", g.name, err)
		}
		rows = append(rows, measured...)
	}
	fmt.Printf("%s, %d rounds\n\n", describeMachine(), b.rounds)
	return writeTable(os.Stdout, rows)
}
