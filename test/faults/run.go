package faults

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/charts"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/test/faults/inject"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/awslocal"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/chart"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/gateway"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/localpod"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/otelcol"
)

// region is one where the OTLP endpoint for logs takes 1 MB a request, the smaller of the two limits that AWS has.
const region = "eu-north-1"

var release = chart.Release{Name: "cloudwatch", Namespace: "kyma-cloudwatch"}

// Pace is how much is sent and how long a fault lasts.
type Pace struct {
	// Rate is records a second of each signal; LogBytes the size of a log record's body.
	Rate, LogBytes int
	// Outage is how long a fault lasts, Calm how long all is well before and after it. Control is the outage that the
	// reference configuration is shown with; it must be longer than the 5 s for which AWS's exporters try again.
	Outage, Calm, Control time.Duration
	// DiskBytes is the size of the volume that is full in cell disk-full, QueueBytes that of each signal's queue in
	// queue-full: more than a request, less than what an outage brings.
	DiskBytes  int
	QueueBytes map[gateway.Signal]int
	// Settled is how long AWS must have got no request before what is missing is taken for lost; longer than the waits
	// between attempts. Drain bounds the time after the load in all.
	Settled, Drain time.Duration
	// Gateway deviates from the settings of Kyma's gateway.
	Gateway gateway.Options
}

// Full is the pace of the matrix: Kyma's own settings, outages of 40 s.
var Full = Pace{
	Rate: 200, LogBytes: 4000, Outage: 40 * time.Second, Calm: 5 * time.Second, Control: 40 * time.Second,
	DiskBytes: 8 << 20, QueueBytes: map[gateway.Signal]int{gateway.Traces: 1 << 20, gateway.Metrics: 256 << 10, gateway.Logs: 5 << 20},
	Settled: 50 * time.Second, Drain: 6 * time.Minute,
}

// Fast is the pace of the tests: short outages, small batches, and a gateway that tries again sooner.
var Fast = Pace{
	Rate: 100, LogBytes: 400, Outage: 4 * time.Second, Calm: time.Second, Control: 12 * time.Second,
	DiskBytes: 192 << 10, QueueBytes: map[gateway.Signal]int{gateway.Traces: 120_000, gateway.Metrics: 30_000, gateway.Logs: 80_000},
	Settled: 8 * time.Second, Drain: time.Minute,
	Gateway: gateway.Options{
		BatchSpans: 64, BatchDataPoints: 128, BatchLogRecords: 64, BatchTimeout: 300 * time.Millisecond,
		RetryInitial: 300 * time.Millisecond, RetryMax: 2 * time.Second, RetryGiveUp: time.Minute,
	},
}

// run measures one group of cells.
type run struct {
	group  group
	fault  Fault
	values map[string]any
	pace   Pace
	binary string
	dir    string
	// say tells what goes on.
	say func(format string, args ...any)

	aws      *awslocal.Server
	injector *inject.Injector
	partial  *inject.Partial
	endpoint *endpoint
	objects  []chart.Object
	overlay  *localpod.Overlay
	grace    time.Duration

	collector *otelcol.Process
	// logs are what the collectors that have ended wrote.
	logs    strings.Builder
	gateway *gateway.Gateway
	sources []*source
	// notes are what happened that is no failure.
	notes []string
	// lifetime ends what act starts.
	lifetime context.Context //nolint:containedctx // see above
	// cleanup runs in the opposite order at the end.
	cleanup []func() error
}

// measure runs the group and returns a result for each of its cells. An errSkipped says that it cannot be run here.
func (r *run) measure(ctx context.Context) (results []Result, err error) {
	started := time.Now()
	if r.group[0].Delivery == Reference {
		r.pace.Outage = r.pace.Control
	}
	if r.dir, err = os.MkdirTemp("", "faults-"); err != nil {
		return nil, err
	}
	r.cleanup = append(r.cleanup, func() error { return os.RemoveAll(r.dir) })
	defer func() {
		slices.Reverse(r.cleanup)
		for _, clean := range r.cleanup {
			err = errors.Join(err, clean())
		}
	}()
	if err := r.prepare(ctx); err != nil {
		return nil, err
	}
	if err := r.load(ctx); err != nil {
		return nil, err
	}
	again, err := r.settle(ctx)
	if err != nil {
		return nil, err
	}
	return r.finish(ctx, started, again)
}

