// Package preview shows what telemetry of a Kyma cluster becomes in AWS: it runs the collector of a rendered release, with
// the configuration, environment and files that its pod would get, between a stand-in of Kyma's gateway and a stand-in of
// AWS, and balances what was sent with what is stored.
package preview

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/awslocal"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/chart"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/gateway"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/localpod"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/otelcol"
)

// DefaultTimeout bounds the time from the first record sent to the last one stored.
const DefaultTimeout = 60 * time.Second

// Options say what to preview.
type Options struct {
	// Objects are the rendered objects of one release.
	Objects []chart.Object
	// Chart and Release name what was rendered, for the report.
	Chart   string
	Release chart.Release
	// Capture is what to send. It is shifted in time by Run.
	Capture *Capture
	// Binary is the collector, from otelcol.Find.
	Binary string
	// Timeout is how long to wait for what was sent to be stored; 0 means DefaultTimeout.
	Timeout time.Duration
	// Progress is told what goes on, in a few words. It may be nil, and is called from one goroutine at a time.
	Progress func(text string)
	// CollectorLog also receives the collector's output; it may be nil.
	CollectorLog io.Writer
}

// Run sends the capture through the release's collector and reports what arrived. The error says why there is no report;
// a report with losses is none. Everything that Run starts has ended when it returns, also when ctx ends it.
func Run(ctx context.Context, o Options) (*Report, error) {
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	dir, err := os.MkdirTemp("", "kcw-preview-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	r := &run{Options: o, dir: dir, ledger: newLedger(), report: &Report{
		Version: ReportVersion,
		Release: Release{Chart: o.Chart, Name: o.Release.Name, Namespace: o.Release.Namespace},
		Signals: Signals{
			Traces:  TraceReport{Account: Account{Unit: "spans"}},
			Metrics: MetricReport{Account: Account{Unit: "datapoints"}},
			Logs:    LogReport{Account: Account{Unit: "records"}},
		},
	}}
	if err := r.do(ctx); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, err
	}
	return r.report, nil
}

// run is one preview.
type run struct {
	Options
	dir       string
	ledger    *ledger
	report    *Report
	region    string
	pod       *localpod.Pod
	overlay   *localpod.Overlay
	aws       *localAWS
	collector *otelcol.Process
	pipelines []gateway.Pipeline
	custom    []chart.Object
	// evidence by signal, and what the gateway did not send.
	evidence map[gateway.Signal]*evidence
}

func (r *run) do(ctx context.Context) error {
	r.evidence = map[gateway.Signal]*evidence{}
	for _, signal := range []gateway.Signal{gateway.Traces, gateway.Metrics, gateway.Logs} {
		r.evidence[signal] = &evidence{refusals: map[string]int{}}
	}
	if err := r.readPipelines(); err != nil {
		return err
	}
	r.region = localpod.Region(r.Objects)
	if r.region == "" {
		r.region = "us-east-1"
		r.warn("No region is written in the rendered objects (it comes from a Secret, it seems): the preview takes us-east-1.")
	}
	r.report.Release.Region = r.region
	var err error
	r.pod, err = localpod.New(r.Objects, r.Release.Namespace, r.region, r.dir)
	if errors.Is(err, localpod.ErrNoCollector) && len(r.pipelines) == 0 {
		err = nil // Fluent Bit alone needs no collector
	}
	if err != nil {
		return err
	}

	var key awslocal.Credential
	if r.pod != nil {
		key = r.pod.Credential()
	}
	if r.aws, err = startAWS(r.region, key); err != nil {
		return err
	}
	defer r.aws.stop()
	if r.pod != nil {
		if err := r.startCollector(ctx); err != nil {
			return err
		}
		defer r.collector.Kill() // does nothing to a process that has ended
	}
	shift := r.Capture.ShiftTo(time.Now())
	spans, points, records := r.Capture.Count()
	r.report.Input = Input{Files: r.Capture.Files, ShiftedSeconds: shift.Seconds(), Spans: spans, Datapoints: points, LogRecords: records}
	if err := r.send(ctx); err != nil {
		return err
	}
	return r.finish(ctx)
}

