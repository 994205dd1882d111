package faults

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// WriteText writes the matrix: faults downwards, signals with their exporters across, for each delivery. A field is what was
// lost of what was accepted, "+" what is stored more than once.
func WriteText(w io.Writer, results []Result) {
	type column struct{ signal, exporter string }
	columns := []column{{"traces", "xray"}, {"metrics", "emf"}, {"logs", "cloudwatchlogs"}, {"traces", "otlp"}, {"metrics", "otlp"}, {"logs", "otlp"}}
	var deliveries, names []string
	fields := map[string]string{}
	for _, r := range results {
		if !slices.Contains(deliveries, r.Delivery) {
			deliveries = append(deliveries, r.Delivery)
		}
		if !slices.Contains(names, r.Fault) {
			names = append(names, r.Fault)
		}
		fields[r.name()] = r.field()
	}
	for _, delivery := range deliveries {
		table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintf(table, "\n%s", strings.ToUpper(delivery))
		for _, c := range columns {
			fmt.Fprintf(table, "\t%s/%s", c.signal, c.exporter)
		}
		fmt.Fprintln(table)
		for _, name := range names {
			line, any := name, false
			for _, c := range columns {
				field := fields[c.signal+"/"+c.exporter+"/"+delivery+"/"+name]
				any = any || field != ""
				line += "\t" + field
			}
			if any {
				fmt.Fprintln(table, line)
			}
		}
		_ = table.Flush() // to the terminal
	}
	fmt.Fprintln(w, "\nEach field: lost / accepted by Kyma's gateway, +stored more than once. * has a bound above 0, ! misses its bound.")
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
			for _, named := range r.Named {
				fmt.Fprintf(w, "    %s\n", named)
			}
		}
	}
}

func (r Result) field() string {
	if r.Skipped {
		return "skipped"
	}
	text := fmt.Sprintf("%d/%d", r.Lost, r.Accepted)
	if r.Duplicated > 0 {
		text += fmt.Sprintf(" +%d", r.Duplicated)
	}
	switch {
	case !r.Pass:
		text += " !"
	case r.Bound > 0:
		text += " *"
	}
	return text
}
