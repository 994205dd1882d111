package awslocal_test

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/xray"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/awslocal"
)

const (
	protobufType = "application/x-protobuf"
	jsonType     = "application/json"
)

type marshaler interface {
	MarshalProto() ([]byte, error)
	MarshalJSON() ([]byte, error)
}

func tracesRequest(t ptrace.Traces) marshaler    { return ptraceotlp.NewExportRequestFromTraces(t) }
func logsRequest(l plog.Logs) marshaler          { return plogotlp.NewExportRequestFromLogs(l) }
func metricsRequest(m pmetric.Metrics) marshaler { return pmetricotlp.NewExportRequestFromMetrics(m) }

// export sends the request to the endpoint of its signal.
func (e *endpoint) export(t *testing.T, signal string, request marshaler, contentType string, gzip bool, header map[string]string) rawResponse {
	t.Helper()
	marshal := request.MarshalProto
	if contentType == jsonType {
		marshal = request.MarshalJSON
	}
	body, err := marshal()
	require.NoError(t, err)
	service := map[string]string{"traces": "xray", "logs": "logs", "metrics": "monitoring"}[signal]
	return e.send(t, rawRequest{path: "/v1/" + signal, service: service, contentType: contentType, body: body, gzip: gzip, header: header})
}

var destination = map[string]string{"x-aws-log-group": group, "x-aws-log-stream": stream}

// statusOf is the google.rpc.Status that an OTLP client gets with a failure.
func statusOf(t *testing.T, r rawResponse) string {
	t.Helper()
	var st status.Status
	if r.header.Get("Content-Type") == jsonType {
		require.NoError(t, protojson.Unmarshal(r.body, &st))
	} else {
		require.NoError(t, proto.Unmarshal(r.body, &st))
	}
	require.NotEmpty(t, st.Message)
	return st.Message
}

// newTraces has n spans of one trace that started at the time.
func newTraces(at time.Time, n int) ptrace.Traces {
	traces := ptrace.NewTraces()
	rs := traces.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "shop")
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName("lib")
	for i := range n {
		span := ss.Spans().AppendEmpty()
		span.SetTraceID([16]byte{1, 2, 3, 4, 15: 1})
		span.SetSpanID([8]byte{1, 5: byte(i >> 16), 6: byte(i >> 8), 7: byte(i)})
		span.SetName(fmt.Sprint("span ", i))
		span.SetKind(ptrace.SpanKindServer)
		span.SetStartTimestamp(pcommon.NewTimestampFromTime(at))
		span.SetEndTimestamp(pcommon.NewTimestampFromTime(at.Add(time.Second)))
	}
	return traces
}

func firstSpan(traces ptrace.Traces) ptrace.Span {
	return traces.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
}

func newLogs(at time.Time, bodies ...string) plog.Logs {
	logs := plog.NewLogs()
	rl := logs.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("service.name", "shop")
	sl := rl.ScopeLogs().AppendEmpty()
	sl.Scope().SetName("lib")
	for _, body := range bodies {
		record := sl.LogRecords().AppendEmpty()
		record.SetTimestamp(pcommon.NewTimestampFromTime(at))
		record.Body().SetStr(body)
	}
	return logs
}

// newMetrics has one gauge of n datapoints.
func newMetrics(at time.Time, n int) pmetric.Metrics {
	metrics := pmetric.NewMetrics()
	rm := metrics.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr("service.name", "shop")
	sm := rm.ScopeMetrics().AppendEmpty()
	sm.Scope().SetName("lib")
	m := sm.Metrics().AppendEmpty()
	m.SetName("load")
	m.SetUnit("1")
	points := m.SetEmptyGauge().DataPoints()
	for i := range n {
		p := points.AppendEmpty()
		p.SetTimestamp(pcommon.NewTimestampFromTime(at))
		p.SetDoubleValue(float64(i))
		p.Attributes().PutInt("i", int64(i))
	}
	return metrics
}

// encodings runs f for each encoding and compression that the endpoints take.
func encodings(t *testing.T, f func(t *testing.T, contentType string, gzip bool)) {
	for _, contentType := range []string{protobufType, jsonType} {
		for _, gzip := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s gzip=%t", contentType, gzip), func(t *testing.T) { f(t, contentType, gzip) })
		}
	}
}

