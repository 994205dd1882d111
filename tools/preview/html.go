package preview

import (
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/awslocal"
)

//go:embed page.html.tmpl
var pageTemplate string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"thousands": thousands,
	"duration":  duration,
	"bytes":     bytesText,
	"size":      func(n int) string { return bytesText(int64(n)) },
	"age":       age,
	"join":      strings.Join,
	"clock":     func(t time.Time) string { return t.Format("15:04:05.000") },
	"spark":     newSpark,
	"lower":     strings.ToLower,
	"half":      func(f float64) float64 { return f / 2 },
	"percent": func(part, whole int) float64 {
		if whole == 0 {
			return 0
		}
		return round(100*float64(part)/float64(whole), 2)
	},
}).Parse(pageTemplate))

// WriteHTML writes the report as one page that needs nothing else: no script, no font, no image from anywhere.
func (r *Report) WriteHTML(w io.Writer) error {
	return page.Execute(w, newPageModel(r))
}

// These bound the page: a browser should stay quick.
const (
	maxMetricRows  = 500
	maxStreamRows  = 100 // of each log group
	maxMapServices = 80
)

// pageModel is the report with what only the page needs.
type pageModel struct {
	*Report
	Balances   []pageBalance
	Map        *serviceMap
	Waterfall  *pageWaterfall
	Services   int
	Groups     []pageLogGroup
	Metrics    []pageNamespace
	MetricsCut int
	Requests   []pageRequest
}

type pageBalance struct {
	Name string
	Account
}

type pageWaterfall struct {
	*Waterfall
	Rows   []pageRow
	Legend []pageLegend
	Ticks  []pageTick
}

type pageLegend struct {
	Name   string
	Colour int
}

type pageTick struct {
	Left float64
	Text string
}

type pageRow struct {
	WaterfallRow
	Left, Width float64
	Colour      int
	Indent      int
	// TextLeft is whether the duration stands before the bar, as there is no room behind it.
	TextLeft bool
}

type pageNamespace struct {
	MetricNamespace
	Title string
	// Groups are the metrics by their dimensions, so that these stand there once.
	Groups []*pageGroup
}

type pageGroup struct {
	// Dimensions are all names of the metrics' sets of dimensions, of which there are Sets.
	Dimensions []string
	Sets       int
	Rows       []pageMetric
}

type pageMetric struct {
	Metric
	Spark     *spark
	Low, High string
}

type pageLogGroup struct {
	LogGroup
	Shown []LogStream
}

type pageRequest struct {
	awslocal.Request
	Share  float64
	Failed int
	Codes  string
}

// colours is how many colours of services the page's style has.
const colours = 8

func newPageModel(r *Report) *pageModel {
	m := &pageModel{Report: r, Balances: []pageBalance{
		{"Traces", r.Signals.Traces.Account}, {"Metrics", r.Signals.Metrics.Account}, {"Logs", r.Signals.Logs.Account},
	}}
	if len(r.Signals.Traces.Services) <= maxMapServices {
		m.Map = newServiceMap(r.Signals.Traces.Services, r.Signals.Traces.Edges)
	}
	for _, group := range r.Signals.Logs.Groups {
		m.Groups = append(m.Groups, pageLogGroup{group, group.Streams[:min(len(group.Streams), maxStreamRows)]})
	}
	for _, service := range r.Signals.Traces.Services {
		if service.Type == "service" {
			m.Services++
		}
	}
	m.Waterfall = newPageWaterfall(r.Signals.Traces.Waterfall)
	rows := 0
	for _, namespace := range r.Signals.Metrics.Namespaces {
		p := pageNamespace{MetricNamespace: namespace, Title: namespace.title()}
		for _, metric := range namespace.Metrics {
			if rows++; rows > maxMetricRows {
				m.MetricsCut++
				continue
			}
			dimensions, sets := dimensionNames(metric), len(metric.DimensionSets)
			i := slices.IndexFunc(p.Groups, func(g *pageGroup) bool { return g.Sets == sets && slices.Equal(g.Dimensions, dimensions) })
			if i < 0 {
				i = len(p.Groups)
				p.Groups = append(p.Groups, &pageGroup{Dimensions: dimensions, Sets: sets})
			}
			p.Groups[i].Rows = append(p.Groups[i].Rows, newPageMetric(metric))
		}
		m.Metrics = append(m.Metrics, p)
	}
	most := int64(1)
	for _, request := range r.Requests {
		most = max(most, request.WireBytes)
	}
	for _, request := range r.Requests {
		p := pageRequest{Request: request, Share: round(100*float64(request.WireBytes)/float64(most), 2)}
		var codes []string
		for _, code := range sortedKeys(request.Errors) {
			p.Failed += request.Errors[code]
			codes = append(codes, fmt.Sprintf("%s × %s", thousands(request.Errors[code]), code))
		}
		p.Codes = strings.Join(codes, ", ")
		m.Requests = append(m.Requests, p)
	}
	return m
}

