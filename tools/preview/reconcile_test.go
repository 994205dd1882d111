package preview

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/awslocal"
)

var testTime = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func testTraces(ids ...byte) ptrace.Traces {
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for _, id := range ids {
		span := spans.AppendEmpty()
		span.SetTraceID([16]byte{1})
		span.SetSpanID([8]byte{id})
		span.SetName(fmt.Sprintf("span %d", id))
	}
	return td
}

func testSpan(id byte, stored int) awslocal.Span {
	trace, span := [16]byte{1}, [8]byte{id}
	return awslocal.Span{TraceID: hex.EncodeToString(trace[:]), SpanID: hex.EncodeToString(span[:]), Stored: stored}
}

func TestSpansAreBalancedByIdentity(t *testing.T) {
	l := newLedger()
	l.addTraces(testTraces(1, 2, 3, 4))

	b := l.reconcileSpans(awslocal.Snapshot{
		Spans: []awslocal.Span{testSpan(1, 1), testSpan(2, 3), testSpan(9, 1)},
		Rejections: []awslocal.Rejection{{
			Service: "xray", Operation: "PutTraceSegments", Code: "SegmentTooLarge", Reason: "64 KB", Silent: true,
			Items: []awslocal.RejectedItem{{TraceID: testSpan(4, 1).TraceID, SpanID: testSpan(4, 1).SpanID}},
		}},
	})

	assert.Equal(t, 4, b.sent)
	assert.Equal(t, 2, b.arrived, "as many are stored as were sent, but not the same")
	assert.Equal(t, 2, b.duplicated)
	assert.Equal(t, 1, b.unexpected)
	require.Len(t, b.lost, 2)
	assert.Contains(t, b.lost[0].example, "span 3")
	assert.Empty(t, b.lost[0].why, "nothing explains it yet")
	assert.Contains(t, b.lost[1].why, "SegmentTooLarge")
}

// testMetrics makes one gauge datapoint for each set of labels.
func testGauge(name string, resource map[string]any, labels ...map[string]any) pmetric.Metrics {
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	_ = rm.Resource().Attributes().FromRaw(resource)
	metric := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	metric.SetName(name)
	points := metric.SetEmptyGauge().DataPoints()
	for _, set := range labels {
		point := points.AppendEmpty()
		point.SetTimestamp(pcommon.NewTimestampFromTime(testTime))
		point.SetDoubleValue(1)
		_ = point.Attributes().FromRaw(set)
	}
	return md
}

// emf makes a snapshot of EMF events, each extracted into a metric, as awsemf writes them.
func emf(t *testing.T, events ...map[string]any) awslocal.Snapshot {
	t.Helper()
	stream := awslocal.LogStream{Name: "otel"}
	snapshot := awslocal.Snapshot{}
	for _, fields := range events {
		names, dimensions := []map[string]string{}, []string{}
		values := map[string]string{}
		for key, value := range fields {
			if text, ok := value.(string); ok {
				dimensions = append(dimensions, key)
				values[key] = text
			} else {
				names = append(names, map[string]string{"Name": key})
				snapshot.Metrics = append(snapshot.Metrics, awslocal.Metric{
					Namespace: "kyma", Name: key, Dimensions: values,
					Datapoints: []awslocal.Datapoint{{Timestamp: testTime, Source: awslocal.ViaEMF, Stored: 1}},
				})
			}
		}
		fields["_aws"] = map[string]any{
			"Timestamp":         testTime.UnixMilli(),
			"CloudWatchMetrics": []any{map[string]any{"Namespace": "kyma", "Dimensions": [][]string{dimensions}, "Metrics": names}},
		}
		raw, err := json.Marshal(fields)
		require.NoError(t, err)
		stream.Events = append(stream.Events, awslocal.LogEvent{Timestamp: testTime, Message: string(raw), Via: awslocal.ViaPutLogEvents})
	}
	snapshot.LogGroups = []awslocal.LogGroup{{Name: "/metrics", Streams: []awslocal.LogStream{stream}}}
	return snapshot
}