func TestOTLPTracesAreReadBackFromXRay(t *testing.T) {
	encodings(t, func(t *testing.T, contentType string, gzip bool) {
		e := start(t)
		at := e.clock().Add(-time.Minute)
		traces := newTraces(at, 2)
		spans := traces.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
		spans.At(0).Attributes().PutStr("http.request.method", "GET")
		spans.At(0).Attributes().PutStr("url.full", "http://shop/a")
		spans.At(0).Attributes().PutInt("http.response.status_code", 429)
		spans.At(1).SetParentSpanID(spans.At(0).SpanID())
		spans.At(1).SetKind(ptrace.SpanKindClient)
		spans.At(1).Status().SetCode(ptrace.StatusCodeError)
		spans.At(1).Attributes().PutDouble("not.a.number", math.NaN())
		resp := e.export(t, "traces", tracesRequest(traces), contentType, gzip, nil)
		require.Equal(t, http.StatusOK, resp.status, string(resp.body))
		assert.Equal(t, contentType, resp.header.Get("Content-Type"))

		got := e.Snapshot().Spans
		require.Len(t, got, 2)
		assert.Equal(t, "01020304000000000000000000000001", got[0].TraceID)
		assert.Equal(t, "Server", got[0].Kind)
		assert.Equal(t, "shop", got[0].Service)
		assert.Equal(t, 429, got[0].HTTPStatus)
		assert.True(t, got[0].Error && got[0].Throttle && !got[0].Fault)
		assert.Equal(t, got[0].SpanID, got[1].ParentID)
		assert.True(t, got[1].Fault)
		assert.Equal(t, "NaN", got[1].Annotations["not.a.number"])
		assert.Equal(t, at, got[0].Start)
		assert.Equal(t, awslocal.ViaOTLP, got[0].Via)
		var raw map[string]any
		require.NoError(t, json.Unmarshal([]byte(got[1].Raw), &raw))
		assert.Equal(t, "span 1", raw["name"])

		list, err := e.xray().GetTraceSummaries(t.Context(), &xray.GetTraceSummariesInput{StartTime: aws.Time(at), EndTime: aws.Time(e.clock()), FilterExpression: aws.String(`service("shop") { throttle }`)})
		require.NoError(t, err)
		require.Len(t, list.TraceSummaries, 1)
		found, err := e.xray().BatchGetTraces(t.Context(), &xray.BatchGetTracesInput{TraceIds: []string{*list.TraceSummaries[0].Id}})
		require.NoError(t, err)
		require.Len(t, found.Traces[0].Segments, 2)
		var segment struct {
			Name    string
			TraceID string `json:"trace_id"`
			HTTP    struct{ Response struct{ Status int } }
		}
		require.NoError(t, json.Unmarshal([]byte(*found.Traces[0].Segments[0].Document), &segment))
		assert.Equal(t, "shop", segment.Name)
		assert.Equal(t, "1-01020304-000000000000000000000001", segment.TraceID)
		assert.Equal(t, 429, segment.HTTP.Response.Status)
	})
}

func TestOTLPTracesNeedTransactionSearch(t *testing.T) {
	e := start(t, func(c *awslocal.Config) { c.TransactionSearch = false })
	for _, contentType := range []string{protobufType, jsonType} {
		resp := e.export(t, "traces", tracesRequest(newTraces(e.clock(), 1)), contentType, false, nil)
		assert.Equal(t, http.StatusBadRequest, resp.status)
		assert.Equal(t, "The OTLP API is supported with CloudWatch Logs as a Trace Segment Destination.", statusOf(t, resp))
	}
	rejected := e.rejections("InvalidRequestException")
	require.Len(t, rejected, 1)
	assert.Equal(t, 2, rejected[0].Count)
	assert.Equal(t, "01020304000000000000000000000001", rejected[0].Items[0].TraceID)
}

