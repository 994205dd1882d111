package shop

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"

	"go.opentelemetry.io/contrib/bridges/otelslog"
	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// paymentDuration is the one exponential histogram.
const paymentDuration = "shop.payment.duration"

// pod is one process: its SDK and its way to the others.
type pod struct {
	service   string
	addresses map[string]string
	tracer    trace.Tracer
	meter     metric.Meter
	log       *slog.Logger // pushed by OTLP
	shutdowns []func(context.Context) error
}

func newPod(ctx context.Context, service string, addresses map[string]string) (*pod, error) {
	described, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithFromEnv())
	if err != nil {
		return nil, err
	}
	spans, err := otlptracegrpc.New(ctx)
	if err != nil {
		return nil, err
	}
	metrics, err := otlpmetricgrpc.New(ctx)
	if err != nil {
		return nil, err
	}
	records, err := otlploggrpc.New(ctx)
	if err != nil {
		return nil, err
	}
	exponential := sdkmetric.NewView(
		sdkmetric.Instrument{Name: paymentDuration},
		sdkmetric.Stream{Aggregation: sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 40, MaxScale: 10}})
	// Sizes of bodies would be a third of the recording.
	noSizes := sdkmetric.NewView(
		sdkmetric.Instrument{Name: "http.*.body.size"},
		sdkmetric.Stream{Aggregation: sdkmetric.AggregationDrop{}})
	tracers := sdktrace.NewTracerProvider(sdktrace.WithResource(described), sdktrace.WithBatcher(spans))
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithResource(described), sdkmetric.WithView(exponential, noSizes),
		sdkmetric.WithReader(sdkmetric.NewPeriodicReader(metrics)))
	loggers := sdklog.NewLoggerProvider(sdklog.WithResource(described), sdklog.WithProcessor(sdklog.NewBatchProcessor(records)))

	otel.SetTracerProvider(tracers)
	otel.SetMeterProvider(meters)
	otel.SetTextMapPropagator(propagation.TraceContext{})
	scope := "shop/" + service
	return &pod{
		service:   service,
		addresses: addresses,
		tracer:    tracers.Tracer(scope),
		meter:     meters.Meter(scope),
		log:       otelslog.NewLogger(scope, otelslog.WithLoggerProvider(loggers)),
		shutdowns: []func(context.Context) error{tracers.Shutdown, meters.Shutdown, loggers.Shutdown},
	}, nil
}

// shutdown exports what is left.
func (p *pod) shutdown(ctx context.Context) error {
	var errs []error
	for _, f := range p.shutdowns {
		errs = append(errs, f(ctx))
	}
	return errors.Join(errs...)
}

// host is a service's name in the cluster.
func host(service string) string { return service + ".shop.svc.cluster.local" }

// The ports of the services in the cluster.
const (
	httpPort = "8080"
	grpcPort = "9090"
)

// dial stands in for the cluster's DNS and service network.
func (p *pod) dial(ctx context.Context, service string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", p.addresses[service])
}

// httpClient calls one other service.
func (p *pod) httpClient(service string) *http.Client {
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return p.dial(ctx, service) }}
	return &http.Client{Transport: otelhttp.NewTransport(transport)}
}

// grpcClient calls one other service.
func (p *pod) grpcClient(service string) (*grpc.ClientConn, error) {
	return grpc.NewClient("passthrough:///"+host(service)+":"+grpcPort,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return p.dial(ctx, service) }),
		grpc.WithStatsHandler(otelgrpc.NewClientHandler()))
}
