package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/examples/telemetry/shop"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/gateway"
)

// TestMain lets the test binary be a pod, as the recorder starts its own program again.
func TestMain(m *testing.M) {
	if os.Getenv(shop.EnvService) != "" {
		runPod()
		return
	}
	os.Exit(m.Run())
}

const committed = ".."

func TestTheCommittedCapturesShowWhatTheyShould(t *testing.T) {
	c := read(t, committed)
	c.check(t)
	traces := map[pcommon.TraceID]bool{}
	for _, s := range c.spans {
		traces[s.TraceID()] = true
	}
	assert.GreaterOrEqual(t, len(traces), 150)
	assert.LessOrEqual(t, len(traces), 400)
	assert.Less(t, c.size, 1_500_000, "the files are part of the repository")
}

func TestAShortRecordingShowsTheSameAsTheCommittedOne(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the pods are measured by Linux's /proc")
	}
	o := options{directory: t.TempDir(), requests: 36, rounds: 3, interval: 50 * time.Millisecond, progress: io.Discard}
	require.NoError(t, record(t.Context(), o))
	read(t, o.directory).check(t)
	files, err := os.ReadDir(o.directory)
	require.NoError(t, err)
	assert.Len(t, files, 3, "nothing but the captures stays")
}

// cancelled ends the recording as soon as it says something.
type cancelled struct{ cancel context.CancelFunc }

func (c cancelled) Write(p []byte) (int, error) {
	c.cancel()
	return len(p), nil
}

func TestAnInterruptedRecordingWritesNothingAndLeavesNoPods(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the pods are measured by Linux's /proc")
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	o := options{directory: t.TempDir(), requests: 12, rounds: 2, interval: 50 * time.Millisecond, progress: cancelled{cancel}}
	require.Error(t, record(ctx, o))
	files, err := os.ReadDir(o.directory)
	require.NoError(t, err)
	assert.Empty(t, files)
	children, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", os.Getpid()))
	require.NoError(t, err)
	for _, list := range children {
		pids, err := os.ReadFile(list)
		if err == nil { // a thread may end meanwhile
			assert.Empty(t, string(pids))
		}
	}
}

func TestARecordingThatMakesNoSenseIsRefused(t *testing.T) {
	for _, o := range []options{{rounds: 1, interval: time.Second}, {requests: 1, interval: time.Second}, {requests: 1, rounds: 1}} {
		require.ErrorContains(t, record(t.Context(), o), "want at least one request, one round and an interval of 1 ms")
	}
}

// capturedSpan, capturedPoint and capturedLog know where they come from.
type capturedSpan struct {
	ptrace.Span
	resource pcommon.Resource
}

type capturedPoint struct {
	resource   pcommon.Resource
	scope      string
	metric     pmetric.Metric
	attributes pcommon.Map
	at         pcommon.Timestamp
}

type capturedLog struct {
	plog.LogRecord
	resource pcommon.Resource
	scope    string
}

type captured struct {
	spans     []capturedSpan
	points    []capturedPoint
	logs      []capturedLog
	resources []pcommon.Resource
	text      string
	size      int
}

func read(t *testing.T, directory string) *captured {
	t.Helper()
	c := &captured{}
	for name, parse := range map[string]func(line []byte){
		"traces.jsonl": func(line []byte) {
			td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(line)
			require.NoError(t, err)
			for _, rs := range td.ResourceSpans().All() {
				c.resources = append(c.resources, rs.Resource())
				for _, ss := range rs.ScopeSpans().All() {
					for _, s := range ss.Spans().All() {
						c.spans = append(c.spans, capturedSpan{s, rs.Resource()})
					}
				}
			}
		},
		"metrics.jsonl": func(line []byte) {
			md, err := (&pmetric.JSONUnmarshaler{}).UnmarshalMetrics(line)
			require.NoError(t, err)
			for _, rm := range md.ResourceMetrics().All() {
				c.resources = append(c.resources, rm.Resource())
				for _, sm := range rm.ScopeMetrics().All() {
					for _, m := range sm.Metrics().All() {
						for attributes, at := range points(m) {
							c.points = append(c.points, capturedPoint{rm.Resource(), sm.Scope().Name(), m, attributes, at})
						}
					}
				}
			}
		},
		"logs.jsonl": func(line []byte) {
			ld, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs(line)
			require.NoError(t, err)
			for _, rl := range ld.ResourceLogs().All() {
				c.resources = append(c.resources, rl.Resource())
				for _, sl := range rl.ScopeLogs().All() {
					for _, r := range sl.LogRecords().All() {
						c.logs = append(c.logs, capturedLog{r, rl.Resource(), sl.Scope().Name()})
					}
				}
			}
		},
	} {
		data, err := os.ReadFile(filepath.Join(directory, name))
		require.NoError(t, err)
		c.text += string(data)
		c.size += len(data)
		for line := range bytes.Lines(data) {
			parse(line)
		}
	}
	return c
}

