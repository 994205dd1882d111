package cover

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/chart"
)

//go:embed page.html.tmpl
var pageText string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"percent": func(c Count) string { return fmt.Sprintf("%.1f", c.Percent()) },
}).Parse(pageText))

// HTML writes a page that needs nothing else: each template with its lines coloured by what was reached, and at each
// branch its alternatives and who took them.
func (r *Report) HTML(w io.Writer, title string) error {
	data := struct {
		Title  string
		Report *Report
		Files  []pageFile
	}{Title: title, Report: r}
	for i, file := range r.Files {
		data.Files = append(data.Files, newPageFile(i, file))
	}
	return page.Execute(w, data)
}

type pageFile struct {
	ID    string
	File  File
	Lines []pageLine
}

type pageLine struct {
	Number int
	Text   string
	// State is "all", "some" or "none" of what the line holds, or "" if it holds nothing.
	State  string
	Points []pagePoint
}

type pagePoint struct {
	Point
	Label string
}

func newPageFile(i int, file File) pageFile {
	p := pageFile{ID: fmt.Sprintf("file%d", i), File: file}
	for n, text := range strings.Split(strings.TrimSuffix(file.source, "\n"), "\n") {
		line := pageLine{Number: n + 1, Text: text}
		taken, missed := false, false
		for _, point := range file.Points {
			if point.Line != line.Number {
				continue
			}
			taken, missed = taken || point.Count > 0, missed || point.Count == 0
			switch {
			case point.Kind == chart.KindTemplate:
				line.Points = append(line.Points, pagePoint{point, "template " + point.Text})
			case point.Kind.IsBranch():
				line.Points = append(line.Points, pagePoint{point, point.Text + ": " + point.Outcome})
			}
		}
		switch {
		case taken && missed:
			line.State = "some"
		case taken:
			line.State = "all"
		case missed:
			line.State = "none"
		}
		p.Lines = append(p.Lines, line)
	}
	return p
}