func newPageWaterfall(w *Waterfall) *pageWaterfall {
	if w == nil {
		return nil
	}
	p := &pageWaterfall{Waterfall: w}
	colourOf := map[string]int{}
	scale := cmp.Or(w.DurationMs, 1)
	for _, row := range w.Rows {
		colour, known := colourOf[row.Service]
		if !known {
			colour = len(colourOf) % colours
			colourOf[row.Service] = colour
			p.Legend = append(p.Legend, pageLegend{row.Service, colour})
		}
		left := min(99.6, max(0, 100*row.StartMs/scale))
		width := min(100-left, max(0.4, 100*row.DurationMs/scale))
		p.Rows = append(p.Rows, pageRow{
			WaterfallRow: row, Left: round(left, 2), Width: round(width, 2), Colour: colour, Indent: min(row.Depth, 12), TextLeft: left+width > 86,
		})
	}
	step := niceStep(scale / 5)
	for at := 0.0; at <= scale*1.0001; at += step {
		p.Ticks = append(p.Ticks, pageTick{Left: round(100*at/scale, 2), Text: duration(round(at, 3))})
	}
	return p
}

// niceStep rounds up to 1, 2 or 5 times a power of ten.
func niceStep(value float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(value)))
	for _, factor := range []float64{1, 2, 5, 10} {
		if factor*power >= value {
			return factor * power
		}
	}
	return 10 * power
}

// dimensionNames are the names of all of a metric's sets of dimensions, sorted.
func dimensionNames(metric Metric) []string {
	names := slices.Concat(metric.DimensionSets...)
	slices.Sort(names)
	return slices.Compact(names)
}

func newPageMetric(metric Metric) pageMetric {
	p := pageMetric{Metric: metric}
	if len(metric.Examples) > 0 {
		p.Spark = newSpark(metric.Examples[0].Points)
		values := averages(metric.Examples[0].Points)
		p.Low, p.High = number(slices.Min(values)), number(slices.Max(values))
	}
	return p
}

// spark is a small line of values, 96 by 22 units.
type spark struct {
	Path string
	X, Y float64
	Tip  string
}

func newSpark(points []Point) *spark {
	values := averages(points)
	if len(values) == 0 {
		return nil
	}
	const width, height, margin = 96.0, 22.0, 3.0
	low, high := slices.Min(values), slices.Max(values)
	s := &spark{Tip: fmt.Sprintf("%d datapoints, from %s to %s", len(values), number(low), number(high))}
	var path strings.Builder
	for i, value := range values {
		x, y := width/2, height/2
		if len(values) > 1 {
			x = margin + (width-2*margin)*float64(i)/float64(len(values)-1)
		}
		if high > low {
			y = height - margin - (height-2*margin)*(value-low)/(high-low)
		}
		command := "L"
		if i == 0 {
			command = "M"
		}
		fmt.Fprintf(&path, "%s%.1f %.1f", command, x, y)
		s.X, s.Y = round(x, 1), round(y, 1)
	}
	s.Path = path.String()
	return s
}

// number writes a value as a person reads it.
func number(value float64) string {
	size := math.Abs(value)
	switch {
	case size >= 1e9:
		return fmt.Sprintf("%.1f G", value/1e9)
	case size >= 1e6:
		return fmt.Sprintf("%.1f M", value/1e6)
	case size >= 1e4:
		return fmt.Sprintf("%.1f k", value/1e3)
	case value == math.Trunc(value) || size >= 1000:
		return fmt.Sprintf("%.0f", value)
	default:
		return fmt.Sprintf("%.3g", value)
	}
}
