package awslocal

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

const (
	headerLogGroup  = "X-Aws-Log-Group"
	headerLogStream = "X-Aws-Log-Stream"

	// OTLPNamespace is the Namespace of metrics that came by OTLP. CloudWatch keeps those without a namespace; here they
	// share the read side with the others, which needs one.
	OTLPNamespace = "OTLP"
	// Prefixes of the dimensions of OTLP metrics that are not attributes of the datapoint, as CloudWatch's PromQL labels
	// have them.
	otlpResourcePrefix = "@resource."
	otlpScopeName      = "@instrumentation.@name"
)

// The reasons for which parts of an OTLP request are not stored, as Rejection.Code.
const (
	RejectOTLPSpanSize        = "OTLPSpanSize"
	RejectOTLPSpanTime        = "OTLPSpanTime"
	RejectOTLPSpanIDs         = "OTLPSpanIDs"
	RejectOTLPLabels          = "OTLPLabels"
	RejectOTLPNoRecordedValue = "OTLPNoRecordedValue"
	RejectOTLPValue           = "OTLPValue"
	// RejectOTLPTruncated marks a log record above 1 MB, which CloudWatch Logs stores with its largest fields cut.
	RejectOTLPTruncated = "OTLPLogRecordTruncated"
)

// otlpMessage is an export request or response of any signal.
type otlpMessage interface {
	MarshalProto() ([]byte, error)
	MarshalJSON() ([]byte, error)
	UnmarshalProto([]byte) error
	UnmarshalJSON([]byte) error
}

// decodeOTLP reads the request in the encoding that its content type names.
func (c *call) decodeOTLP(request otlpMessage) *apiError {
	var err error
	switch c.contentType {
	case contentTypeProtobuf:
		err = request.UnmarshalProto(c.body)
	case contentTypeJSON:
		err = request.UnmarshalJSON(c.body)
	default:
		return &apiError{Code: "UnsupportedMediaTypeException", Status: http.StatusUnsupportedMediaType,
			Message: fmt.Sprintf("Content-Type %q is not supported: use %s or %s", c.contentType, contentTypeProtobuf, contentTypeJSON)}
	}
	if err != nil {
		return clientError(errCodeSerialization, "the body is not an OTLP request: %s", err)
	}
	return nil
}

// checkOTLPSize comes after decoding, so that the items of a request that is too large can be named.
func (c *call) checkOTLPSize(maxBytes int) *apiError {
	if len(c.body) <= maxBytes {
		return nil
	}
	return &apiError{Code: "RequestEntityTooLargeException", Status: http.StatusRequestEntityTooLarge,
		Message: fmt.Sprintf("Upload too large: %d bytes exceeds limit of %d", len(c.body), maxBytes)}
}

// answerOTLP writes the response in the encoding of the request.
func (c *call) answerOTLP(w http.ResponseWriter, response otlpMessage) *apiError {
	marshal := response.MarshalProto
	if c.contentType == contentTypeJSON {
		marshal = response.MarshalJSON
	}
	body, err := marshal()
	if err != nil {
		return &apiError{Code: "InternalFailure", Status: http.StatusInternalServerError, Message: err.Error()}
	}
	w.Header().Set("Content-Type", c.contentType)
	w.Header().Set("X-Amzn-Requestid", c.requestID)
	writeBody(w, http.StatusOK, body)
	return nil
}

// partial collects what a request is stored without.
type partial struct {
	c        *call
	s        *Server
	rejected int64
	messages []string
}

func (p *partial) reject(code, message string, silent bool, example string, item RejectedItem) {
	if !silent {
		p.rejected++
		if len(p.messages) == 0 || p.messages[len(p.messages)-1] != message {
			p.messages = append(p.messages, message)
		}
	}
	p.s.rejections.add(Rejection{Service: p.c.service, Operation: p.c.operation, Code: code, Reason: message, Silent: silent, Count: 1,
		Example: example, Items: []RejectedItem{item}})
}