func TestOTLPTraceLimitsHoldAtTheBoundAndRefuseOnePast(t *testing.T) {
	for name, test := range map[string]struct {
		traces func(now time.Time) ptrace.Traces
		status int
		stored int
		code   string
	}{
		"10000 spans":             {func(now time.Time) ptrace.Traces { return newTraces(now, awslocal.MaxOTLPSpans) }, 200, awslocal.MaxOTLPSpans, ""},
		"10001 spans":             {func(now time.Time) ptrace.Traces { return newTraces(now, awslocal.MaxOTLPSpans+1) }, 400, 0, "InvalidRequestException"},
		"5 MB":                    {func(now time.Time) ptrace.Traces { return sizedTraces(now, awslocal.MaxOTLPTracesBytes) }, 200, 100, ""},
		"5 MB and a byte":         {func(now time.Time) ptrace.Traces { return sizedTraces(now, awslocal.MaxOTLPTracesBytes+1) }, 413, 0, "RequestEntityTooLargeException"},
		"span of 200 KB":          {func(now time.Time) ptrace.Traces { return sizedSpan(now, awslocal.MaxOTLPSpanBytes) }, 200, 1, ""},
		"span of a byte more":     {func(now time.Time) ptrace.Traces { return sizedSpan(now, awslocal.MaxOTLPSpanBytes+1) }, 200, 0, awslocal.RejectOTLPSpanSize},
		"resource of 16 KB":       {func(now time.Time) ptrace.Traces { return sizedResource(now, awslocal.MaxOTLPResourceScopeBytes) }, 200, 1, ""},
		"resource of a byte more": {func(now time.Time) ptrace.Traces { return sizedResource(now, awslocal.MaxOTLPResourceScopeBytes+1) }, 400, 0, "InvalidRequestException"},
		"14 days old":             {func(now time.Time) ptrace.Traces { return newTraces(now.Add(-awslocal.MaxOTLPSpanAge), 1) }, 200, 1, ""},
		"over 14 days old":        {func(now time.Time) ptrace.Traces { return newTraces(now.Add(-awslocal.MaxOTLPSpanAge-1), 1) }, 200, 0, awslocal.RejectOTLPSpanTime},
		"2 hours ahead":           {func(now time.Time) ptrace.Traces { return newTraces(now.Add(awslocal.MaxOTLPSpanFuture), 1) }, 200, 1, ""},
		"over 2 hours ahead":      {func(now time.Time) ptrace.Traces { return newTraces(now.Add(awslocal.MaxOTLPSpanFuture+1), 1) }, 200, 0, awslocal.RejectOTLPSpanTime},
		"24 hours apart":          {func(now time.Time) ptrace.Traces { return apart(now, awslocal.MaxOTLPSpanGap) }, 200, 2, ""},
		"over 24 hours apart":     {func(now time.Time) ptrace.Traces { return apart(now, awslocal.MaxOTLPSpanGap+1) }, 400, 0, "InvalidRequestException"},
		"no trace id": {func(now time.Time) ptrace.Traces {
			traces := newTraces(now, 2)
			firstSpan(traces).SetTraceID(pcommon.NewTraceIDEmpty())
			return traces
		}, 200, 1, awslocal.RejectOTLPSpanIDs},
	} {
		t.Run(name, func(t *testing.T) {
			e := start(t)
			traces := test.traces(e.clock())
			resp := e.export(t, "traces", tracesRequest(traces), protobufType, true, nil)
			require.Equal(t, test.status, resp.status, string(resp.body))
			assert.Len(t, e.Snapshot().Spans, test.stored)
			if test.status == http.StatusOK {
				answer := ptraceotlp.NewExportResponse()
				require.NoError(t, answer.UnmarshalProto(resp.body))
				assert.Equal(t, int64(traces.SpanCount()-test.stored), answer.PartialSuccess().RejectedSpans())
				assert.Equal(t, test.code == "", answer.PartialSuccess().ErrorMessage() == "")
			} else {
				statusOf(t, resp)
			}
			if test.code == "" {
				assert.Empty(t, e.Snapshot().Rejections)
				return
			}
			require.Len(t, e.rejections(test.code), 1)
			assert.Equal(t, traces.SpanCount()-test.stored, e.rejections(test.code)[0].Count)
			assert.NotEmpty(t, e.rejections(test.code)[0].Items)
		})
	}
}

func apart(now time.Time, d time.Duration) ptrace.Traces {
	traces := newTraces(now, 2)
	firstSpan(traces).SetStartTimestamp(pcommon.NewTimestampFromTime(now.Add(-d)))
	return traces
}

// fill gives set a text with which size becomes want. The length prefixes of protobuf grow with the text, so that the
// last bytes are found by trying.
func fill(set func(string), size func() int, want int) {
	set("")
	for n := max(want-size()-64, 0); ; n++ {
		set(strings.Repeat("x", n))
		switch got := size(); {
		case got == want:
			return
		case got > want:
			panic(fmt.Sprintf("no text makes the size %d: %d is next", want, got))
		default:
			n += max(want-got-8, 0)
		}
	}
}

