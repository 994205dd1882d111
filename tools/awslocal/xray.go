package awslocal

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const errCodeInvalidRequest = "InvalidRequestException"

// traceStore is the state of X-Ray.
type traceStore struct {
	// order holds spans by first arrival.
	order []*Span
	byID  map[spanKey]*Span
}

type spanKey struct{ traceID, spanID string }

// put stores a span, or replaces and counts the one of the same ids.
func (t *traceStore) put(span Span) {
	key := spanKey{span.TraceID, span.SpanID}
	if known := t.byID[key]; known != nil {
		span.Stored = known.Stored + 1
		*known = span
		return
	}
	span.Stored = 1
	stored := &span
	t.byID[key] = stored
	t.order = append(t.order, stored)
}

// service is the span's own, or for a subsegment that of the segment it belongs to.
func (t *traceStore) service(span *Span) string {
	at := span
	for range len(t.order) {
		if at.Service != "" {
			return at.Service
		}
		parent := t.byID[spanKey{at.TraceID, at.ParentID}]
		if parent == nil {
			return ""
		}
		at = parent
	}
	return ""
}

func (t *traceStore) snapshot() []Span {
	out := make([]Span, len(t.order))
	for i, span := range t.order {
		out[i] = *span
		out[i].Service = t.service(span)
		out[i].Annotations = copyTree(span.Annotations)
		out[i].Metadata = copyTree(span.Metadata)
	}
	return out
}

// segment is a segment document as far as it is looked at.
// Source: X-Ray developer guide, "X-Ray segment documents".
type segment struct {
	Name       *string  `json:"name"`
	ID         *string  `json:"id"`
	TraceID    *string  `json:"trace_id"`
	ParentID   string   `json:"parent_id"`
	Type       string   `json:"type"`
	StartTime  *float64 `json:"start_time"`
	EndTime    *float64 `json:"end_time"`
	InProgress bool     `json:"in_progress"`
	Origin     string   `json:"origin"`
	Namespace  string   `json:"namespace"`
	Fault      bool     `json:"fault"`
	Error      bool     `json:"error"`
	Throttle   bool     `json:"throttle"`
	User       string   `json:"user"`
	HTTP       struct {
		Request struct {
			Method    string `json:"method"`
			URL       string `json:"url"`
			ClientIP  string `json:"client_ip"`
			UserAgent string `json:"user_agent"`
		} `json:"request"`
		Response struct {
			Status float64 `json:"status"`
		} `json:"response"`
	} `json:"http"`
	Annotations map[string]any    `json:"annotations"`
	Metadata    map[string]any    `json:"metadata"`
	Subsegments []json.RawMessage `json:"subsegments"`
}

var (
	segmentIDPattern = regexp.MustCompile(`^[0-9a-fA-F]{16}$`)
	traceIDPattern   = regexp.MustCompile(`^1-[0-9a-fA-F]{8}-[0-9a-fA-F]{24}$`)
)

type putTraceSegmentsInput struct {
	TraceSegmentDocuments []string `json:"TraceSegmentDocuments"`
}

type unprocessedSegment struct {
	ID        string `json:"Id,omitempty"`
	ErrorCode string `json:"ErrorCode"`
	Message   string `json:"Message"`
}

type putTraceSegmentsOutput struct {
	UnprocessedTraceSegments []unprocessedSegment `json:"UnprocessedTraceSegments"`
}