func TestSeriesOfTwoPodsWithoutAPodDimensionAreOneLostAndNamed(t *testing.T) {
	l := newLedger()
	l.addMetrics(testGauge("heap", map[string]any{"k8s.pod.name": "a", "service.name": "shop"}, map[string]any{"area": "old"}))
	l.addMetrics(testGauge("heap", map[string]any{"k8s.pod.name": "b", "service.name": "shop"}, map[string]any{"area": "old"}))

	b := l.reconcilePoints(emf(t, map[string]any{"heap": 1, "area": "old", "OTelLib": "lib"}), metricRules{})

	assert.Equal(t, 2, b.sent)
	assert.Equal(t, 1, b.arrived)
	assert.Zero(t, b.duplicated)
	require.Len(t, b.lost, 1)
	assert.Contains(t, b.lost[0].why, "awsemf drops duplicates of a series inside one batch")
	assert.Contains(t, b.lost[0].why, "add k8s.pod.name to the dimensions")
	assert.NotContains(t, b.lost[0].why, "service.name", "both pods have the same")
}

func TestSeriesOfTwoPodsWithAPodDimensionBothArrive(t *testing.T) {
	l := newLedger()
	for _, pod := range []string{"a", "b"} {
		l.addMetrics(testGauge("heap", map[string]any{"k8s.pod.name": pod}, map[string]any{"area": "old"}))
	}

	b := l.reconcilePoints(emf(t,
		map[string]any{"heap": 1, "area": "old", "k8s.pod.name": "a"},
		map[string]any{"heap": 1, "area": "old", "k8s.pod.name": "b"},
	), metricRules{})

	assert.Equal(t, 2, b.arrived)
	assert.Empty(t, b.lost)
}

func TestAStoredDatapointOfAnotherSeriesIsNoArrival(t *testing.T) {
	l := newLedger()
	l.addMetrics(testGauge("heap", nil, map[string]any{"area": "old"}))

	b := l.reconcilePoints(emf(t, map[string]any{"heap": 1, "area": "young"}), metricRules{})

	assert.Zero(t, b.arrived)
	assert.Equal(t, 1, b.unexpected)
	assert.Len(t, b.lost, 1)
}

func TestAnAttributeThatAProcessorSetsDoesNotTellSeriesApart(t *testing.T) {
	l := newLedger()
	l.addMetrics(testGauge("heap", map[string]any{"k8s.cluster.name": "api.example"}, map[string]any{"area": "old"}))
	snapshot := emf(t, map[string]any{"heap": 1, "area": "old", "k8s.cluster.name": "kyma"})

	assert.Zero(t, l.reconcilePoints(snapshot, metricRules{}).arrived)
	assert.Equal(t, 1, l.reconcilePoints(snapshot, metricRules{rewritten: map[string]bool{"k8s.cluster.name": true}}).arrived)
}

func TestADatapointStoredTwiceIsDuplicated(t *testing.T) {
	l := newLedger()
	l.addMetrics(testGauge("heap", nil, map[string]any{"area": "old"}))

	b := l.reconcilePoints(emf(t, map[string]any{"heap": 1, "area": "old"}, map[string]any{"heap": 1, "area": "old"}), metricRules{})

	assert.Equal(t, 1, b.arrived)
	assert.Equal(t, 1, b.duplicated)
}

func TestAnEMFEventThatCloudWatchDoesNotExtractIsNoArrival(t *testing.T) {
	l := newLedger()
	l.addMetrics(testGauge("heap", nil, map[string]any{"area": "old"}))
	snapshot := emf(t, map[string]any{"heap": 1, "area": "old"})
	snapshot.Metrics = nil
	snapshot.Rejections = []awslocal.Rejection{{
		Service: "logs", Operation: "PutLogEvents", Code: "EMFTooManyMetrics", Reason: "more than 100 metrics in a directive", Silent: true,
		Items: []awslocal.RejectedItem{{Metric: "heap", Timestamp: testTime}},
	}}

	b := l.reconcilePoints(snapshot, metricRules{})

	assert.Zero(t, b.arrived)
	require.Len(t, b.lost, 1)
	assert.Contains(t, b.lost[0].why, "more than 100 metrics in a directive")
	assert.Equal(t, "aws", b.lost[0].source)
}

