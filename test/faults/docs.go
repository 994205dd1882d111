package faults

import (
	_ "embed"
	"fmt"
	"io"
	"strings"
	"text/template"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/test/bench"
)

//go:embed docs.md.tmpl
var docsText string

var docs = template.Must(template.New("docs").Parse(docsText))

type docsTable struct {
	Name    string
	Columns []string
	Rows    []docsRow
}

type docsRow struct {
	Fault, What string
	Fields      []string
}

type docsCosts struct {
	Signal string
	Rows   [][]string
}

// WriteDocs writes docs/delivery.md from the results of a whole matrix and of a benchmark, which may be empty. Results that do
// not meet their bounds are an error: the page would promise what is not so.
func WriteDocs(w io.Writer, results []Result, costs []bench.Measurement) error {
	if len(results) == 0 {
		return fmt.Errorf("there are no results: run `make faults`")
	}
	for _, r := range results {
		if !r.Pass {
			return fmt.Errorf("%s does not meet its bound: %s", r.name(), r.Failure)
		}
	}
	data := struct {
		Verdict, FaultsStarted, FaultsMachine, CostsStarted, CostsMachine string
		Tables                                                            []docsTable
		Open                                                              []struct{ Cells, Reason string }
		Costs                                                             []docsCosts
	}{Verdict: verdict(results), FaultsStarted: results[0].Started.Format("2006-01-02"), FaultsMachine: results[0].Machine}
	for _, table := range tables(results) {
		t := docsTable{Name: table.Name, Columns: table.Columns}
		for _, row := range table.Rows {
			r := docsRow{Fault: row.Fault, What: row.What}
			for _, field := range row.Fields {
				r.Fields = append(r.Fields, strings.ReplaceAll(field.short(), "*", `\*`))
			}
			t.Rows = append(t.Rows, r)
		}
		data.Tables = append(data.Tables, t)
	}
	for _, e := range exceptions {
		data.Open = append(data.Open, struct{ Cells, Reason string }{e.cells, e.reason})
	}
	for _, m := range costs {
		data.CostsStarted, data.CostsMachine = m.Started.Format("2006-01-02"), m.Machine
		if n := len(data.Costs); n == 0 || data.Costs[n-1].Signal != m.Signal {
			data.Costs = append(data.Costs, docsCosts{Signal: m.Signal})
		}
		last := &data.Costs[len(data.Costs)-1]
		last.Rows = append(last.Rows, m.Fields())
	}
	return docs.Execute(w, data)
}
