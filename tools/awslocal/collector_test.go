package awslocal_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
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
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/awslocal"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/otelcol"
)

// collectorConfig exports each signal twice: with the AWS exporters to one account, with OTLP to another.
const collectorConfig = `
receivers:
  otlp: {protocols: {http: {endpoint: %[1]q}}}
extensions:
  health_check: {endpoint: %[2]q}
  sigv4auth/xray: {region: %[5]s, service: xray}
  sigv4auth/logs: {region: %[5]s, service: logs}
  sigv4auth/monitoring:
    region: %[5]s
    service: monitoring
    assume_role: {arn: "arn:aws:iam::123456789012:role/kyma/telemetry", sts_region: %[5]s, external_id: cluster-7}
exporters:
  awsxray: {region: %[5]s, endpoint: %[3]q, indexed_attributes: [order]}
  awsemf: {region: %[5]s, endpoint: %[3]q, namespace: kyma, log_group_name: /kyma/metrics, log_stream_name: otel, log_retention: 7, dimension_rollup_option: NoDimensionRollup}
  awscloudwatchlogs: {region: %[5]s, endpoint: %[3]q, log_group_name: /kyma/logs, log_stream_name: otel, log_retention: 30}
  otlp_http/traces: {traces_endpoint: "%[4]s/v1/traces", auth: {authenticator: sigv4auth/xray}}
  otlp_http/logs: {logs_endpoint: "%[4]s/v1/logs", auth: {authenticator: sigv4auth/logs}, headers: {x-aws-log-group: /kyma/logs, x-aws-log-stream: otlp}}
  otlp_http/metrics: {metrics_endpoint: "%[4]s/v1/metrics", auth: {authenticator: sigv4auth/monitoring}}
service:
  extensions: [health_check, sigv4auth/xray, sigv4auth/logs, sigv4auth/monitoring]
  pipelines:
    traces: {receivers: [otlp], exporters: [awsxray, otlp_http/traces]}
    metrics: {receivers: [otlp], exporters: [awsemf, otlp_http/metrics]}
    logs: {receivers: [otlp], exporters: [awscloudwatchlogs, otlp_http/logs]}
  telemetry: {metrics: {level: none}}
`

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { assert.NoError(t, listener.Close()) }()
	return listener.Addr().String()
}