// putTraceSegments stores the documents that are valid. Of the others the answer, a 200, has the id and the reason: the
// awsxray exporter does not look at it.
func putTraceSegments(s *Server, c *call, in *putTraceSegmentsInput) (*putTraceSegmentsOutput, *apiError) {
	c.items = len(in.TraceSegmentDocuments)
	switch {
	case c.items == 0:
		return nil, clientError(errCodeInvalidRequest, "1 validation error detected: Value at 'traceSegmentDocuments' failed to satisfy constraint: Member must not be empty")
	case c.items > MaxSegmentDocuments:
		for _, document := range in.TraceSegmentDocuments {
			c.rejected = append(c.rejected, segmentItem(document))
		}
		return nil, clientError(errCodeInvalidRequest, "1 validation error detected: Value at 'traceSegmentDocuments' failed to satisfy constraint: Member must have length less than or equal to %d", MaxSegmentDocuments)
	}
	out := &putTraceSegmentsOutput{UnprocessedTraceSegments: []unprocessedSegment{}}
	for _, document := range in.TraceSegmentDocuments {
		if code := s.putSegment(document); code != "" {
			item := segmentItem(document)
			message := "Invalid segment. ErrorCode: " + code
			out.UnprocessedTraceSegments = append(out.UnprocessedTraceSegments, unprocessedSegment{item.SpanID, code, message})
			s.rejections.add(Rejection{Service: serviceXRay, Operation: c.operation, Code: code, Reason: message, Count: 1,
				Example: excerpt(document), Items: []RejectedItem{item}})
		}
	}
	return out, nil
}

// segmentItem names a document as well as it lets itself be read.
func segmentItem(document string) RejectedItem {
	var ids struct {
		ID      string `json:"id"`
		TraceID string `json:"trace_id"`
	}
	// Of a document that is not JSON the start is all there is.
	if json.Unmarshal([]byte(document), &ids) != nil {
		return RejectedItem{Message: excerpt(document)}
	}
	return RejectedItem{SpanID: ids.ID, TraceID: w3cTraceID(ids.TraceID)}
}

// putSegment stores a document, or returns the error code of UnprocessedTraceSegments.
func (s *Server) putSegment(document string) (code string) {
	if len(document) > MaxSegmentDocumentBytes {
		return "SegmentSizeTooLarge"
	}
	var seg segment
	if err := json.Unmarshal([]byte(document), &seg); err != nil {
		return "ParseError"
	}
	switch {
	case seg.ID == nil:
		return "MissingId"
	case !segmentIDPattern.MatchString(*seg.ID):
		return "InvalidId"
	case seg.TraceID == nil:
		return "MissingTraceId"
	case !traceIDPattern.MatchString(*seg.TraceID):
		return "InvalidTraceId"
	case seg.Type == "subsegment" && seg.ParentID == "":
		return "MissingParentId"
	}
	if code := seg.check(); code != "" {
		return code
	}
	s.putSegmentTree(document, seg, w3cTraceID(*seg.TraceID), seg.ParentID, seg.Type == "subsegment")
	return ""
}

// check applies the rules that segments and subsegments share.
func (seg segment) check() string {
	switch {
	case seg.Name == nil:
		return "MissingName"
	case *seg.Name == "" || utf8.RuneCountInString(*seg.Name) > MaxSegmentName || strings.ContainsFunc(*seg.Name, isNotInSegmentName):
		return "InvalidName"
	case seg.StartTime == nil:
		return "MissingStartTime"
	case seg.EndTime == nil && !seg.InProgress:
		return "MissingEndTime"
	case seg.EndTime != nil && *seg.EndTime < *seg.StartTime:
		return "InvalidEndTime"
	}
	return ""
}

// isNotInSegmentName: "Names can contain Unicode letters, numbers, and whitespace, and the following symbols:
// _, ., :, /, %, &, #, =, +, \, -, @".
func isNotInSegmentName(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.IsSpace(r) && !strings.ContainsRune(`_.:/%&#=+\-@`, r)
}