func sizedTraces(now time.Time, size int) ptrace.Traces {
	traces := newTraces(now, 100)
	sizer := ptrace.ProtoMarshaler{}
	spans := traces.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	for i := range 99 {
		spans.At(i).Attributes().PutStr("pad", strings.Repeat("x", size/100-200))
	}
	last := spans.At(99).Attributes()
	fill(func(s string) { last.PutStr("pad", s) }, func() int { return sizer.TracesSize(traces) }, size)
	return traces
}

func sizedSpan(now time.Time, size int) ptrace.Traces {
	traces := newTraces(now, 1)
	sizer := ptrace.ProtoMarshaler{}
	span := firstSpan(traces)
	fill(func(s string) { span.Attributes().PutStr("pad", s) }, func() int { return sizer.SpanSize(span) }, size)
	return traces
}

func sizedResource(now time.Time, size int) ptrace.Traces {
	traces := newTraces(now, 1)
	sizer := ptrace.ProtoMarshaler{}
	rs := traces.ResourceSpans().At(0)
	fill(func(s string) { rs.Resource().Attributes().PutStr("pad", s) }, func() int {
		bare := ptrace.NewResourceSpans()
		rs.Resource().CopyTo(bare.Resource())
		rs.ScopeSpans().At(0).Scope().CopyTo(bare.ScopeSpans().AppendEmpty().Scope())
		return sizer.ResourceSpansSize(bare)
	}, size)
	return traces
}

func TestOTLPLogsAreReadBackFromCloudWatchLogs(t *testing.T) {
	encodings(t, func(t *testing.T, contentType string, gzip bool) {
		e := start(t, withStream)
		at := e.clock().Add(-time.Minute).Add(123456789)
		logs := newLogs(at, "hello")
		record := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
		record.SetObservedTimestamp(pcommon.NewTimestampFromTime(at.Add(time.Second)))
		record.SetSeverityNumber(plog.SeverityNumberError)
		record.SetSeverityText("ERROR")
		record.SetTraceID([16]byte{1})
		record.SetSpanID([8]byte{2})
		record.SetFlags(plog.DefaultLogRecordFlags.WithIsSampled(true))
		record.Attributes().PutInt("order", 7)
		resp := e.export(t, "logs", logsRequest(logs), contentType, gzip, destination)
		require.Equal(t, http.StatusOK, resp.status, string(resp.body))

		out, err := e.logs().FilterLogEvents(t.Context(), &cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String(group), FilterPattern: aws.String(`{ $.body = "hello" && $.attributes.order = 7 }`)})
		require.NoError(t, err)
		require.Len(t, out.Events, 1)
		assert.Equal(t, at.UnixMilli(), *out.Events[0].Timestamp)
		assert.JSONEq(t, fmt.Sprintf(`{"resource":{"attributes":{"service.name":"shop"}},"scope":{"name":"lib"},"timeUnixNano":%d,"observedTimeUnixNano":%d,
			"severityNumber":17,"severityText":"ERROR","body":"hello","attributes":{"order":7},"flags":1,"traceId":"01000000000000000000000000000000","spanId":"0200000000000000"}`,
			at.UnixNano(), at.Add(time.Second).UnixNano()), *out.Events[0].Message)
		assert.Equal(t, awslocal.ViaOTLP, e.Snapshot().LogGroups[0].Streams[0].Events[0].Via)
	})
}

func TestOTLPLogsNeedAGroupAndStreamThatExist(t *testing.T) {
	e := start(t, withStream)
	for want, header := range map[string]map[string]string{
		"The headers x-aws-log-group and x-aws-log-stream are required": {"x-aws-log-group": group},
		"The specified log group does not exist.":                       {"x-aws-log-group": "other", "x-aws-log-stream": stream},
		"The specified log stream does not exist.":                      {"x-aws-log-group": group, "x-aws-log-stream": "other"},
	} {
		resp := e.export(t, "logs", logsRequest(newLogs(e.clock(), "a", "b")), protobufType, false, header)
		assert.Equal(t, http.StatusBadRequest, resp.status)
		assert.Equal(t, want, statusOf(t, resp))
	}
	for _, r := range e.Snapshot().Rejections {
		assert.Equal(t, 2, r.Count, r.Reason)
	}
	assert.Empty(t, stored(e))
}

