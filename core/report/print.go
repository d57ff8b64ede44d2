package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/caso-project/caso/internal/printable"
)

// WriteJSON prints the run as one JSON object.
func (r *Run) WriteJSON(w io.Writer) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(r)
	if err == nil {
		_, err = w.Write(printable.JSON(text.Bytes()))
	}
	if err != nil {
		return fmt.Errorf("printing the report: %w", err)
	}
	return nil
}

// WriteText prints the run for a person: a line per window and messenger, a line per problem, and
// the summary as the last line.
func (r *Run) WriteText(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, window := range r.Windows {
		// The table passes on every error of w when it is flushed.
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s .. %s\t%s\n",
			window.Extractor, printable.OneLine(r.windowLabel(window)), printable.OneLine(window.VO),
			formatTime(window.From), formatTime(window.To), window.outcome())
	}
	for _, messenger := range r.Messengers {
		_, _ = fmt.Fprintf(table, "-> %s\t\t\t\t%s\n", messenger.Name, messenger.outcome())
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("printing the report: %w", err)
	}
	for _, line := range append(r.problemLines(), r.summary()) {
		if _, err := fmt.Fprintln(w, line); err != nil {
			return fmt.Errorf("printing the report: %w", err)
		}
	}
	return nil
}

func (w WindowResult) outcome() string {
	switch {
	case w.Failed && w.Republish:
		return "failed, to be republished again"
	case w.Failed:
		return "failed, left for the next run"
	}
	outcome := CountNoun(w.Records, "record")
	if w.Republish {
		outcome += ", checkpoint unchanged"
	}
	return outcome
}

func (m MessengerResult) outcome() string {
	outcome := fmt.Sprintf("%s in %s delivered", CountNoun(m.Records, "record"), CountNoun(m.Batches, "batch"))
	if m.DeadLetters > 0 {
		outcome += fmt.Sprintf(", %s rejected (%s)", CountNoun(m.DeadLetters, "record"), noun(m.DeadLetters, "dead letter"))
	}
	if m.PendingBatches > 0 {
		outcome += fmt.Sprintf(", %s pending", CountNoun(m.PendingRecords, "record"))
		if m.OldestPending != nil {
			outcome += " since " + formatTime(*m.OldestPending)
		}
	}
	return outcome
}

// problemLines returns one line for every problem but the infos of windows and messengers, which
// are in the JSON report.
func (r *Run) problemLines() []string {
	var lines []string
	for _, p := range r.Problems {
		lines = append(lines, p.Line(""))
	}
	add := func(source string, problems []Problem) {
		for _, p := range problems {
			if p.Severity != Info {
				lines = append(lines, p.Line(source))
			}
		}
	}
	for _, window := range r.Windows {
		add("extractor "+window.Extractor+", project "+r.windowLabel(window), window.Problems)
	}
	for _, messenger := range r.Messengers {
		add("messenger "+messenger.Name, messenger.Problems)
	}
	return lines
}

// ErrorLines returns one line for every problem of severity error.
func (r *Run) ErrorLines() []string {
	return slices.DeleteFunc(r.problemLines(), func(line string) bool { return !strings.HasPrefix(line, string(Error)+": ") })
}

// maxShown is the number of characters of a summary and of a detail that a line has. The JSON
// report has all.
const maxShown = 1000

// Line returns the problem as one line. Source is what the problem belongs to, if the summary does
// not name it.
func (p Problem) Line(source string) string {
	if source == "" && p.Project != "" && !strings.Contains(p.Summary, p.Project) {
		source = "project " + p.Project
	}
	line := string(p.Severity) + ": "
	if source != "" {
		line += source + ": "
	}
	line += strings.TrimRight(printable.Shorten(p.Summary, maxShown), ". ")
	if p.Resource != "" && !strings.Contains(p.Summary, p.Resource) {
		line += " (" + p.Resource + ")"
	}
	if p.Detail != "" {
		line += ". " + printable.Shorten(p.Detail, maxShown)
	}
	return printable.OneLine(line)
}

func (r *Run) summary() string {
	records, failed, pending := 0, 0, 0
	for _, window := range r.Windows {
		records += window.Records
		if window.Failed {
			failed++
		}
	}
	for _, messenger := range r.Messengers {
		if messenger.PendingBatches > 0 {
			pending++
		}
	}
	summary := fmt.Sprintf("%s in %s, %.1f s", CountNoun(records, "record"), CountNoun(len(r.Windows), "window"), float64(r.Duration))
	if r.DryRun {
		summary += " (dry run: nothing stored, nothing delivered)"
	}
	if r.Complete() {
		return "done: " + summary
	}
	if failed > 0 {
		summary += fmt.Sprintf("; %s failed", CountNoun(failed, "window"))
	}
	if pending > 0 {
		summary += fmt.Sprintf("; records pending for %s", CountNoun(pending, "messenger"))
	}
	return "incomplete: " + summary + "; see the errors above"
}

// CountNoun returns a number with a noun, in the plural unless the number is 1.
func CountNoun(n int, singular string) string {
	return fmt.Sprintf("%d %s", n, noun(n, singular))
}

func noun(n int, singular string) string {
	switch {
	case n == 1:
		return singular
	case strings.HasSuffix(singular, "ch"):
		return singular + "es"
	}
	return singular + "s"
}

// ProjectLabel returns name and ID of a project for messages.
func ProjectLabel(id, name string) string {
	if name == "" || name == id {
		return id
	}
	return fmt.Sprintf("%s (%s)", name, id)
}

// windowLabel returns name and ID of the project of a window, and the region where there are
// several.
func (r *Run) windowLabel(window WindowResult) string {
	label := ProjectLabel(window.ProjectID, window.ProjectName)
	if r.SeveralRegions {
		return RegionLabel(label, window.Region)
	}
	return label
}

// RegionLabel adds a region to what a message names, unless the region is empty.
func RegionLabel(label, region string) string {
	if region == "" {
		return label
	}
	return label + " in region " + region
}

func formatTime(t time.Time) string {
	return t.UTC().Format(time.RFC3339)
}