func (s *Server) putSegmentTree(document string, seg segment, traceID, parentID string, sub bool) {
	span := Span{
		TraceID: traceID, SpanID: strings.ToLower(*seg.ID), ParentID: strings.ToLower(parentID), Name: *seg.Name,
		Start: epoch(*seg.StartTime), Kind: "segment", Origin: seg.Origin, Namespace: seg.Namespace,
		HTTPMethod: seg.HTTP.Request.Method, HTTPURL: seg.HTTP.Request.URL, HTTPStatus: int(seg.HTTP.Response.Status),
		Fault: seg.Fault, Error: seg.Error, Throttle: seg.Throttle,
		Annotations: seg.Annotations, Metadata: seg.Metadata, Via: ViaPutTraceSegments, Raw: document,
	}
	if sub {
		span.Kind = "subsegment"
	} else {
		span.Service = *seg.Name
	}
	if seg.EndTime != nil {
		span.End = epoch(*seg.EndTime)
	}
	s.traces.put(span)
	for _, raw := range seg.Subsegments {
		var nested segment
		// A subsegment that cannot be read stays in its segment's document and is no span of its own.
		if json.Unmarshal(raw, &nested) != nil || nested.ID == nil || nested.check() != "" {
			continue
		}
		s.putSegmentTree(string(raw), nested, traceID, span.SpanID, true)
	}
}

// epoch keeps microseconds: a float64 of seconds since 1970 has no more.
func epoch(seconds float64) time.Time {
	return time.UnixMicro(int64(math.Round(seconds * 1e6))).UTC()
}

func seconds(t time.Time) float64 { return float64(t.UnixMicro()) / 1e6 }

// w3cTraceID turns 1-8hex-24hex into 32 hexadecimal digits and leaves any other text alone.
func w3cTraceID(id string) string {
	if traceIDPattern.MatchString(id) {
		return strings.ToLower(strings.ReplaceAll(id[2:], "-", ""))
	}
	return id
}

func xrayTraceID(w3c string) string { return "1-" + w3c[:8] + "-" + w3c[8:] }

// trace is the spans of one trace id, ordered by start.
type trace struct {
	id    string
	spans []*Span
	// services has the service of each span.
	services []string
}

func (t *traceStore) traces() []trace {
	byTrace := map[string]*trace{}
	var order []string
	for _, span := range t.order {
		tr := byTrace[span.TraceID]
		if tr == nil {
			tr = &trace{id: span.TraceID}
			byTrace[span.TraceID] = tr
			order = append(order, span.TraceID)
		}
		tr.spans = append(tr.spans, span)
	}
	out := make([]trace, len(order))
	for i, id := range order {
		tr := byTrace[id]
		slices.SortStableFunc(tr.spans, func(a, b *Span) int { return a.Start.Compare(b.Start) })
		for _, span := range tr.spans {
			tr.services = append(tr.services, t.service(span))
		}
		out[i] = *tr
	}
	return out
}

func (tr trace) start() time.Time { return tr.spans[0].Start }

func (tr trace) duration() float64 {
	end := tr.start()
	for _, span := range tr.spans {
		if span.End.After(end) {
			end = span.End
		}
	}
	return end.Sub(tr.start()).Seconds()
}

// root is the first span without a parent in the trace.
func (tr trace) root() *Span {
	ids := map[string]bool{}
	for _, span := range tr.spans {
		ids[span.SpanID] = true
	}
	for _, span := range tr.spans {
		if !ids[span.ParentID] {
			return span
		}
	}
	return tr.spans[0]
}

func (tr trace) any(holds func(*Span) bool) bool { return slices.ContainsFunc(tr.spans, holds) }

func (tr trace) hasFault() bool    { return tr.any(func(s *Span) bool { return s.Fault }) }
func (tr trace) hasError() bool    { return tr.any(func(s *Span) bool { return s.Error }) }
func (tr trace) hasThrottle() bool { return tr.any(func(s *Span) bool { return s.Throttle }) }
func (tr trace) isPartial() bool   { return tr.any(func(s *Span) bool { return s.End.IsZero() }) }

func (tr trace) responseTime() float64 {
	root := tr.root()
	if root.End.IsZero() {
		return 0
	}
	return root.End.Sub(root.Start).Seconds()
}

type getTraceSummariesInput struct {
	StartTime        wireTime `json:"StartTime"`
	EndTime          wireTime `json:"EndTime"`
	FilterExpression string   `json:"FilterExpression"`
	NextToken        *string  `json:"NextToken"`
}

type serviceID struct {
	Name  string   `json:"Name"`
	Names []string `json:"Names"`
	Type  string   `json:"Type,omitempty"`
}

