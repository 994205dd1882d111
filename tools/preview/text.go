package preview

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// textWidth is how wide the text report is at most; a log line or a name may be wider.
const textWidth = 100

// WriteText writes the report for a terminal. Colour says whether to use ANSI colours.
func (r *Report) WriteText(w io.Writer, colour bool) error {
	r = printable(reflect.ValueOf(r)).Interface().(*Report) //nolint:forcetypeassert // a copy has its type
	p := &printer{colour: colour}
	p.head(r)
	p.traces(r.Signals.Traces)
	p.metrics(r.Signals.Metrics)
	p.logs(r.Signals.Logs)
	p.requests(r)
	p.warnings(r.Warnings)
	p.verdict(r)
	_, err := io.WriteString(w, p.out.String())
	return err
}

// printer collects the text.
type printer struct {
	out    strings.Builder
	colour bool
}

// The ANSI attributes that the report uses.
const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
)

func (p *printer) paint(code, text string) string {
	if !p.colour || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (p *printer) line(format string, args ...any) {
	fmt.Fprintf(&p.out, format, args...)
	p.out.WriteByte('\n')
}

func (p *printer) section(name, rest string) {
	p.line("")
	p.line("%s  %s", p.paint(bold, name), p.paint(dim, rest))
}

// pad fills text with spaces to a width in characters.
func pad(text string, width int) string {
	if missing := width - utf8.RuneCountInString(text); missing > 0 {
		return text + strings.Repeat(" ", missing)
	}
	return text
}

func padLeft(text string, width int) string {
	if missing := width - utf8.RuneCountInString(text); missing > 0 {
		return strings.Repeat(" ", missing) + text
	}
	return text
}

// fit shortens text to a width in characters.
func fit(text string, width int) string {
	if utf8.RuneCountInString(text) <= width {
		return text
	}
	runes := []rune(text)
	return string(runes[:width-1]) + "…"
}

// oneLine replaces line breaks and control characters, so that telemetry cannot steer the terminal.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return '⏎'
		case r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0:
			return ' '
		}
		return r
	}, text)
}

// printable returns a copy of a value in which every text is one line, so that no part of a report steers the terminal.
func printable(v reflect.Value) reflect.Value {
	switch v.Kind() {
	case reflect.String:
		return reflect.ValueOf(oneLine(v.String())).Convert(v.Type())
	case reflect.Pointer:
		if v.IsNil() {
			return v
		}
		out := reflect.New(v.Type().Elem())
		out.Elem().Set(printable(v.Elem()))
		return out
	case reflect.Slice:
		out := reflect.MakeSlice(v.Type(), 0, v.Len())
		for i := range v.Len() {
			out = reflect.Append(out, printable(v.Index(i)))
		}
		return out
	case reflect.Map:
		out := reflect.MakeMapWithSize(v.Type(), v.Len())
		for key, value := range v.Seq2() {
			out.SetMapIndex(printable(key), printable(value))
		}
		return out
	case reflect.Struct:
		out := reflect.New(v.Type()).Elem()
		out.Set(v)
		if v.Type() == reflect.TypeFor[time.Time]() {
			return out
		}
		for i := range v.NumField() {
			out.Field(i).Set(printable(v.Field(i)))
		}
		return out
	default:
		return v
	}
}

