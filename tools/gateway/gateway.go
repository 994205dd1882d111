// Package gateway stands in for the sender in front of the project's collector: Kyma's OTLP gateway.
// It is put together from the OpenTelemetry Collector's own components (transform, filter,
// cumulativetodelta and batch processor, sending queue, retry, otlp_grpc and otlp_http exporter)
// with the settings that Kyma's telemetry-manager generates for a TracePipeline, MetricPipeline or
// LogPipeline, and runs in this process. It counts what becomes of every item.
//
// The settings, from telemetry-manager's internal/otelcollector/config/otlpgateway:
//   - batch: 512 spans, 512 log records or 1024 datapoints, or 10 s;
//   - sending queue in memory: 256 requests, shared evenly by the pipelines of one kind; when it is
//     full, further requests are dropped;
//   - retry: after 5 s, up to 30 s apart, given up after 300 s; permanent errors are not retried;
//   - temporality delta: cumulativetodelta with initial_value auto, and without max_staleness. So the
//     first point of a series is sent, as a true delta, when the series began after the gateway
//     started, and kept back when it began before, as its earlier part may have been sent already.
//     A replay of recorded data can only meet the second case: see Options.KeepFirstPoints.
//   - transform and filter with error_mode ignore, in this order, before the conversion to delta.
//
// What differs from a cluster: the data comes enriched already (k8sattributes and service name run in
// the cluster only); all inputs go through this one gateway, although the metric and the log agent
// send for themselves in a cluster, with the same settings but for the log agent, which has no batch
// processor; an endpoint, header or certificate from a Secret cannot be read.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"
)

// Kyma's own settings, the defaults of Options.
const (
	DefaultBatchSpans      = 512
	DefaultBatchDataPoints = 1024
	DefaultBatchLogRecords = 512
	DefaultBatchTimeout    = 10 * time.Second
	DefaultQueueRequests   = 256
	DefaultRetryInitial    = 5 * time.Second
	DefaultRetryMax        = 30 * time.Second
	DefaultRetryGiveUp     = 300 * time.Second
)

// MaxPipelines is how many pipelines of one kind Kyma serves.
const MaxPipelines = 5

var errShutDown = errors.New("the gateway is shut down")

// Options deviate from Kyma's settings and observe. The zero value is Kyma's behaviour.
type Options struct {
	// BatchSpans, BatchDataPoints and BatchLogRecords are the items of a full batch.
	BatchSpans, BatchDataPoints, BatchLogRecords int
	// BatchTimeout is how long a batch waits to become full.
	BatchTimeout time.Duration
	// QueueRequests is the size of the sending queue, shared evenly by the pipelines of one kind.
	QueueRequests int
	// RetryInitial and RetryMax are the first and the longest wait between attempts,
	// RetryGiveUp the age at which a request is dropped.
	RetryInitial, RetryMax, RetryGiveUp time.Duration
	// AttemptTimeout is the deadline of one attempt. Zero means the exporter's default, which Kyma
	// does not change: 5 s for gRPC, 30 s for HTTP.
	AttemptTimeout time.Duration
	// KeepFirstPoints makes the conversion to delta pass on the first point of every series
	// (initial_value keep), for recorded series that begin within the recording.
	KeepFirstPoints bool

	// SentTraces, SentMetrics and SentLogs get a copy of every batch that is handed to the exporter,
	// before it is sent. Like the other observers they may be called from several goroutines at once.
	SentTraces  func(ptrace.Traces)
	SentMetrics func(pmetric.Metrics)
	SentLogs    func(plog.Logs)
	// AcknowledgedTraces and so on get every batch that the collector accepted.
	AcknowledgedTraces  func(ptrace.Traces)
	AcknowledgedMetrics func(pmetric.Metrics)
	AcknowledgedLogs    func(plog.Logs)
	// RefusedTraces and so on get every batch that is lost for good.
	RefusedTraces  func(ptrace.Traces)
	RefusedMetrics func(pmetric.Metrics)
	RefusedLogs    func(plog.Logs)

	// Logger gets what the collector's components log. Nil means nothing.
	Logger *zap.Logger
}

func (o Options) withDefaults() Options {
	sizes := map[*int]int{
		&o.BatchSpans:      DefaultBatchSpans,
		&o.BatchDataPoints: DefaultBatchDataPoints,
		&o.BatchLogRecords: DefaultBatchLogRecords,
		&o.QueueRequests:   DefaultQueueRequests,
	}
	for field, value := range sizes {
		if *field == 0 {
			*field = value
		}
	}
	times := map[*time.Duration]time.Duration{
		&o.BatchTimeout: DefaultBatchTimeout,
		&o.RetryInitial: DefaultRetryInitial,
		&o.RetryMax:     DefaultRetryMax,
		&o.RetryGiveUp:  DefaultRetryGiveUp,
	}
	for field, value := range times {
		if *field == 0 {
			*field = value
		}
	}
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	return o
}

func (o Options) batchSize(s Signal) int {
	return map[Signal]int{Traces: o.BatchSpans, Metrics: o.BatchDataPoints, Logs: o.BatchLogRecords}[s]
}

func (s Signal) items() string {
	return map[Signal]string{Traces: "spans", Metrics: "datapoints", Logs: "log records"}[s]
}