type annotationValue struct {
	NumberValue  *float64 `json:"NumberValue,omitempty"`
	BooleanValue *bool    `json:"BooleanValue,omitempty"`
	StringValue  *string  `json:"StringValue,omitempty"`
}

type valueWithServiceIDs struct {
	AnnotationValue annotationValue `json:"AnnotationValue"`
	ServiceIDs      []serviceID     `json:"ServiceIds"`
}

type traceSummaryHTTP struct {
	HTTPURL    string `json:"HttpURL,omitempty"`
	HTTPStatus int    `json:"HttpStatus,omitempty"`
	HTTPMethod string `json:"HttpMethod,omitempty"`
}

type traceSummary struct {
	ID               string                           `json:"Id"`
	StartTime        wireTime                         `json:"StartTime"`
	MatchedEventTime wireTime                         `json:"MatchedEventTime"`
	Duration         float64                          `json:"Duration"`
	ResponseTime     float64                          `json:"ResponseTime"`
	HasFault         bool                             `json:"HasFault"`
	HasError         bool                             `json:"HasError"`
	HasThrottle      bool                             `json:"HasThrottle"`
	IsPartial        bool                             `json:"IsPartial"`
	HTTP             traceSummaryHTTP                 `json:"Http"`
	Annotations      map[string][]valueWithServiceIDs `json:"Annotations"`
	ServiceIDs       []serviceID                      `json:"ServiceIds"`
	EntryPoint       serviceID                        `json:"EntryPoint"`
	Revision         int                              `json:"Revision"`
}

type getTraceSummariesOutput struct {
	TraceSummaries       []traceSummary `json:"TraceSummaries"`
	ApproximateTime      wireTime       `json:"ApproximateTime"`
	TracesProcessedCount int            `json:"TracesProcessedCount"`
	NextToken            *string        `json:"NextToken,omitempty"`
}

// traceSummariesPage is the number of summaries of one answer. AWS does not document its own.
const traceSummariesPage = 100

// getTraceSummaries lists the traces that started in the range. OTLP spans are all in it, as with an indexing rate of
// 100 % in Transaction Search.
func getTraceSummaries(s *Server, c *call, in *getTraceSummariesInput) (*getTraceSummariesOutput, *apiError) {
	if in.StartTime.IsZero() || in.EndTime.IsZero() || in.EndTime.Before(in.StartTime.Time) {
		return nil, clientError(errCodeInvalidRequest, "StartTime and EndTime are required, and StartTime must not be after EndTime")
	}
	matches, err := parseFilterExpression(in.FilterExpression)
	if err != nil {
		return nil, err
	}
	out := &getTraceSummariesOutput{TraceSummaries: []traceSummary{}, ApproximateTime: wireTime{c.now}}
	var found []trace
	for _, tr := range s.traces.traces() {
		if tr.start().Before(in.StartTime.Time) || tr.start().After(in.EndTime.Time) {
			continue
		}
		out.TracesProcessedCount++
		if matches(tr) {
			found = append(found, tr)
		}
	}
	from, to, next, err := page(len(found), in.NextToken, traceSummariesPage)
	if err != nil {
		return nil, clientError(errCodeInvalidRequest, "Invalid NextToken")
	}
	out.NextToken = next
	for _, tr := range found[from:to] {
		out.TraceSummaries = append(out.TraceSummaries, tr.summary())
	}
	return out, nil
}

func newServiceID(name, origin string) serviceID {
	return serviceID{Name: name, Names: []string{name}, Type: origin}
}

