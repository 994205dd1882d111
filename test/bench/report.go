package bench

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// WriteText writes the table: what each profile costs, its ratio to the profile of comparison, and the goal.
func WriteText(w io.Writer, measurements []Measurement) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	signal := ""
	for _, m := range measurements {
		if m.Signal != signal {
			signal = m.Signal
			fmt.Fprintf(table, "\n%s\tCPU-s/million\tratio\tgoal\tpeak MiB\tAWS requests/100k\tMB/100k\tp50 ms\tp99 ms\t\n", signal)
		}
		fmt.Fprintf(table, "%s\t\n", strings.Join(m.Fields(), "\t"))
	}
	_ = table.Flush() // to the terminal
	for _, m := range measurements {
		if m.Stored != m.Records && m.Profile != Floor {
			fmt.Fprintf(w, "%s, %s: %d of %d records arrived\n", m.Signal, m.Profile, m.Stored, m.Records)
		}
	}
}

// Fields are the columns of a measurement's line: profile, CPU, ratio, goal, memory, requests, megabytes and times.
func (m Measurement) Fields() []string {
	ratio, goal := "", ""
	if m.Ratio > 0 {
		ratio = fmt.Sprintf("%.2f", m.Ratio)
	}
	if m.Goal > 0 {
		goal = fmt.Sprintf("<= %.2f of %s: not met", m.Goal, m.Than)
		if m.Met {
			goal = fmt.Sprintf("<= %.2f of %s: met", m.Goal, m.Than)
		}
	}
	return []string{
		m.Profile, fmt.Sprintf("%.1f", m.CPU), ratio, goal, fmt.Sprintf("%.0f", m.PeakMiB), fmt.Sprintf("%.0f", m.Requests),
		fmt.Sprintf("%.2f", m.MB), milliseconds(m.P50), milliseconds(m.P99),
	}
}

func milliseconds(ms float64) string {
	if ms == 0 {
		return ""
	}
	return fmt.Sprintf("%.0f", ms)
}
