package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

// outputFlag is --output of the commands that print facts.
type outputFlag struct{ format string }

func (o *outputFlag) add(command *cobra.Command) {
	o.format = "text"
	command.Flags().VarP(o, "output", "o", "text or json")
}

func (o *outputFlag) Set(format string) error {
	if format != "text" && format != "json" {
		return fmt.Errorf("%q is not an output format; there are text and json", format)
	}
	o.format = format
	return nil
}
func (o *outputFlag) String() string { return o.format }
func (o *outputFlag) Type() string   { return "format" }

// print prints facts as JSON, or calls text.
func (o *outputFlag) print(w io.Writer, facts any, text func() error) error {
	if o.format != "json" {
		return text()
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(facts)
}

// table prints rows in columns.
func table(w io.Writer, header string, rows func(add func(format string, args ...any))) error {
	writer := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	add := func(format string, args ...any) {
		_, _ = fmt.Fprintf(writer, format+"\n", args...) // Flush returns the writer's error
	}
	add("%s", header)
	rows(add)
	return writer.Flush()
}