func (tr trace) summary() traceSummary {
	root := tr.root()
	out := traceSummary{
		ID: xrayTraceID(tr.id), StartTime: wireTime{tr.start()}, MatchedEventTime: wireTime{tr.start()}, Duration: tr.duration(),
		ResponseTime: tr.responseTime(), HasFault: tr.hasFault(), HasError: tr.hasError(), HasThrottle: tr.hasThrottle(),
		IsPartial: tr.isPartial(), HTTP: traceSummaryHTTP{root.HTTPURL, root.HTTPStatus, root.HTTPMethod},
		Annotations: map[string][]valueWithServiceIDs{}, ServiceIDs: []serviceID{}, Revision: len(tr.spans),
	}
	seen := map[string]bool{}
	indexed := 0
	for i, span := range tr.spans {
		service := newServiceID(tr.services[i], span.Origin)
		if span == root {
			out.EntryPoint = service
		}
		if !seen[service.Name] && service.Name != "" {
			seen[service.Name] = true
			out.ServiceIDs = append(out.ServiceIDs, service)
		}
		for _, key := range slices.Sorted(maps.Keys(span.Annotations)) {
			if indexed == MaxAnnotations {
				break
			}
			indexed++
			out.Annotations[key] = append(out.Annotations[key], valueWithServiceIDs{newAnnotationValue(span.Annotations[key]), []serviceID{service}})
		}
	}
	return out
}

func newAnnotationValue(v any) annotationValue {
	switch v := v.(type) {
	case float64:
		return annotationValue{NumberValue: &v}
	case int64:
		f := float64(v)
		return annotationValue{NumberValue: &f}
	case bool:
		return annotationValue{BooleanValue: &v}
	default:
		text := fmt.Sprint(v)
		return annotationValue{StringValue: &text}
	}
}

type batchGetTracesInput struct {
	TraceIDs []string `json:"TraceIds"`
}

type traceSegment struct {
	ID       string `json:"Id"`
	Document string `json:"Document"`
}

type tracedSegments struct {
	ID            string         `json:"Id"`
	Duration      float64        `json:"Duration"`
	LimitExceeded bool           `json:"LimitExceeded"`
	Segments      []traceSegment `json:"Segments"`
}

type batchGetTracesOutput struct {
	Traces              []tracedSegments `json:"Traces"`
	UnprocessedTraceIDs []string         `json:"UnprocessedTraceIds"`
}

// batchGetTraces returns the documents of traces. Documents are as they were put: a subsegment that was sent on its own
// is a segment of its own here, where X-Ray puts it into its parent's document. An OTLP span is shown as the document
// that X-Ray would make of it.
func batchGetTraces(s *Server, _ *call, in *batchGetTracesInput) (*batchGetTracesOutput, *apiError) {
	if n := len(in.TraceIDs); n == 0 || n > MaxBatchGetTraces {
		return nil, clientError(errCodeInvalidRequest, "TraceIds must have 1 to %d members, not %d", MaxBatchGetTraces, n)
	}
	out := &batchGetTracesOutput{Traces: []tracedSegments{}, UnprocessedTraceIDs: []string{}}
	all := s.traces.traces()
	for _, id := range in.TraceIDs {
		if !traceIDPattern.MatchString(id) {
			return nil, clientError(errCodeInvalidRequest, "Invalid trace id: %s", id)
		}
		i := slices.IndexFunc(all, func(tr trace) bool { return tr.id == w3cTraceID(id) })
		if i < 0 {
			continue
		}
		tr := all[i]
		found := tracedSegments{ID: id, Duration: tr.duration(), Segments: []traceSegment{}}
		nested := map[string]bool{}
		for _, span := range tr.spans {
			var seg segment
			if span.Via == ViaPutTraceSegments && json.Unmarshal([]byte(span.Raw), &seg) == nil {
				for _, raw := range seg.Subsegments {
					nested[segmentItem(string(raw)).SpanID] = true
				}
			}
		}
		for i, span := range tr.spans {
			document := span.Raw
			if span.Via == ViaOTLP {
				document = span.document(tr.services[i])
			}
			if !nested[span.SpanID] {
				found.Segments = append(found.Segments, traceSegment{span.SpanID, document})
			}
		}
		out.Traces = append(out.Traces, found)
	}
	slices.SortStableFunc(out.Traces, func(a, b tracedSegments) int { return cmp.Compare(a.ID, b.ID) })
	return out, nil
}

