package gateway_test

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/gateway"
)

// quick retries at once, so that a test need not wait for Kyma's seconds.
var quick = gateway.Options{RetryInitial: time.Millisecond, RetryMax: 5 * time.Millisecond, RetryGiveUp: time.Minute}

func start(t *testing.T, o gateway.Options, pipelines ...gateway.Pipeline) *gateway.Gateway {
	t.Helper()
	g, err := gateway.Start(t.Context(), pipelines, o)
	require.NoError(t, err)
	t.Cleanup(func() {
		over, cancel := context.WithCancel(context.Background())
		cancel()
		_ = g.Shutdown(over) // ends a gateway that the test did not end
	})
	return g
}

func shutdown(t *testing.T, g *gateway.Gateway) gateway.Counts {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	require.NoError(t, g.Shutdown(ctx))
	return counts(t, g)
}

func counts(t *testing.T, g *gateway.Gateway) gateway.Counts {
	t.Helper()
	require.Len(t, g.Status(), 1)
	return g.Status()[0].Counts
}

func requireBalance(t *testing.T, c gateway.Counts) {
	t.Helper()
	require.Equal(t, c.Entered+c.Added, c.Unselected+c.Filtered+c.Withheld+c.Batching+c.Sent, "%+v", c)
	require.Equal(t, c.Sent, c.Queued+c.Acknowledged+c.Refused, "%+v", c)
	refusals := 0
	for _, n := range c.Refusals {
		refusals += n
	}
	require.Equal(t, c.Refused, refusals, "%+v", c)
}

func spans(names ...string) ptrace.Traces {
	td := ptrace.NewTraces()
	ss := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
	for _, name := range names {
		ss.Spans().AppendEmpty().SetName(name)
	}
	return td
}

func spanNames(td ptrace.Traces) (names []string) {
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				names = append(names, s.Name())
			}
		}
	}
	return names
}

func numbered(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("span-%d", i))
	}
	return names
}

func TestSpansGoOutInKymasBatchesAndEveryOneIsAcknowledged(t *testing.T) {
	b := startBackend(t, nil)
	var mu sync.Mutex
	var sizes []int
	var sent []string
	o := gateway.Options{SentTraces: func(td ptrace.Traces) {
		mu.Lock()
		defer mu.Unlock()
		sizes = append(sizes, td.SpanCount())
		sent = append(sent, spanNames(td)...)
		td.ResourceSpans().RemoveIf(func(ptrace.ResourceSpans) bool { return true }) // it is the observer's own copy
	}}
	g := start(t, o, gateway.Pipeline{Signal: gateway.Traces, Name: "t", Endpoint: b.endpoint})
	names := numbered(1300)
	require.NoError(t, g.SendTraces(t.Context(), spans(names...)))
	c := shutdown(t, g)

	requireBalance(t, c)
	assert.Equal(t, []int{512, 512, 276}, sizes)
	assert.Equal(t, names, sent, "the observer sees exactly what is sent, in order")
	assert.ElementsMatch(t, names, b.spans())
	assert.Equal(t, 1300, c.Acknowledged)
	assert.Equal(t, 3, c.Batches)
	assert.Equal(t, 3, c.Attempts)
	assert.Empty(t, c.LastError)
}

func TestMetricsAndLogsHaveTheirOwnBatchSizes(t *testing.T) {
	b := startBackend(t, nil)
	g := start(t, gateway.Options{},
		gateway.Pipeline{Signal: gateway.Metrics, Name: "m", Endpoint: b.endpoint},
		gateway.Pipeline{Signal: gateway.Logs, Name: "l", Endpoint: b.endpoint})
	md := pmetric.NewMetrics()
	points := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty().SetEmptyGauge().DataPoints()
	ld := plog.NewLogs()
	records := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for range 1025 {
		points.AppendEmpty().SetIntValue(1)
		records.AppendEmpty().Body().SetStr("x")
	}
	require.NoError(t, g.SendMetrics(t.Context(), md))
	require.NoError(t, g.SendLogs(t.Context(), ld))
	require.NoError(t, g.Flush(t.Context()))

	var metricSizes, logSizes []int
	for _, m := range b.metrics {
		metricSizes = append(metricSizes, m.DataPointCount())
	}
	for _, l := range b.logs {
		logSizes = append(logSizes, l.LogRecordCount())
	}
	assert.ElementsMatch(t, []int{1024, 1}, metricSizes)
	assert.ElementsMatch(t, []int{512, 512, 1}, logSizes)
}