func (p *printer) head(r *Report) {
	p.line("%s", p.paint(bold, "What AWS gets of "+cmp.Or(r.Release.Chart, "the release")))
	p.line("  release %s in namespace %s, region %s", r.Release.Name, r.Release.Namespace, r.Release.Region)
	if r.Release.Workload != "" {
		p.line("  collector %s, configuration from %s", r.Release.Workload, r.Release.ConfigSource)
	}
	p.line("  input %s: %s spans, %s datapoints, %s log records, moved by %s to now",
		strings.Join(r.Input.Files, ", "), thousands(r.Input.Spans), thousands(r.Input.Datapoints), thousands(r.Input.LogRecords), age(r.Input.ShiftedSeconds))
	p.line("")
	p.line("  %s%s%s%s%s%s", pad("", 10), padLeft("sent", 10), padLeft("arrived", 10), padLeft("lost", 8), padLeft("duplicated", 12), padLeft("filtered", 10))
	for _, signal := range []struct {
		name    string
		account Account
	}{{"traces", r.Signals.Traces.Account}, {"metrics", r.Signals.Metrics.Account}, {"logs", r.Signals.Logs.Account}} {
		a := signal.account
		if !a.Enabled {
			p.line("  %s%s", pad(signal.name, 10), p.paint(dim, "  not part of this release"))
			continue
		}
		lost, duplicated := padLeft(thousands(a.Lost), 8), padLeft(thousands(a.Duplicated), 12)
		if a.Lost > 0 {
			lost = p.paint(red, lost)
		}
		if a.Duplicated > 0 {
			duplicated = p.paint(yellow, duplicated)
		}
		p.line("  %s%s%s%s%s%s  %s", pad(signal.name, 10), padLeft(thousands(a.Sent), 10), p.paint(green, padLeft(thousands(a.Arrived), 10)), lost, duplicated,
			padLeft(thousands(a.Filtered), 10), p.paint(dim, a.Unit))
	}
	for _, account := range []Account{r.Signals.Traces.Account, r.Signals.Metrics.Account, r.Signals.Logs.Account} {
		for _, reason := range account.Reasons {
			p.reason(account, reason)
		}
	}
}

func (p *printer) reason(a Account, r Reason) {
	code := map[Fate]string{FateLost: red, FateDuplicated: yellow, FateChanged: yellow, FateFiltered: cyan, FateWithheld: dim}[r.Fate]
	p.line("")
	p.line("  %s %s", p.paint(code, fmt.Sprintf("%s %s %s:", thousands(r.Count), a.Unit, r.Fate)), "said by "+r.Source)
	for _, line := range wrap(r.Why, textWidth-6) {
		p.line("      %s", line)
	}
	if r.Example != "" {
		p.line("      %s", p.paint(dim, "e.g. "+fit(r.Example, textWidth-10)))
	}
}

// wrap breaks text at spaces.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

func (p *printer) traces(t TraceReport) {
	if !t.Enabled || t.Arrived == 0 {
		return
	}
	services := 0
	for _, service := range t.Services {
		if service.Type == "service" {
			services++
		}
	}
	p.section("Traces", fmt.Sprintf("%s traces, %s spans, %d services · %s", thousands(t.Traces), thousands(t.Arrived), services, t.Route))
	if len(t.Edges) > 0 {
		from, to := 0, 0
		for _, edge := range t.Edges {
			from, to = max(from, utf8.RuneCountInString(edge.From)), max(to, utf8.RuneCountInString(edge.To))
		}
		from, to = min(from, 30), min(to, 34)
		p.line("  %s%s%s%s%s%s", pad("service map", from+to+6), padLeft("calls", 8), padLeft("4xx", 6), padLeft("5xx", 6), padLeft("p50", 10), padLeft("p99", 10))
		for _, edge := range t.Edges {
			faults := padLeft(dash(edge.Faults), 6)
			if edge.Faults > 0 {
				faults = p.paint(red, faults)
			}
			p.line("  %s %s %s  %s%s%s%s%s", pad(fit(edge.From, from), from), p.paint(dim, "─▶"), pad(fit(edge.To, to), to),
				padLeft(thousands(edge.Requests), 8), padLeft(dash(edge.Errors), 6), faults, padLeft(duration(edge.Latency.P50), 10), padLeft(duration(edge.Latency.P99), 10))
		}
	}
	if t.Waterfall != nil {
		p.waterfall(*t.Waterfall)
	}
	if len(t.Annotations) > 0 {
		names := make([]string, 0, len(t.Annotations))
		for _, a := range t.Annotations {
			names = append(names, a.Key)
		}
		p.line("")
		for i, line := range wrap("annotations (searchable): "+strings.Join(names, ", "), textWidth-4) {
			p.line("  %s%s", strings.Repeat(" ", min(i, 1)*2), line)
		}
	}
}

// waterfallBar is how wide the bars of a waterfall are, in characters.
const waterfallBar = 36