func (p *partial) message() string { return strings.Join(p.messages, "; ") }

// errResourceSize refuses a request for the size of a resource and scope.
func errResourceSize(code string) *apiError {
	return clientError(code, "A resource with its scope is larger than %d bytes", MaxOTLPResourceScopeBytes)
}

// exportTraces stores spans. A request that breaks a rule of requests is refused as a whole, with 400, or 413 for its
// size; a span that breaks a rule of spans is left out and counted in the response's partial success. Where AWS does not
// document which of both it does (times, size of a span) this endpoint leaves out the span.
func exportTraces(s *Server, w http.ResponseWriter, c *call) *apiError {
	request := ptraceotlp.NewExportRequest()
	if err := c.decodeOTLP(request); err != nil {
		return err
	}
	traces := request.Traces()
	c.items = traces.SpanCount()
	fail := func(err *apiError) *apiError {
		for _, rs := range traces.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, span := range ss.Spans().All() {
					c.rejected = append(c.rejected, spanItem(span))
				}
			}
		}
		return err
	}
	if err := c.checkOTLPSize(MaxOTLPTracesBytes); err != nil {
		return fail(err)
	}
	if !s.config.TransactionSearch {
		return fail(clientError(errCodeInvalidRequest, "The OTLP API is supported with CloudWatch Logs as a Trace Segment Destination."))
	}
	if c.items > MaxOTLPSpans {
		return fail(clientError(errCodeInvalidRequest, "The request has %d spans, more than the limit of %d", c.items, MaxOTLPSpans))
	}
	var earliest, latest time.Time
	sizer := ptrace.ProtoMarshaler{}
	for _, rs := range traces.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			bare := ptrace.NewResourceSpans()
			rs.Resource().CopyTo(bare.Resource())
			ss.Scope().CopyTo(bare.ScopeSpans().AppendEmpty().Scope())
			if sizer.ResourceSpansSize(bare) > MaxOTLPResourceScopeBytes {
				return fail(errResourceSize(errCodeInvalidRequest))
			}
			for _, span := range ss.Spans().All() {
				at := span.StartTimestamp().AsTime()
				if earliest.IsZero() || at.Before(earliest) {
					earliest = at
				}
				if at.After(latest) {
					latest = at
				}
			}
		}
	}
	if latest.Sub(earliest) > MaxOTLPSpanGap {
		return fail(clientError(errCodeInvalidRequest, "The spans of a request cannot span more than 24 hours"))
	}
	documents, err := spanDocuments(request)
	if err != nil {
		return clientError(errCodeSerialization, "the spans cannot be read: %s", err)
	}

	s.mu.Lock()
	p := partial{c: c, s: s}
	i := 0
	for _, rs := range traces.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				document := documents[i]
				i++
				at := span.StartTimestamp().AsTime()
				switch {
				case span.TraceID().IsEmpty() || span.SpanID().IsEmpty():
					p.reject(RejectOTLPSpanIDs, "A span lacks its trace id or its span id", false, excerpt(document), spanItem(span))
				case sizer.SpanSize(span) > MaxOTLPSpanBytes:
					p.reject(RejectOTLPSpanSize, fmt.Sprintf("A span is larger than %d bytes", MaxOTLPSpanBytes), false, excerpt(document), spanItem(span))
				case c.now.Sub(at) > MaxOTLPSpanAge || at.Sub(c.now) > MaxOTLPSpanFuture:
					p.reject(RejectOTLPSpanTime, "A span is more than 14 days in the past or 2 hours in the future", false, excerpt(document), spanItem(span))
				default:
					s.traces.put(newSpan(rs.Resource(), ss.Scope(), span, document))
				}
			}
		}
	}
	s.mu.Unlock()
	response := ptraceotlp.NewExportResponse()
	if p.rejected > 0 {
		response.PartialSuccess().SetRejectedSpans(p.rejected)
		response.PartialSuccess().SetErrorMessage(p.message())
	}
	return c.answerOTLP(w, response)
}