func TestFlushWaitsForAnswersAndTheGatewayGoesOn(t *testing.T) {
	b := startBackend(t, nil)
	g := start(t, gateway.Options{}, gateway.Pipeline{Signal: gateway.Traces, Name: "t", Endpoint: b.endpoint})
	for i, name := range []string{"first", "second"} {
		require.NoError(t, g.SendTraces(t.Context(), spans(name)))
		require.NoError(t, g.Flush(t.Context()))
		c := counts(t, g)
		requireBalance(t, c)
		assert.Equal(t, i+1, c.Acknowledged)
	}
	assert.Equal(t, []string{"first", "second"}, b.spans())
	shutdown(t, g)
	require.ErrorContains(t, g.SendTraces(t.Context(), spans("late")), "shut down")
}

func TestEveryPipelineOfAKindGetsItsOwnCopy(t *testing.T) {
	one, two := startBackend(t, nil), startBackend(t, nil)
	g := start(t, gateway.Options{},
		gateway.Pipeline{Signal: gateway.Traces, Name: "one", Endpoint: one.endpoint, Transforms: []gateway.Transform{{Statements: []string{`set(span.name, "changed")`}}}},
		gateway.Pipeline{Signal: gateway.Traces, Name: "two", Endpoint: two.endpoint})
	td := spans("original")
	require.NoError(t, g.SendTraces(t.Context(), td))
	require.NoError(t, g.Flush(t.Context()))
	assert.Equal(t, []string{"changed"}, one.spans())
	assert.Equal(t, []string{"original"}, two.spans())
	assert.Equal(t, []string{"original"}, spanNames(td), "the caller's data stays as it is")
}

func TestASignalWithoutPipelineIsAnErrorOfItsOwn(t *testing.T) {
	g := start(t, gateway.Options{})
	var none *gateway.NoPipelineError
	require.ErrorAs(t, g.SendLogs(t.Context(), plog.NewLogs()), &none)
	assert.Equal(t, gateway.Logs, none.Signal)
}

func TestAPermanentRefusalIsCountedWithTheBackendsReasonAndNotRetried(t *testing.T) {
	b := startBackend(t, func(_ context.Context, n int) error {
		if n == 1 {
			return status.Error(codes.InvalidArgument, "the log group does not exist")
		}
		return nil
	})
	var refused []string
	o := quick
	o.BatchSpans = 2
	o.RefusedTraces = func(td ptrace.Traces) { refused = append(refused, spanNames(td)...) }
	g := start(t, o, gateway.Pipeline{Signal: gateway.Traces, Name: "t", Endpoint: b.endpoint})
	require.NoError(t, g.SendTraces(t.Context(), spans("a", "b")))
	require.NoError(t, g.Flush(t.Context()))
	require.NoError(t, g.SendTraces(t.Context(), spans("c", "d", "e")))
	c := shutdown(t, g)

	requireBalance(t, c)
	assert.Equal(t, 2, c.Refused)
	assert.Equal(t, 3, c.Acknowledged)
	assert.Equal(t, []string{"a", "b"}, refused)
	assert.Equal(t, 3, b.requests(), "nothing is tried twice")
	for reason := range c.Refusals {
		assert.Contains(t, reason, "the log group does not exist")
	}
}

func TestAThrottledBatchIsRetriedUntilItIsAccepted(t *testing.T) {
	b := startBackend(t, func(_ context.Context, n int) error {
		if n > 3 {
			return nil
		}
		s, err := status.New(codes.ResourceExhausted, "slow down").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(time.Millisecond)})
		if err != nil {
			return err
		}
		return s.Err()
	})
	g := start(t, quick, gateway.Pipeline{Signal: gateway.Traces, Name: "t", Endpoint: b.endpoint})
	require.NoError(t, g.SendTraces(t.Context(), spans("a", "b")))
	c := shutdown(t, g)

	requireBalance(t, c)
	assert.Equal(t, 2, c.Acknowledged)
	assert.Equal(t, 1, c.Batches)
	assert.Equal(t, 4, c.Attempts)
	assert.Contains(t, c.LastError, "slow down")
}

