package bench

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// WriteText writes the table: what each profile costs, its ratio to the profile of comparison, and the goal.
func WriteText(w io.Writer, measurements []Measurement) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	signal := ""
	for _, m := range measurements {
		if m.Signal != signal {
			signal = m.Signal
			fmt.Fprintf(table, "\n%s\tCPU-s/million\tratio\tgoal\t\tpeak MiB\tAWS requests/100k\tMB/100k\tp50 ms\tp99 ms\t\n", signal)
		}
		ratio, goal, met := "", "", ""
		if m.Ratio > 0 {
			ratio = fmt.Sprintf("%.2f", m.Ratio)
		}
		if m.Goal > 0 {
			goal, met = fmt.Sprintf("<= %.2f of %s", m.Goal, m.Than), "not met"
			if m.Met {
				met = "met"
			}
		}
		fmt.Fprintf(table, "%s\t%.1f\t%s\t%s\t%s\t%.0f\t%.0f\t%.2f\t%s\t%s\t\n",
			m.Profile, m.CPU, ratio, goal, met, m.PeakMiB, m.Requests, m.MB, milliseconds(m.P50), milliseconds(m.P99))
		if m.Stored != m.Records {
			fmt.Fprintf(table, "\t%d of %d stored\t\t\t\t\t\t\t\t\t\n", m.Stored, m.Records)
		}
	}
	_ = table.Flush() // to the terminal
}

func milliseconds(ms float64) string {
	if ms == 0 {
		return ""
	}
	return fmt.Sprintf("%.0f", ms)
}