// TestSDKClientsReadBackWhatACollectorWrites runs the real collector with every exporter that the chart uses. Each of
// several rounds is sent only after the clients have read back the one before.
func TestSDKClientsReadBackWhatACollectorWrites(t *testing.T) {
	wallClock := func(c *awslocal.Config) { c.Now = time.Now }
	native := start(t, wallClock)
	otlp := start(t, wallClock, withStream, withRole)

	binary, err := otelcol.Build(t.Context(), t.Output())
	require.NoError(t, err)
	receiver, health := freeAddress(t), freeAddress(t)
	file := filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, collectorConfig, receiver, health, native.url, otlp.url, region), 0o600))
	collector, err := otelcol.Start(t.Context(), otelcol.Options{Binary: binary, Configs: []string{file}, Env: []string{
		"AWS_ACCESS_KEY_ID=" + keyID, "AWS_SECRET_ACCESS_KEY=" + secret, "AWS_EC2_METADATA_DISABLED=true", "AWS_ENDPOINT_URL_STS=" + otlp.url}})
	require.NoError(t, err)
	t.Cleanup(collector.Kill)
	ready, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, collector.Ready(ready, "http://"+health))

	const rounds = 3
	minute := time.Now().UTC().Truncate(time.Minute)
	for round := range rounds {
		at := time.Now().UTC()
		for signal, request := range map[string]marshaler{
			"traces": tracesRequest(collectorTraces(at, round)), "logs": logsRequest(newLogs(at, fmt.Sprintf("first %d", round), fmt.Sprintf("second %d", round))),
			"metrics": metricsRequest(collectorMetrics(at)),
		} {
			body, err := request.MarshalProto()
			require.NoError(t, err)
			resp, err := http.Post("http://"+receiver+"/v1/"+signal, protobufType, bytes.NewReader(body))
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Equal(t, http.StatusOK, resp.StatusCode, collector.Log())
		}
		for name, arrived := range map[string]func(*assert.CollectT){
			"awsxray":           func(c *assert.CollectT) { tracesArrived(t.Context(), c, native, minute, round+1) },
			"otlp traces":       func(c *assert.CollectT) { tracesArrived(t.Context(), c, otlp, minute, round+1) },
			"awscloudwatchlogs": func(c *assert.CollectT) { logsArrived(t.Context(), c, native, round+1) },
			"otlp logs":         func(c *assert.CollectT) { logsArrived(t.Context(), c, otlp, round+1) },
			"awsemf":            func(c *assert.CollectT) { metricsArrived(t.Context(), c, native, "kyma", minute, round+1) },
			"otlp metrics": func(c *assert.CollectT) {
				metricsArrived(t.Context(), c, otlp, awslocal.OTLPNamespace, minute, round+1)
			},
		} {
			require.EventuallyWithT(t, arrived, time.Minute, 20*time.Millisecond, "%s, round %d: the collector says:\n%s", name, round, collector.Log())
		}
	}
	require.NoError(t, collector.Stop(time.Minute))

	for name, e := range map[string]*endpoint{"AWS exporters": native, "OTLP": otlp} {
		s := e.Snapshot()
		for _, span := range s.Spans {
			assert.Equal(t, 1, span.Stored, "%s: span %s", name, span.SpanID)
			assert.Equal(t, "shop", span.Service)
		}
		for _, m := range s.Metrics {
			for _, d := range m.Datapoints {
				assert.Equal(t, 1, d.Stored, "%s: metric %s", name, m.Name)
			}
		}
		for _, r := range s.Rejections {
			// The exporters create a group or stream only when they are told that it is missing.
			assert.Equal(t, "ResourceNotFoundException", r.Code, "%s: %s", name, r.Reason)
		}
	}
	for _, g := range native.Snapshot().LogGroups {
		assert.Equal(t, map[string]int{"/kyma/logs": 30, "/kyma/metrics": 7}[g.Name], g.RetentionDays, g.Name)
	}
	for _, r := range otlp.Snapshot().Requests {
		if strings.HasPrefix(r.Operation, "OTLP") {
			assert.NotEqual(t, r.WireBytes, r.Bytes, "%s is sent with gzip", r.Operation)
		}
	}
}

// collectorTraces is a server span with a client span below it.
func collectorTraces(at time.Time, round int) ptrace.Traces {
	traces := newTraces(at, 2)
	spans := traces.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	for i, span := range spans.All() {
		id := pcommon.TraceID{0: byte(at.Unix() >> 24), 1: byte(at.Unix() >> 16), 2: byte(at.Unix() >> 8), 3: byte(at.Unix()), 15: byte(round + 1)}
		span.SetTraceID(id)
		span.SetSpanID(pcommon.SpanID{0: byte(round + 1), 7: byte(i + 1)})
		span.Attributes().PutInt("order", int64(round))
	}
	spans.At(1).SetParentSpanID(spans.At(0).SpanID())
	spans.At(1).SetKind(ptrace.SpanKindClient)
	return traces
}

// collectorMetrics is a counter that counted 5 and a histogram of 4 observations.
func collectorMetrics(at time.Time) pmetric.Metrics {
	metrics := pmetric.NewMetrics()
	rm := metrics.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr("service.name", "shop")
	list := rm.ScopeMetrics().AppendEmpty().Metrics()
	counter := list.AppendEmpty()
	counter.SetName("calls")
	counter.SetEmptySum().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	counter.Sum().SetIsMonotonic(true)
	p := counter.Sum().DataPoints().AppendEmpty()
	p.SetTimestamp(pcommon.NewTimestampFromTime(at))
	p.SetIntValue(5)
	p.Attributes().PutStr("route", "/a")
	histogram := list.AppendEmpty()
	histogram.SetName("latency")
	histogram.SetUnit("s")
	histogram.SetEmptyHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	h := histogram.Histogram().DataPoints().AppendEmpty()
	h.SetTimestamp(pcommon.NewTimestampFromTime(at))
	h.ExplicitBounds().FromRaw([]float64{1, 2})
	h.BucketCounts().FromRaw([]uint64{1, 2, 1})
	h.SetCount(4)
	h.SetSum(8)
	h.SetMin(0.5)
	h.SetMax(4)
	h.Attributes().PutStr("route", "/a")
	return metrics
}

