package faults

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/test/faults/inject"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/gateway"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/localpod"
)

// Fault is one thing that goes wrong.
type Fault struct {
	// Name stands in the names of cells, What says in a few words what happens.
	Name, What string
	// concerns tells the cells that the fault makes sense for; nil means all.
	concerns func(Cell) bool
	// values are set over the chart's, for cells that are valued; nil means all.
	values map[string]any
	valued func(Cell) bool
	// config is merged over the rendered configuration, for what the chart does not allow.
	config func(r *run) map[string]any
	// rate is by how much more is sent than usual; 0 means 1.
	rate int
	// cold sends at once, into an account that has no log group yet.
	cold bool
	// shows tells from a result that the fault was there; nil means that requests to AWS must have met it.
	shows func(Result) bool
	// long marks a fault that takes minutes whatever the pace; the fast subset has none.
	long bool
	// name is a host name to reach AWS by, instead of its address.
	name string
	// prepare runs before the pod is made, in the folder that it will use. What it cannot do here is an errSkipped.
	prepare func(r *run) error
	// act is what goes wrong, while the load goes on. It returns when all is well again.
	act func(ctx context.Context, r *run) error
}

// errSkipped says that a fault cannot be made on this machine.
type errSkipped struct{ why string }

func (e errSkipped) Error() string { return e.why }

// itself is a fault that needs no more evidence than that it was made: a restart, a record.
func itself(Result) bool { return true }

// noRoom tells that the collector could not put something into its queue.
func noRoom(r Result) bool {
	return slices.ContainsFunc(r.Named, func(text string) bool { return strings.Contains(text, "had no room in its queue") })
}

func native(c Cell) bool { return c.Exporter == "otlp" }

func queued(c Cell) bool { return c.Delivery == Queued }

// answers makes every request fail for the time of an outage.
func answers(fault inject.Fault) func(context.Context, *run) error {
	return func(ctx context.Context, r *run) error {
		return r.outage(ctx, fault, r.pace.Outage)
	}
}