func (r *run) warn(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if !slices.Contains(r.report.Warnings, text) {
		r.report.Warnings = append(r.report.Warnings, text)
	}
}

func (r *run) account(signal gateway.Signal) *Account {
	switch signal {
	case gateway.Traces:
		return &r.report.Signals.Traces.Account
	case gateway.Metrics:
		return &r.report.Signals.Metrics.Account
	default:
		return &r.report.Signals.Logs.Account
	}
}

// readPipelines finds what Kyma's gateway and its Fluent Bit are told to send.
func (r *run) readPipelines() error {
	for _, object := range r.Objects {
		if !gateway.IsPipeline(object) {
			continue
		}
		pipeline, err := gateway.PipelineFromObject(object)
		if errors.Is(err, gateway.ErrNotOTLP) {
			output, _ := object["spec"].(map[string]any)["output"].(map[string]any)
			if _, ok := output["custom"].(string); !ok {
				return fmt.Errorf("LogPipeline %s has neither output.otlp nor output.custom: the preview knows these two", object.Name())
			}
			r.custom = append(r.custom, object)
			r.account(gateway.Logs).Enabled = true
			continue
		}
		if err != nil {
			return err
		}
		r.pipelines = append(r.pipelines, pipeline)
		r.account(pipeline.Signal).Enabled = true
	}
	if len(r.pipelines)+len(r.custom) == 0 {
		return errors.New("the release has no TracePipeline, MetricPipeline or LogPipeline, so that Kyma would send nothing: set pipelines.enabled and one of global.traces.enabled, global.metrics.enabled, global.logs.enabled to true")
	}
	return nil
}

// localAWS is the AWS stand-in on a port of the loopback interface.
type localAWS struct {
	*awslocal.Server
	url    string
	server *http.Server
	done   chan struct{}
	// answered counts finished requests, so that nobody has to compare snapshots to see whether something came.
	answered atomic.Int64
}

func startAWS(region string, key awslocal.Credential) (*localAWS, error) {
	credentials := []awslocal.Credential{{AccessKeyID: localpod.StandInAccessKeyID, SecretAccessKey: localpod.StandInSecretAccessKey}}
	switch {
	case key.AccessKeyID == localpod.StandInAccessKeyID:
		credentials[0] = key
	case key.AccessKeyID != "":
		credentials = append(credentials, key)
	}
	server, err := awslocal.New(awslocal.Config{Region: region, Credentials: credentials, TransactionSearch: true})
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("no port for the AWS stand-in: %w", err)
	}
	a := &localAWS{Server: server, url: "http://" + listener.Addr().String(), done: make(chan struct{})}
	a.server = &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		server.ServeHTTP(w, request)
		a.answered.Add(1)
	})}
	go func() {
		defer close(a.done)
		_ = a.server.Serve(listener) // ends with ErrServerClosed
	}()
	return a, nil
}

func (a *localAWS) stop() {
	_ = a.server.Close() // closes the listener and all connections
	<-a.done
}

func (r *run) startCollector(ctx context.Context) error {
	var err error
	if r.overlay, err = r.pod.Overlay(r.aws.url); err != nil {
		return err
	}
	r.report.Release.Workload = r.pod.Workload
	var sources []string
	for _, c := range r.pod.Configs {
		sources = append(sources, c.Source)
	}
	r.report.Release.ConfigSource = strings.Join(sources, ", ")
	for _, text := range r.pod.StandIns {
		r.warn("%s", text)
	}
	for _, id := range r.overlay.LeftOut {
		r.warn("Exporter %s sends elsewhere than to AWS; the preview leaves it out.", id)
	}
	for _, region := range r.overlay.Regions {
		if region != r.region {
			r.warn("The configuration names the regions %s; the preview stands for %s only, and refuses the others.", strings.Join(r.overlay.Regions, ", "), r.region)
		}
	}
	r.Progress("starting the collector of " + r.pod.Workload)
	r.collector, err = r.overlay.Start(ctx, r.Binary, r.CollectorLog)
	return err
}

