package preview

import (
	"cmp"
	"encoding/json"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/awslocal"
)

// How much of what arrived a report shows.
const (
	maxWaterfallRows   = 60
	maxSeriesExamples  = 6
	maxPointsOfSeries  = 120
	maxLogSamples      = 40
	maxSampleBytes     = 4096
	maxSampleBodyBytes = 2048
)

// clientNode stands for callers outside of the traced services, as X-Ray's service map shows them.
const clientNode = "Client"

// drawTraces fills what X-Ray shows: the service map, the annotations and one trace.
func drawTraces(report *TraceReport, spans []awslocal.Span) {
	byID := make(map[spanID]*awslocal.Span, len(spans))
	children := map[spanID][]*awslocal.Span{}
	traces := map[string][]*awslocal.Span{}
	for i := range spans {
		span := &spans[i]
		byID[spanID{span.TraceID, span.SpanID}] = span
		traces[span.TraceID] = append(traces[span.TraceID], span)
		if span.ParentID != "" {
			parent := spanID{span.TraceID, span.ParentID}
			children[parent] = append(children[parent], span)
		}
	}
	report.Traces = len(traces)

	nodes := map[string]*tally{}
	edges := map[[2]string]*tally{}
	kinds := map[string]string{}
	for i := range spans {
		span := &spans[i]
		service := serviceOf(span)
		if kinds[service] != "service" {
			kinds[service] = "service"
		}
		parent := byID[spanID{span.TraceID, span.ParentID}]
		switch {
		case span.ParentID == "":
			count(nodes, service).add(span)
			if isEntry(span) {
				if kinds[clientNode] == "" {
					kinds[clientNode] = "client"
				}
				count(edges, [2]string{clientNode, service}).add(span)
			}
		case parent == nil:
			// The caller's span is not here: it is a request all the same, of an unknown origin.
			if isEntry(span) {
				count(nodes, service).add(span)
			}
		case serviceOf(parent) != service:
			count(nodes, service).add(span)
			count(edges, [2]string{serviceOf(parent), service}).add(span)
		}
		if remote := remoteOf(span); remote != "" && !slices.ContainsFunc(children[spanID{span.TraceID, span.SpanID}], func(child *awslocal.Span) bool {
			return serviceOf(child) != service
		}) {
			// A call without a span of the callee: X-Ray infers a remote node.
			if remote == service {
				continue
			}
			if kinds[remote] == "" {
				kinds[remote] = "remote"
			}
			count(nodes, remote).add(span)
			count(edges, [2]string{service, remote}).add(span)
		}
	}
	for _, name := range sortedKeys(kinds) {
		t := count(nodes, name)
		report.Services = append(report.Services, Service{
			Name: name, Type: kinds[name], Requests: t.requests, Faults: t.faults, Errors: t.errors, Latency: t.latency(),
		})
	}
	for pair, t := range edges {
		report.Edges = append(report.Edges, Edge{
			From: pair[0], To: pair[1], Requests: t.requests, Faults: t.faults, Errors: t.errors, Latency: t.latency(),
		})
	}
	slices.SortFunc(report.Edges, func(a, b Edge) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
	report.Annotations = annotations(spans)
	if trace := mostInteresting(traces); trace != nil {
		report.Waterfall = waterfall(trace)
	}
}

// serviceOf names the service that a span belongs to.
func serviceOf(span *awslocal.Span) string {
	return cmp.Or(span.Service, span.Name, "unknown")
}

func isEntry(span *awslocal.Span) bool {
	return span.Kind == "segment" && span.Namespace == "" || span.Kind == "Server"
}

// remoteOf is the name of what a client span called; empty for spans that call nobody.
func remoteOf(span *awslocal.Span) string {
	switch span.Kind {
	case "subsegment":
		if span.Namespace != "" {
			return span.Name
		}
	case "Client", "Producer":
		for _, key := range []string{"peer.service", "db.namespace", "db.name", "messaging.destination.name", "rpc.service", "server.address", "net.peer.name"} {
			if name, ok := span.Annotations[key]; ok && textOf(name) != "" {
				return textOf(name)
			}
		}
		return span.Name
	}
	return ""
}

// tally counts calls.
type tally struct {
	requests, faults, errors int
	durations                []float64
}

func count[K comparable](of map[K]*tally, key K) *tally {
	if of[key] == nil {
		of[key] = &tally{}
	}
	return of[key]
}

func (t *tally) add(span *awslocal.Span) {
	t.requests++
	switch {
	case span.Fault:
		t.faults++
	case span.Error, span.Throttle:
		t.errors++
	}
	if !span.End.IsZero() {
		t.durations = append(t.durations, span.End.Sub(span.Start).Seconds()*1000)
	}
}

func (t *tally) latency() Latency {
	if len(t.durations) == 0 {
		return Latency{}
	}
	sort.Float64s(t.durations)
	at := func(q float64) float64 {
		i := int(math.Ceil(q*float64(len(t.durations)))) - 1
		return round(t.durations[max(0, i)], 3)
	}
	return Latency{P50: at(0.5), P99: at(0.99)}
}

func round(value float64, digits int) float64 {
	scale := math.Pow(10, float64(digits))
	return math.Round(value*scale) / scale
}

func annotations(spans []awslocal.Span) []Annotation {
	type seen struct {
		spans   int
		values  map[string]bool
		example string
	}
	keys := map[string]*seen{}
	for i := range spans {
		for key, value := range spans[i].Annotations {
			s := keys[key]
			if s == nil {
				s = &seen{values: map[string]bool{}, example: textOf(value)}
				keys[key] = s
			}
			s.spans++
			s.values[textOf(value)] = true
		}
	}
	list := make([]Annotation, 0, len(keys))
	for _, key := range sortedKeys(keys) {
		s := keys[key]
		list = append(list, Annotation{Key: key, Spans: s.spans, Values: len(s.values), Example: cutText(s.example, 80)})
	}
	return list
}

// mostInteresting chooses the trace to show: one with a failure, through the most services, with the most spans, and of
// such the slowest.
func mostInteresting(traces map[string][]*awslocal.Span) []*awslocal.Span {
	var best []*awslocal.Span
	bestScore, longest := -1, time.Duration(0)
	for _, id := range sortedKeys(traces) {
		spans := traces[id]
		services, failed := map[string]bool{}, 0
		start, end := spans[0].Start, spans[0].End
		for _, span := range spans {
			if span.Start.Before(start) {
				start = span.Start
			}
			if span.End.After(end) {
				end = span.End
			}
			services[serviceOf(span)] = true
			if span.Fault || span.Error {
				failed = 1
			}
		}
		score := failed*1_000_000 + min(len(services), 99)*10_000 + min(len(spans), maxWaterfallRows)
		if took := end.Sub(start); score > bestScore || score == bestScore && took > longest {
			best, bestScore, longest = spans, score, took
		}
	}
	return best
}

func waterfall(spans []*awslocal.Span) *Waterfall {
	ids := map[string]bool{}
	children := map[string][]*awslocal.Span{}
	start, end := spans[0].Start, spans[0].End
	for _, span := range spans {
		ids[span.SpanID] = true
		if span.Start.Before(start) {
			start = span.Start
		}
		if span.End.After(end) {
			end = span.End
		}
	}
	for _, span := range spans {
		parent := span.ParentID
		if !ids[parent] || parent == span.SpanID {
			parent = ""
		}
		children[parent] = append(children[parent], span)
	}
	for _, siblings := range children {
		slices.SortStableFunc(siblings, func(a, b *awslocal.Span) int { return a.Start.Compare(b.Start) })
	}
	w := &Waterfall{TraceID: spans[0].TraceID, Start: start, DurationMs: round(end.Sub(start).Seconds()*1000, 3)}
	shown := map[string]bool{}
	var walk func(parent string, depth int)
	walk = func(parent string, depth int) {
		for _, span := range children[parent] {
			if shown[span.SpanID] {
				continue // ids that repeat, or parents in a circle
			}
			shown[span.SpanID] = true
			if len(w.Rows) >= maxWaterfallRows {
				w.Omitted++
				continue
			}
			row := WaterfallRow{
				SpanID: span.SpanID, ParentID: span.ParentID, Depth: depth, Service: serviceOf(span), Name: span.Name, Kind: span.Kind,
				StartMs: round(span.Start.Sub(start).Seconds()*1000, 3), Fault: span.Fault, Error: span.Error, HTTPStatus: span.HTTPStatus,
			}
			if !span.End.IsZero() {
				row.DurationMs = round(span.End.Sub(span.Start).Seconds()*1000, 3)
			}
			if span.HTTPMethod != "" {
				call := strings.TrimSpace(span.HTTPMethod + " " + pathOf(span.HTTPURL))
				if span.Name == span.HTTPMethod || span.Name == "HTTP "+span.HTTPMethod || span.Name == row.Service {
					row.Name = call // X-Ray's names for a call of which it knows no host
				} else if !strings.Contains(span.Name, span.HTTPMethod+" ") {
					row.Name += " " + call
				}
			}
			w.Rows = append(w.Rows, row)
			walk(span.SpanID, depth+1)
		}
	}
	walk("", 0)
	return w
}

// pathOf drops the scheme and the host of a URL.
func pathOf(url string) string {
	if _, rest, ok := strings.Cut(url, "://"); ok {
		if i := strings.IndexByte(rest, '/'); i >= 0 {
			return rest[i:]
		}
		return ""
	}
	return url
}

// drawMetrics fills what CloudWatch shows: namespaces, metrics, dimensions, values.
func drawMetrics(report *MetricReport, metrics []awslocal.Metric) {
	type place struct{ namespace, name string }
	grouped := map[place]*Metric{}
	namespaces := map[string]*MetricNamespace{}
	series := map[place][]Series{}
	var order []place
	for i := range metrics {
		metric := &metrics[i]
		if len(metric.Datapoints) == 0 {
			continue
		}
		if metric.Datapoints[0].Source == awslocal.ViaOTLP {
			report.OTLPSeries++
		} else {
			report.CustomMetrics++
		}
		at := place{metric.Namespace, metric.Name}
		m := grouped[at]
		if m == nil {
			m = &Metric{Name: metric.Name}
			grouped[at] = m
			order = append(order, at)
			if namespaces[metric.Namespace] == nil {
				namespaces[metric.Namespace] = &MetricNamespace{Name: metric.Namespace}
			}
		}
		if metric.Unit != "" && metric.Unit != "None" || m.Unit == "" {
			m.Unit = metric.Unit
		}
		m.Series++
		namespaces[metric.Namespace].Series++
		m.Datapoints += len(metric.Datapoints)
		names := sortedKeys(metric.Dimensions)
		if !slices.ContainsFunc(m.DimensionSets, func(set []string) bool { return slices.Equal(set, names) }) {
			m.DimensionSets = append(m.DimensionSets, names)
		}
		s := Series{Dimensions: metric.Dimensions}
		if s.Dimensions == nil {
			s.Dimensions = map[string]string{}
		}
		for _, point := range metric.Datapoints {
			s.Points = append(s.Points, Point{
				Time: point.Timestamp.UTC(), Sum: finite(point.Statistics.Sum), SampleCount: finite(point.Statistics.SampleCount),
				Minimum: finite(point.Statistics.Minimum), Maximum: finite(point.Statistics.Maximum),
			})
		}
		slices.SortStableFunc(s.Points, func(a, b Point) int { return a.Time.Compare(b.Time) })
		if over := len(s.Points) - maxPointsOfSeries; over > 0 {
			s.Points = s.Points[over:]
		}
		series[at] = append(series[at], s)
	}
	for _, at := range order {
		m := grouped[at]
		all := series[at]
		slices.SortStableFunc(all, func(a, b Series) int { return cmp.Compare(len(b.Points), len(a.Points)) })
		m.Examples = all[:min(len(all), maxSeriesExamples)]
		slices.SortFunc(m.DimensionSets, slices.Compare)
		namespaces[at.namespace].Metrics = append(namespaces[at.namespace].Metrics, *m)
	}
	report.Namespaces = make([]MetricNamespace, 0, len(namespaces))
	for _, name := range sortedKeys(namespaces) {
		report.Namespaces = append(report.Namespaces, *namespaces[name])
	}
}

// title is the namespace for people.
func (n MetricNamespace) title() string {
	if n.Name == awslocal.OTLPNamespace {
		return "By the OTLP endpoint, without a namespace"
	}
	return "Namespace " + n.Name
}

// finite makes a number that JSON can express.
func finite(value float64) float64 {
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return 0
	}
	return value
}