// document writes an OTLP span as a segment document.
func (s *Span) document(service string) string {
	doc := map[string]any{
		"id": s.SpanID, "trace_id": xrayTraceID(s.TraceID), "name": service, "start_time": seconds(s.Start), "end_time": seconds(s.End),
		"fault": s.Fault, "error": s.Error, "throttle": s.Throttle, "annotations": s.Annotations, "metadata": s.Metadata,
	}
	if s.ParentID != "" {
		doc["parent_id"] = s.ParentID
	}
	if s.Kind != "Server" && s.ParentID != "" {
		doc["type"], doc["name"] = "subsegment", s.Name
	}
	if s.HTTPMethod != "" || s.HTTPURL != "" || s.HTTPStatus != 0 {
		doc["http"] = map[string]any{
			"request":  map[string]any{"method": s.HTTPMethod, "url": s.HTTPURL},
			"response": map[string]any{"status": s.HTTPStatus},
		}
	}
	return string(mustJSON(doc))
}

// parseFilterExpression compiles an X-Ray filter expression. These forms are understood, joined by AND, OR, & and |,
// with ! and parentheses:
//
//   - ok, error, fault, throttle, partial
//   - service("name"), also with the flags of one service: service("name") { fault }
//   - annotation.key = value, annotation[key] = value, annotation.key alone for "has it"
//   - http.status, http.method, http.url, http.useragent aside, with = != < <= > >= CONTAINS BEGINSWITH ENDSWITH
//   - duration, responsetime with = != < <= > >=, name (of any segment) with the text operators
//
// edge(), group() and the rest are refused. Source: X-Ray developer guide, "Use filter expressions".
func parseFilterExpression(expression string) (func(trace) bool, *apiError) {
	if strings.TrimSpace(expression) == "" {
		return func(trace) bool { return true }, nil
	}
	t, err := tokenize(expression)
	var matches func(trace) bool
	if err == nil {
		matches, err = parseBoolean(t, []string{"AND", "&&", "&"}, []string{"OR", "||", "|"}, parseFilterTerm)
	}
	if err == nil && t.peek() != "" {
		err = fmt.Errorf("unexpected %q", t.peek())
	}
	if err != nil {
		return nil, clientError(errCodeInvalidRequest, "Invalid filter expression %q: %s", expression, err)
	}
	return matches, nil
}

// spanFlags are the keywords that hold of a trace when they hold of any of its spans.
var spanFlags = map[string]func(*Span) bool{
	"error":    func(s *Span) bool { return s.Error },
	"fault":    func(s *Span) bool { return s.Fault },
	"throttle": func(s *Span) bool { return s.Throttle },
	"partial":  func(s *Span) bool { return s.End.IsZero() },
}

func parseFilterTerm(t *tokens) (func(trace) bool, error) {
	if t.accept("!", "NOT") {
		var inner func(trace) bool
		var err error
		if t.accept("(") {
			if inner, err = parseBoolean(t, []string{"AND", "&&", "&"}, []string{"OR", "||", "|"}, parseFilterTerm); err == nil {
				err = t.expect(")")
			}
		} else {
			inner, err = parseFilterTerm(t)
		}
		if err != nil {
			return nil, err
		}
		return func(tr trace) bool { return !inner(tr) }, nil
	}
	keyword := t.take()
	name := strings.ToLower(keyword)
	if flag, ok := spanFlags[name]; ok {
		return func(tr trace) bool { return tr.any(flag) }, nil
	}
	switch {
	case name == "ok":
		return func(tr trace) bool { return !tr.hasFault() && !tr.hasError() && !tr.hasThrottle() }, nil
	case name == "service":
		return parseServiceTerm(t)
	case name == "duration":
		return parseTraceNumber(t, trace.duration)
	case name == "responsetime":
		return parseTraceNumber(t, trace.responseTime)
	case name == "http.status":
		return parseSpanValue(t, func(s *Span) (any, bool) { return float64(s.HTTPStatus), s.HTTPStatus != 0 })
	case name == "http.method":
		return parseSpanValue(t, func(s *Span) (any, bool) { return s.HTTPMethod, s.HTTPMethod != "" })
	case name == "http.url":
		return parseSpanValue(t, func(s *Span) (any, bool) { return s.HTTPURL, s.HTTPURL != "" })
	case name == "name":
		return parseSpanValue(t, func(s *Span) (any, bool) { return s.Name, true })
	case strings.HasPrefix(name, "annotation"):
		key := strings.TrimPrefix(keyword[len("annotation"):], ".")
		if key == "" && t.accept("[") {
			key = unquote(t.take())
			if err := t.expect("]"); err != nil {
				return nil, err
			}
		}
		if key == "" {
			return nil, fmt.Errorf("annotation needs a key: annotation.key or annotation[key]")
		}
		value := func(s *Span) (any, bool) {
			v, ok := s.Annotations[key]
			if n, isInt := v.(int64); isInt {
				v = float64(n)
			}
			return v, ok
		}
		return parseSpanValue(t, value)
	}
	return nil, fmt.Errorf("%q is not supported by this endpoint: use ok, error, fault, throttle, partial, service(), annotation, http.status, http.method, http.url, name, duration or responsetime", keyword)
}

