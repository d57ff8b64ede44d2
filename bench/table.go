package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// row is a line of the table of results.
type row struct {
	what, target string
	// figure is what the target is about: the median over the rounds, and the spread.
	figure string
	// details are the figures behind it.
	details string
}

// series is a figure of each round.
type series []float64

func (s series) median() float64 {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	middle := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (sorted[middle-1] + sorted[middle]) / 2
	}
	return sorted[middle]
}

// format returns "median (smallest-largest)", each as format prints it.
func (s series) format(format string) string {
	if len(s) == 0 {
		return "-"
	}
	text := func(figure float64) string { return fmt.Sprintf(format, figure) }
	if len(s) == 1 {
		return text(s[0])
	}
	return fmt.Sprintf("%s (%s-%s)", text(s.median()), text(slices.Min(s)), text(slices.Max(s)))
}

// ratios divides the figures of the same rounds.
func ratios(figures, floors series) series {
	divided := make(series, len(figures))
	for i := range figures {
		divided[i] = figures[i] / floors[i]
	}
	return divided
}

func (s *series) add(figure float64)              { *s = append(*s, figure) }
func (s *series) addMilliseconds(d time.Duration) { s.add(float64(d) / 1e6) }
func (s *series) addMegabytes(bytes int64)        { s.add(float64(bytes) / 1e6) }

// peakFigures are the peaks of each process, one for each round.
type peakFigures map[string]series

func (f *peakFigures) add(peaks map[string]int64) {
	if *f == nil {
		*f = peakFigures{}
	}
	for name, bytes := range peaks {
		figures := (*f)[name]
		figures.addMegabytes(bytes)
		(*f)[name] = figures
	}
}

// String lists the processes with their peaks.
func (f peakFigures) String() string {
	var texts []string
	for _, name := range slices.Sorted(maps.Keys(f)) {
		texts = append(texts, fmt.Sprintf("%s %s MB", name, f[name].format("%.0f")))
	}
	return strings.Join(texts, ", ")
}

// writeTable writes Markdown.
func writeTable(w io.Writer, rows []row) error {
	var text strings.Builder
	text.WriteString("| measured | target | median (spread) | figures |\n| --- | --- | --- | --- |\n")
	for _, r := range rows {
		fmt.Fprintf(&text, "| %s | %s | %s | %s |\n", r.what, r.target, r.figure, r.details)
	}
	_, err := io.WriteString(w, text.String())
	return err
}
