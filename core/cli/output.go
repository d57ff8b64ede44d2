package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/caso-project/caso/internal/printable"
)

// outputFlag is --output of the commands that print facts.
type outputFlag struct{ format string }

func (o *outputFlag) add(command *cobra.Command) {
	o.format = "text"
	command.Flags().VarP(o, "output", "o", "text or json")
}

func (o *outputFlag) Set(format string) error {
	if format != "text" && format != "json" {
		return errors.New("must be text or json")
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
	var encoded bytes.Buffer
	encoder := json.NewEncoder(&encoded)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(facts)
	if err == nil {
		_, err = w.Write(printable.JSON(encoded.Bytes()))
	}
	return err
}

// printLine prints one line of a result.
func printLine(world World, line string) error {
	_, err := fmt.Fprintln(world.Stdout, printable.OneLine(line))
	return err
}

// formatBytes returns a size with its unit.
func formatBytes(n int) string {
	switch {
	case n >= 10<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 10<<10:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d B", n)
}

// maxCell is the number of characters that a cell of a table shows.
const maxCell = 1000

// printTable prints rows in columns, below a header.
func printTable(w io.Writer, header []string, rows func(addRow func(cells ...any))) error {
	writer := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	printRow := func(cells []string) {
		_, _ = fmt.Fprintln(writer, strings.Join(cells, "\t")) // Flush returns the writer's error
	}
	printRow(header)
	rows(func(cells ...any) {
		row := make([]string, len(cells))
		for i, cell := range cells {
			row[i] = printable.OneLine(printable.Shorten(fmt.Sprint(cell), maxCell))
		}
		printRow(row)
	})
	return writer.Flush()
}
