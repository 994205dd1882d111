package bench

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	_ "google.golang.org/grpc/encoding/gzip" // Kyma's gateway compresses by it

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/gateway"
)

// batchItems is how many records one request of Kyma's gateway has; of the log agent, which sends 2 to 4 MB, how many are that.
var batchItems = map[gateway.Signal]int{gateway.Traces: 512, gateway.Metrics: 1024, gateway.Logs: 3000}

// logBytes is the size of a log record's body.
const logBytes = 600

// rawCodec passes bytes that are encoded already.
type rawCodec struct{}

func (rawCodec) Marshal(v any) ([]byte, error)   { return v.([]byte), nil } //nolint:forcetypeassert // see Invoke
func (rawCodec) Unmarshal(_ []byte, _ any) error { return nil }             // an answer is OK or none
func (rawCodec) Name() string                    { return "proto" }

var methods = map[gateway.Signal]string{
	gateway.Traces:  "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
	gateway.Metrics: "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
	gateway.Logs:    "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
}

// sender sends OTLP by gRPC.
type sender struct {
	signal     gateway.Signal
	connection *grpc.ClientConn
}

func dial(signal gateway.Signal, address string) (*sender, error) {
	connection, err := grpc.NewClient(strings.TrimPrefix(address, "http://"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	return &sender{signal: signal, connection: connection}, nil
}

func (s *sender) send(ctx context.Context, request []byte) error {
	for {
		err := s.connection.Invoke(ctx, methods[s.signal], request, nil, grpc.ForceCodec(rawCodec{}), grpc.UseCompressor("gzip"))
		if err == nil || ctx.Err() != nil {
			return err
		}
		// A collector that pushes back is sent the same again, as Kyma's gateway does.
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		}
	}
}

// flood sends n requests as fast as the collector takes them, a few at a time.
func (s *sender) flood(ctx context.Context, requests [][]byte, n int) error {
	var next atomic.Int64
	all, ctx := errgroup.WithContext(ctx)
	for range 4 {
		all.Go(func() error {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return nil
				}
				if err := s.send(ctx, requests[i%len(requests)]); err != nil {
					return err
				}
			}
		})
	}
	return all.Wait()
}

// encode makes a request of so many records that all happen now. Number tells one request's records from another's.
func encode(signal gateway.Signal, items, number int) ([]byte, error) {
	switch signal {
	case gateway.Traces:
		return new(ptrace.ProtoMarshaler).MarshalTraces(spans(items, number))
	case gateway.Metrics:
		return new(pmetric.ProtoMarshaler).MarshalMetrics(points(items, number))
	default:
		return new(plog.ProtoMarshaler).MarshalLogs(records(items, number))
	}
}

// workload gives a resource the attributes that Kyma adds to what a pod sends.
func workload(resource pcommon.Resource, pod int) {
	for key, value := range map[string]string{
		"service.name": "checkout", "service.namespace": "shop", "k8s.namespace.name": "shop", "k8s.deployment.name": "checkout",
		"k8s.node.name": "shoot--kyma--worker-z1-5d8f", "k8s.container.name": "checkout", "cloud.region": "eu-central-1",
		"cloud.provider": "aws", "cloud.availability_zone": "eu-central-1a", "host.type": "m6i.large", "telemetry.sdk.name": "opentelemetry",
		"telemetry.sdk.language": "go", "k8s.cluster.name": "kyma", "k8s.cluster.uid": "1f0b6c0e-2a3d-4a86-8f0c-0c7e1a2f9a11",
	} {
		resource.Attributes().PutStr(key, value)
	}
	resource.Attributes().PutStr("k8s.pod.name", fmt.Sprintf("checkout-7c5ddbdf54-%05d", pod))
	resource.Attributes().PutStr("k8s.pod.uid", fmt.Sprintf("6f3c9f0e-0000-4000-8000-%012d", pod))
	resource.Attributes().PutStr("service.instance.id", fmt.Sprintf("instance-%d", pod))
}

// pods is how many resources share a request.
const pods = 8