// prepare starts everything: AWS, the collector, Kyma's gateway.
func (r *run) prepare(ctx context.Context) error {
	if err := r.render(); err != nil {
		return err
	}
	if r.fault.prepare != nil {
		if err := r.fault.prepare(r); err != nil {
			return err
		}
	}
	config := awslocal.Config{Region: region, TransactionSearch: true, Credentials: []awslocal.Credential{
		{AccessKeyID: localpod.StandInAccessKeyID, SecretAccessKey: localpod.StandInSecretAccessKey},
	}}
	if !r.fault.cold {
		config.LogDestinations = []awslocal.LogDestination{{Group: "/kyma/kyma/logs", Stream: "otel-collector"}}
	}
	var err error
	if r.aws, err = awslocal.New(config); err != nil {
		return err
	}
	r.injector = inject.New(r.aws)
	if r.endpoint, err = serve(r.injector); err != nil {
		return err
	}
	r.cleanup = append(r.cleanup, func() error { r.injector.Set(nil); return r.endpoint.stop() })
	pod, err := localpod.New(r.objects, release.Namespace, region, r.dir)
	if err != nil {
		return err
	}
	if r.fault.config != nil {
		pod.Configs = append(pod.Configs, localpod.Config{Source: "fault " + r.fault.Name, Tree: r.fault.config(r)})
	}
	if r.overlay, err = pod.Overlay("http://" + net.JoinHostPort(cmp.Or(r.fault.name, "127.0.0.1"), r.endpoint.port)); err != nil {
		return err
	}
	if err := r.startCollector(ctx); err != nil {
		return err
	}
	r.cleanup = append(r.cleanup, func() error { r.collector.Kill(); return nil }) // does nothing to one that has ended
	return r.startGateway(ctx)
}

// render makes the objects of the release that the group's cells share.
func (r *run) render() error {
	r.grace = time.Minute
	if r.group[0].Delivery == Reference {
		var err error
		r.objects, err = referenceObjects()
		return err
	}
	signal := map[gateway.Signal]any{}
	for _, s := range signals {
		signal[s] = map[string]any{"enabled": false}
	}
	for _, cell := range r.group {
		signal[cell.Signal] = map[string]any{"enabled": true, "exporter": cell.Exporter}
	}
	values := map[string]any{"global": map[string]any{
		"aws":    map[string]any{"region": region, "auth": map[string]any{"secret": map[string]any{"name": "aws-credentials"}}},
		"traces": signal[gateway.Traces], "metrics": signal[gateway.Metrics], "logs": signal[gateway.Logs],
	}}
	deliveries, err := deliveriesOfChart()
	if err != nil {
		return err
	}
	if len(deliveries) > 1 {
		merge(values, map[string]any{"collector": map[string]any{"delivery": string(r.group[0].Delivery)}})
	}
	if r.fault.valued == nil || r.fault.valued(r.group[0]) {
		merge(values, r.fault.values)
	}
	merge(values, r.values)
	c, err := chart.LoadFS(charts.Files, "kyma-cloudwatch")
	if err != nil {
		return err
	}
	rendered, err := c.Render(values, release)
	if err != nil {
		return err
	}
	if r.objects, err = rendered.Objects(); err != nil {
		return err
	}
	for _, object := range r.objects {
		var workload struct {
			Spec struct {
				Template struct {
					Spec struct {
						TerminationGracePeriodSeconds int `json:"terminationGracePeriodSeconds"`
					} `json:"spec"`
				} `json:"template"`
			} `json:"spec"`
		}
		if object.Kind() != "StatefulSet" && object.Kind() != "Deployment" {
			continue
		}
		if err := object.DecodeKnown(&workload); err != nil {
			return err
		}
		r.grace = time.Duration(workload.Spec.Template.Spec.TerminationGracePeriodSeconds) * time.Second
	}
	return nil
}

func merge(into, from map[string]any) {
	for key, value := range from {
		if object, ok := value.(map[string]any); ok {
			if have, ok := into[key].(map[string]any); ok {
				merge(have, object)
				continue
			}
		}
		into[key] = value
	}
}

// startCollector starts the collector, also again after it has ended, with the same ports and volumes.
func (r *run) startCollector(ctx context.Context) error {
	if r.collector != nil {
		r.logs.WriteString(r.collector.Log())
	}
	started, err := r.overlay.Start(ctx, r.binary, nil)
	if err != nil {
		return err
	}
	r.collector = started
	return nil
}