func points(m pmetric.Metric) func(yield func(pcommon.Map, pcommon.Timestamp) bool) {
	return func(yield func(pcommon.Map, pcommon.Timestamp) bool) {
		switch m.Type() {
		case pmetric.MetricTypeGauge:
			for _, p := range m.Gauge().DataPoints().All() {
				if !yield(p.Attributes(), p.Timestamp()) {
					return
				}
			}
		case pmetric.MetricTypeSum:
			for _, p := range m.Sum().DataPoints().All() {
				if !yield(p.Attributes(), p.Timestamp()) {
					return
				}
			}
		case pmetric.MetricTypeHistogram:
			for _, p := range m.Histogram().DataPoints().All() {
				if !yield(p.Attributes(), p.Timestamp()) {
					return
				}
			}
		case pmetric.MetricTypeExponentialHistogram:
			for _, p := range m.ExponentialHistogram().DataPoints().All() {
				if !yield(p.Attributes(), p.Timestamp()) {
					return
				}
			}
		case pmetric.MetricTypeSummary:
			for _, p := range m.Summary().DataPoints().All() {
				if !yield(p.Attributes(), p.Timestamp()) {
					return
				}
			}
		}
	}
}

func text(a pcommon.Map, key string) string {
	v, has := a.Get(key)
	if !has {
		return ""
	}
	return v.AsString()
}

func (c *captured) check(t *testing.T) {
	t.Run("traces", c.checkTraces)
	t.Run("metrics", c.checkMetrics)
	t.Run("logs", c.checkLogs)
	t.Run("resources", c.checkResources)
	t.Run("no paths of the recording machine", func(t *testing.T) {
		root, err := filepath.Abs(filepath.Join("..", "..", ".."))
		require.NoError(t, err)
		home, err := os.UserHomeDir()
		require.NoError(t, err)
		for _, path := range []string{root, home + "/", "/home/", "/tmp/", "/usr/", "pkg/mod"} {
			assert.NotContains(t, c.text, path)
		}
	})
}

func (c *captured) checkTraces(t *testing.T) {
	ids := map[pcommon.SpanID]capturedSpan{}
	services := map[pcommon.TraceID]map[string]bool{}
	for _, s := range c.spans {
		require.NotContains(t, ids, s.SpanID(), "twice")
		ids[s.SpanID()] = s
		if services[s.TraceID()] == nil {
			services[s.TraceID()] = map[string]bool{}
		}
		services[s.TraceID()][text(s.resource.Attributes(), "service.name")] = true
	}
	roots, links := 0, 0
	seen := map[string]bool{}
	for _, s := range c.spans {
		if s.ParentSpanID().IsEmpty() {
			roots++
		} else {
			parent, found := ids[s.ParentSpanID()]
			require.True(t, found, "the parent of %s is missing", s.Name())
			require.Equal(t, s.TraceID(), parent.TraceID())
		}
		for _, l := range s.Links().All() {
			require.Contains(t, ids, l.SpanID())
			links++
		}
		for _, e := range s.Events().All() {
			if e.Name() == "exception" && strings.Contains(text(e.Attributes(), "exception.stacktrace"), "\n") {
				seen["exception with stack"] = true
			}
		}
		if s.EndTimestamp()-s.StartTimestamp() >= pcommon.Timestamp(100*time.Millisecond) {
			seen["slow"] = true
		}
		seen[s.Kind().String()] = true
		if s.Status().Code() == ptrace.StatusCodeError {
			seen["error"] = true
		}
		seen["HTTP "+text(s.Attributes(), "http.response.status_code")] = true
		seen["gRPC "+text(s.Attributes(), "rpc.response.status_code")] = true
	}
	assert.Positive(t, roots)
	assert.Positive(t, links)
	for _, what := range []string{"exception with stack", "slow", "error", "Server", "Client", "Internal", "Consumer",
		"HTTP 201", "HTTP 404", "HTTP 500", "HTTP 402", "gRPC OK", "gRPC FAILED_PRECONDITION", "gRPC DEADLINE_EXCEEDED", "gRPC INTERNAL"} {
		assert.True(t, seen[what], "no span shows: %s", what)
	}
	most := 0
	for _, s := range services {
		most = max(most, len(s))
	}
	assert.Equal(t, 5, most, "an order passes all services in one trace")
}

