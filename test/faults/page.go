package faults

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
)

//go:embed page.html.tmpl
var pageText string

var page = template.Must(template.New("page").Parse(pageText))

// column is an exporter of a signal; columns are all of them, in the order of a table.
type column struct{ signal, exporter string }

func (c column) String() string { return c.signal + "/" + c.exporter }

var columns = []column{{"traces", "xray"}, {"metrics", "emf"}, {"logs", "cloudwatchlogs"}, {"traces", "otlp"}, {"metrics", "otlp"}, {"logs", "otlp"}}

// matrixTable is the results of one delivery as a table.
type matrixTable struct {
	Name    string
	Columns []string
	Rows    []matrixRow
}

type matrixRow struct {
	Fault, What string
	Fields      []matrixField
}

type matrixField struct {
	Class, Title, Text string
	Small              []string
}

// tables puts the results into one table for each delivery, without the columns and rows that have none.
func tables(results []Result) []matrixTable {
	var deliveries []string
	for _, r := range results {
		if !slices.Contains(deliveries, r.Delivery) {
			deliveries = append(deliveries, r.Delivery)
		}
	}
	var all []matrixTable
	for _, delivery := range deliveries {
		of := map[string]Result{}
		var used []column
		for _, r := range results {
			if r.Delivery == delivery {
				of[r.name()] = r
			}
		}
		for _, c := range columns {
			if slices.ContainsFunc(results, func(r Result) bool { return r.Delivery == delivery && r.Signal == c.signal && r.Exporter == c.exporter }) {
				used = append(used, c)
			}
		}
		table := matrixTable{Name: delivery}
		for _, c := range used {
			table.Columns = append(table.Columns, c.String())
		}
		for _, fault := range Faults {
			row := matrixRow{Fault: fault.Name, What: fault.What}
			any := false
			for _, c := range used {
				r, has := of[c.String()+"/"+delivery+"/"+fault.Name]
				any = any || has
				if !has {
					row.Fields = append(row.Fields, matrixField{})
					continue
				}
				row.Fields = append(row.Fields, r.tableField())
			}
			if any {
				table.Rows = append(table.Rows, row)
			}
		}
		all = append(all, table)
	}
	return all
}

func (r Result) tableField() matrixField {
	if r.Skipped {
		return matrixField{Class: "skipped", Title: r.Reason, Text: "not run"}
	}
	f := matrixField{Text: fmt.Sprintf("%d of %d", r.Lost, r.Accepted), Title: strings.Join(append([]string{r.Failure, r.Reason}, r.Named...), " ")}
	switch {
	case !r.Pass:
		f.Class = "bad"
	case r.Bound > 0:
		f.Class = "bound"
	default:
		f.Class = "good"
	}
	if r.Duplicated > 0 {
		f.Small = append(f.Small, fmt.Sprintf("%d twice", r.Duplicated))
	}
	if r.Refused > 0 {
		f.Small = append(f.Small, fmt.Sprintf("%d refused", r.Refused))
	}
	if r.Poison > 0 {
		f.Small = append(f.Small, fmt.Sprintf("poison: %d of %d stored", r.PoisonStored, r.Poison))
	}
	return f
}

// explained is a result that needs words.
type explained struct {
	Name, Why string
	Named     []string
}

// WriteHTML writes the matrix as one self-contained page.
func WriteHTML(w io.Writer, results []Result) error {
	data := struct {
		Verdict, Started, Machine string
		Deliveries                []matrixTable
		Explained                 []explained
	}{Verdict: verdict(results), Deliveries: tables(results)}
	for _, r := range results {
		if data.Started == "" || r.Started.Format("2006-01-02 15:04 MST") < data.Started {
			data.Started, data.Machine = r.Started.Format("2006-01-02 15:04 MST"), r.Machine
		}
		why := r.Reason
		if r.Failure != "" {
			why = r.Failure
		}
		if why != "" || r.Poison > r.PoisonStored || len(r.Notes) > 0 {
			data.Explained = append(data.Explained, explained{r.name(), why, append(slices.Clone(r.Named), r.Notes...)})
		}
	}
	return page.Execute(w, data)
}

func verdict(results []Result) string {
	failed, bound, skipped := 0, 0, 0
	for _, r := range results {
		switch {
		case r.Skipped:
			skipped++
		case !r.Pass:
			failed++
		case r.Bound > 0:
			bound++
		}
	}
	text := fmt.Sprintf("%d cells: %d lost nothing", len(results), len(results)-failed-bound-skipped)
	if bound > 0 {
		text += fmt.Sprintf(", %d lost within a bound that is stated", bound)
	}
	if failed > 0 {
		text += fmt.Sprintf(", %d missed their bound", failed)
	}
	if skipped > 0 {
		text += fmt.Sprintf(", %d could not be run", skipped)
	}
	return text + "."
}