// outage puts a fault in for a time.
func (r *run) outage(ctx context.Context, fault inject.Fault, length time.Duration) error {
	r.injector.Set(fault)
	defer r.injector.Set(nil)
	return sleep(ctx, length)
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Faults are all that can go wrong, in the order of the report.
var Faults = []Fault{
	{Name: "none", What: "nothing goes wrong", shows: itself, act: func(ctx context.Context, r *run) error { return sleep(ctx, r.pace.Outage/4) }},
	{Name: "503", What: "AWS answers 503", act: answers(inject.Unavailable)},
	{Name: "throttled", What: "AWS throttles, in each API's own form", act: answers(inject.Throttled)},
	{Name: "rate-limited", What: "AWS takes two requests a second and throttles the others", act: func(ctx context.Context, r *run) error {
		return r.outage(ctx, inject.Limited(2, inject.Throttled), 2*r.pace.Outage)
	}},
	{Name: "500", What: "AWS answers 500 with a JSON body", act: answers(inject.InternalFailure)},
	{Name: "no-answer", What: "AWS accepts the connection and never answers", act: answers(inject.NoAnswer)},
	{Name: "reset-before", What: "connections are reset before AWS has stored", act: answers(inject.ResetBefore)},
	{Name: "reset-after", What: "every second connection is reset after AWS has stored", act: func(ctx context.Context, r *run) error {
		return r.outage(ctx, inject.Every(2, inject.ResetAfter), r.pace.Outage)
	}},
	{Name: "latency-3s", What: "AWS takes 3 s for each answer", act: answers(inject.Slow(3 * time.Second))},
	{Name: "access-denied", What: "credentials lack a permission for a while", act: answers(inject.AccessDenied)},
	{Name: "expired-token", What: "credentials are expired for a while", act: answers(inject.ExpiredToken)},
	{
		Name: "unprocessed-segments", What: "PutTraceSegments answers 200 and names every second segment as unprocessed",
		concerns: func(c Cell) bool { return c.Exporter == "xray" }, act: partially,
	},
	{
		Name: "partial-success", What: "the OTLP endpoint answers 200 and rejects every second record",
		concerns: native, act: partially,
	},
	{
		Name: "dns", What: "AWS's host name cannot be resolved", name: "aws.faults.test", prepare: ownResolver, shows: itself,
		act: func(ctx context.Context, r *run) error {
			if err := r.resolve(false); err != nil {
				return err
			}
			r.endpoint.dropConnections()
			if err := sleep(ctx, r.pace.Outage); err != nil {
				return err
			}
			return r.resolve(true)
		},
	},
	{Name: "503-kill", What: "the collector is killed (kill -9) and restarted while AWS answers 503", act: killed},
	{Name: "sigterm", What: "the collector is stopped (SIGTERM) and started again under load, as in a rollout", shows: itself, act: restart},
	{Name: "503-sigterm", What: "the same while AWS answers 503", act: func(ctx context.Context, r *run) error {
		r.injector.Set(inject.Unavailable)
		defer r.injector.Set(nil)
		return restart(ctx, r)
	}},
	{
		Name: "volume-full", What: "so much comes while AWS answers 503 that the queues fill their volume; then the collector is killed",
		concerns: queued, values: map[string]any{"collector": map[string]any{"persistence": map[string]any{"size": "64Mi"}}},
		rate: 4, prepare: volumeOf(64 << 20), act: killed,
		// Log records are the most by far: theirs is the queue that is full.
		shows: func(r Result) bool { return r.Hits > 0 && (r.Signal != string(gateway.Logs) || noRoom(r)) },
	},
	{
		Name: "disk-full", What: "the volume is smaller than the chart was told, and full while AWS answers 503",
		concerns: queued, prepare: func(r *run) error { return volumeOf(r.pace.DiskBytes)(r) }, shows: noRoom, act: answers(inject.Unavailable),
	},
	{
		Name: "queue-full", What: "the queue is full while AWS answers 503",
		concerns: queued, config: smallQueues, shows: noRoom, act: answers(inject.Unavailable),
	},
	{Name: "empty-account", What: "records come at once, before any log group exists", cold: true, shows: itself, act: func(ctx context.Context, r *run) error {
		return sleep(ctx, r.pace.Outage/4)
	}},
	{Name: "throttled-5m", What: "AWS throttles everything for five minutes", long: true, act: func(ctx context.Context, r *run) error {
		return r.outage(ctx, inject.Throttled, 5*time.Minute)
	}},
	{Name: "outage-5m", What: "AWS answers 503 for five minutes, then catching up", long: true, act: func(ctx context.Context, r *run) error {
		return r.outage(ctx, inject.Unavailable, 5*time.Minute)
	}},

	poisonous("poison-too-old", "a log record is older than AWS takes (14 days)", gateway.Logs),
	poisonous("poison-too-new", "a log record is newer than AWS takes (2 hours)", gateway.Logs),
	poisonous("poison-empty", "a log record is empty", gateway.Logs),
	poisonous("poison-1mb", "a log record is larger than 1 MB", gateway.Logs),
	poisonous("poison-64kb-segment", "a span makes a segment document larger than 64 KB", gateway.Traces),
	poisonous("poison-200kb-span", "a span is larger than 200 KB", gateway.Traces),
	poisonous("poison-100-metrics", "150 metrics have the same attributes and time", gateway.Metrics),
	poisonous("poison-non-ascii", "the name of an attribute is not ASCII", gateway.Metrics),
	poisonous("poison-nan", "values are NaN and infinite", gateway.Metrics),
	poisonous("poison-too-old-metric", "a datapoint is older than AWS takes (14 days)", gateway.Metrics),
	poisonous("poison-histogram", "datapoints are histograms, which are no poison", gateway.Metrics),
}

func faultNamed(name string) (Fault, bool) {
	for _, fault := range Faults {
		if fault.Name == name {
			return fault, true
		}
	}
	return Fault{}, false
}

// killed kills the collector in the middle of an outage.
func killed(ctx context.Context, r *run) error {
	r.injector.Set(inject.Unavailable)
	defer r.injector.Set(nil)
	if err := sleep(ctx, r.pace.Outage/2); err != nil {
		return err
	}
	r.collector.Kill()
	if err := r.startCollector(r.lifetime); err != nil {
		return err
	}
	return sleep(ctx, r.pace.Outage/2)
}

func restart(ctx context.Context, r *run) error {
	if err := sleep(ctx, r.pace.Outage/4); err != nil {
		return err
	}
	began := time.Now()
	// One that takes longer than the grace period is killed, as a kubelet does; that may be slow, but must lose nothing.
	if err := r.collector.Stop(r.grace); err != nil {
		r.notes = append(r.notes, "the collector did not stop in order: "+shorten(err.Error()))
	}
	r.say("the collector took %.1f s to stop", time.Since(began).Seconds())
	if err := r.startCollector(r.lifetime); err != nil {
		return err
	}
	return sleep(ctx, r.pace.Outage/4)
}

func partially(ctx context.Context, r *run) error {
	r.partial = &inject.Partial{Region: region, Credentials: aws.Credentials{
		AccessKeyID: localpod.StandInAccessKeyID, SecretAccessKey: localpod.StandInSecretAccessKey,
	}}
	return r.outage(ctx, r.partial.Fault, r.pace.Outage)
}

// queueOf is the exporter in whose sending_queue a cell's data waits.
func queueOf(c Cell) string {
	switch {
	case native(c):
		return "otlp_http/" + string(c.Signal)
	case c.Signal == gateway.Logs:
		return "awscloudwatchlogs"
	default:
		return "otlp_grpc/" + string(c.Signal)
	}
}

// smallQueues is a queue for each signal that an outage fills; the chart would not have one that is smaller than the largest
// message that may come.
func smallQueues(r *run) map[string]any {
	exporters := map[string]any{}
	for _, cell := range r.group {
		queue := map[string]any{"queue_size": r.pace.QueueBytes[cell.Signal]}
		if cell.Signal == gateway.Logs {
			queue["batch"] = map[string]any{"min_size": r.pace.QueueBytes[cell.Signal] / 8} // in bytes, as the queue
		}
		exporters[queueOf(cell)] = map[string]any{"sending_queue": queue}
	}
	return map[string]any{"exporters": exporters}
}

// volumeOf mounts a file system of so many bytes where the pod will find its queue's volume.
func volumeOf(bytes int) func(r *run) error {
	return func(r *run) error {
		volume := filepath.Join(r.dir, "volumes", "queue")
		if err := os.MkdirAll(volume, 0o755); err != nil {
			return err
		}
		if err := syscall.Mount("faults", volume, "tmpfs", 0, fmt.Sprintf("size=%d", bytes)); err != nil {
			return errSkipped{fmt.Sprintf("a small file system cannot be mounted here (%v): run as root", err)}
		}
		r.cleanup = append(r.cleanup, func() error { return syscall.Unmount(volume, syscall.MNT_DETACH) })
		return nil
	}
}

// ownResolver makes the collector run with an /etc/hosts and an /etc/resolv.conf of its own, in a mount namespace: where the
// name is not in the one, it cannot be resolved, as the other names a server that is not there.
func ownResolver(r *run) error {
	script := filepath.Join(r.dir, "collector.sh")
	hosts, conf := filepath.Join(r.dir, "hosts"), filepath.Join(r.dir, "resolv.conf")
	text := fmt.Sprintf("#!/bin/sh\nexec unshare --mount --map-root-user sh -c 'mount --bind %s /etc/hosts && mount --bind %s /etc/resolv.conf && exec \"$0\" \"$@\"' %s \"$@\"\n",
		hosts, conf, r.binary)
	if os.Geteuid() == 0 {
		text = strings.Replace(text, " --map-root-user", "", 1)
	}
	if err := os.WriteFile(script, []byte(text), 0o700); err != nil { //nolint:gosec // it is run
		return err
	}
	if err := os.WriteFile(conf, []byte("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n"), 0o644); err != nil { //nolint:gosec // as /etc/resolv.conf
		return err
	}
	if err := r.resolve(true); err != nil {
		return err
	}
	if out, err := runCommand(script, "--version"); err != nil {
		return errSkipped{fmt.Sprintf("the collector cannot be given a resolver of its own here: unshare and mount: %s", strings.TrimSpace(out))}
	}
	r.binary = script
	return nil
}

// resolve says whether AWS's name stands in the collector's /etc/hosts.
func (r *run) resolve(able bool) error {
	text := "127.0.0.1 localhost\n"
	if able {
		text += "127.0.0.1 " + r.fault.name + "\n"
	}
	// Written in place: the file is what is mounted, not its name.
	return os.WriteFile(filepath.Join(r.dir, "hosts"), []byte(text), 0o644) //nolint:gosec // as /etc/hosts
}