// drawLogs fills what CloudWatch Logs shows: groups, streams, and a sample of the events.
func drawLogs(report *LogReport, snapshot awslocal.Snapshot) {
	report.Groups = make([]LogGroup, 0, len(snapshot.LogGroups))
	for _, group := range snapshot.LogGroups {
		g := LogGroup{Name: group.Name, RetentionDays: group.RetentionDays, Class: group.Class, Streams: make([]LogStream, 0, len(group.Streams))}
		metrics := 0
		for _, stream := range group.Streams {
			s := LogStream{Name: stream.Name, Events: len(stream.Events)}
			for _, event := range stream.Events {
				s.Bytes += len(event.Message)
				if strings.Contains(event.Message, `"CloudWatchMetrics"`) {
					metrics++
				}
			}
			g.Events += s.Events
			g.Bytes += s.Bytes
			g.Streams = append(g.Streams, s)
		}
		switch {
		case g.Events == 0:
			g.Holds = "nothing"
		case metrics == g.Events:
			g.Holds = "metrics"
		case metrics == 0:
			g.Holds = "logs"
		default:
			g.Holds = "logs and metrics"
		}
		report.Groups = append(report.Groups, g)
	}
	report.Samples = samples(storedLogs(snapshot))
}

// samples chooses events evenly over time, but keeps failures, which are few and what a person looks for.
func samples(events []*storedLog) []LogSample {
	var plain, failures []*storedLog
	for _, event := range events {
		if event.emf {
			continue
		}
		if slices.Contains([]string{"WARN", "ERROR", "FATAL"}, severityOf(event)) {
			failures = append(failures, event)
		} else {
			plain = append(plain, event)
		}
	}
	chosen := evenly(failures, maxLogSamples/3)
	chosen = append(chosen, evenly(plain, maxLogSamples-len(chosen))...)
	slices.SortStableFunc(chosen, func(a, b *storedLog) int { return a.at.Compare(b.at) })
	list := make([]LogSample, 0, len(chosen))
	for _, event := range chosen {
		list = append(list, LogSample{
			Time: event.at.UTC(), Group: event.group, Stream: event.stream, Severity: severityOf(event), Source: event.workload(),
			Body: cutText(event.bodyText(), maxSampleBodyBytes), TraceID: event.trace, Message: cutText(event.message, maxSampleBytes),
		})
	}
	return list
}