func TestABatchIsGivenUpWhenItsTimeIsOver(t *testing.T) {
	b := startBackend(t, func(context.Context, int) error { return status.Error(codes.Unavailable, "the queue is full") })
	o := quick
	o.RetryGiveUp = 50 * time.Millisecond
	g := start(t, o, gateway.Pipeline{Signal: gateway.Logs, Name: "l", Endpoint: b.endpoint})
	ld := plog.NewLogs()
	ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body().SetStr("x")
	require.NoError(t, g.SendLogs(t.Context(), ld))
	c := shutdown(t, g)

	requireBalance(t, c)
	assert.Equal(t, 1, c.Refused)
	assert.Greater(t, c.Attempts, 1)
	for reason := range c.Refusals {
		assert.Contains(t, reason, "no more retries left")
		assert.Contains(t, reason, "the queue is full")
	}
}

func TestAFullQueueDropsFurtherBatchesAsKymaDoes(t *testing.T) {
	release := make(chan struct{})
	b := startBackend(t, func(ctx context.Context, _ int) error {
		select {
		case <-release:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	o := quick
	o.BatchSpans, o.QueueRequests, o.AttemptTimeout = 1, 4, time.Minute
	var mu sync.Mutex
	var sent, refused []string
	o.SentTraces = func(td ptrace.Traces) { mu.Lock(); defer mu.Unlock(); sent = append(sent, spanNames(td)...) }
	o.RefusedTraces = func(td ptrace.Traces) { mu.Lock(); defer mu.Unlock(); refused = append(refused, spanNames(td)...) }
	g := start(t, o, gateway.Pipeline{Signal: gateway.Traces, Name: "t", Endpoint: b.endpoint})
	names := numbered(40)
	require.NoError(t, g.SendTraces(t.Context(), spans(names...)))
	require.Eventually(t, func() bool { c := counts(t, g); return c.Refused > 0 && c.Batching == 0 }, time.Minute, time.Millisecond)
	close(release)
	c := shutdown(t, g)

	requireBalance(t, c)
	assert.Equal(t, names, sent)
	assert.ElementsMatch(t, names, append(b.spans(), refused...), "each is either delivered or reported as refused")
	assert.Equal(t, len(refused), c.Refusals["sending queue is full"])
}

func TestTheQueueIsSharedByThePipelinesOfAKind(t *testing.T) {
	block := func(ctx context.Context, _ int) error { <-ctx.Done(); return ctx.Err() }
	b := startBackend(t, block)
	o := quick
	o.BatchSpans, o.QueueRequests, o.AttemptTimeout = 1, 60, time.Minute
	g := start(t, o,
		gateway.Pipeline{Signal: gateway.Traces, Name: "one", Endpoint: b.endpoint},
		gateway.Pipeline{Signal: gateway.Traces, Name: "two", Endpoint: b.endpoint})
	require.NoError(t, g.SendTraces(t.Context(), spans(numbered(200)...)))
	require.Eventually(t, func() bool {
		for _, s := range g.Status() {
			if s.Counts.Batches < 200 {
				return false
			}
		}
		return true
	}, time.Minute, time.Millisecond)
	for _, s := range g.Status() {
		requireBalance(t, s.Counts)
		assert.Equal(t, 30, s.Counts.Queued, "half of the queue")
		assert.Equal(t, 170, s.Counts.Refusals["sending queue is full"])
	}
}

func TestShutdownInTimeNamesWhatHasNoAnswer(t *testing.T) {
	hang := func(ctx context.Context, _ int) error { <-ctx.Done(); return ctx.Err() }
	b := startBackend(t, hang)
	o := gateway.Options{AttemptTimeout: 20 * time.Millisecond}
	g := start(t, o, gateway.Pipeline{Signal: gateway.Traces, Name: "cloudwatch", Endpoint: b.endpoint})
	require.NoError(t, g.SendTraces(t.Context(), spans("a", "b")))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- g.Shutdown(ctx) }()
	require.Eventually(t, func() bool { return counts(t, g).LastError != "" }, time.Minute, time.Millisecond)
	cancel()
	err := <-done
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, `TracePipeline "cloudwatch": 2 of 2 spans sent have no answer from `+b.endpoint)
	require.ErrorContains(t, err, "DeadlineExceeded")
	c := counts(t, g)
	requireBalance(t, c)
	assert.Equal(t, 2, c.Queued)
}

func TestHTTPRetriesWhatTheProtocolAllowsAndDropsTheRest(t *testing.T) {
	answers := map[int]int{1: http.StatusServiceUnavailable, 2: http.StatusTooManyRequests, 3: http.StatusOK, 4: http.StatusBadRequest}
	b := startHTTPBackend(t, func(n int) int { return answers[n] })
	g := start(t, quick, gateway.Pipeline{Signal: gateway.Traces, Name: "t", Endpoint: b.URL, Protocol: gateway.HTTP, Compression: "none"})
	require.NoError(t, g.SendTraces(t.Context(), spans("a")))
	require.NoError(t, g.Flush(t.Context()))
	require.NoError(t, g.SendTraces(t.Context(), spans("b")))
	c := shutdown(t, g)

	requireBalance(t, c)
	assert.Equal(t, 1, c.Acknowledged)
	assert.Equal(t, 1, c.Refused)
	assert.Equal(t, 4, c.Attempts)
	assert.Equal(t, 1, b.spans)
	assert.Equal(t, "/v1/traces", b.paths[0])
}

func TestHTTPUsesThePipelinesPathAndGzip(t *testing.T) {
	b := startHTTPBackend(t, func(int) int { return http.StatusOK })
	g := start(t, quick, gateway.Pipeline{Signal: gateway.Traces, Name: "t", Endpoint: b.URL, Protocol: gateway.HTTP, Path: "/otlp/spans"})
	require.NoError(t, g.SendTraces(t.Context(), spans("a")))
	shutdown(t, g)
	assert.Equal(t, []string{"/otlp/spans"}, b.paths)
	assert.Equal(t, "gzip", b.encoding)
}

func TestTransformRunsBeforeFilterAndBothShowInTheCounts(t *testing.T) {
	b := startBackend(t, nil)
	p := gateway.Pipeline{Signal: gateway.Logs, Name: "l", Endpoint: b.endpoint,
		Transforms: []gateway.Transform{{
			Conditions: []string{`log.severity_number >= SEVERITY_NUMBER_ERROR`},
			Statements: []string{`set(log.attributes["alarm"], resource.attributes["service.name"])`},
		}},
		Filters: []gateway.Filter{{Conditions: []string{`log.attributes["alarm"] == nil and IsMatch(log.body, "^GET /health")`}}},
	}
	g := start(t, gateway.Options{}, p)
	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("service.name", "checkout")
	records := rl.ScopeLogs().AppendEmpty().LogRecords()
	for body, severity := range map[string]plog.SeverityNumber{
		"GET /health":        plog.SeverityNumberInfo,
		"GET /health failed": plog.SeverityNumberError,
		"order placed":       plog.SeverityNumberInfo,
	} {
		r := records.AppendEmpty()
		r.Body().SetStr(body)
		r.SetSeverityNumber(severity)
	}
	require.NoError(t, g.SendLogs(t.Context(), ld))
	c := shutdown(t, g)

	requireBalance(t, c)
	assert.Equal(t, 3, c.Entered)
	assert.Equal(t, 1, c.Filtered)
	assert.Equal(t, 2, c.Acknowledged)
	got := map[string]string{}
	require.Len(t, b.logs, 1)
	for _, r := range b.logs[0].ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
		got[r.Body().Str()] = ""
		if alarm, has := r.Attributes().Get("alarm"); has {
			got[r.Body().Str()] = alarm.Str()
		}
	}
	assert.Equal(t, map[string]string{"GET /health failed": "checkout", "order placed": ""}, got)
}