func TestOTLPLogLimitsHoldAtTheBoundAndRefuseOnePast(t *testing.T) {
	sized := func(total int) func(time.Time) plog.Logs {
		return func(now time.Time) plog.Logs {
			logs := newLogs(now, "")
			sizer := plog.ProtoMarshaler{}
			body := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Body()
			fill(body.SetStr, func() int { return sizer.LogsSize(logs) }, total)
			return logs
		}
	}
	many := func(n int) func(time.Time) plog.Logs {
		return func(now time.Time) plog.Logs { return newLogs(now, make([]string, n)...) }
	}
	resource := func(size int) func(time.Time) plog.Logs {
		return func(now time.Time) plog.Logs {
			logs := newLogs(now, "m")
			sizer := plog.ProtoMarshaler{}
			rl := logs.ResourceLogs().At(0)
			fill(func(s string) { rl.Resource().Attributes().PutStr("pad", s) }, func() int {
				bare := plog.NewResourceLogs()
				rl.Resource().CopyTo(bare.Resource())
				rl.ScopeLogs().At(0).Scope().CopyTo(bare.ScopeLogs().AppendEmpty().Scope())
				return sizer.ResourceLogsSize(bare)
			}, size)
			return logs
		}
	}
	apart := func(d time.Duration) func(time.Time) plog.Logs {
		return func(now time.Time) plog.Logs {
			logs := newLogs(now, "new", "old")
			logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(1).SetTimestamp(pcommon.NewTimestampFromTime(now.Add(-d)))
			return logs
		}
	}
	for name, test := range map[string]struct {
		logs   func(time.Time) plog.Logs
		status int
		code   string
	}{
		"1 MB":                    {sized(awslocal.MaxOTLPLogsBytes), 200, ""},
		"1 MB and a byte":         {sized(awslocal.MaxOTLPLogsBytes + 1), 413, "RequestEntityTooLargeException"},
		"10000 records":           {many(awslocal.MaxOTLPLogRecords), 200, ""},
		"10001 records":           {many(awslocal.MaxOTLPLogRecords + 1), 400, "InvalidParameterException"},
		"resource of 16 KB":       {resource(awslocal.MaxOTLPResourceScopeBytes), 200, ""},
		"resource of a byte more": {resource(awslocal.MaxOTLPResourceScopeBytes + 1), 400, "InvalidParameterException"},
		"24 hours apart":          {apart(awslocal.MaxLogEventsSpan), 200, ""},
		"over 24 hours apart":     {apart(awslocal.MaxLogEventsSpan + time.Millisecond), 400, "InvalidParameterException"},
	} {
		t.Run(name, func(t *testing.T) {
			e := start(t, withStream)
			logs := test.logs(e.clock())
			resp := e.export(t, "logs", logsRequest(logs), protobufType, true, destination)
			require.Equal(t, test.status, resp.status, string(resp.body))
			if test.code == "" {
				assert.Len(t, stored(e), logs.LogRecordCount())
				return
			}
			statusOf(t, resp)
			assert.Empty(t, stored(e))
			require.Len(t, e.rejections(test.code), 1)
			assert.Equal(t, logs.LogRecordCount(), e.rejections(test.code)[0].Count)
			assert.Equal(t, group, e.rejections(test.code)[0].Items[0].LogGroup)
		})
	}
}

func TestOTLPLogsOfALargeRegion(t *testing.T) {
	large := func(c *awslocal.Config) { c.Region = "us-east-1" }
	e := start(t, withStream, large)
	body, err := logsRequest(newLogs(e.clock(), strings.Repeat("x", 2*awslocal.MaxLogEventBytes))).MarshalProto()
	require.NoError(t, err)
	resp := e.send(t, rawRequest{path: "/v1/logs", service: "logs", region: "us-east-1", contentType: protobufType, body: body, header: destination})
	require.Equal(t, http.StatusOK, resp.status)
	events := stored(e)
	require.Len(t, events, 1)
	assert.Equal(t, awslocal.MaxLogEventBytes, len(events[0])+awslocal.LogEventOverheadBytes, "the body is cut to what one event can hold")
	assert.True(t, json.Valid([]byte(events[0])))
	assert.True(t, e.rejections(awslocal.RejectOTLPTruncated)[0].Silent)

	// Random-looking text does not matter to the limit: it is of the uncompressed request.
	var bodies []string
	for range 21 {
		bodies = append(bodies, strings.Repeat("x", 1<<20))
	}
	body, err = logsRequest(newLogs(e.clock(), bodies...)).MarshalProto()
	require.NoError(t, err)
	require.Greater(t, len(body), awslocal.MaxOTLPLogsBytesLarge)
	resp = e.send(t, rawRequest{path: "/v1/logs", service: "logs", region: "us-east-1", contentType: protobufType, body: body, gzip: true, header: destination})
	assert.Equal(t, http.StatusRequestEntityTooLarge, resp.status)
}

