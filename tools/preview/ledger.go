package preview

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"sync"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// ledger remembers the identity of everything that the gateway handed over. It is safe for concurrent use.
type ledger struct {
	mu     sync.Mutex
	spans  map[spanID]*sentSpan
	points []*sentPoint
	logs   []*sentLog
	// spanCount counts spans, since ids may repeat.
	spanCount int
}

func newLedger() *ledger { return &ledger{spans: map[spanID]*sentSpan{}} }

// spanID identifies a span in lower-case hexadecimal.
type spanID struct{ trace, span string }

type sentSpan struct {
	count int
	// service and name are for examples.
	service, name string
}

func (l *ledger) addTraces(td ptrace.Traces) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, rs := range td.ResourceSpans().All() {
		service := attribute(rs.Resource().Attributes(), "service.name")
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				trace, id := span.TraceID(), span.SpanID()
				key := spanID{hex.EncodeToString(trace[:]), hex.EncodeToString(id[:])}
				sent := l.spans[key]
				if sent == nil {
					sent = &sentSpan{service: service, name: span.Name()}
					l.spans[key] = sent
				}
				sent.count++
				l.spanCount++
			}
		}
	}
}

// sentPoint is a datapoint as it was handed over.
type sentPoint struct {
	name string
	// timeMs is 0 when the datapoint has no timestamp: the exporter then takes the time of export.
	timeMs int64
	kind   pmetric.MetricType
	// labels are the datapoint's attributes, resource those of its resource, as strings.
	labels, resource map[string]string
	// count is the number of observations of an exponential histogram, which may be stored in several parts.
	count uint64
	// defect says why an exporter may refuse the value; empty for a plain finite one.
	defect string
	// cumulative is whether the value counts from a start: sums of cumulative temporality.
	cumulative bool
}

func (l *ledger) addMetrics(md pmetric.Metrics) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var of pmetric.ResourceMetrics
	var resource map[string]string
	eachDatapoint(md, func(rm pmetric.ResourceMetrics, _ pmetric.ScopeMetrics, metric pmetric.Metric, point anyDatapoint) {
		if resource == nil || rm != of {
			of, resource = rm, stringMap(rm.Resource().Attributes())
		}
		sent := &sentPoint{
			name:     metric.Name(),
			timeMs:   milliseconds(point.Timestamp()),
			kind:     metric.Type(),
			labels:   stringMap(point.Attributes()),
			resource: resource,
			defect:   defectOf(point),
		}
		if metric.Type() == pmetric.MetricTypeSum {
			sent.cumulative = metric.Sum().AggregationTemporality() == pmetric.AggregationTemporalityCumulative
		}
		if p, ok := point.datapoint.(pmetric.ExponentialHistogramDataPoint); ok {
			sent.count = p.Count()
		}
		l.points = append(l.points, sent)
	})
}

func defectOf(point anyDatapoint) string {
	if point.Flags().NoRecordedValue() {
		return "a stale marker (no recorded value)"
	}
	values := []float64{}
	switch p := point.datapoint.(type) {
	case pmetric.NumberDataPoint:
		if p.ValueType() == pmetric.NumberDataPointValueTypeEmpty {
			return "a datapoint without a value"
		}
		values = append(values, p.DoubleValue())
	case pmetric.HistogramDataPoint:
		values = append(values, p.Sum(), p.Min(), p.Max())
	case pmetric.ExponentialHistogramDataPoint:
		values = append(values, p.Sum(), p.Min(), p.Max())
	case pmetric.SummaryDataPoint:
		values = append(values, p.Sum())
		for _, q := range p.QuantileValues().All() {
			values = append(values, q.Value(), q.Quantile())
		}
	}
	for _, value := range values {
		if math.IsNaN(value) {
			return "NaN"
		}
		if math.IsInf(value, 0) {
			return "an infinite value"
		}
	}
	return ""
}

// sentLog is a log record as it was handed over.
type sentLog struct {
	// timeMs is 0 when the record has no timestamp.
	timeMs int64
	// body is the record's body as canonical JSON, text the same as a string.
	body, text  string
	trace, span string
	source      string
}

func (l *ledger) addLogs(ld plog.Logs) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, rl := range ld.ResourceLogs().All() {
		attributes := rl.Resource().Attributes()
		source := attribute(attributes, "k8s.pod.name")
		if source == "" {
			source = attribute(attributes, "service.name")
		}
		for _, sl := range rl.ScopeLogs().All() {
			for _, record := range sl.LogRecords().All() {
				sent := &sentLog{
					timeMs: milliseconds(record.Timestamp()),
					text:   record.Body().AsString(),
					source: source,
				}
				sent.body = canonicalBody(record.Body(), sent.text)
				if id := record.TraceID(); !id.IsEmpty() {
					sent.trace = hex.EncodeToString(id[:])
				}
				if id := record.SpanID(); !id.IsEmpty() {
					sent.span = hex.EncodeToString(id[:])
				}
				l.logs = append(l.logs, sent)
			}
		}
	}
}

// addEvent notes a log event that was sent as plain text, not as an OTLP record.
func (l *ledger) addEvent(timeMs int64, message, source string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.logs = append(l.logs, &sentLog{timeMs: timeMs, text: message, body: canonicalString(message), source: source})
}

func milliseconds(t pcommon.Timestamp) int64 {
	return int64(t / 1e6) //nolint:gosec // a million times below the range
}

func attribute(attributes pcommon.Map, name string) string {
	if value, ok := attributes.Get(name); ok {
		return value.AsString()
	}
	return ""
}

func stringMap(attributes pcommon.Map) map[string]string {
	m := make(map[string]string, attributes.Len())
	for key, value := range attributes.All() {
		m[key] = value.AsString()
	}
	return m
}

// canonicalBody is a body's JSON in the one form that canonicalJSON also gives to what is stored.
func canonicalBody(body pcommon.Value, text string) string {
	switch body.Type() {
	case pcommon.ValueTypeEmpty:
		return "null"
	case pcommon.ValueTypeStr:
		return canonicalString(text)
	default:
		raw, err := json.Marshal(body.AsRaw())
		if err != nil {
			// NaN and infinities have no JSON: no JSON event can hold such a body.
			return "unmarshalable:" + text
		}
		return canonicalJSON(raw)
	}
}

func canonicalString(text string) string {
	raw, _ := json.Marshal(strings.ToValidUTF8(text, "\ufffd")) // a string always has a JSON form
	return string(raw)
}

// canonicalJSON sorts the keys of objects and writes numbers and strings in Go's way. What is not JSON stays as it is.
func canonicalJSON(raw []byte) string {
	if len(raw) > 0 && raw[0] == '"' {
		var text string
		if json.Unmarshal(raw, &text) == nil {
			return canonicalString(text)
		}
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return string(raw)
	}
	out, err := json.Marshal(canonicalNumbers(value))
	if err != nil {
		return string(raw)
	}
	return string(out)
}

// canonicalNumbers writes 1.0, 1 and 1e0 alike.
func canonicalNumbers(value any) any {
	switch v := value.(type) {
	case json.Number:
		if i, err := v.Int64(); err == nil {
			return i
		}
		if f, err := v.Float64(); err == nil {
			if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
				return int64(f)
			}
			return f
		}
		return v.String()
	case map[string]any:
		for key, member := range v {
			v[key] = canonicalNumbers(member)
		}
	case []any:
		for i, member := range v {
			v[i] = canonicalNumbers(member)
		}
	}
	return value
}

func (id spanID) String() string { return fmt.Sprintf("span %s of trace %s", id.span, id.trace) }