func TestAFilterOnSpansAndOneThatDropsAll(t *testing.T) {
	b := startBackend(t, nil)
	g := start(t, gateway.Options{}, gateway.Pipeline{Signal: gateway.Traces, Name: "t", Endpoint: b.endpoint,
		Filters: []gateway.Filter{{Conditions: []string{`span.name == "drop"`, `IsMatch(span.name, "^poll.*")`}}}})
	require.NoError(t, g.SendTraces(t.Context(), spans("keep", "drop", "poll-queue")))
	require.NoError(t, g.SendTraces(t.Context(), spans("drop")))
	c := shutdown(t, g)
	requireBalance(t, c)
	assert.Equal(t, 3, c.Filtered)
	assert.Equal(t, []string{"keep"}, b.spans())
}

func TestATransformThatMakesMetricsShowsAsAdded(t *testing.T) {
	b := startBackend(t, nil)
	g := start(t, gateway.Options{}, gateway.Pipeline{Signal: gateway.Metrics, Name: "m", Endpoint: b.endpoint,
		Transforms: []gateway.Transform{{Statements: []string{`copy_metric(name="orders.copy") where metric.name == "orders"`}}}})
	require.NoError(t, g.SendMetrics(t.Context(), counter("orders", 7, time.Unix(1000, 0), time.Unix(1001, 0))))
	c := shutdown(t, g)
	requireBalance(t, c)
	assert.Equal(t, 1, c.Added)
	assert.Equal(t, 2, c.Acknowledged)
}