// send hands the capture to Kyma's gateway, and to the emulation of Fluent Bit where a LogPipeline has a custom output.
func (r *run) send(ctx context.Context) error {
	for i, p := range r.pipelines {
		if r.pod == nil {
			return fmt.Errorf("%s: %w", p, localpod.ErrNoCollector)
		}
		endpoint, err := r.overlay.Target(p, r.Objects, r.Release.Namespace)
		if err != nil {
			return err
		}
		r.pipelines[i].Endpoint = endpoint
		account := r.account(p.Signal)
		account.Route = fmt.Sprintf("%s %s → %s", kindOf(p.Signal), p.Name, r.overlay.Routes[string(p.Signal)])
	}
	spans, points, records := r.Capture.Count()
	for signal, captured := range map[gateway.Signal]int{gateway.Traces: spans, gateway.Metrics: points, gateway.Logs: records} {
		if r.account(signal).Enabled {
			r.account(signal).Captured = captured
		}
	}
	r.Progress(fmt.Sprintf("sending %d spans, %d datapoints and %d log records as Kyma does", spans, points, records))
	deadline, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	if err := r.sendOTLP(deadline); err != nil {
		return err
	}
	for _, object := range r.custom {
		if err := r.sendFluentBit(deadline, object); err != nil {
			return err
		}
	}
	return r.wait(deadline)
}

func kindOf(signal gateway.Signal) string {
	return map[gateway.Signal]string{gateway.Traces: "TracePipeline", gateway.Metrics: "MetricPipeline", gateway.Logs: "LogPipeline"}[signal]
}

func (r *run) sendOTLP(ctx context.Context) error {
	if len(r.pipelines) == 0 {
		return nil
	}
	g, err := gateway.Start(ctx, r.pipelines, gateway.Options{
		// A capture begins in the middle of a cluster's life, but for AWS it is all there is.
		KeepFirstPoints: true,
		SentTraces:      r.ledger.addTraces,
		SentMetrics:     r.ledger.addMetrics,
		SentLogs:        r.ledger.addLogs,
	})
	if err != nil {
		return err
	}
	var noPipeline *gateway.NoPipelineError
	ignore := func(err error) error {
		if errors.As(err, &noPipeline) {
			return nil
		}
		return err
	}
	signals, signalsCtx := errgroup.WithContext(ctx)
	signals.Go(func() error {
		for _, td := range r.Capture.Traces {
			if err := ignore(g.SendTraces(signalsCtx, td)); err != nil {
				return err
			}
		}
		return nil
	})
	signals.Go(func() error {
		for _, md := range r.Capture.Metrics {
			if err := ignore(g.SendMetrics(signalsCtx, md)); err != nil {
				return err
			}
		}
		return nil
	})
	signals.Go(func() error {
		for _, ld := range r.Capture.Logs {
			if err := ignore(g.SendLogs(signalsCtx, ld)); err != nil {
				return err
			}
		}
		return nil
	})
	err = signals.Wait()
	// Shutdown sends what waits in batches. What has no answer in time is accounted for below, as refused.
	shutdownErr := g.Shutdown(ctx)
	if err != nil {
		return err
	}
	for _, status := range g.Status() {
		e := r.evidence[status.Pipeline.Signal]
		for why, n := range status.Counts.Refusals {
			e.refusals[why] += n
		}
		if status.Counts.Queued > 0 {
			why := "no answer from the collector in time"
			if status.Counts.LastError != "" {
				why += ": " + status.Counts.LastError
			} else if shutdownErr != nil {
				why += ": " + shutdownErr.Error()
			}
			e.refusals[why] += status.Counts.Queued
		}
		account := r.account(status.Pipeline.Signal)
		what := kindOf(status.Pipeline.Signal) + " " + status.Pipeline.Name
		account.withhold(status.Counts.Unselected, what+" does not ask for it: its input or namespaces leave it out")
		account.withhold(status.Counts.Filtered, what+" filters it out (spec.filter)")
		account.withhold(status.Counts.Withheld, what+" needs an earlier point of the series to make a delta of it (temporality: delta)")
	}
	return nil
}