func (p *printer) waterfall(w Waterfall) {
	p.line("")
	p.line("  trace %s, %s", w.TraceID, duration(w.DurationMs))
	for i, row := range w.Rows {
		if i == 24 {
			p.line("    %s", p.paint(dim, fmt.Sprintf("and %d more spans", len(w.Rows)-i+w.Omitted)))
			break
		}
		name := strings.Repeat("  ", min(row.Depth, 8)) + row.Service
		if row.Name != row.Service {
			name += " · " + strings.TrimSpace(strings.TrimPrefix(row.Name, row.Service))
		}
		scale := w.DurationMs
		if scale <= 0 {
			scale = 1
		}
		from := min(waterfallBar-1, max(0, int(row.StartMs/scale*waterfallBar)))
		length := min(waterfallBar-from, max(1, int(math.Round(row.DurationMs/scale*waterfallBar))))
		code, mark := cyan, "  "
		switch {
		case row.Fault:
			code, mark = red, "✗ "
		case row.Error:
			code, mark = yellow, "! "
		}
		bar := strings.Repeat(" ", from) + p.paint(code, strings.Repeat("━", length)) + strings.Repeat(" ", waterfallBar-from-length)
		p.line("  %s%s %s %s", p.paint(code, mark), pad(fit(name, 44), 44), bar, padLeft(duration(row.DurationMs), 9))
	}
}

func (p *printer) metrics(m MetricReport) {
	if !m.Enabled || m.Arrived == 0 {
		return
	}
	bill := fmt.Sprintf("%s custom metrics billed", thousands(m.CustomMetrics))
	if m.OTLPSeries > 0 && m.CustomMetrics == 0 {
		bill = fmt.Sprintf("%s series by the OTLP endpoint", thousands(m.OTLPSeries))
	} else if m.OTLPSeries > 0 {
		bill += fmt.Sprintf(", %s series by the OTLP endpoint", thousands(m.OTLPSeries))
	}
	p.section("Metrics", bill+" · "+m.Route)
	for _, namespace := range m.Namespaces {
		p.line("  %s  %s", p.paint(bold, namespace.title()), p.paint(dim, fmt.Sprintf("%s metrics, %s series", thousands(len(namespace.Metrics)), thousands(namespace.Series))))
		width := 0
		for _, metric := range namespace.Metrics {
			width = max(width, utf8.RuneCountInString(metric.Name))
		}
		width = min(width, 44)
		for i, metric := range namespace.Metrics {
			if i == 30 {
				p.line("    %s", p.paint(dim, fmt.Sprintf("and %d more metrics: see --html or --format json", len(namespace.Metrics)-i)))
				break
			}
			spark := ""
			if len(metric.Examples) > 0 {
				spark = sparkline(metric.Examples[0].Points, 12)
			}
			p.line("    %s %s series  %s %s %s", pad(fit(metric.Name, width), width), padLeft(thousands(metric.Series), 5), pad(spark, 12),
				pad(fit(cmp.Or(metric.Unit, "None"), 14), 14), p.paint(dim, dimensionText(metric.DimensionSets)))
		}
	}
}

func dimensionText(sets [][]string) string {
	if len(sets) == 0 {
		return ""
	}
	longest := slices.MaxFunc(sets, func(a, b []string) int { return cmp.Compare(len(a), len(b)) })
	text := fmt.Sprintf("%d dimensions", len(longest))
	if len(sets) > 1 {
		text += fmt.Sprintf(" in %d sets", len(sets))
	}
	return text
}

var sparkBars = []rune("▁▂▃▄▅▆▇█")

// sparkline draws the values of a series: averages, so that sums and samples look alike.
func sparkline(points []Point, width int) string {
	values := averages(points)
	if len(values) > width {
		values = values[len(values)-width:]
	}
	if len(values) == 0 {
		return ""
	}
	low, high := slices.Min(values), slices.Max(values)
	var bars strings.Builder
	for _, value := range values {
		level := 0
		if high > low {
			level = int((value - low) / (high - low) * float64(len(sparkBars)-1))
		}
		bars.WriteRune(sparkBars[min(len(sparkBars)-1, max(0, level))])
	}
	return bars.String()
}

func averages(points []Point) []float64 {
	values := make([]float64, 0, len(points))
	for _, point := range points {
		value := point.Sum
		if point.SampleCount > 0 {
			value /= point.SampleCount
		}
		values = append(values, value)
	}
	return values
}