func TestAMetricThatNoDeclarationNamesArrivesInLogsOnly(t *testing.T) {
	l := newLedger()
	l.addMetrics(testGauge("heap", nil, map[string]any{"area": "old"}))
	snapshot := awslocal.Snapshot{LogGroups: []awslocal.LogGroup{{Streams: []awslocal.LogStream{{Events: []awslocal.LogEvent{
		{Timestamp: testTime, Via: awslocal.ViaPutLogEvents, Message: `{"heap":1,"area":"old"}`},
	}}}}}}

	b := l.reconcilePoints(snapshot, metricRules{})

	assert.Equal(t, 1, b.arrived)
	assert.Equal(t, 1, b.logOnly)
}

func TestValuesThatAreNoFiniteNumberAreLostAndNamed(t *testing.T) {
	l := newLedger()
	md := testGauge("heap", nil, map[string]any{"area": "old"}, map[string]any{"area": "new"})
	points := md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Gauge().DataPoints()
	points.At(0).SetDoubleValue(math.NaN())
	points.At(1).SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(true))
	l.addMetrics(md)

	b := l.reconcilePoints(awslocal.Snapshot{}, metricRules{})

	require.Len(t, b.lost, 2)
	assert.Contains(t, b.lost[0].why, "stale marker")
	assert.Contains(t, b.lost[1].why, "NaN")
}

func TestTheFirstPointOfACumulativeSeriesIsLostAndNamed(t *testing.T) {
	l := newLedger()
	md := pmetric.NewMetrics()
	metric := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	metric.SetName("requests")
	sum := metric.SetEmptySum()
	sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	for i := range 2 {
		point := sum.DataPoints().AppendEmpty()
		point.SetTimestamp(pcommon.NewTimestampFromTime(testTime.Add(time.Duration(i-1) * time.Minute)))
		point.SetIntValue(int64(i))
	}
	l.addMetrics(md)

	b := l.reconcilePoints(emf(t, map[string]any{"requests": 1}), metricRules{})

	assert.Equal(t, 1, b.arrived)
	require.Len(t, b.lost, 1)
	assert.Contains(t, b.lost[0].why, "temporality: delta")
}

func TestPartsOfAnExponentialHistogramAreOneArrival(t *testing.T) {
	l := newLedger()
	md := pmetric.NewMetrics()
	metric := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	metric.SetName("latency")
	point := metric.SetEmptyExponentialHistogram().DataPoints().AppendEmpty()
	point.SetTimestamp(pcommon.NewTimestampFromTime(testTime))
	point.SetCount(150)
	l.addMetrics(md)
	part := func(count int) map[string]any { return map[string]any{"latency": map[string]any{"Count": count}} }

	whole := l.reconcilePoints(emf(t, part(100), part(50)), metricRules{})
	half := l.reconcilePoints(emf(t, part(100)), metricRules{})

	assert.Equal(t, 1, whole.arrived)
	assert.Zero(t, whole.duplicated)
	assert.Zero(t, half.arrived, "a part alone has not arrived")
	assert.Len(t, half.lost, 1)
}

func TestDatapointsOfTheOTLPEndpointAreToldApartByResource(t *testing.T) {
	l := newLedger()
	for _, pod := range []string{"a", "b"} {
		l.addMetrics(testGauge("heap", map[string]any{"k8s.pod.name": pod}, map[string]any{"area": "old"}))
	}

	b := l.reconcilePoints(awslocal.Snapshot{Metrics: []awslocal.Metric{{
		Name: "heap", Dimensions: map[string]string{"area": "old"},
		Datapoints: []awslocal.Datapoint{{Timestamp: testTime, Source: awslocal.ViaOTLP, Stored: 2, Fields: map[string]any{"k8s.pod.name": "a"}}},
	}}}, metricRules{})

	assert.Equal(t, 1, b.arrived)
	assert.Equal(t, 1, b.duplicated)
	assert.Len(t, b.lost, 1)
}

func TestManySeriesOfOneMillisecondAreMatchedEachWithItself(t *testing.T) {
	l := newLedger()
	events := make([]map[string]any, 0, 3000)
	for i := range 3000 {
		id := fmt.Sprint(i)
		l.addMetrics(testGauge("heap", nil, map[string]any{"id": id}))
		if i%10 != 0 {
			events = append(events, map[string]any{"heap": 1, "id": id})
		}
	}

	b := l.reconcilePoints(emf(t, events...), metricRules{})

	assert.Equal(t, 2700, b.arrived)
	assert.Len(t, b.lost, 300)
	assert.Zero(t, b.unexpected)
}