func spans(items, number int) ptrace.Traces {
	td := ptrace.NewTraces()
	now := time.Now()
	for pod := range pods {
		rs := td.ResourceSpans().AppendEmpty()
		workload(rs.Resource(), pod)
		ss := rs.ScopeSpans().AppendEmpty()
		ss.Scope().SetName("go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp")
		for i := pod; i < items; i += pods {
			span := ss.Spans().AppendEmpty()
			id := uint64(number)*uint64(items) + uint64(i) + 1 //nolint:gosec // small numbers
			var trace pcommon.TraceID
			var own pcommon.SpanID
			for b := range 8 {
				own[b] = byte(id * 0x9e3779b97f4a7c15 >> (8 * b))
				trace[b], trace[8+b] = byte(id/4*0xbf58476d1ce4e5b9>>(8*b)), byte(id/4*0x94d049bb133111eb>>(8*b))
			}
			span.SetTraceID(trace)
			span.SetSpanID(own)
			span.SetName("POST /orders")
			span.SetKind(ptrace.SpanKindServer)
			span.SetStartTimestamp(pcommon.NewTimestampFromTime(now))
			span.SetEndTimestamp(pcommon.NewTimestampFromTime(now.Add(20 * time.Millisecond)))
			for key, value := range map[string]string{
				"http.request.method": "POST", "url.path": "/orders", "url.scheme": "https", "server.address": "checkout.shop.svc",
				"http.route": "/orders", "user_agent.original": "Mozilla/5.0 (X11; Linux x86_64)", "network.protocol.version": "1.1",
				"client.address": fmt.Sprintf("10.0.%d.%d", id>>8&255, id&255), "order.id": fmt.Sprintf("%016x", id),
			} {
				span.Attributes().PutStr(key, value)
			}
			span.Attributes().PutInt("http.response.status_code", 201)
			span.Attributes().PutInt("server.port", 8443)
		}
	}
	return td
}

// points are half gauges, half delta sums: each pod has 16 metrics of several series.
func points(items, number int) pmetric.Metrics {
	md := pmetric.NewMetrics()
	// No two datapoints of a series have the same time, also where several requests become one batch, and no two pods have
	// the same series, also where a configuration forgets the resource: awsemf would drop all but one.
	now := time.Now().Add(-time.Duration(number) * time.Second)
	const metrics = 16
	for pod := range pods {
		rm := md.ResourceMetrics().AppendEmpty()
		workload(rm.Resource(), pod)
		sm := rm.ScopeMetrics().AppendEmpty()
		for m := range metrics {
			metric := sm.Metrics().AppendEmpty()
			metric.SetName(fmt.Sprintf("shop.metric.%d", m))
			metric.SetUnit("1")
			var list pmetric.NumberDataPointSlice
			if m%2 == 0 {
				list = metric.SetEmptyGauge().DataPoints()
			} else {
				metric.SetEmptySum().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
				metric.Sum().SetIsMonotonic(true)
				list = metric.Sum().DataPoints()
			}
			for i := range items / pods / metrics {
				point := list.AppendEmpty()
				point.SetTimestamp(pcommon.NewTimestampFromTime(now))
				point.SetStartTimestamp(pcommon.NewTimestampFromTime(now.Add(-time.Minute)))
				point.SetDoubleValue(float64(number*items + i))
				point.Attributes().PutStr("http.route", fmt.Sprintf("/orders/%d", i))
				point.Attributes().PutStr("http.request.method", "POST")
				point.Attributes().PutStr("server.address", fmt.Sprintf("10.0.0.%d", pod))
			}
		}
	}
	return md
}

func records(items, number int) plog.Logs {
	ld := plog.NewLogs()
	now := time.Now()
	for pod := range pods {
		rl := ld.ResourceLogs().AppendEmpty()
		workload(rl.Resource(), pod)
		sl := rl.ScopeLogs().AppendEmpty()
		sl.Scope().SetName(gateway.ScopeRuntime)
		for i := pod; i < items; i += pods {
			record := sl.LogRecords().AppendEmpty()
			record.SetTimestamp(pcommon.NewTimestampFromTime(now))
			record.SetObservedTimestamp(pcommon.NewTimestampFromTime(now))
			record.SetSeverityNumber(plog.SeverityNumberInfo)
			record.SetSeverityText("info")
			text := fmt.Sprintf("level=info order=%016x msg=\"order was placed\" ", number*items+i)
			record.Body().SetStr(text + strings.Repeat("customer=1234567 amount=99.95 ", (logBytes-len(text))/30))
			record.Attributes().PutStr("log.iostream", "stdout")
			record.Attributes().PutStr("logtag", "F")
		}
	}
	return ld
}