func spanItem(span ptrace.Span) RejectedItem {
	return RejectedItem{TraceID: span.TraceID().String(), SpanID: span.SpanID().String(), Timestamp: span.StartTimestamp().AsTime()}
}

// spanDocuments returns the OTLP JSON of each span, in the order of the request.
func spanDocuments(request ptraceotlp.ExportRequest) ([]string, error) {
	raw, err := request.MarshalJSON()
	if err != nil {
		return nil, err
	}
	var tree struct {
		ResourceSpans []struct {
			ScopeSpans []struct {
				Spans []json.RawMessage `json:"spans"`
			} `json:"scopeSpans"`
		} `json:"resourceSpans"`
	}
	if err := json.Unmarshal(raw, &tree); err != nil {
		return nil, err
	}
	var documents []string
	for _, rs := range tree.ResourceSpans {
		for _, ss := range rs.ScopeSpans {
			for _, span := range ss.Spans {
				documents = append(documents, string(span))
			}
		}
	}
	return documents, nil
}

func newSpan(resource pcommon.Resource, scope pcommon.InstrumentationScope, in ptrace.Span, document string) Span {
	attributes := in.Attributes()
	out := Span{
		TraceID: in.TraceID().String(), SpanID: in.SpanID().String(), ParentID: in.ParentSpanID().String(), Name: in.Name(),
		Service: text(resource.Attributes(), "service.name"), Start: in.StartTimestamp().AsTime(), End: in.EndTimestamp().AsTime(),
		Kind: in.Kind().String(), Annotations: jsonNumbers(attributes.AsRaw()),
		Metadata:   map[string]any{"resource": jsonNumbers(resource.Attributes().AsRaw()), "scope": scope.Name()},
		HTTPMethod: text(attributes, "http.request.method", "http.method"),
		HTTPURL:    text(attributes, "url.full", "http.url", "url.path", "http.target"),
		Via:        ViaOTLP, Raw: document,
	}
	for _, key := range []string{"http.response.status_code", "http.status_code"} {
		if v, ok := attributes.Get(key); ok && v.Type() == pcommon.ValueTypeInt {
			out.HTTPStatus = int(v.Int())
			break
		}
	}
	// The meaning of the flags is X-Ray's: 4xx is an error, of which 429 is a throttle, and the rest is a fault.
	switch status := out.HTTPStatus; {
	case status == http.StatusTooManyRequests:
		out.Error, out.Throttle = true, true
	case status >= 400 && status < 500:
		out.Error = true
	case status >= 500 || in.Status().Code() == ptrace.StatusCodeError:
		out.Fault = true
	}
	return out
}

// text is the first of the attributes that is there.
func text(attributes pcommon.Map, keys ...string) string {
	for _, key := range keys {
		if v, ok := attributes.Get(key); ok {
			return v.AsString()
		}
	}
	return ""
}

