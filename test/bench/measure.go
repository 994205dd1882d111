package bench

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/test/machine"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/gateway"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/localpod"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/otelcol"
)

// Options say what to measure.
type Options struct {
	Profiles []Profile
	Signals  []gateway.Signal
	// Records is how many records of each signal a measurement sends; Rounds how often each is repeated, in turn with the
	// others, so that a machine that slows down slows all of them. The median counts.
	Records, Rounds int
	// Latency is how long records are sent at a moderate rate, to take their times; 0 takes none.
	Latency time.Duration
	// Binary is the collector, from otelcol.Find.
	Binary string
	// Profiling is a folder for CPU profiles of the collectors, taken while they are under load; empty takes none.
	Profiling string
	// Progress gets a line for each measurement.
	Progress io.Writer
}

// Measurement is what one profile cost for one signal.
type Measurement struct {
	Signal  string `json:"signal"`
	Profile string `json:"profile"`
	// Records were sent and Stored arrived at AWS, in all rounds.
	Records int `json:"records"`
	Stored  int `json:"stored"`
	// CPU is seconds of the collector's process for a million records: the median of the rounds, which are in Rounds.
	CPU    float64   `json:"cpuSecondsPerMillion"`
	Rounds []float64 `json:"rounds"`
	// PeakMiB is the process's largest resident memory.
	PeakMiB float64 `json:"peakMiB"`
	// Requests and MB are the requests to AWS and their bodies, as sent, for 100,000 records.
	Requests float64 `json:"requestsPer100k"`
	MB       float64 `json:"megabytesPer100k"`
	// P50 and P99 are milliseconds from a record's start until AWS has it, at a moderate load; 0 when not measured.
	P50 float64 `json:"p50Milliseconds"`
	P99 float64 `json:"p99Milliseconds"`
	// Ratio is CPU to that of the profile Than; Goal is the most that it may be, Met whether it is. 0 and empty are none.
	Ratio float64 `json:"ratio,omitempty"`
	Than  string  `json:"than,omitempty"`
	Goal  float64 `json:"goal,omitempty"`
	Met   bool    `json:"met,omitempty"`
	// Started is when, Machine where it was measured.
	Started time.Time `json:"started"`
	Machine string    `json:"machine"`
}

// Run measures every profile for every signal.
func Run(ctx context.Context, o Options) ([]Measurement, error) {
	var all []Measurement
	started := time.Now().UTC().Truncate(time.Second)
	for _, signal := range o.Signals {
		requests := make([][]byte, 16)
		for i := range requests {
			var err error
			if requests[i], err = encode(signal, batchItems[signal], i); err != nil {
				return nil, err
			}
		}
		ofSignal := map[string]*Measurement{}
		rounds := map[string][]round{}
		for n := range o.Rounds {
			for _, p := range o.Profiles {
				if !slices.Contains(p.Signals, signal) {
					continue
				}
				r, err := measure(ctx, o, p, signal, requests, n == 0)
				if err != nil {
					return nil, fmt.Errorf("%s, %s: %w", p, signal, err)
				}
				rounds[p.Name] = append(rounds[p.Name], r)
				fmt.Fprintf(o.Progress, "%-8s %-24s round %d: %6.1f CPU-s/million, %4.0f MiB, %6.0f requests, %6.2f MB per 100,000, %d of %d stored\n",
					signal, p.Name, n+1, r.cpu*1e6/float64(r.sent), r.peakMiB, float64(r.requests)*1e5/float64(r.sent), float64(r.bytes)/1e6*1e5/float64(r.sent), r.stored, r.sent)
			}
		}
		for _, p := range o.Profiles {
			if rounds[p.Name] == nil {
				continue
			}
			m := summarize(rounds[p.Name])
			m.Signal, m.Profile, m.Started, m.Machine = string(signal), p.Name, started, machine.Describe()
			if most, than := p.goal(signal); than != p.Name && ofSignal[than] != nil {
				m.Than, m.Goal = than, most
				m.Ratio = m.CPU / ofSignal[than].CPU
				m.Met = most > 0 && m.Ratio <= most
			}
			all = append(all, m)
			ofSignal[p.Name] = &m
		}
	}
	return all, nil
}

// round is one measurement.
type round struct {
	sent, stored, requests int
	bytes                  int64
	// cpu is in seconds.
	cpu, peakMiB float64
	delays       []time.Duration
}