func unquote(literal string) string {
	if inner, ok := strings.CutPrefix(literal, `"`); ok {
		return strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(strings.TrimSuffix(inner, `"`))
	}
	return literal
}

// parseServiceTerm reads ("name") or (id(name: "x", type: "y")), and { flags } after it.
func parseServiceTerm(t *tokens) (func(trace) bool, error) {
	if err := t.expect("("); err != nil {
		return nil, err
	}
	service, origin := "", ""
	switch {
	case t.accept("id"):
		if err := t.expect("("); err != nil {
			return nil, err
		}
		for !t.accept(")") {
			field := strings.ToLower(t.take())
			if err := t.expect(":"); err != nil {
				return nil, err
			}
			switch value := unquote(t.take()); field {
			case "name":
				service = value
			case "type":
				origin = value
			default:
				return nil, fmt.Errorf("id() has name and type, not %q", field)
			}
			t.accept(",")
		}
	case t.peek() != ")":
		service = unquote(t.take())
	}
	if err := t.expect(")"); err != nil {
		return nil, err
	}
	holds := func(*Span) bool { return true }
	if t.accept("{") {
		flag, ok := spanFlags[strings.ToLower(t.take())]
		if !ok {
			return nil, fmt.Errorf("service() { } takes error, fault, throttle or partial here")
		}
		holds = flag
		if err := t.expect("}"); err != nil {
			return nil, err
		}
	}
	return func(tr trace) bool {
		for i, span := range tr.spans {
			if (service == "" || tr.services[i] == service) && (origin == "" || span.Origin == origin) && holds(span) {
				return true
			}
		}
		return false
	}, nil
}

func parseTraceNumber(t *tokens, value func(trace) float64) (func(trace) bool, error) {
	compare, err := parseComparison(t.take(), t.take())
	if err != nil {
		return nil, err
	}
	return func(tr trace) bool { return compare(value(tr)) }, nil
}

// parseSpanValue reads an operator and a literal, or nothing, which asks whether the value is there.
func parseSpanValue(t *tokens, value func(*Span) (any, bool)) (func(trace) bool, error) {
	var compare func(any) bool
	switch op := strings.ToUpper(t.peek()); op {
	case "CONTAINS", "BEGINSWITH", "ENDSWITH":
		t.next++
		text := unquote(t.take())
		holds := map[string]func(string, string) bool{"CONTAINS": strings.Contains, "BEGINSWITH": strings.HasPrefix, "ENDSWITH": strings.HasSuffix}[op]
		compare = func(v any) bool { return holds(fmt.Sprint(v), text) }
	case "=", "!=", "<", "<=", ">", ">=":
		t.next++
		var err error
		if compare, err = parseComparison(op, t.take()); err != nil {
			return nil, err
		}
	default:
		compare = func(any) bool { return true }
	}
	return func(tr trace) bool {
		return tr.any(func(s *Span) bool {
			v, ok := value(s)
			return ok && compare(v)
		})
	}, nil
}