// exportLogs stores log records as events of the group and stream that the headers name.
func exportLogs(s *Server, w http.ResponseWriter, c *call) *apiError {
	request := plogotlp.NewExportRequest()
	if err := c.decodeOTLP(request); err != nil {
		return err
	}
	logs := request.Logs()
	c.items = logs.LogRecordCount()
	group, stream := c.request.Header.Get(headerLogGroup), c.request.Header.Get(headerLogStream)
	events := logEvents(logs, c.now)
	item := func(e otlpEvent) RejectedItem {
		return RejectedItem{LogGroup: group, LogStream: stream, Timestamp: time.UnixMilli(e.timestampMs).UTC(), Message: excerpt(e.message)}
	}
	if err := s.checkLogs(c, logs, events, group, stream); err != nil {
		for _, e := range events {
			c.rejected = append(c.rejected, item(e))
		}
		return err
	}

	s.mu.Lock()
	g, st, err := s.logs.stream(group, stream)
	if err != nil {
		s.mu.Unlock()
		for _, e := range events {
			c.rejected = append(c.rejected, item(e))
		}
		return err
	}
	p := partial{c: c, s: s}
	refused := map[string]int{}
	for _, e := range events {
		if age := s.logEventAge(g, e.timestampMs, c.now); age != "" {
			p.reject(age, logEventAgeReasons[age], false, excerpt(e.message), item(e))
			refused[age]++
			continue
		}
		if e.truncated {
			p.reject(RejectOTLPTruncated, fmt.Sprintf("the log event is larger than %d bytes: its largest fields are stored truncated", MaxLogEventBytes), true, excerpt(e.message), item(e))
		}
		s.logs.append(st, e.timestampMs, c.now, e.message, ViaOTLP)
	}
	s.mu.Unlock()
	response := plogotlp.NewExportResponse()
	if p.rejected > 0 {
		response.PartialSuccess().SetRejectedLogRecords(p.rejected)
		// The message is JSON. Source: CloudWatch Logs user guide, "Sending logs using the OTLP endpoint".
		response.PartialSuccess().SetErrorMessage(string(mustJSON(map[string]int{
			"tooOldLogEventCount": refused[logEventTooOld], "tooNewLogEventCount": refused[logEventTooNew], "expiredLogEventCount": refused[logEventExpired],
		})))
	}
	return c.answerOTLP(w, response)
}

// checkLogs applies the rules of requests.
func (s *Server) checkLogs(c *call, logs plog.Logs, events []otlpEvent, group, stream string) *apiError {
	maxBytes := MaxOTLPLogsBytes
	if largeLogRegions[s.config.Region] {
		maxBytes = MaxOTLPLogsBytesLarge
	}
	if err := c.checkOTLPSize(maxBytes); err != nil {
		return err
	}
	switch {
	case group == "" || stream == "":
		return clientError(errCodeInvalidParameter, "The headers x-aws-log-group and x-aws-log-stream are required")
	case len(events) > MaxOTLPLogRecords:
		return clientError(errCodeInvalidParameter, "The request has %d log records, more than the limit of %d", len(events), MaxOTLPLogRecords)
	}
	sizer := plog.ProtoMarshaler{}
	for _, rl := range logs.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			bare := plog.NewResourceLogs()
			rl.Resource().CopyTo(bare.Resource())
			sl.Scope().CopyTo(bare.ScopeLogs().AppendEmpty().Scope())
			if sizer.ResourceLogsSize(bare) > MaxOTLPResourceScopeBytes {
				return errResourceSize(errCodeInvalidParameter)
			}
		}
	}
	earliest, latest := int64(math.MaxInt64), int64(math.MinInt64)
	for _, e := range events {
		earliest, latest = min(earliest, e.timestampMs), max(latest, e.timestampMs)
	}
	if len(events) > 0 && latest-earliest > MaxLogEventsSpan.Milliseconds() {
		return clientError(errCodeInvalidParameter, "The batch of log events in a single request cannot span more than 24 hours.")
	}
	return nil
}

// otlpEvent is a log record as an event.
type otlpEvent struct {
	timestampMs int64
	message     string
	truncated   bool
}

// logEvents takes a record's own time, else the time it was observed, else now.
func logEvents(logs plog.Logs, now time.Time) []otlpEvent {
	var events []otlpEvent
	for _, rl := range logs.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, record := range sl.LogRecords().All() {
				at := cmp.Or(record.Timestamp(), record.ObservedTimestamp(), pcommon.NewTimestampFromTime(now))
				message, truncated := logMessage(rl.Resource(), sl.Scope(), record)
				events = append(events, otlpEvent{at.AsTime().UnixMilli(), message, truncated})
			}
		}
	}
	return events
}