func (c *captured) checkMetrics(t *testing.T) {
	types, names, scopes := map[string]bool{}, map[string]bool{}, map[string]bool{}
	pods := map[string]map[string]bool{}      // by series without the resource
	times := map[string][]pcommon.Timestamp{} // by series with the resource
	for _, p := range c.points {
		kind := p.metric.Type().String()
		if p.metric.Type() == pmetric.MetricTypeSum {
			kind = fmt.Sprintf("Sum monotonic=%t %s", p.metric.Sum().IsMonotonic(), p.metric.Sum().AggregationTemporality())
		}
		types[kind], names[p.metric.Name()], scopes[p.scope] = true, true, true
		series := fmt.Sprint(p.scope, p.metric.Name(), p.attributes.AsRaw())
		uid := text(p.resource.Attributes(), "k8s.pod.uid")
		if pods[series] == nil {
			pods[series] = map[string]bool{}
		}
		pods[series][uid] = true
		if p.metric.Name() == "shop.orders" {
			times[uid+series] = append(times[uid+series], p.at)
		}
	}
	for _, want := range []string{"Gauge", "Sum monotonic=true Cumulative", "Sum monotonic=false Cumulative", "Histogram", "ExponentialHistogram", "Summary"} {
		assert.True(t, types[want], "no %s among %v", want, types)
	}
	for _, want := range []string{"k8s.pod.cpu.usage", "k8s.pod.cpu.time", "k8s.pod.memory.working_set", "container.cpu.usage", "container.memory.usage",
		"k8s.container.restarts", "k8s.node.memory.usage", "k8s.deployment.available", "http.server.request.duration", "rpc.server.call.duration"} {
		assert.True(t, names[want], "no %s", want)
	}
	assert.True(t, scopes[gateway.ScopeRuntime] && scopes[gateway.ScopePrometheus] && scopes["shop/frontend"])
	collide := 0
	for series, uids := range pods {
		if strings.HasPrefix(series, "shop/frontendshop.orders") && len(uids) == 2 {
			collide++
		}
	}
	assert.Positive(t, collide, "no series is told apart by its pod only")
	longest := 0
	for series, at := range times {
		for i := 1; i < len(at); i++ {
			require.Less(t, at[i-1], at[i], "the points of %s are in the order of their time", series)
		}
		longest = max(longest, len(at))
	}
	assert.GreaterOrEqual(t, longest, 3, "series have a few points")
}

func (c *captured) checkLogs(t *testing.T) {
	traces := map[pcommon.TraceID]bool{}
	for _, s := range c.spans {
		traces[s.TraceID()] = true
	}
	seen := map[string]bool{}
	for _, r := range c.logs {
		body, by := r.Body().AsString(), "pushed"
		if r.scope == gateway.ScopeRuntime {
			by = "container"
			seen[text(r.Attributes(), "log.iostream")] = true
			require.NotEmpty(t, text(r.Attributes(), "log.file.path"))
			require.NotEmpty(t, text(r.resource.Attributes(), "k8s.container.name"))
		}
		original, structured := r.Attributes().Get("log.original")
		if structured {
			seen["container, structured"] = true
			require.Equal(t, pcommon.ValueTypeStr, original.Type())
		} else if by == "container" {
			seen["container, plain"] = true
			require.NotContains(t, body, "\n", "a container's log is read line by line")
		}
		if strings.Count(body, "\n") > 2 {
			seen[by+", many lines"] = true
		}
		if strings.ContainsFunc(body, func(r rune) bool { return r > 127 }) {
			seen[by+", not ASCII"] = true
		}
		if !r.TraceID().IsEmpty() {
			require.True(t, traces[r.TraceID()], "the trace of a log record is in the recording")
			seen[by+", with trace"] = true
		}
		seen[r.SeverityNumber().String()] = true
	}
	for _, want := range []string{"stdout", "stderr", "container, structured", "container, plain", "pushed, many lines", "container, many lines",
		"pushed, not ASCII", "container, not ASCII", "pushed, with trace", "container, with trace", "Debug", "Info", "Warn", "Error"} {
		assert.True(t, seen[want], "no log record shows: %s", want)
	}
}

func (c *captured) checkResources(t *testing.T) {
	uids, nodes := map[string]bool{}, map[string]bool{}
	for _, r := range c.resources {
		for _, key := range []string{"k8s.cluster.name", "k8s.cluster.uid", "cloud.provider"} {
			require.NotEmpty(t, text(r.Attributes(), key), "%s of %v", key, r.Attributes().AsRaw())
		}
		if uid := text(r.Attributes(), "k8s.pod.uid"); uid != "" {
			uids[uid] = true
			for _, key := range []string{"k8s.pod.name", "k8s.namespace.name", "k8s.node.name", "service.name", "cloud.region", "cloud.availability_zone", "host.type", "host.arch"} {
				require.NotEmpty(t, text(r.Attributes(), key), "%s of %v", key, r.Attributes().AsRaw())
			}
			owner := text(r.Attributes(), "k8s.deployment.name") + text(r.Attributes(), "k8s.statefulset.name")
			require.Equal(t, text(r.Attributes(), "service.name"), owner)
		}
		nodes[text(r.Attributes(), "k8s.node.name")] = true
	}
	assert.Len(t, uids, len(pods))
	assert.Contains(t, nodes, "shoot--demo--worker-a-z1-6c8d4-x2x7p")
}
