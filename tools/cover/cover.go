// Package cover reports which branches, actions and named templates of a Helm chart renderings reached: as text, JSON,
// LCOV and an HTML page.
package cover

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/chart"
)

// Count is how many of something there are and how many of them were reached.
type Count struct {
	Total   int `json:"total"`
	Covered int `json:"covered"`
}

// Percent of what was reached; 100 of nothing.
func (c Count) Percent() float64 {
	if c.Total == 0 {
		return 100
	}
	return 100 * float64(c.Covered) / float64(c.Total)
}

func (c *Count) add(taken bool) {
	c.Total++
	if taken {
		c.Covered++
	}
}

// Report is what renderings reached of a chart.
type Report struct {
	Branches  Count  `json:"branches"`
	Actions   Count  `json:"actions"`
	Templates Count  `json:"templates"`
	Files     []File `json:"files"`
}

// File is what was reached of a template's file.
type File struct {
	// Path in the chart.
	Path     string  `json:"path"`
	Branches Count   `json:"branches"`
	Actions  Count   `json:"actions"`
	Points   []Point `json:"points"`

	source string
}

// Point is a place in a template, and by which renderings it was reached.
type Point struct {
	Line    int        `json:"line"`
	Column  int        `json:"column"`
	Kind    chart.Kind `json:"kind"`
	Text    string     `json:"text"`
	Outcome string     `json:"outcome,omitempty"`
	Count   int        `json:"count"`
	By      []string   `json:"by"`
}

// New sums up a coverage.
func New(coverage *chart.Coverage) *Report {
	report := &Report{Files: []File{}}
	points, taken := coverage.Points()
	for i, p := range points {
		if len(report.Files) == 0 || report.Files[len(report.Files)-1].Path != p.File {
			report.Files = append(report.Files, File{Path: p.File, source: coverage.Source(p.File)})
		}
		file := &report.Files[len(report.Files)-1]
		by := taken[i].By
		if by == nil {
			by = []string{}
		}
		file.Points = append(file.Points, Point{p.Line, p.Column, p.Kind, p.Text, p.Outcome, taken[i].Count, by})
		reached := taken[i].Count > 0
		switch {
		case p.Kind == chart.KindTemplate:
			report.Templates.add(reached)
		case p.Kind == chart.KindAction:
			report.Actions.add(reached)
			file.Actions.add(reached)
		default:
			report.Branches.add(reached)
			file.Branches.add(reached)
		}
	}
	return report
}

// Missing is a branch or a named template that no rendering reached.
type Missing struct {
	File string
	Point
}

// String names the place and what was never reached, as "templates/x.yaml:3:7: if .Values.x: never else".
func (m Missing) String() string {
	return fmt.Sprintf("%s:%d:%d: %s", m.File, m.Line, m.Column, m.What())
}

// What is String without the place, which every change of the file moves.
func (m Missing) What() string {
	if m.Kind == chart.KindTemplate {
		return "template " + m.Text + ": never executed"
	}
	return m.Text + ": never " + m.Outcome
}

// Missing lists the branches and the named templates that were not reached, in the order of files and places.
func (r *Report) Missing() []Missing {
	var missing []Missing
	for _, file := range r.Files {
		for _, p := range file.Points {
			if p.Count == 0 && p.Kind != chart.KindAction {
				missing = append(missing, Missing{file.Path, p})
			}
		}
	}
	return missing
}

// Text writes a summary, a line for each file that is not covered, and what is missing.
func (r *Report) Text(w io.Writer) error {
	var text strings.Builder
	fmt.Fprintf(&text, "branches %d of %d (%.1f %%), actions %d of %d (%.1f %%), templates %d of %d (%.1f %%)\n",
		r.Branches.Covered, r.Branches.Total, r.Branches.Percent(), r.Actions.Covered, r.Actions.Total, r.Actions.Percent(),
		r.Templates.Covered, r.Templates.Total, r.Templates.Percent())
	for _, missing := range r.Missing() {
		fmt.Fprintln(&text, missing)
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// JSON writes the report.
func (r *Report) JSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}

// LCOV writes a tracefile: named templates as functions, actions as lines, branches as branches. Paths are those of
// the chart's files below root.
func (r *Report) LCOV(w io.Writer, root string) error {
	var text strings.Builder
	for _, file := range r.Files {
		fmt.Fprintf(&text, "TN:\nSF:%s\n", strings.TrimSuffix(root, "/")+"/"+file.Path)
		var functions, branches, lines Count
		hits := map[int]int{}
		var order []int
		for _, p := range file.Points {
			switch {
			case p.Kind == chart.KindTemplate:
				fmt.Fprintf(&text, "FN:%d,%s\nFNDA:%d,%s\n", p.Line, p.Text, p.Count, p.Text)
				functions.add(p.Count > 0)
			case p.Kind == chart.KindAction:
				if _, known := hits[p.Line]; !known {
					order = append(order, p.Line)
				}
				hits[p.Line] = max(hits[p.Line], p.Count)
			}
		}
		fmt.Fprintf(&text, "FNF:%d\nFNH:%d\n", functions.Total, functions.Covered)
		block, choice := 0, 0
		for i, p := range file.Points {
			if !p.Kind.IsBranch() {
				continue
			}
			choice++
			if i == 0 || file.Points[i-1].Column != p.Column || file.Points[i-1].Line != p.Line || file.Points[i-1].Kind != p.Kind {
				block, choice = block+1, 0
			}
			fmt.Fprintf(&text, "BRDA:%d,%d,%d,%s\n", p.Line, block, choice, lcovCount(file.Points, i))
			branches.add(p.Count > 0)
		}
		fmt.Fprintf(&text, "BRF:%d\nBRH:%d\n", branches.Total, branches.Covered)
		for _, line := range order {
			fmt.Fprintf(&text, "DA:%d,%d\n", line, hits[line])
			lines.add(hits[line] > 0)
		}
		fmt.Fprintf(&text, "LF:%d\nLH:%d\nend_of_record\n", lines.Total, lines.Covered)
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// lcovCount is "-" for a branch whose condition was never evaluated.
func lcovCount(points []Point, i int) string {
	p := points[i]
	for _, other := range points {
		if other.Line == p.Line && other.Column == p.Column && other.Kind == p.Kind && other.Count > 0 {
			return fmt.Sprint(p.Count)
		}
	}
	return "-"
}