func TestOTLPLogsOutsideTheTimeThatIsKeptArePartialSuccess(t *testing.T) {
	e := start(t, withStream)
	old := e.export(t, "logs", logsRequest(newLogs(e.clock().Add(-awslocal.MaxLogEventAge-time.Millisecond), "a", "b")), jsonType, false, destination)
	require.Equal(t, http.StatusOK, old.status)
	answer := plogotlp.NewExportResponse()
	require.NoError(t, answer.UnmarshalJSON(old.body))
	assert.Equal(t, int64(2), answer.PartialSuccess().RejectedLogRecords())
	assert.JSONEq(t, `{"tooOldLogEventCount":2,"tooNewLogEventCount":0,"expiredLogEventCount":0}`, answer.PartialSuccess().ErrorMessage())

	ahead := e.export(t, "logs", logsRequest(newLogs(e.clock().Add(awslocal.MaxLogEventFuture+time.Millisecond), "c")), protobufType, false, destination)
	require.NoError(t, answer.UnmarshalProto(ahead.body))
	assert.Contains(t, answer.PartialSuccess().ErrorMessage(), `"tooNewLogEventCount":1`)
	assert.Empty(t, stored(e))
	assert.Equal(t, 2, e.rejections("TooOldLogEvent")[0].Count)
}

func TestOTLPLogWithoutTimestampsIsOfNow(t *testing.T) {
	e := start(t, withStream)
	logs := newLogs(e.clock(), "none", "observed")
	records := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
	records.At(0).SetTimestamp(0)
	records.At(1).SetTimestamp(0)
	records.At(1).SetObservedTimestamp(pcommon.NewTimestampFromTime(e.clock().Add(-time.Hour)))
	require.Equal(t, http.StatusOK, e.export(t, "logs", logsRequest(logs), protobufType, false, destination).status)
	events := e.Snapshot().LogGroups[0].Streams[0].Events
	assert.Equal(t, e.clock(), events[0].Timestamp)
	assert.Equal(t, e.clock().Add(-time.Hour), events[1].Timestamp)
}

