package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// WriteJSON prints the run as one JSON object.
func (r *Run) WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}

// WriteText prints the run for a person. The last line is always the summary.
func (r *Run) WriteText(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, window := range r.Windows {
		state := count(window.Records, "record")
		if window.Failed {
			state = "failed, left for the next run"
		}
		fprintf(table, "%s\t%s\t%s\t%s .. %s\t%s\n", window.Extractor, label(window.ProjectID, window.ProjectName), window.VO,
			stamp(window.From), stamp(window.To), state)
	}
	for _, messenger := range r.Messengers {
		state := fmt.Sprintf("%s in %s delivered", count(messenger.Records, "record"), count(messenger.Batches, "batch"))
		if messenger.SetAside > 0 {
			state += fmt.Sprintf(", %s set aside", count(messenger.SetAside, "record"))
		}
		if messenger.WaitingBatches > 0 {
			state += fmt.Sprintf(", %s waiting", count(messenger.WaitingRecords, "record"))
			if messenger.OldestWaiting != nil {
				state += " since " + stamp(*messenger.OldestWaiting)
			}
		}
		fprintf(table, "-> %s\t\t\t\t%s\n", messenger.Name, state)
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("printing the report: %w", err)
	}
	for _, line := range r.problemLines() {
		if _, err := fmt.Fprintln(w, line); err != nil {
			return fmt.Errorf("printing the report: %w", err)
		}
	}
	_, err := fmt.Fprintln(w, r.summary())
	return err
}

// fprintf writes to the table, whose errors Flush returns.
func fprintf(w io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(w, format, args...)
}

// problemLines is one line for every error and warning.
func (r *Run) problemLines() []string {
	var lines []string
	add := func(where string, problems []Problem) {
		for _, p := range problems {
			if p.Severity != Info {
				lines = append(lines, p.Line(where))
			}
		}
	}
	add("", r.Problems)
	for _, window := range r.Windows {
		add(window.Extractor+", project "+label(window.ProjectID, window.ProjectName), window.Problems)
	}
	for _, messenger := range r.Messengers {
		add("messenger "+messenger.Name, messenger.Problems)
	}
	return lines
}

// Line is the problem in one line; where says what it belongs to.
func (p Problem) Line(where string) string {
	line := string(p.Severity) + ": "
	if where == "" && p.Project != "" && !strings.Contains(p.Summary, p.Project) {
		where = "project " + p.Project
	}
	if where != "" {
		line += where + ": "
	}
	line += strings.TrimRight(p.Summary, ". ")
	if p.Resource != "" && !strings.Contains(p.Summary, p.Resource) {
		line += " (" + p.Resource + ")"
	}
	if p.Detail != "" {
		line += ". " + p.Detail
	}
	return strings.NewReplacer("\r", " ", "\n", " ").Replace(line)
}

func (r *Run) summary() string {
	var windows, failed, records, waiting int
	for _, window := range r.Windows {
		windows++
		records += window.Records
		if window.Failed {
			failed++
		}
	}
	for _, messenger := range r.Messengers {
		if messenger.WaitingBatches > 0 {
			waiting++
		}
	}
	text := fmt.Sprintf("%s in %s, %.1f s", count(records, "record"), count(windows, "window"), float64(r.Duration))
	if r.DryRun {
		text += " (dry run: nothing kept, nothing delivered)"
	}
	switch {
	case r.Complete():
		return "done: " + text
	case failed > 0 || waiting > 0:
		return fmt.Sprintf("incomplete: %s; %s failed, %s behind", text, count(failed, "window"), count(waiting, "messenger"))
	}
	return "incomplete: " + text + "; see the errors above"
}

func count(n int, noun string) string {
	switch {
	case n == 1:
	case strings.HasSuffix(noun, "ch"):
		noun += "es"
	default:
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

func label(id, name string) string {
	if name == "" || name == id {
		return id
	}
	return fmt.Sprintf("%s (%s)", name, id)
}

func stamp(t time.Time) string {
	return t.UTC().Format(time.RFC3339)
}