// Gateway sends to every pipeline what its signal gets. Its methods may be called at the same time.
type Gateway struct {
	traces  []*lane[ptrace.Traces]
	metrics []*lane[pmetric.Metrics]
	logs    []*lane[plog.Logs]
	order   []running
}

// running is what a lane of any signal can do.
type running interface {
	start(context.Context) error
	flush(context.Context) error
	shutdown(context.Context) error
	status() Status
}

// Status is one pipeline with its counts.
type Status struct {
	Pipeline Pipeline
	Counts   Counts
}

func (l *lane[T]) status() Status {
	c, _ := l.ledger.read()
	return Status{Pipeline: l.pipeline, Counts: c}
}

// Start checks the pipelines and begins to serve them. It does not wait for their endpoints to be
// reachable. ctx bounds the start only; end the gateway by Shutdown.
func Start(ctx context.Context, pipelines []Pipeline, options Options) (*Gateway, error) {
	o := options.withDefaults()
	ofSignal := map[Signal]int{}
	names := map[string]bool{}
	var faults []error
	for _, p := range pipelines {
		faults = append(faults, p.Validate())
		ofSignal[p.Signal]++
		if names[p.String()] {
			faults = append(faults, fmt.Errorf("%s is there twice", p))
		}
		names[p.String()] = true
		if ofSignal[p.Signal] == MaxPipelines+1 {
			faults = append(faults, fmt.Errorf("more than %d pipelines for %s: Kyma serves no more of one kind", MaxPipelines, p.Signal))
		}
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}

	g := &Gateway{}
	fail := func(err error) (*Gateway, error) {
		return nil, errors.Join(err, g.Shutdown(ctx))
	}
	for _, p := range pipelines {
		queueSize := max(1, o.QueueRequests/ofSignal[p.Signal])
		var l running
		switch p.Signal {
		case Traces:
			made, err := newLane(ctx, p, traceSignal, nil, queueSize, o, tap[ptrace.Traces]{o.SentTraces, o.AcknowledgedTraces, o.RefusedTraces})
			if err != nil {
				return fail(err)
			}
			g.traces, l = append(g.traces, made), made
		case Metrics:
			made, err := newLane(ctx, p, metricSignal, p.Input.selectMetrics, queueSize, o, tap[pmetric.Metrics]{o.SentMetrics, o.AcknowledgedMetrics, o.RefusedMetrics})
			if err != nil {
				return fail(err)
			}
			g.metrics, l = append(g.metrics, made), made
		case Logs:
			made, err := newLane(ctx, p, logSignal, p.Input.selectLogs, queueSize, o, tap[plog.Logs]{o.SentLogs, o.AcknowledgedLogs, o.RefusedLogs})
			if err != nil {
				return fail(err)
			}
			g.logs, l = append(g.logs, made), made
		}
		if err := l.start(ctx); err != nil {
			return fail(err)
		}
		g.order = append(g.order, l)
	}
	return g, nil
}

// NoPipelineError says that no pipeline takes a signal, so Kyma would not collect it either.
type NoPipelineError struct{ Signal Signal }

func (e *NoPipelineError) Error() string {
	return fmt.Sprintf("no pipeline takes %s", e.Signal)
}

func send[T any](ctx context.Context, s Signal, lanes []*lane[T], data T) error {
	if len(lanes) == 0 {
		return &NoPipelineError{Signal: s}
	}
	var errs []error
	for _, l := range lanes {
		errs = append(errs, l.send(ctx, data))
	}
	return errors.Join(errs...)
}

// SendTraces gives spans to every TracePipeline. It returns when they are in a batch, before they are
// sent. td is neither changed nor kept. Without a TracePipeline the error is a *NoPipelineError.
func (g *Gateway) SendTraces(ctx context.Context, td ptrace.Traces) error {
	return send(ctx, Traces, g.traces, td)
}

// SendMetrics gives datapoints to every MetricPipeline, in the manner of SendTraces. Points of one
// series must come in the order of their time.
func (g *Gateway) SendMetrics(ctx context.Context, md pmetric.Metrics) error {
	return send(ctx, Metrics, g.metrics, md)
}

// SendLogs gives log records to every LogPipeline, in the manner of SendTraces.
func (g *Gateway) SendLogs(ctx context.Context, ld plog.Logs) error {
	return send(ctx, Logs, g.logs, ld)
}

// Status gives the counts of every pipeline, in the order given to Start.
func (g *Gateway) Status() []Status {
	var all []Status
	for _, l := range g.order {
		all = append(all, l.status())
	}
	return all
}

// Flush sends what waits in batches and returns when everything sent was acknowledged or refused.
// When ctx ends first, the error says for each pipeline how much is unanswered, and the sending goes on.
func (g *Gateway) Flush(ctx context.Context) error {
	return g.all(ctx, running.flush)
}

// Shutdown does what Flush does, then ends everything. When ctx ends first, it ends at once, with an
// error; what had no answer stays counted as Queued. The gateway is ended in any case.
func (g *Gateway) Shutdown(ctx context.Context) error {
	return g.all(ctx, running.shutdown)
}

// all does the same to every lane at the same time: each may wait long for its own endpoint.
func (g *Gateway) all(ctx context.Context, do func(running, context.Context) error) error {
	errs := make(chan error)
	for _, l := range g.order {
		go func() { errs <- do(l, ctx) }()
	}
	var all []error
	for range g.order {
		all = append(all, <-errs)
	}
	return errors.Join(all...)
}