// startGateway serves the release's pipelines, each with the ledger of its signal.
func (r *run) startGateway(ctx context.Context) error {
	options := r.pace.Gateway
	var pipelines []gateway.Pipeline
	for _, object := range r.objects {
		if !gateway.IsPipeline(object) {
			continue
		}
		pipeline, err := gateway.PipelineFromObject(object)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(r.group, func(c Cell) bool { return c.Signal == pipeline.Signal }) {
			continue
		}
		if pipeline.Endpoint, err = r.overlay.Target(pipeline, r.objects, release.Namespace); err != nil {
			return err
		}
		pipelines = append(pipelines, pipeline)
		s := &source{signal: pipeline.Signal, ledger: &ledger{}, bodyBytes: r.pace.LogBytes}
		r.sources = append(r.sources, s)
		switch pipeline.Signal {
		case gateway.Traces:
			options.AcknowledgedTraces = observer(s.ledger, acknowledged, traceNumbers)
			options.RefusedTraces = observer(s.ledger, refused, traceNumbers)
		case gateway.Metrics:
			options.AcknowledgedMetrics = observer(s.ledger, acknowledged, metricNumbers)
			options.RefusedMetrics = observer(s.ledger, refused, metricNumbers)
		case gateway.Logs:
			options.AcknowledgedLogs = observer(s.ledger, acknowledged, logNumbers)
			options.RefusedLogs = observer(s.ledger, refused, logNumbers)
		}
	}
	var err error
	if r.gateway, err = gateway.Start(ctx, pipelines, options); err != nil {
		return err
	}
	for _, s := range r.sources {
		s.gateway = r.gateway
	}
	r.cleanup = append(r.cleanup, func() error {
		over, cancel := context.WithCancel(context.Background())
		cancel() // nothing is waited for any more
		_ = r.gateway.Shutdown(over)
		return nil
	})
	return nil
}

func observer[T any](l *ledger, f fate, numbers func(T) []int) func(T) {
	return func(data T) { l.note(f, numbers(data)) }
}