func counter(name string, value int64, began, at time.Time) pmetric.Metrics {
	md := pmetric.NewMetrics()
	m := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName(name)
	sum := m.SetEmptySum()
	sum.SetIsMonotonic(true)
	sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	p := sum.DataPoints().AppendEmpty()
	p.SetIntValue(value)
	p.SetStartTimestamp(pcommon.NewTimestampFromTime(began))
	p.SetTimestamp(pcommon.NewTimestampFromTime(at))
	return md
}

// sums gives the values that arrived, in the order of their time, which is the order of sending.
func (b *backend) sums(t *testing.T) (values []int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, md := range b.metrics {
		for _, rm := range md.ResourceMetrics().All() {
			for _, sm := range rm.ScopeMetrics().All() {
				for _, m := range sm.Metrics().All() {
					require.Equal(t, pmetric.AggregationTemporalityDelta, m.Sum().AggregationTemporality())
					for _, p := range m.Sum().DataPoints().All() {
						values = append(values, p.IntValue())
					}
				}
			}
		}
	}
	return values
}

func TestDeltaSendsTheFirstPointOfASeriesThatBeganAfterTheGateway(t *testing.T) {
	b := startBackend(t, nil)
	g := start(t, gateway.Options{}, gateway.Pipeline{Signal: gateway.Metrics, Name: "m", Endpoint: b.endpoint, Delta: true})
	began := time.Now().Add(time.Second)
	for i, total := range []int64{10, 15, 15, 40} {
		require.NoError(t, g.SendMetrics(t.Context(), counter("orders", total, began, began.Add(time.Duration(i+1)*time.Second))))
	}
	c := shutdown(t, g)
	requireBalance(t, c)
	assert.Equal(t, []int64{10, 5, 0, 25}, b.sums(t))
	assert.Zero(t, c.Withheld)
}

func TestDeltaKeepsBackTheFirstPointOfASeriesThatBeganBeforeTheGateway(t *testing.T) {
	b := startBackend(t, nil)
	g := start(t, gateway.Options{}, gateway.Pipeline{Signal: gateway.Metrics, Name: "m", Endpoint: b.endpoint, Delta: true})
	began := time.Now().Add(-time.Hour)
	for i, total := range []int64{10, 15, 40} {
		require.NoError(t, g.SendMetrics(t.Context(), counter("orders", total, began, began.Add(time.Duration(i+1)*time.Second))))
	}
	c := shutdown(t, g)
	requireBalance(t, c)
	assert.Equal(t, []int64{5, 25}, b.sums(t))
	assert.Equal(t, 1, c.Withheld)
	assert.Equal(t, 2, c.Acknowledged)
}

func TestDeltaSendsTheFirstPointOfARecordingWhenToldTo(t *testing.T) {
	b := startBackend(t, nil)
	g := start(t, gateway.Options{KeepFirstPoints: true}, gateway.Pipeline{Signal: gateway.Metrics, Name: "m", Endpoint: b.endpoint, Delta: true})
	began := time.Now().Add(-time.Hour)
	for i, total := range []int64{10, 15} {
		require.NoError(t, g.SendMetrics(t.Context(), counter("orders", total, began, began.Add(time.Duration(i+1)*time.Second))))
	}
	shutdown(t, g)
	assert.Equal(t, []int64{10, 5}, b.sums(t))
}

func TestPreservedTemporalityStaysCumulative(t *testing.T) {
	b := startBackend(t, nil)
	g := start(t, gateway.Options{}, gateway.Pipeline{Signal: gateway.Metrics, Name: "m", Endpoint: b.endpoint})
	require.NoError(t, g.SendMetrics(t.Context(), counter("orders", 10, time.Unix(1, 0), time.Unix(2, 0))))
	shutdown(t, g)
	require.Len(t, b.metrics, 1)
	m := b.metrics[0].ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0)
	assert.Equal(t, pmetric.AggregationTemporalityCumulative, m.Sum().AggregationTemporality())
}

