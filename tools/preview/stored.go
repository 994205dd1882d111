package preview

import (
	"encoding/json"
	"maps"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/awslocal"
)

// storedPoint is a metric datapoint as AWS holds it.
type storedPoint struct {
	namespace, name string
	timeMs          int64
	// fields are all that identifies the series: dimensions and the other fields of the EMF event, or the attributes and the
	// resource of an OTLP datapoint.
	fields map[string]string
	// times is how many times it is stored.
	times int
	// count is the number of observations that an EMF histogram says it has, 0 for plain values.
	count float64
	// extracted is whether CloudWatch made a metric of it; an EMF event in a log group alone is none.
	extracted bool
	// declared is whether an EMF directive names it; awsemf writes none where no metric declaration matches.
	declared bool
	otlp     bool
}

// emfEvent is a log event in CloudWatch's embedded metric format, or one that awsemf wrote without a directive.
type emfEvent struct {
	timeMs     int64
	directives []emfDirective
	fields     map[string]json.RawMessage
}

type emfDirective struct {
	Namespace  string
	Dimensions [][]string
	Metrics    []struct{ Name string }
}

// parseEMF reads version 1 (member _aws) and version 0 (members CloudWatchMetrics and Timestamp). An event without a
// directive is taken for EMF only when mayLack says so.
func parseEMF(event awslocal.LogEvent, mayLack func(fields map[string]json.RawMessage) bool) (emfEvent, bool) {
	if !strings.HasPrefix(event.Message, "{") {
		return emfEvent{}, false
	}
	e := emfEvent{timeMs: event.Timestamp.UnixMilli()}
	if json.Unmarshal([]byte(event.Message), &e.fields) != nil {
		return emfEvent{}, false
	}
	if raw, ok := e.fields["_aws"]; ok {
		var meta struct {
			CloudWatchMetrics []emfDirective
			Timestamp         int64
		}
		if json.Unmarshal(raw, &meta) != nil || meta.CloudWatchMetrics == nil {
			return emfEvent{}, false
		}
		e.timeMs, e.directives = meta.Timestamp, meta.CloudWatchMetrics
	} else if raw, ok := e.fields["CloudWatchMetrics"]; ok {
		if json.Unmarshal(raw, &e.directives) != nil {
			return emfEvent{}, false
		}
		if ms, err := strconv.ParseInt(rawString(e.fields["Timestamp"]), 10, 64); err == nil {
			e.timeMs = ms
		}
	} else if !mayLack(e.fields) {
		return emfEvent{}, false
	}
	for _, key := range []string{"_aws", "Version", "CloudWatchMetrics"} {
		delete(e.fields, key)
	}
	return e, true
}

// rawString is a JSON string's text, and any other JSON as it is written.
func rawString(raw json.RawMessage) string {
	var text string
	if len(raw) > 0 && raw[0] == '"' && json.Unmarshal(raw, &text) == nil {
		return text
	}
	return string(raw)
}

// observations is the Count of an EMF statistic set or histogram.
func observations(raw json.RawMessage) float64 {
	if len(raw) == 0 || raw[0] != '{' {
		return 0
	}
	var set struct{ Count float64 }
	if json.Unmarshal(raw, &set) != nil {
		return 0
	}
	return set.Count
}

// extractedIndex tells whether CloudWatch has a datapoint of a metric at a time.
type extractedIndex map[string]bool

func newExtractedIndex(metrics []awslocal.Metric) extractedIndex {
	index := extractedIndex{}
	for _, metric := range metrics {
		series := seriesKey(metric.Namespace, metric.Name, metric.Dimensions)
		for _, point := range metric.Datapoints {
			if point.Source == awslocal.ViaEMF {
				index[series+strconv.FormatInt(point.Timestamp.UnixMilli(), 10)] = true
			}
		}
	}
	return index
}

func seriesKey(namespace, name string, dimensions map[string]string) string {
	var key strings.Builder
	for _, part := range []string{namespace, name} {
		key.WriteString(strconv.Quote(part))
	}
	for _, dimension := range sortedKeys(dimensions) {
		key.WriteString(strconv.Quote(dimension))
		key.WriteString(strconv.Quote(dimensions[dimension]))
	}
	return key.String()
}

// storedPoints lists the datapoints of EMF events and of OTLP requests. Names tells the metrics that were sent; it is by
// them that an awsemf event without a directive is known.
func storedPoints(snapshot awslocal.Snapshot, names map[string]bool) []*storedPoint {
	var points []*storedPoint
	index := newExtractedIndex(snapshot.Metrics)
	mayLack := func(fields map[string]json.RawMessage) bool {
		found := false
		for key, raw := range fields {
			plain := len(raw) > 0 && raw[0] == '"'
			if !plain && !names[key] {
				return false // a log record or something else: awsemf writes all but metrics as strings
			}
			found = found || !plain
		}
		return found
	}
	for _, group := range snapshot.LogGroups {
		for _, stream := range group.Streams {
			for _, event := range stream.Events {
				if event.Via != awslocal.ViaPutLogEvents {
					continue
				}
				if emf, ok := parseEMF(event, mayLack); ok {
					points = append(points, emf.points(index, names)...)
				}
			}
		}
	}
	for _, metric := range snapshot.Metrics {
		for _, point := range metric.Datapoints {
			if point.Source != awslocal.ViaOTLP {
				continue
			}
			fields := maps.Clone(metric.Dimensions)
			if fields == nil {
				fields = map[string]string{}
			}
			for key, value := range point.Fields {
				if _, taken := fields[key]; !taken {
					fields[key] = textOf(value)
				}
			}
			points = append(points, &storedPoint{
				namespace: metric.Namespace, name: metric.Name, timeMs: point.Timestamp.UnixMilli(), fields: fields,
				times: max(1, point.Stored), extracted: true, declared: true, otlp: true,
			})
		}
	}
	return points
}