// logMessage is the event that CloudWatch Logs makes of a log record.
func logMessage(resource pcommon.Resource, scope pcommon.InstrumentationScope, record plog.LogRecord) (message string, truncated bool) {
	type attributes struct {
		Name       string         `json:"name,omitempty"`
		Version    string         `json:"version,omitempty"`
		Attributes map[string]any `json:"attributes,omitempty"`
	}
	event := struct {
		Resource             attributes     `json:"resource"`
		Scope                attributes     `json:"scope"`
		TimeUnixNano         uint64         `json:"timeUnixNano,omitempty"`
		ObservedTimeUnixNano uint64         `json:"observedTimeUnixNano,omitempty"`
		SeverityNumber       int32          `json:"severityNumber,omitempty"`
		SeverityText         string         `json:"severityText,omitempty"`
		Body                 any            `json:"body,omitempty"`
		Attributes           map[string]any `json:"attributes,omitempty"`
		Flags                uint32         `json:"flags,omitempty"`
		TraceID              string         `json:"traceId,omitempty"`
		SpanID               string         `json:"spanId,omitempty"`
	}{
		Resource:     attributes{Attributes: jsonNumbers(resource.Attributes().AsRaw())},
		Scope:        attributes{scope.Name(), scope.Version(), jsonNumbers(scope.Attributes().AsRaw())},
		TimeUnixNano: uint64(record.Timestamp()), ObservedTimeUnixNano: uint64(record.ObservedTimestamp()),
		SeverityNumber: int32(record.SeverityNumber()), SeverityText: record.SeverityText(),
		Body: jsonNumbers(record.Body().AsRaw()), Attributes: jsonNumbers(record.Attributes().AsRaw()), Flags: uint32(record.Flags()),
		TraceID: record.TraceID().String(), SpanID: record.SpanID().String(),
	}
	message = string(mustJSON(event))
	excess := len(message) + LogEventOverheadBytes - MaxLogEventBytes
	if body, ok := event.Body.(string); ok && excess > 0 {
		event.Body = strings.ToValidUTF8(body[:max(len(body)-excess, 0)], "")
		return string(mustJSON(event)), true
	}
	return message, excess > 0
}

// jsonNumbers writes the floats that JSON has no form for as text.
func jsonNumbers[T any](v T) T {
	switch v := any(v).(type) {
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			if text, ok := any(fmt.Sprint(v)).(T); ok {
				return text
			}
		}
	case map[string]any:
		for k, e := range v {
			v[k] = jsonNumbers(e)
		}
	case []any:
		for i, e := range v {
			v[i] = jsonNumbers(e)
		}
	}
	return v
}

// exportMetrics stores datapoints. A datapoint with too many labels is left out and counted in the partial success.
func exportMetrics(s *Server, w http.ResponseWriter, c *call) *apiError {
	request := pmetricotlp.NewExportRequest()
	if err := c.decodeOTLP(request); err != nil {
		return err
	}
	metrics := request.Metrics()
	c.items = metrics.DataPointCount()
	err := c.checkOTLPSize(MaxOTLPMetricsBytes)
	if err == nil && c.items > MaxOTLPDatapoints {
		err = clientError("ValidationException", "The request has %d datapoints, more than the limit of %d", c.items, MaxOTLPDatapoints)
	}
	if err != nil {
		for _, rm := range metrics.ResourceMetrics().All() {
			for _, sm := range rm.ScopeMetrics().All() {
				for _, m := range sm.Metrics().All() {
					for _, point := range datapoints(m) {
						c.rejected = append(c.rejected, RejectedItem{Namespace: OTLPNamespace, Metric: m.Name(), Timestamp: point.Timestamp, Dims: point.attributes})
					}
				}
			}
		}
		return err
	}
	s.mu.Lock()
	p := partial{c: c, s: s}
	for _, rm := range metrics.ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				s.putOTLPMetric(&p, rm.Resource(), sm.Scope(), m)
			}
		}
	}
	s.mu.Unlock()
	response := pmetricotlp.NewExportResponse()
	if p.rejected > 0 {
		response.PartialSuccess().SetRejectedDataPoints(p.rejected)
		response.PartialSuccess().SetErrorMessage(p.message())
	}
	return c.answerOTLP(w, response)
}