func (p *printer) logs(l LogReport) {
	if len(l.Groups) == 0 {
		return
	}
	route := ""
	if l.Route != "" {
		route = " · " + l.Route
	}
	p.section("Logs", fmt.Sprintf("%s records%s", thousands(l.Arrived), route))
	for _, group := range l.Groups {
		kept := "kept for ever" // CloudWatch's own default
		if group.RetentionDays > 0 {
			kept = fmt.Sprintf("kept %d days", group.RetentionDays)
		}
		p.line("  %s  %s", p.paint(bold, group.Name), p.paint(dim, fmt.Sprintf("%s, %s, %s events, %s", group.Holds, kept, thousands(group.Events), bytesText(int64(group.Bytes)))))
		for i, stream := range group.Streams {
			if i == 8 {
				p.line("    %s", p.paint(dim, fmt.Sprintf("and %d more streams", len(group.Streams)-i)))
				break
			}
			p.line("    %s %s events", pad(fit(stream.Name, 60), 60), padLeft(thousands(stream.Events), 8))
		}
	}
	if len(l.Samples) > 0 {
		p.line("")
		for _, sample := range evenly(l.Samples, 14) {
			code := map[string]string{"WARN": yellow, "ERROR": red, "FATAL": red}[sample.Severity]
			severity := pad(fit(sample.Severity, 5), 5)
			if code != "" {
				severity = p.paint(code, severity)
			}
			p.line("  %s %s %s %s", p.paint(dim, sample.Time.Format("15:04:05.000")), severity, p.paint(cyan, pad(fit(sample.Source, 24), 24)), fit(sample.Body, 80))
		}
	}
}

func (p *printer) requests(r *Report) {
	if len(r.Requests) == 0 {
		return
	}
	p.section("Requests to AWS", "")
	for _, request := range r.Requests {
		failed := ""
		if len(request.Errors) > 0 {
			var parts []string
			for _, code := range sortedKeys(request.Errors) {
				parts = append(parts, fmt.Sprintf("%d × %s", request.Errors[code], code))
			}
			failed = p.paint(yellow, "  "+strings.Join(parts, ", "))
		}
		p.line("  %s %s calls %s on the wire%s", pad(request.Service+" "+request.Operation, 34), padLeft(thousands(request.Calls), 7), padLeft(bytesText(request.WireBytes), 10), failed)
	}
}

func (p *printer) warnings(list []string) {
	if len(list) == 0 {
		return
	}
	p.section("To know", "")
	for _, text := range list {
		for i, line := range wrap(text, textWidth-4) {
			mark := "  "
			if i == 0 {
				mark = "- "
			}
			p.line("  %s%s", mark, line)
		}
	}
}

func (p *printer) verdict(r *Report) {
	p.line("")
	if r.Accounted {
		p.line("%s", p.paint(green, "✓ Everything that Kyma sent is accounted for."))
		return
	}
	s := r.Signals
	p.line("%s", p.paint(red, fmt.Sprintf("✗ Lost: %s spans, %s datapoints, %s log records. The reasons stand above.",
		thousands(s.Traces.Lost), thousands(s.Metrics.Lost), thousands(s.Logs.Lost))))
}

func dash(n int) string {
	if n == 0 {
		return "-"
	}
	return thousands(n)
}

// thousands writes 1234567 as 1,234,567.
func thousands(n int) string {
	text := strconv.Itoa(n)
	start := 0
	if n < 0 {
		start = 1
	}
	for i := len(text) - 3; i > start; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

func bytesText(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 1000_000:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	default:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
}

// age writes a span of time in its two largest units.
func age(seconds float64) string {
	d := time.Duration(math.Abs(seconds) * float64(time.Second))
	days := int(d / (24 * time.Hour))
	rest := d % (24 * time.Hour)
	switch {
	case days > 0:
		return fmt.Sprintf("%d d %d h", days, int(rest/time.Hour))
	case d >= time.Hour:
		return fmt.Sprintf("%d h %d min", int(d/time.Hour), int(d%time.Hour/time.Minute))
	case d >= time.Minute:
		return fmt.Sprintf("%d min %d s", int(d/time.Minute), int(d%time.Minute/time.Second))
	default:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
}