func summarize(rounds []round) Measurement {
	var m Measurement
	var delays []time.Duration
	for _, r := range rounds {
		m.Records += r.sent
		m.Stored += r.stored
		m.Rounds = append(m.Rounds, r.cpu*1e6/float64(r.sent))
		m.PeakMiB = max(m.PeakMiB, r.peakMiB)
		m.Requests += float64(r.requests)
		m.MB += float64(r.bytes) / 1e6
		delays = append(delays, r.delays...)
	}
	m.Requests *= 1e5 / float64(m.Records)
	m.MB *= 1e5 / float64(m.Records)
	m.CPU = median(m.Rounds)
	if len(delays) > 0 {
		slices.Sort(delays)
		at := func(share float64) float64 {
			return float64(delays[int(share*float64(len(delays)-1))].Microseconds()) / 1000
		}
		m.P50, m.P99 = at(0.50), at(0.99)
	}
	return m
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// quiet is how long AWS must have got nothing, with empty queues, before a load counts as drained.
const quiet = 3 * time.Second

// measure runs a collector of its own under load.
func measure(ctx context.Context, o Options, p Profile, signal gateway.Signal, requests [][]byte, latency bool) (r round, err error) {
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(dir)
	objects, err := p.objects(signal)
	if err != nil {
		return r, err
	}
	aws, err := startSink()
	if err != nil {
		return r, err
	}
	defer aws.stop()
	pod, err := localpod.New(objects, release.Namespace, region, dir)
	if err != nil {
		return r, err
	}
	if o.Profiling != "" {
		addProfiler(pod)
	}
	overlay, err := pod.Overlay(aws.url)
	if err != nil {
		return r, err
	}
	address, err := overlay.Address("grpc-otlp")
	if err != nil {
		return r, err
	}
	collector, err := overlay.Start(ctx, o.Binary, nil)
	if err != nil {
		return r, err
	}
	defer collector.Kill()
	to, err := dial(signal, address)
	if err != nil {
		return r, err
	}
	defer to.connection.Close()

	// The first request makes connections, groups and streams.
	if err := to.send(ctx, requests[0]); err != nil {
		return r, err
	}
	if err := drained(ctx, aws, overlay, collector); err != nil {
		return r, err
	}
	if latency && o.Latency > 0 && p.Name != Floor {
		if r.delays, err = times(ctx, o, aws, overlay, collector, to); err != nil {
			return r, err
		}
	}
	before := aws.state()
	cpu, err := cpuSeconds(collector.PID())
	if err != nil {
		return r, err
	}
	n := max(1, o.Records/batchItems[signal])
	r.sent = n * batchItems[signal]
	profiled := profile(ctx, o, overlay, p, signal)
	if err := to.flood(ctx, requests, n); err != nil {
		return r, err
	}
	if err := drained(ctx, aws, overlay, collector); err != nil {
		return r, err
	}
	after := aws.state()
	cpuAfter, err := cpuSeconds(collector.PID())
	if err != nil {
		return r, err
	}
	if err := <-profiled; err != nil {
		return r, err
	}
	r.cpu, r.stored, r.requests, r.bytes = cpuAfter-cpu, after.items-before.items, after.requests-before.requests, after.bytes-before.bytes
	r.peakMiB, err = peakMiB(collector.PID())
	return r, err
}

// times sends at a moderate rate and gives the time that each record took.
func times(ctx context.Context, o Options, aws *sink, overlay *localpod.Overlay, collector *otelcol.Process, to *sender) ([]time.Duration, error) {
	aws.time(true)
	const every = 100 * time.Millisecond
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for range int(o.Latency / every) {
		// A batch that comes often is smaller than one that comes as fast as can be.
		request, err := encode(to.signal, 128, 0)
		if err != nil {
			return nil, err
		}
		if err := to.send(ctx, request); err != nil {
			return nil, err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if err := drained(ctx, aws, overlay, collector); err != nil {
		return nil, err
	}
	return aws.time(false), nil
}

// drained waits until nothing more comes.
func drained(ctx context.Context, aws *sink, overlay *localpod.Overlay, collector *otelcol.Process) error {
	began := time.Now()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if min(time.Since(aws.state().last), time.Since(began)) > quiet {
			own, err := otelcol.Scrape(ctx, overlay.Metrics)
			if err != nil {
				return err
			}
			if own.Queued() == 0 {
				return nil
			}
		}
		select {
		case <-collector.Done():
			return fmt.Errorf("the collector ended by itself:\n%s", collector.Log())
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// clockTicks is the unit of /proc/PID/stat, the same on every Linux.
const clockTicks = 100

// cpuSeconds is what a process has used so far, in user and kernel.
func cpuSeconds(pid int) (float64, error) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return 0, fmt.Errorf("CPU time is read from Linux's /proc: %w", err)
	}
	// The second field is a name that may hold anything, in parentheses.
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields))
	}
	user, err := strconv.ParseFloat(fields[11], 64)
	if err != nil {
		return 0, err
	}
	kernel, err := strconv.ParseFloat(fields[12], 64)
	return (user + kernel) / clockTicks, err
}

func peakMiB(pid int) (float64, error) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return 0, err
	}
	for _, line := range strings.Split(string(text), "\n") {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 64)
			return kib / 1024, err
		}
	}
	return 0, fmt.Errorf("/proc/%d/status has no VmHWM", pid)
}