func (s *Server) putOTLPMetric(p *partial, resource pcommon.Resource, scope pcommon.InstrumentationScope, m pmetric.Metric) {
	fields := jsonNumbers(resource.Attributes().AsRaw())
	if scope.Name() != "" {
		fields["otel.scope.name"] = scope.Name()
	}
	for _, point := range datapoints(m) {
		item := RejectedItem{Namespace: OTLPNamespace, Metric: m.Name(), Dims: point.attributes, Timestamp: point.Timestamp}
		switch {
		case len(point.attributes)+resource.Attributes().Len()+scope.Attributes().Len() > MaxOTLPLabels:
			p.reject(RejectOTLPLabels, fmt.Sprintf("A datapoint has more than %d labels", MaxOTLPLabels), false, m.Name(), item)
			continue
		case point.noValue:
			p.reject(RejectOTLPNoRecordedValue, "The datapoint is flagged to have no recorded value: nothing is stored", true, m.Name(), item)
			continue
		case !point.Statistics.finite():
			p.reject(RejectOTLPValue, "The value of a datapoint is not a finite number", false, m.Name(), item)
			continue
		}
		dimensions := make(map[string]string, len(point.attributes)+resource.Attributes().Len()+1)
		for k, v := range point.attributes {
			dimensions[k] = v
		}
		for k, v := range resource.Attributes().All() {
			dimensions[otlpResourcePrefix+k] = v.AsString()
		}
		if scope.Name() != "" {
			dimensions[otlpScopeName] = scope.Name()
		}
		point.Unit, point.StorageResolution, point.Source, point.Fields = m.Unit(), 60, ViaOTLP, fields
		if point.Unit == "" {
			point.Unit = "None"
		}
		point.Type = m.Type().String()
		s.metrics.put(OTLPNamespace, m.Name(), dimensions, point.Datapoint)
	}
}

// otlpDatapoint is a datapoint of any type before it is stored.
type otlpDatapoint struct {
	Datapoint
	attributes map[string]string
	noValue    bool
}

func newOTLPDatapoint(d Datapoint, at pcommon.Timestamp, attributes pcommon.Map, flags pmetric.DataPointFlags, temporality string) otlpDatapoint {
	d.Timestamp, d.Temporality = at.AsTime(), temporality
	out := otlpDatapoint{Datapoint: d, attributes: make(map[string]string, attributes.Len()), noValue: flags.NoRecordedValue()}
	for k, v := range attributes.All() {
		out.attributes[k] = v.AsString()
	}
	return out
}

func datapoints(m pmetric.Metric) []otlpDatapoint {
	var out []otlpDatapoint
	numberPoints := func(points pmetric.NumberDataPointSlice, temporality string) {
		for _, p := range points.All() {
			value := p.DoubleValue()
			if p.ValueType() == pmetric.NumberDataPointValueTypeInt {
				value = float64(p.IntValue())
			}
			out = append(out, newOTLPDatapoint(distribution([]float64{value}, []float64{1}), p.Timestamp(), p.Attributes(), p.Flags(), temporality))
		}
	}
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		numberPoints(m.Gauge().DataPoints(), "")
	case pmetric.MetricTypeSum:
		numberPoints(m.Sum().DataPoints(), m.Sum().AggregationTemporality().String())
	case pmetric.MetricTypeHistogram:
		for _, p := range m.Histogram().DataPoints().All() {
			d := bucketed(histogramBuckets(p), p.Count(), p.Sum())
			if p.HasMin() {
				d.Statistics.Minimum = p.Min()
			}
			if p.HasMax() {
				d.Statistics.Maximum = p.Max()
			}
			out = append(out, newOTLPDatapoint(d, p.Timestamp(), p.Attributes(), p.Flags(), m.Histogram().AggregationTemporality().String()))
		}
	case pmetric.MetricTypeExponentialHistogram:
		for _, p := range m.ExponentialHistogram().DataPoints().All() {
			d := bucketed(exponentialBuckets(p), p.Count(), p.Sum())
			if p.HasMin() {
				d.Statistics.Minimum = p.Min()
			}
			if p.HasMax() {
				d.Statistics.Maximum = p.Max()
			}
			out = append(out, newOTLPDatapoint(d, p.Timestamp(), p.Attributes(), p.Flags(), m.ExponentialHistogram().AggregationTemporality().String()))
		}
	case pmetric.MetricTypeSummary:
		for _, p := range m.Summary().DataPoints().All() {
			d := Datapoint{Statistics: StatisticSet{SampleCount: float64(p.Count()), Sum: p.Sum()}}
			for i, q := range p.QuantileValues().All() {
				if i == 0 {
					d.Statistics.Minimum, d.Statistics.Maximum = q.Value(), q.Value()
				}
				d.Statistics.Minimum, d.Statistics.Maximum = min(d.Statistics.Minimum, q.Value()), max(d.Statistics.Maximum, q.Value())
			}
			out = append(out, newOTLPDatapoint(d, p.Timestamp(), p.Attributes(), p.Flags(), ""))
		}
	}
	return out
}