func TestOTLPMetricsAreReadBackFromCloudWatch(t *testing.T) {
	encodings(t, func(t *testing.T, contentType string, gzip bool) {
		e := start(t)
		minute := e.clock().Truncate(time.Minute).Add(-time.Minute)
		at := pcommon.NewTimestampFromTime(minute.Add(time.Second))
		metrics := newMetrics(minute.Add(time.Second), 1)
		list := metrics.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics()

		counter := list.AppendEmpty()
		counter.SetName("calls")
		counter.SetEmptySum().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
		p := counter.Sum().DataPoints().AppendEmpty()
		p.SetTimestamp(at)
		p.SetIntValue(5)

		histogram := list.AppendEmpty()
		histogram.SetName("latency")
		histogram.SetUnit("s")
		histogram.SetEmptyHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		h := histogram.Histogram().DataPoints().AppendEmpty()
		h.SetTimestamp(at)
		h.ExplicitBounds().FromRaw([]float64{1, 2})
		h.BucketCounts().FromRaw([]uint64{1, 2, 1})
		h.SetCount(4)
		h.SetSum(8)
		h.SetMin(0.5)
		h.SetMax(4)

		exponential := list.AppendEmpty()
		exponential.SetName("sizes")
		x := exponential.SetEmptyExponentialHistogram().DataPoints().AppendEmpty()
		x.SetTimestamp(at)
		x.Positive().BucketCounts().FromRaw([]uint64{1, 0, 3})
		x.SetZeroCount(1)
		x.SetCount(5)
		x.SetSum(20)

		summary := list.AppendEmpty()
		summary.SetName("quantiles")
		q := summary.SetEmptySummary().DataPoints().AppendEmpty()
		q.SetTimestamp(at)
		q.SetCount(3)
		q.SetSum(6)
		for i, v := range []float64{1, 3} {
			quantile := q.QuantileValues().AppendEmpty()
			quantile.SetQuantile(float64(i))
			quantile.SetValue(v)
		}
		resp := e.export(t, "metrics", metricsRequest(metrics), contentType, gzip, nil)
		require.Equal(t, http.StatusOK, resp.status, string(resp.body))

		all, err := e.cloudwatch().ListMetrics(t.Context(), &cloudwatch.ListMetricsInput{Namespace: aws.String(awslocal.OTLPNamespace)})
		require.NoError(t, err)
		require.Len(t, all.Metrics, 5)
		common := map[string]string{"@resource.service.name": "shop", "@instrumentation.@name": "lib"}
		ask := func(id, name, stat string) cwtypes.MetricDataQuery {
			query := query(id, name, stat, common)
			query.MetricStat.Metric.Namespace = aws.String(awslocal.OTLPNamespace)
			return query
		}
		assert.Equal(t, map[string][]float64{
			"calls": {5}, "hn": {4}, "hsum": {8}, "hmin": {0.5}, "hmax": {4}, "hp50": {1.5}, "xn": {5}, "xmin": {0}, "xmax": {8}, "qavg": {2}, "qmax": {3},
		}, e.get(t, minute, e.clock(), ask("calls", "calls", "Sum"),
			ask("hn", "latency", "SampleCount"), ask("hsum", "latency", "Sum"), ask("hmin", "latency", "Minimum"), ask("hmax", "latency", "Maximum"), ask("hp50", "latency", "p50"),
			ask("xn", "sizes", "SampleCount"), ask("xmin", "sizes", "Minimum"), ask("xmax", "sizes", "Maximum"),
			ask("qavg", "quantiles", "Average"), ask("qmax", "quantiles", "Maximum")))

		for _, m := range e.Snapshot().Metrics {
			d := m.Datapoints[0]
			assert.Equal(t, map[string]any{"service.name": "shop", "otel.scope.name": "lib"}, d.Fields)
			assert.Equal(t, awslocal.ViaOTLP, d.Source)
			switch m.Name {
			case "load":
				assert.Equal(t, "0", m.Dimensions["i"])
				assert.Equal(t, "Gauge", d.Type)
			case "calls":
				assert.Equal(t, "Delta", d.Temporality)
				assert.Equal(t, "None", d.Unit)
			case "latency":
				assert.Equal(t, "Cumulative", d.Temporality)
				assert.Equal(t, "s", d.Unit)
				assert.Equal(t, []float64{0.75, 1.5, 3}, d.Values)
			}
		}
	})
}