// load sends while the fault acts.
func (r *run) load(ctx context.Context) error {
	const tick = 100 * time.Millisecond
	stop := make(chan struct{})
	// A collector that is restarted while this goes on lives longer than it.
	r.lifetime = ctx
	all, ctx := errgroup.WithContext(ctx)
	for _, s := range r.sources {
		all.Go(func() error {
			ticker := time.NewTicker(tick)
			defer ticker.Stop()
			for {
				if err := s.send(ctx, r.pace.Rate*max(1, r.fault.rate)/int(time.Second/tick)); err != nil {
					return err
				}
				select {
				case <-ticker.C:
				case <-stop:
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			}
		})
	}
	all.Go(func() error {
		defer close(stop)
		calm := r.pace.Calm
		if r.fault.cold {
			calm = 0
		}
		if err := sleep(ctx, calm); err != nil {
			return err
		}
		r.say("fault begins")
		if err := r.fault.act(ctx, r); err != nil {
			return err
		}
		for _, s := range r.sources {
			s.ledger.faultOver()
		}
		r.say("fault is over after %d requests that met it", r.injector.Hits())
		return sleep(ctx, r.pace.Calm)
	})
	return all.Wait()
}

// settle waits until all is stored, or nothing has moved for so long that what is missing is lost. Then it looks whether the
// collector is at rest; again is how many requests it still sent.
func (r *run) settle(ctx context.Context) (again int, err error) {
	limit, cancel := context.WithTimeout(ctx, r.pace.Drain)
	defer cancel()
	// What has no answer when the time is over is counted as lost.
	if err := r.gateway.Flush(limit); err != nil && ctx.Err() != nil {
		return 0, ctx.Err()
	}
	since := time.Now()
	for seen := -1; ; {
		if served := r.injector.Served(); served != seen {
			seen = served
			began := time.Now()
			missing := 0
			for _, t := range r.tallies() {
				missing += t.lost
			}
			if missing == 0 {
				break
			}
			// A look at very much data takes its time.
			if err := sleep(ctx, 3*time.Since(began)); err != nil {
				return 0, err
			}
		}
		if min(r.injector.Quiet(), time.Since(since)) > r.pace.Settled || limit.Err() != nil {
			break
		}
		select {
		case <-r.collector.Done():
			return 0, fmt.Errorf("the collector ended by itself:\n%s", lastLines(r.collector.Log(), 15))
		default:
		}
		if err := sleep(ctx, 100*time.Millisecond); err != nil {
			return 0, err
		}
	}
	// What is stored already may be on its way once more, and poison may be tried again and again.
	if err := sleep(ctx, r.pace.Calm); err != nil {
		return 0, err
	}
	before := r.injector.Served()
	if strings.HasPrefix(r.fault.Name, "poison-") {
		if err := sleep(ctx, r.pace.Settled/2); err != nil {
			return 0, err
		}
	}
	return r.injector.Served() - before, nil
}

// tallies compares the ledgers with AWS's store, by signal.
func (r *run) tallies() map[gateway.Signal]tally {
	snapshot := r.aws.Snapshot()
	all := map[gateway.Signal]tally{}
	for _, s := range r.sources {
		stored := map[gateway.Signal]func(awslocal.Snapshot) map[int]int{
			gateway.Traces: storedSpans, gateway.Metrics: storedPoints, gateway.Logs: storedRecords,
		}[s.signal](snapshot)
		all[s.signal] = s.ledger.count(stored)
	}
	return all
}

// finish stops the collector as a kubelet does and counts.
func (r *run) finish(ctx context.Context, started time.Time, again int) ([]Result, error) {
	self, err := otelcol.Scrape(ctx, r.overlay.Metrics)
	if err != nil {
		return nil, err
	}
	if err := r.collector.Stop(r.grace); err != nil {
		r.notes = append(r.notes, "the collector did not stop in order: "+shorten(err.Error()))
	}
	r.logs.WriteString(r.collector.Log())
	if path := os.Getenv(EnvLogs); path != "" {
		name := strings.NewReplacer("/", "_", " ", "_", ",", "").Replace(r.group.String()) + ".log"
		if err := os.WriteFile(filepath.Join(path, name), []byte(r.logs.String()), 0o644); err != nil { //nolint:gosec // for reading
			return nil, err
		}
	}
	filtered, drops := self.Filtered(), otelcol.Drops(r.logs.String())
	tallies := r.tallies()
	var results []Result
	for _, cell := range r.group {
		t := tallies[cell.Signal]
		result := Result{
			Signal: string(cell.Signal), Exporter: cell.Exporter, Delivery: string(cell.Delivery), Fault: cell.Fault,
			Accepted: t.accepted, Acknowledged: t.acknowledged, Refused: t.refused, Stored: t.stored, Lost: t.lost,
			LostAcknowledged: t.lostAfter, Duplicated: t.duplicated, Poison: t.poison, PoisonStored: t.poisonStored,
			Hits: r.injector.Hits(), Seconds: time.Since(started).Seconds(), Started: started.UTC().Truncate(time.Second),
		}
		for _, processor := range sortedKeys(filtered[string(cell.Signal)]) {
			result.Named = append(result.Named, fmt.Sprintf("processor %s filtered %d", processor, filtered[string(cell.Signal)][processor]))
		}
		result.Named = append(result.Named, self.Failures(string(cell.Signal))...)
		result.Named = append(result.Named, mergeDrops(drops, cell.Signal)...)
		for _, status := range r.gateway.Status() {
			if status.Pipeline.Signal != cell.Signal {
				continue
			}
			for _, why := range sortedKeys(status.Counts.Refusals) {
				result.Named = append(result.Named, fmt.Sprintf("Kyma's gateway gave up %d: %s", status.Counts.Refusals[why], shorten(why)))
			}
		}
		result.Notes = r.notes
		result.Again = again
		rejected := 0
		if r.partial != nil {
			rejected = r.partial.Rejected()
		}
		result.judge(cell, t.exposed, rejected)
		met := r.fault.shows
		if met == nil {
			met = func(result Result) bool { return result.Hits > 0 }
		}
		if result.Pass && !met(result) {
			result.Pass, result.Failure = false, "the fault was not there: nothing met it"
		}
		results = append(results, result)
	}
	return results, nil
}

// EnvLogs names the environment variable with a folder into which the collectors' logs are written.
const EnvLogs = "FAULTS_LOGS"

func mergeDrops(drops []otelcol.Drop, signal gateway.Signal) []string {
	counts := map[string]int{}
	for _, drop := range drops {
		if drop.Signal == string(signal) {
			counts[fmt.Sprintf("exporter %s dropped %%d: %s", drop.Component, strings.ReplaceAll(shorten(drop.Why), "%", "%%"))] += drop.Count
		}
	}
	var texts []string
	for _, format := range sortedKeys(counts) {
		texts = append(texts, fmt.Sprintf(format, counts[format]))
	}
	return texts
}

func shorten(text string) string {
	text, _, _ = strings.Cut(text, "\n")
	const most = 240
	if len(text) > most {
		return text[:most] + "..."
	}
	return text
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func runCommand(name string, args ...string) (string, error) {
	out, err := exec.Command(name, args...).CombinedOutput()
	return string(out), err
}

// endpoint is an HTTP server on the loopback interface whose connections can be cut.
type endpoint struct {
	server *http.Server
	port   string
	done   chan struct{}

	mu          sync.Mutex
	connections map[net.Conn]bool
}

func serve(handler http.Handler) (*endpoint, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("no port for the AWS stand-in: %w", err)
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return nil, err
	}
	e := &endpoint{port: port, done: make(chan struct{}), connections: map[net.Conn]bool{}}
	e.server = &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute, ConnState: func(c net.Conn, state http.ConnState) {
		e.mu.Lock()
		defer e.mu.Unlock()
		switch state {
		case http.StateNew:
			e.connections[c] = true
		case http.StateClosed, http.StateHijacked:
			delete(e.connections, c)
		}
	}}
	go func() {
		defer close(e.done)
		_ = e.server.Serve(listener) // ends with ErrServerClosed
	}()
	return e, nil
}

// dropConnections closes what is open, so that clients have to connect anew.
func (e *endpoint) dropConnections() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for c := range e.connections {
		_ = c.Close() // closed is closed
	}
}

func (e *endpoint) stop() error {
	err := e.server.Close()
	<-e.done
	return err
}