func (r *run) sendFluentBit(ctx context.Context, object chart.Object) error {
	f, notes, err := newFluentBit(object, r.aws.url, func(secret, key, variable string) (string, error) {
		value, standIns, err := localpod.Secret(r.Objects, r.region, secret, key, variable)
		for _, text := range standIns {
			r.warn("%s", text)
		}
		return value, err
	})
	if err != nil {
		return err
	}
	for _, note := range notes {
		r.warn("%s", note)
	}
	r.warn("LogPipeline %s writes to CloudWatch by Fluent Bit, past the collector. No Fluent Bit runs here: the preview emulates its output cloudwatch_logs with the AWS SDK (group and stream templates, retention, records with Kubernetes metadata). Kyma counts this mode as unsupported.", object.Name())
	account := r.account(gateway.Logs)
	account.Route = fmt.Sprintf("LogPipeline %s → Fluent Bit cloudwatch_logs (emulated)", object.Name())
	r.Progress("sending logs as Kyma's Fluent Bit does")
	outcome, err := f.send(ctx, r.Capture.Logs, r.ledger)
	if err != nil {
		return err
	}
	account.withhold(outcome.pushed, "Fluent Bit reads the logs of containers only; records that programs push by OTLP need `via: otlp`")
	account.withhold(outcome.unselected, "LogPipeline "+object.Name()+" does not ask for it: its namespaces or containers leave it out")
	if outcome.cut > 0 {
		account.Reasons = append(account.Reasons, Reason{
			Fate: FateChanged, Count: outcome.cut, Source: "kyma",
			Why: fmt.Sprintf("Fluent Bit cuts an event at %d bytes: it is stored, but its end is gone", fluentBitMaxEvent),
		})
	}
	for why, n := range outcome.refusals {
		r.evidence[gateway.Logs].refusals[why] += n
	}
	return nil
}

// settled is how long AWS must have got no request, with nothing in the collector's queues, before what is missing is
// taken for lost. It is longer than the flush of a queue and than the waits between the attempts of an AWS exporter.
const settled = 6 * time.Second

// wait ends when all that was sent is stored, or nothing has moved for some time, or ctx is over.
func (r *run) wait(ctx context.Context) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	seen, quietSince, nextLook := int64(-1), time.Now(), time.Now()
	for {
		if answered := r.aws.answered.Load(); answered != seen && time.Now().After(nextLook) {
			seen, quietSince = answered, time.Now()
			began := time.Now()
			traces, metrics, logs := r.balances(r.aws.Snapshot())
			sent, arrived := traces.sent+metrics.sent+logs.sent, traces.arrived+metrics.arrived+logs.arrived
			r.Progress(fmt.Sprintf("%d of %d stored in AWS (%d/%d spans, %d/%d datapoints, %d/%d log records)",
				arrived, sent, traces.arrived, traces.sent, metrics.arrived, metrics.sent, logs.arrived, logs.sent))
			if arrived == sent {
				return nil
			}
			nextLook = time.Now().Add(3 * time.Since(began)) // a look at very much data takes its time
		}
		if time.Since(quietSince) > settled && r.queued(ctx) == 0 {
			return nil
		}
		if r.collector != nil {
			select {
			case <-r.collector.Done():
				return fmt.Errorf("the collector ended by itself:\n%s", lastLines(r.collector.Log(), 15))
			default:
			}
		}
		select {
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return nil // the report says what is missing
			}
			return ctx.Err()
		case <-tick.C:
		}
	}
}