func TestOTLPMetricLimitsHoldAtTheBoundAndRefuseOnePast(t *testing.T) {
	labels := func(n int) func(time.Time) pmetric.Metrics {
		return func(now time.Time) pmetric.Metrics {
			metrics := newMetrics(now, 1)
			rm := metrics.ResourceMetrics().At(0)
			// One is the resource's service.name, one the scope's, one the datapoint's i.
			rm.ScopeMetrics().At(0).Scope().Attributes().PutStr("scope", "x")
			for i := range n - 3 {
				rm.ScopeMetrics().At(0).Metrics().At(0).Gauge().DataPoints().At(0).Attributes().PutStr(fmt.Sprint("l", i), "x")
			}
			return metrics
		}
	}
	sized := func(total int) func(time.Time) pmetric.Metrics {
		return func(now time.Time) pmetric.Metrics {
			metrics := newMetrics(now, 1)
			sizer := pmetric.ProtoMarshaler{}
			attributes := metrics.ResourceMetrics().At(0).Resource().Attributes()
			fill(func(s string) { attributes.PutStr("pad", s) }, func() int { return sizer.MetricsSize(metrics) }, total)
			return metrics
		}
	}
	valued := func(v float64) func(time.Time) pmetric.Metrics {
		return func(now time.Time) pmetric.Metrics {
			metrics := newMetrics(now, 2)
			metrics.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Gauge().DataPoints().At(0).SetDoubleValue(v)
			return metrics
		}
	}
	for name, test := range map[string]struct {
		metrics func(time.Time) pmetric.Metrics
		status  int
		stored  int
		code    string
	}{
		"1000 datapoints": {func(now time.Time) pmetric.Metrics { return newMetrics(now, awslocal.MaxOTLPDatapoints) }, 200, awslocal.MaxOTLPDatapoints, ""},
		"1001 datapoints": {func(now time.Time) pmetric.Metrics { return newMetrics(now, awslocal.MaxOTLPDatapoints+1) }, 400, 0, "ValidationException"},
		"150 labels":      {labels(awslocal.MaxOTLPLabels), 200, 1, ""},
		"151 labels":      {labels(awslocal.MaxOTLPLabels + 1), 200, 0, awslocal.RejectOTLPLabels},
		"1 MB":            {sized(awslocal.MaxOTLPMetricsBytes), 200, 1, ""},
		"1 MB and a byte": {sized(awslocal.MaxOTLPMetricsBytes + 1), 413, 0, "RequestEntityTooLargeException"},
		"NaN":             {valued(math.NaN()), 200, 1, awslocal.RejectOTLPValue},
		"infinite":        {valued(math.Inf(1)), 200, 1, awslocal.RejectOTLPValue},
	} {
		t.Run(name, func(t *testing.T) {
			e := start(t)
			metrics := test.metrics(e.clock())
			resp := e.export(t, "metrics", metricsRequest(metrics), protobufType, true, nil)
			require.Equal(t, test.status, resp.status, string(resp.body))
			assert.Len(t, e.Snapshot().Metrics, test.stored)
			if test.status == http.StatusOK {
				answer := pmetricotlp.NewExportResponse()
				require.NoError(t, answer.UnmarshalProto(resp.body))
				assert.Equal(t, int64(metrics.DataPointCount()-test.stored), answer.PartialSuccess().RejectedDataPoints())
			} else {
				statusOf(t, resp)
			}
			if test.code != "" {
				require.Len(t, e.rejections(test.code), 1)
				assert.Equal(t, metrics.DataPointCount()-test.stored, e.rejections(test.code)[0].Count)
				assert.Equal(t, "load", e.rejections(test.code)[0].Items[0].Metric)
			}
		})
	}
}

func TestOTLPDatapointWithoutValueIsNotStored(t *testing.T) {
	e := start(t)
	metrics := newMetrics(e.clock(), 1)
	metrics.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Gauge().DataPoints().At(0).SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(true))
	resp := e.export(t, "metrics", metricsRequest(metrics), protobufType, false, nil)
	assert.Equal(t, http.StatusOK, resp.status)
	assert.Empty(t, e.Snapshot().Metrics)
	assert.True(t, e.rejections(awslocal.RejectOTLPNoRecordedValue)[0].Silent)
}

func TestOTLPRequestsOfAnotherForm(t *testing.T) {
	e := start(t, withStream)
	for name, test := range map[string]struct {
		request rawRequest
		status  int
	}{
		"empty request":         {rawRequest{contentType: protobufType}, http.StatusOK},
		"content type":          {rawRequest{contentType: "text/plain"}, http.StatusUnsupportedMediaType},
		"charset":               {rawRequest{contentType: "application/json; charset=utf-8", body: []byte("{}")}, http.StatusOK},
		"no protobuf":           {rawRequest{contentType: protobufType, body: []byte("{}")}, http.StatusBadRequest},
		"no JSON":               {rawRequest{contentType: jsonType, body: []byte("x")}, http.StatusBadRequest},
		"zstd":                  {rawRequest{contentType: jsonType, body: []byte("{}"), header: map[string]string{"Content-Encoding": "zstd"}}, http.StatusUnsupportedMediaType},
		"not gzip":              {rawRequest{contentType: jsonType, body: []byte("{}"), header: map[string]string{"Content-Encoding": "gzip"}}, http.StatusBadRequest},
		"beyond what is read":   {rawRequest{contentType: jsonType, body: make([]byte, 33<<20), gzip: true}, http.StatusRequestEntityTooLarge},
		"signed for S3 instead": {rawRequest{contentType: protobufType, service: "s3"}, http.StatusForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			for signal, service := range map[string]string{"traces": "xray", "logs": "logs", "metrics": "monitoring"} {
				r := test.request
				r.path = "/v1/" + signal
				if r.service == "" {
					r.service = service
				}
				header := map[string]string{}
				for _, from := range []map[string]string{destination, r.header} {
					for k, v := range from {
						header[k] = v
					}
				}
				r.header = header
				resp := e.send(t, r)
				assert.Equal(t, test.status, resp.status, signal+": "+string(resp.body))
				if test.status != http.StatusOK {
					statusOf(t, resp)
				}
			}
		})
	}
}
