package faults

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// WriteText writes the matrix: faults downwards, signals with their exporters across, for each delivery. A field is what was
// lost of what was accepted, "+" what is stored more than once.
func WriteText(w io.Writer, results []Result) {
	for _, table := range tables(results) {
		text := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintf(text, "\n%s\t%s\n", strings.ToUpper(table.Name), strings.Join(table.Columns, "\t"))
		for _, row := range table.Rows {
			line := row.Fault
			for _, field := range row.Fields {
				line += "\t" + field.short()
			}
			fmt.Fprintln(text, line)
		}
		_ = text.Flush() // to the terminal
	}
	fmt.Fprintln(w, "\nEach field: lost of accepted by Kyma's gateway, +stored more than once. * lost within a stated bound, ! misses its bound.")
	for _, r := range results {
		if r.Pass && r.Reason == "" {
			continue
		}
		mark, why := "*", r.Reason
		if !r.Pass {
			mark, why = "!", r.Failure
		}
		fmt.Fprintf(w, "%s %s: %s\n", mark, r.name(), why)
		if !r.Pass {
			for _, named := range append(r.Named, r.Notes...) {
				fmt.Fprintf(w, "    %s\n", named)
			}
		}
	}
	fmt.Fprintf(w, "\n%s\n", verdict(results))
}

// short is a field of the table in text.
func (f matrixField) short() string {
	text := strings.Replace(f.Text, " of ", "/", 1)
	for _, small := range f.Small {
		if n, ok := strings.CutSuffix(small, " twice"); ok {
			text += " +" + n
		}
	}
	return text + map[string]string{"bound": " *", "bad": " !"}[f.Class]
}