func tracesArrived(ctx context.Context, c *assert.CollectT, e *endpoint, since time.Time, traces int) {
	list, err := e.xray().GetTraceSummaries(ctx, &xray.GetTraceSummariesInput{StartTime: &since, EndTime: aws.Time(time.Now().Add(time.Minute)), FilterExpression: aws.String(`service("shop") AND annotation.order >= 0`)})
	if !assert.NoError(c, err) || !assert.Len(c, list.TraceSummaries, traces) {
		return
	}
	for _, summary := range list.TraceSummaries {
		found, err := e.xray().BatchGetTraces(ctx, &xray.BatchGetTracesInput{TraceIds: []string{*summary.Id}})
		if assert.NoError(c, err) && assert.Len(c, found.Traces, 1) {
			assert.Len(c, found.Traces[0].Segments, 2)
		}
	}
}

func logsArrived(ctx context.Context, c *assert.CollectT, e *endpoint, rounds int) {
	out, err := e.logs().FilterLogEvents(ctx, &cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String("/kyma/logs")})
	if !assert.NoError(c, err) {
		return
	}
	var all strings.Builder
	for _, ev := range out.Events {
		all.WriteString(*ev.Message)
	}
	assert.Len(c, out.Events, 2*rounds)
	for round := range rounds {
		assert.Contains(c, all.String(), fmt.Sprintf("first %d", round))
		assert.Contains(c, all.String(), fmt.Sprintf("second %d", round))
	}
}

func metricsArrived(ctx context.Context, c *assert.CollectT, e *endpoint, namespace string, since time.Time, rounds int) {
	listed, err := e.cloudwatch().ListMetrics(ctx, &cloudwatch.ListMetricsInput{Namespace: &namespace, Dimensions: []cwtypes.DimensionFilter{{Name: aws.String("route"), Value: aws.String("/a")}}})
	if !assert.NoError(c, err) || !assert.Len(c, listed.Metrics, 2) {
		return
	}
	for _, m := range listed.Metrics {
		var queries []cwtypes.MetricDataQuery
		for _, stat := range []string{"Sum", "SampleCount", "Maximum"} {
			queries = append(queries, cwtypes.MetricDataQuery{Id: aws.String(strings.ToLower(stat)), MetricStat: &cwtypes.MetricStat{Metric: &m, Period: aws.Int32(86400), Stat: aws.String(stat)}})
		}
		day := since.Truncate(24 * time.Hour)
		out, err := e.cloudwatch().GetMetricData(ctx, &cloudwatch.GetMetricDataInput{StartTime: &day, EndTime: aws.Time(time.Now().Add(time.Minute)), MetricDataQueries: queries})
		if !assert.NoError(c, err) {
			return
		}
		got := map[string]float64{}
		for _, r := range out.MetricDataResults {
			for i, v := range r.Values {
				// A run over midnight has two periods.
				if *r.Id == "maximum" && i > 0 {
					v = max(v, got[*r.Id]) - got[*r.Id]
				}
				got[*r.Id] += v
			}
		}
		n := float64(rounds)
		want := map[string]map[string]float64{
			"calls":   {"sum": 5 * n, "samplecount": n, "maximum": 5},
			"latency": {"sum": 8 * n, "samplecount": 4 * n, "maximum": 4},
		}[*m.MetricName]
		assert.Equal(c, want, got, *m.MetricName)
	}
}