func testLogs(bodies ...any) plog.Logs {
	ld := plog.NewLogs()
	records := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for _, body := range bodies {
		record := records.AppendEmpty()
		record.SetTimestamp(pcommon.NewTimestampFromTime(testTime))
		_ = record.Body().FromRaw(body)
	}
	return ld
}

func logEvents(via string, messages ...string) awslocal.Snapshot {
	stream := awslocal.LogStream{Name: "default"}
	for _, message := range messages {
		stream.Events = append(stream.Events, awslocal.LogEvent{Timestamp: testTime, Message: message, Via: via})
	}
	return awslocal.Snapshot{LogGroups: []awslocal.LogGroup{{Name: "/logs", Streams: []awslocal.LogStream{stream}}}}
}

func TestLogRecordsAreBalancedAsAMultiset(t *testing.T) {
	l := newLedger()
	l.addLogs(testLogs("same", "same", "gone", map[string]any{"a": 1.0, "b": "x"}, "héllo \x80", ""))

	b := l.reconcileLogs(logEvents(awslocal.ViaPutLogEvents,
		`{"body":"same"}`, `{"body":"same","severity_text":"INFO"}`, `{"body":"same"}`,
		`{"body":{"b":"x","a":1}}`, `{"body":"h\u00e9llo \ufffd"}`, `{"body":""}`, `{"body":"nobody sent this"}`))

	assert.Equal(t, 6, b.sent)
	assert.Equal(t, 5, b.arrived)
	assert.Equal(t, 1, b.duplicated)
	assert.Equal(t, 1, b.unexpected)
	require.Len(t, b.lost, 1)
	assert.Contains(t, b.lost[0].example, "gone")
}

func TestLogRecordsOfRawLogAndOfTheOTLPEndpointAreRecognised(t *testing.T) {
	for name, snapshot := range map[string]awslocal.Snapshot{
		"raw_log": logEvents(awslocal.ViaPutLogEvents, "plain text", `{"level":"info","msg":"json"}`),
		"otlp":    logEvents(awslocal.ViaOTLP, `{"body":"plain text","timeUnixNano":1}`, `{"body":"{\"level\":\"info\",\"msg\":\"json\"}","severityText":"x"}`),
	} {
		t.Run(name, func(t *testing.T) {
			l := newLedger()
			l.addLogs(testLogs("plain text", `{"level":"info","msg":"json"}`))

			b := l.reconcileLogs(snapshot)

			assert.Equal(t, 2, b.arrived)
			assert.Empty(t, b.lost)
			assert.Zero(t, b.unexpected)
		})
	}
}

func TestAnEventOfTheCollectorItselfIsNoDuplicate(t *testing.T) {
	l := newLedger()
	l.addLogs(testLogs("sent"))

	b := l.reconcileLogs(logEvents(awslocal.ViaPutLogEvents, `{"body":"sent"}`, "a marker that makes the stream"))

	assert.Zero(t, b.duplicated)
	assert.Equal(t, 1, b.unexpected)
}

func TestALogRecordWithoutATimeArrivesAtAnyTime(t *testing.T) {
	l := newLedger()
	ld := testLogs("timeless")
	ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).SetTimestamp(0)
	l.addLogs(ld)

	b := l.reconcileLogs(logEvents(awslocal.ViaPutLogEvents, `{"body":"timeless"}`))

	assert.Equal(t, 1, b.arrived)
}

func TestALogRecordThatTheExporterCutIsLostAndNamed(t *testing.T) {
	l := newLedger()
	l.addLogs(testLogs(strings.Repeat("x", 300<<10)))

	b := l.reconcileLogs(logEvents(awslocal.ViaPutLogEvents, `{"body":"`+strings.Repeat("x", 200<<10)+truncatedSuffix))

	assert.Zero(t, b.arrived)
	require.Len(t, b.lost, 1)
	assert.Contains(t, b.lost[0].why, "cuts a log event at its size limit")
}
