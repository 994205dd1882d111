package faults

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/gateway"
)

// metricPrefix begins the names of all metrics of a load.
const metricPrefix = "faults."

// source makes the records of one signal and hands them to Kyma's gateway.
type source struct {
	signal  gateway.Signal
	gateway *gateway.Gateway
	ledger  *ledger
	// bodyBytes is the size of a log record's body.
	bodyBytes int
	ticks     int
}

// workload gives a resource the attributes that Kyma's gateway adds to what a pod sends.
func workload(resource pcommon.Resource) {
	for key, value := range map[string]string{
		"service.name": "checkout", "service.namespace": "shop", "service.instance.id": "checkout-7c5ddbdf54-x2x7q",
		"k8s.namespace.name": "shop", "k8s.pod.name": "checkout-7c5ddbdf54-x2x7q", "k8s.deployment.name": "checkout",
		"k8s.node.name": "node-1", "k8s.container.name": "checkout", "cloud.region": "eu-central-1", "cloud.provider": "aws",
		"telemetry.sdk.name": "opentelemetry", "telemetry.sdk.language": "go",
	} {
		resource.Attributes().PutStr(key, value)
	}
}

// send hands n new records over and notes them as accepted.
func (s *source) send(ctx context.Context, n int) error {
	numbers := make([]int, n)
	for i := range numbers {
		numbers[i] = s.ledger.take(0)
	}
	var err error
	switch s.signal {
	case gateway.Traces:
		err = s.gateway.SendTraces(ctx, spans(numbers))
	case gateway.Metrics:
		err = s.gateway.SendMetrics(ctx, points(numbers, s.ticks))
	case gateway.Logs:
		err = s.gateway.SendLogs(ctx, records(numbers, s.bodyBytes))
	}
	s.ticks++
	if err != nil {
		return fmt.Errorf("sending %s: %w", s.signal, err)
	}
	s.ledger.note(accepted, numbers)
	return nil
}

func spans(numbers []int) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	workload(rs.Resource())
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName("faults")
	now := time.Now()
	var trace pcommon.TraceID
	for i, n := range numbers {
		if i%4 == 0 {
			_, _ = rand.Read(trace[:]) // never fails
		}
		span := ss.Spans().AppendEmpty()
		fillSpan(span, trace, n, now)
	}
	return td
}

func fillSpan(span ptrace.Span, trace pcommon.TraceID, n int, now time.Time) {
	span.SetTraceID(trace)
	span.SetSpanID(spanID(n))
	span.SetName("POST /orders")
	span.SetKind(ptrace.SpanKindServer)
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(now.Add(-20 * time.Millisecond)))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(now))
	for key, value := range map[string]string{
		"http.request.method": "POST", "url.path": "/orders", "url.scheme": "https", "server.address": "checkout.shop",
		"http.route": "/orders", "user_agent.original": "Mozilla/5.0", "client.address": "10.0.0.1",
	} {
		span.Attributes().PutStr(key, value)
	}
	span.Attributes().PutInt("http.response.status_code", 201)
}

// points are half gauges, half sums of delta temporality, in ten series each. Tick tells one call from the next.
func points(numbers []int, tick int) pmetric.Metrics {
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	workload(rm.Resource())
	sm := rm.ScopeMetrics().AppendEmpty()
	now := time.Now()
	gauge, sum := sm.Metrics().AppendEmpty(), sm.Metrics().AppendEmpty()
	gauge.SetName(metricPrefix + "in_use")
	gauge.SetEmptyGauge()
	sum.SetName(metricPrefix + "requests")
	sum.SetEmptySum().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	sum.Sum().SetIsMonotonic(true)
	for i, n := range numbers {
		list := gauge.Gauge().DataPoints()
		if i%2 == 1 {
			list = sum.Sum().DataPoints()
		}
		point := list.AppendEmpty()
		point.SetDoubleValue(float64(n))
		// No two datapoints of a series have the same time.
		at := now.Add(time.Duration(i/20) * time.Millisecond)
		point.SetStartTimestamp(pcommon.NewTimestampFromTime(at.Add(-time.Second)))
		point.SetTimestamp(pcommon.NewTimestampFromTime(at))
		point.Attributes().PutStr("series", fmt.Sprint(i%20/2))
		point.Attributes().PutStr("lot", fmt.Sprint(tick%2))
	}
	return md
}

func records(numbers []int, bodyBytes int) plog.Logs {
	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	workload(rl.Resource())
	sl := rl.ScopeLogs().AppendEmpty()
	sl.Scope().SetName(gateway.ScopeRuntime)
	now := time.Now()
	for _, n := range numbers {
		fillRecord(sl.LogRecords().AppendEmpty(), mark(n)+strings.Repeat(" level=info msg=ordered", max(0, bodyBytes-16)/23), now)
	}
	return ld
}

func fillRecord(record plog.LogRecord, body string, now time.Time) {
	record.SetTimestamp(pcommon.NewTimestampFromTime(now))
	record.SetObservedTimestamp(pcommon.NewTimestampFromTime(now))
	record.SetSeverityNumber(plog.SeverityNumberInfo)
	record.SetSeverityText("info")
	record.Body().SetStr(body)
	record.Attributes().PutStr("log.iostream", "stdout")
}