func TestStartRefusesWhatKymaWouldRefuse(t *testing.T) {
	many := []gateway.Pipeline{}
	for i := range 6 {
		many = append(many, gateway.Pipeline{Signal: gateway.Logs, Name: fmt.Sprint(i), Endpoint: "http://127.0.0.1:1"})
	}
	for name, c := range map[string]struct {
		pipelines []gateway.Pipeline
		want      string
	}{
		"no endpoint": {[]gateway.Pipeline{{Signal: gateway.Traces, Name: "t"}}, `TracePipeline "t": no endpoint: set spec.output.otlp.endpoint.value`},
		"one twice":   {[]gateway.Pipeline{many[0], many[0]}, `LogPipeline "0" is there twice`},
		"too many":    {many, "more than 5 pipelines for logs"},
		"bad OTTL": {[]gateway.Pipeline{{Signal: gateway.Traces, Name: "t", Endpoint: "http://127.0.0.1:1", Filters: []gateway.Filter{{Conditions: []string{"nonsense("}}}}},
			`TracePipeline "t": spec.filter[0].conditions[0]: `},
	} {
		t.Run(name, func(t *testing.T) {
			g, err := gateway.Start(t.Context(), c.pipelines, gateway.Options{})
			require.ErrorContains(t, err, c.want)
			require.Nil(t, g)
		})
	}
}

// goroutines lists the running goroutines that have to do with sending.
func goroutines() (sending []string) {
	buffer := make([]byte, 4<<20)
	for stack := range strings.SplitSeq(string(buffer[:runtime.Stack(buffer, true)]), "\n\n") {
		for _, part := range []string{"exporterhelper", "batchprocessor", "google.golang.org/grpc", "net/http.(*persistConn)", "tools/gateway."} {
			if strings.Contains(stack, part) && !strings.Contains(stack, "testing.tRunner") {
				sending = append(sending, stack)
				break
			}
		}
	}
	return sending
}

// Not parallel, like all tests of this package: it looks at all goroutines of the process.
func TestNothingRunsOnAfterShutdown(t *testing.T) {
	hang := func(ctx context.Context, _ int) error { <-ctx.Done(); return ctx.Err() }
	for name, c := range map[string]struct {
		answer func(context.Context, int) error
		over   bool
	}{
		"all answered":    {},
		"nobody answers":  {hang, true},
		"always retrying": {func(context.Context, int) error { return status.Error(codes.Unavailable, "no") }, true},
	} {
		t.Run(name, func(t *testing.T) {
			var pipelines []gateway.Pipeline
			t.Run("run", func(t *testing.T) { // its end also ends the backends
				b, h := startBackend(t, c.answer), startHTTPBackend(t, func(int) int { return http.StatusOK })
				for _, s := range []gateway.Signal{gateway.Traces, gateway.Metrics, gateway.Logs} {
					pipelines = append(pipelines, gateway.Pipeline{Signal: s, Name: "grpc", Endpoint: b.endpoint, Delta: s == gateway.Metrics})
				}
				pipelines = append(pipelines, gateway.Pipeline{Signal: gateway.Traces, Name: "http", Endpoint: h.URL, Protocol: gateway.HTTP})
				// An attempt alone would take an hour: Shutdown must end it.
				g, err := gateway.Start(t.Context(), pipelines, gateway.Options{AttemptTimeout: time.Hour})
				require.NoError(t, err)
				require.NoError(t, g.SendTraces(t.Context(), spans(numbered(600)...)))
				require.NoError(t, g.SendMetrics(t.Context(), counter("orders", 1, time.Now().Add(time.Second), time.Now().Add(2*time.Second))))
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if c.over {
					require.Eventually(t, func() bool { return b.requests() > 0 }, time.Minute, time.Millisecond)
					cancel()
				}
				err = g.Shutdown(ctx)
				require.Equal(t, c.over, err != nil, "%v", err)
				require.NoError(t, g.Shutdown(context.Background()), "a second time changes nothing")
			})
			require.Eventually(t, func() bool { return len(goroutines()) == 0 }, time.Minute, time.Millisecond, "%s", strings.Join(goroutines(), "\n\n"))
		})
	}
}