func (r *run) queued(ctx context.Context) float64 {
	if r.collector == nil {
		return 0
	}
	metrics, err := otelcol.Scrape(ctx, r.overlay.Metrics)
	if err != nil {
		return 0
	}
	return metrics.Queued()
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

func (r *run) balances(snapshot awslocal.Snapshot) (traces, metrics, logs balance) {
	var rules metricRules
	if r.overlay != nil {
		rules = metricRules{detailedSummaries: r.overlay.DetailedSummaries, rewritten: r.overlay.Rewritten}
	}
	var done sync.WaitGroup
	done.Go(func() { traces = r.ledger.reconcileSpans(snapshot) })
	done.Go(func() { metrics = r.ledger.reconcilePoints(snapshot, rules) })
	done.Go(func() { logs = r.ledger.reconcileLogs(snapshot) })
	done.Wait()
	return traces, metrics, logs
}

// finish stops the collector as a kubelet does and writes the report.
func (r *run) finish(ctx context.Context) error {
	if r.collector != nil {
		r.Progress("stopping the collector")
		own, err := otelcol.Scrape(ctx, r.overlay.Metrics)
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			r.warn("The collector's own metrics could not be read: %v.", err)
		}
		if err := r.collector.Stop(30 * time.Second); err != nil {
			r.warn("%v", err)
		}
		filtered := own.Filtered()
		for signal, e := range r.evidence {
			e.filtered = filtered[string(signal)]
			e.failures = own.Failures(string(signal))
			e.waiting = own.Queued() > 0
		}
		for _, d := range otelcol.Drops(r.collector.Log()) {
			if e := r.evidence[gateway.Signal(d.Signal)]; e != nil {
				e.drops = append(e.drops, d)
			}
		}
	}
	r.Progress("reading what AWS holds")
	snapshot := r.aws.Snapshot()
	traces, metrics, logs := r.balances(snapshot)
	signals := &r.report.Signals
	signals.Traces.settle(traces, *r.evidence[gateway.Traces])
	signals.Metrics.settle(metrics, *r.evidence[gateway.Metrics])
	signals.Logs.settle(logs, *r.evidence[gateway.Logs])
	signals.Metrics.LogOnly = metrics.logOnly
	drawTraces(&signals.Traces, snapshot.Spans)
	drawMetrics(&signals.Metrics, snapshot.Metrics)
	drawLogs(&signals.Logs, snapshot)
	r.report.Requests = slices.DeleteFunc(snapshot.Requests, func(request awslocal.Request) bool { return request.Calls == 0 })
	r.warnOf(snapshot)
	r.report.Accounted = signals.Traces.Lost+signals.Metrics.Lost+signals.Logs.Lost == 0
	r.report.fillEmpty()
	return nil
}

// warnOf tells what AWS would need or do that the figures do not show.
func (r *run) warnOf(snapshot awslocal.Snapshot) {
	for _, request := range snapshot.Requests {
		if request.Operation == "OTLP traces" && request.Calls > 0 {
			r.warn("The OTLP endpoint of X-Ray needs Transaction Search switched on in the account and region; the preview takes it as on.")
		}
	}
	for _, rejection := range snapshot.Rejections {
		// What the sender was told of and sent again with success is no news. What it was never told is.
		if rejection.Silent {
			r.warn("AWS took %d item(s) of %s and dropped them without telling the sender: %s: %s", rejection.Count, rejection.Operation, rejection.Code, rejection.Reason)
		}
	}
	for _, signal := range []gateway.Signal{gateway.Traces, gateway.Metrics, gateway.Logs} {
		account := r.account(signal)
		if !account.Enabled {
			continue
		}
		switch {
		case account.Captured == 0:
			r.warn("The input has no %s, although the release sends %s.", account.Unit, signal)
		case account.Sent == 0:
			r.warn("Kyma's gateway sent none of the %d %s: see the reasons.", account.Captured, account.Unit)
		}
	}
	if n := r.report.Signals.Metrics.LogOnly; n > 0 {
		r.warn("%d datapoints are in log events only: no metric declaration names them, so that CloudWatch makes no metric of them; their ingestion is billed all the same.", n)
	}
}

// fillEmpty writes empty lists as [], not null.
func (r *Report) fillEmpty() {
	if r.Warnings == nil {
		r.Warnings = []string{}
	}
	if r.Requests == nil {
		r.Requests = []awslocal.Request{}
	}
	if r.Input.Files == nil {
		r.Input.Files = []string{}
	}
	s := &r.Signals
	for _, account := range []*Account{&s.Traces.Account, &s.Metrics.Account, &s.Logs.Account} {
		if account.Reasons == nil {
			account.Reasons = []Reason{}
		}
	}
	if s.Traces.Services == nil {
		s.Traces.Services = []Service{}
	}
	if s.Traces.Edges == nil {
		s.Traces.Edges = []Edge{}
	}
}