func (e emfEvent) points(index extractedIndex, names map[string]bool) []*storedPoint {
	type declaration struct {
		namespace string
		extracted bool
	}
	declared := map[string]declaration{}
	for _, directive := range e.directives {
		for _, metric := range directive.Metrics {
			d := declaration{namespace: directive.Namespace, extracted: declared[metric.Name].extracted}
			sets := directive.Dimensions
			if len(sets) == 0 {
				sets = [][]string{{}}
			}
			for _, set := range sets {
				dimensions := map[string]string{}
				for _, dimension := range set {
					dimensions[dimension] = rawString(e.fields[dimension])
				}
				if index[seriesKey(directive.Namespace, metric.Name, dimensions)+strconv.FormatInt(e.timeMs, 10)] {
					d.extracted = true
				}
			}
			declared[metric.Name] = d
		}
	}
	fields := map[string]string{}
	isMetric := func(key string) bool {
		raw := e.fields[key]
		_, named := declared[key]
		return named || names[key] && len(raw) > 0 && raw[0] != '"'
	}
	for key, raw := range e.fields {
		if !isMetric(key) {
			fields[key] = rawString(raw)
		}
	}
	var points []*storedPoint
	for _, key := range sortedKeys(e.fields) {
		if !isMetric(key) {
			continue
		}
		d, named := declared[key]
		points = append(points, &storedPoint{
			namespace: d.namespace, name: key, timeMs: e.timeMs, fields: fields, times: 1,
			count: observations(e.fields[key]), extracted: d.extracted, declared: named,
		})
	}
	return points
}

func textOf(value any) string {
	if text, ok := value.(string); ok {
		return text
	}
	raw, err := json.Marshal(value)
	if err != nil {
		return ""
	}
	return string(raw)
}

// storedLog is a log event as AWS holds it.
type storedLog struct {
	group, stream string
	at            time.Time
	timeMs        int64
	message       string
	// structured is whether the message is a record of the exporters, with a body member, and not plain text.
	structured  bool
	body        string
	trace, span string
	severity    string
	resource    map[string]any
	attributes  map[string]any
	kubernetes  map[string]any
	// emf is whether it holds metrics.
	emf bool
}

// exporterMembers are the members of an event that awscloudwatchlogs writes without raw_log (its type cwLogBody).
var exporterMembers = []string{
	"body", "severity_number", "severity_text", "dropped_attributes_count", "flags", "trace_id", "span_id", "attributes", "scope", "resource",
}

func readStoredLog(group, stream string, event awslocal.LogEvent) *storedLog {
	stored := &storedLog{group: group, stream: stream, at: event.Timestamp, timeMs: event.Timestamp.UnixMilli(), message: event.Message}
	var members map[string]json.RawMessage
	if !strings.HasPrefix(event.Message, "{") || json.Unmarshal([]byte(event.Message), &members) != nil {
		return stored
	}
	_, stored.emf = members["_aws"]
	if _, v0 := members["CloudWatchMetrics"]; v0 {
		stored.emf = true
	}
	object := func(name string) map[string]any {
		var value map[string]any
		_ = json.Unmarshal(members[name], &value) // what is no object is not shown as one
		return value
	}
	first := func(names ...string) string {
		for _, name := range names {
			if raw, ok := members[name]; ok {
				return rawString(raw)
			}
		}
		return ""
	}
	stored.attributes, stored.kubernetes = object("attributes"), object("kubernetes")
	stored.resource = object("resource")
	if inner, ok := stored.resource["attributes"].(map[string]any); ok {
		stored.resource = inner
	}
	stored.severity = first("severityText", "severity_text", "level", "severity")
	stored.trace = strings.ToLower(first("traceId", "trace_id"))
	stored.span = strings.ToLower(first("spanId", "span_id"))
	switch {
	case event.Via == awslocal.ViaOTLP:
		stored.structured = true
	default:
		stored.structured = true
		for name := range members {
			if !slices.Contains(exporterMembers, name) {
				stored.structured = false
				break
			}
		}
	}
	if stored.structured {
		stored.body = "null"
		if raw, ok := members["body"]; ok {
			stored.body = canonicalJSON(raw)
		}
	}
	return stored
}

// storedLogs lists all log events.
func storedLogs(snapshot awslocal.Snapshot) []*storedLog {
	var logs []*storedLog
	for _, group := range snapshot.LogGroups {
		for _, stream := range group.Streams {
			for _, event := range stream.Events {
				logs = append(logs, readStoredLog(group.Name, stream.Name, event))
			}
		}
	}
	sort.SliceStable(logs, func(i, j int) bool { return logs[i].at.Before(logs[j].at) })
	return logs
}