func evenly[T any](list []T, n int) []T {
	if len(list) <= n {
		return slices.Clone(list)
	}
	chosen := make([]T, 0, n)
	for i := range n {
		chosen = append(chosen, list[i*len(list)/n])
	}
	return chosen
}

// severityOf normalises a record's severity to TRACE, DEBUG, INFO, WARN, ERROR or FATAL, or what the event says.
func severityOf(event *storedLog) string {
	severity := strings.ToUpper(event.severity)
	if severity == "" {
		for _, key := range []string{"level", "severity", "log.level"} {
			if value, ok := event.attributes[key].(string); ok {
				severity = strings.ToUpper(value)
				break
			}
		}
	}
	switch {
	case strings.HasPrefix(severity, "WARN"):
		return "WARN"
	case strings.HasPrefix(severity, "ERR"):
		return "ERROR"
	case strings.HasPrefix(severity, "INFO"), severity == "NOTICE":
		return "INFO"
	case severity == "CRITICAL", severity == "PANIC":
		return "FATAL"
	}
	return severity
}

func (s *storedLog) workload() string {
	for _, at := range []struct {
		members map[string]any
		keys    []string
	}{
		{s.resource, []string{"k8s.pod.name", "service.name", "k8s.container.name"}},
		{s.kubernetes, []string{"pod_name", "container_name"}},
	} {
		for _, key := range at.keys {
			if name, ok := at.members[key].(string); ok && name != "" {
				return name
			}
		}
	}
	return ""
}

// bodyText is the record's body as a person reads it.
func (s *storedLog) bodyText() string {
	if s.structured {
		if s.body == "null" {
			if len(s.attributes) == 0 {
				return ""
			}
			raw, _ := json.Marshal(s.attributes) // came from JSON
			return string(raw)
		}
		return rawString([]byte(s.body))
	}
	var members map[string]json.RawMessage
	if strings.HasPrefix(s.message, "{") && json.Unmarshal([]byte(s.message), &members) == nil {
		for _, key := range []string{"log", "message", "msg", "body"} {
			if raw, ok := members[key]; ok {
				return strings.TrimRight(rawString(raw), "\n")
			}
		}
	}
	return s.message
}

// duration writes milliseconds as a person reads them.
func duration(ms float64) string {
	switch {
	case ms == 0:
		return "0"
	case ms < 1:
		return strconv.FormatFloat(ms*1000, 'f', 0, 64) + " µs"
	case ms < 100:
		return strconv.FormatFloat(ms, 'f', 1, 64) + " ms"
	case ms < 10_000:
		return strconv.FormatFloat(ms, 'f', 0, 64) + " ms"
	default:
		return time.Duration(ms * float64(time.Millisecond)).Round(100 * time.Millisecond).String()
	}
}