func (st StatisticSet) finite() bool {
	for _, v := range []float64{st.SampleCount, st.Sum, st.Minimum, st.Maximum} {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return false
		}
	}
	return true
}

// valueRange is a histogram bucket that has observations.
type valueRange struct{ low, high, count float64 }

// bucketed places the observations of a bucket at its middle, as the awsemf exporter does.
func bucketed(buckets []valueRange, count uint64, sum float64) Datapoint {
	d := Datapoint{}
	for i, b := range buckets {
		d.Values = append(d.Values, (b.low+b.high)/2)
		d.Counts = append(d.Counts, b.count)
		if i == 0 {
			d.Statistics.Minimum, d.Statistics.Maximum = b.low, b.high
		}
		d.Statistics.Minimum, d.Statistics.Maximum = min(d.Statistics.Minimum, b.low), max(d.Statistics.Maximum, b.high)
	}
	d.Statistics.SampleCount, d.Statistics.Sum = float64(count), sum
	return d
}

// histogramBuckets closes the open first and last buckets by the point's extremes, or else by their inner bound.
func histogramBuckets(p pmetric.HistogramDataPoint) []valueRange {
	var out []valueRange
	bounds, counts := p.ExplicitBounds(), p.BucketCounts()
	if bounds.Len() == 0 {
		return nil
	}
	for i, count := range counts.All() {
		if count == 0 || i > bounds.Len() {
			continue
		}
		var b valueRange
		switch {
		case i == 0:
			b.high = bounds.At(0)
			b.low = min(b.high, 0)
			if p.HasMin() {
				b.low = p.Min()
			}
		case i == bounds.Len():
			b.low = bounds.At(i - 1)
			b.high = b.low
			if p.HasMax() {
				b.high = p.Max()
			}
		default:
			b.low, b.high = bounds.At(i-1), bounds.At(i)
		}
		b.count = float64(count)
		out = append(out, b)
	}
	return out
}

func exponentialBuckets(p pmetric.ExponentialHistogramDataPoint) []valueRange {
	var out []valueRange
	base := math.Pow(2, math.Pow(2, float64(-p.Scale())))
	for sign, buckets := range map[float64]pmetric.ExponentialHistogramDataPointBuckets{-1: p.Negative(), 1: p.Positive()} {
		for i, count := range buckets.BucketCounts().All() {
			if count > 0 {
				index := float64(int(buckets.Offset()) + i)
				low, high := sign*math.Pow(base, index), sign*math.Pow(base, index+1)
				out = append(out, valueRange{min(low, high), max(low, high), float64(count)})
			}
		}
	}
	if p.ZeroCount() > 0 {
		out = append(out, valueRange{0, 0, float64(p.ZeroCount())})
	}
	return out
}
