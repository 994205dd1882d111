package monitoring

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	corev1 "k8s.io/api/core/v1"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/awslocal"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/otelcol"
)

const (
	keyID  = "AKIAIOSFODNN7EXAMPLE"
	secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
)

// collector is a running collector with the configuration of a release.
type collector struct {
	process          *otelcol.Process
	receiver, scrape string       // URLs
	refuses          *atomic.Bool // AWS then refuses every request for good
}

func run(t *testing.T, values string) collector {
	t.Helper()
	aws, err := awslocal.New(awslocal.Config{
		Region: "eu-central-1", TransactionSearch: true,
		Credentials: []awslocal.Credential{{AccessKeyID: keyID, SecretAccessKey: secret}},
	})
	require.NoError(t, err)
	refuses := &atomic.Bool{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !refuses.Load() {
			aws.ServeHTTP(w, r)
			return
		}
		// An error of each API's own model, which its client takes for final.
		code := "InvalidParameterException"
		if strings.HasSuffix(r.URL.Path, "/TraceSegments") {
			code = "InvalidRequestException"
		}
		w.Header().Set("X-Amzn-ErrorType", code)
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"__type": %q, "message": "no"}`, code)
	}))
	t.Cleanup(server.Close)

	var config corev1.ConfigMap
	all := objects(t, values+"\n---\nglobal: {aws: {endpoint: '"+server.URL+"'}}")
	require.NoError(t, only(t, all, "ConfigMap", collectorName).Decode(&config))
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "start.log"), []byte(config.Data["start.log"]), 0o600))
	grpc, receiver, loopback, health, scrape := freeAddress(t), freeAddress(t), freeAddress(t), freeAddress(t), freeAddress(t)
	_, port, err := net.SplitHostPort(scrape)
	require.NoError(t, err)
	file := filepath.Join(dir, "config.yaml")
	// What the pod has for itself: its addresses and its files. Not by localpod, which has the collector serve its own
	// metrics as localpod reads them: how the chart has them served decides what they are called.
	text := strings.NewReplacer("${env:POD_IP}:4317", grpc, "${env:POD_IP}:4318", receiver, "${env:POD_IP}:13133", health,
		"127.0.0.1:5317", loopback, "${env:POD_IP}", "127.0.0.1", "port: 8888", "port: "+port,
		"/var/lib/otelcol", dir, "/etc/otelcol", dir).Replace(config.Data["config.yaml"])
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))

	binary, err := otelcol.Find(t.Context(), t.Output())
	require.NoError(t, err)
	process, err := otelcol.Start(t.Context(), otelcol.Options{Binary: binary, Configs: []string{file}, Env: []string{
		"AWS_ACCESS_KEY_ID=" + keyID, "AWS_SECRET_ACCESS_KEY=" + secret, "AWS_REGION=eu-central-1", "AWS_EC2_METADATA_DISABLED=true",
	}})
	require.NoError(t, err)
	t.Cleanup(process.Kill)
	ready, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, process.Ready(ready, "http://"+health))
	return collector{process: process, receiver: "http://" + receiver, scrape: "http://" + scrape + "/metrics", refuses: refuses}
}

// nextPort is the port that freeAddress tries next. It begins elsewhere in each process.
var nextPort atomic.Int32

func init() { nextPort.Store(int32(os.Getpid()*101%11_000) + 20_000) }

// freeAddress finds a port below those that Linux gives to whoever asks for any (32768 and up): one of these would be
// somebody else's by the time that the collector listens on it.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 1000 {
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", nextPort.Add(1)))
		if err == nil {
			defer func() { assert.NoError(t, listener.Close()) }()
			return listener.Addr().String()
		}
	}
	t.Fatal("no port is free")
	return ""
}

// send sends a few spans, datapoints and log records, and does not mind what becomes of them.
func (c collector) send(t *testing.T) {
	t.Helper()
	now := pcommon.NewTimestampFromTime(time.Now())
	traces, metrics, logs := ptrace.NewTraces(), pmetric.NewMetrics(), plog.NewLogs()
	spans := traces.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	gauge := metrics.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	gauge.SetName("requests")
	points := gauge.SetEmptyGauge().DataPoints()
	records := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for i := range 10 {
		span := spans.AppendEmpty()
		span.SetTraceID(pcommon.TraceID{0: 1, 15: byte(i)})
		span.SetSpanID(pcommon.SpanID{0: 1, 7: byte(i)})
		span.SetStartTimestamp(now)
		span.SetEndTimestamp(now)
		point := points.AppendEmpty()
		point.SetTimestamp(now)
		point.SetIntValue(1)
		point.Attributes().PutInt("i", int64(i))
		record := records.AppendEmpty()
		record.SetTimestamp(now)
		record.Body().SetStr("hello")
	}
	for signal, request := range map[string]interface{ MarshalProto() ([]byte, error) }{
		"traces": ptraceotlp.NewExportRequestFromTraces(traces), "metrics": pmetricotlp.NewExportRequestFromMetrics(metrics), "logs": plogotlp.NewExportRequestFromLogs(logs),
	} {
		body, err := request.MarshalProto()
		require.NoError(t, err)
		response, err := http.Post(c.receiver+"/v1/"+signal, "application/x-protobuf", bytes.NewReader(body))
		require.NoError(t, err, c.process.Log())
		require.NoError(t, response.Body.Close())
	}
}

// metrics scrapes the collector as Prometheus 3 asks for it.
func (c collector) metrics(t *testing.T) map[string]*dto.MetricFamily {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.scrape, http.NoBody)
	require.NoError(t, err)
	request.Header.Set("Accept", "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2")
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Contains(t, response.Header.Get("Content-Type"), "text/plain", "in OpenMetrics counters end in _total")
	text := expfmt.NewTextParser(model.UTF8Validation)
	families, err := text.TextToMetricFamilies(response.Body)
	require.NoError(t, err)
	return families
}

// selectors returns the metrics that an expression reads, with what it asks of their labels.
func selectors(t *testing.T, expression string) []*parser.VectorSelector {
	t.Helper()
	parsed, err := promQL.ParseExpr(expression)
	require.NoError(t, err)
	var all []*parser.VectorSelector
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		if selector, ok := node.(*parser.VectorSelector); ok {
			all = append(all, selector)
		}
		return nil
	})
	require.NotEmpty(t, all, expression)
	return all
}

func TestARunningCollectorHasEveryMetricOfTheAlertsAndTheDashboard(t *testing.T) {
	var lock sync.Mutex
	scraped := map[string]map[string]*dto.MetricFamily{}
	t.Run("alerts", func(t *testing.T) {
		for mode, values := range modes {
			t.Run(mode, func(t *testing.T) {
				t.Parallel()
				var want []*parser.VectorSelector
				for _, rule := range alerts(t, values) {
					want = append(want, selectors(t, rule.Expr)...)
				}
				c := run(t, values)
				c.send(t)
				require.EventuallyWithT(t, func(collect *assert.CollectT) {
					for _, items := range []string{"spans", "metric_points", "log_records"} {
						assert.Contains(collect, c.metrics(t), "otelcol_exporter_sent_"+items)
					}
				}, time.Minute, 100*time.Millisecond, "the collector says:\n%s", c.process.Log())
				c.refuses.Store(true)
				c.send(t)
				require.EventuallyWithT(t, func(collect *assert.CollectT) {
					got := c.metrics(t)
					for _, selector := range want {
						assert.True(collect, found(got, selector), selector)
					}
					lock.Lock()
					defer lock.Unlock()
					scraped[mode] = got
				}, time.Minute, 100*time.Millisecond, "the collector says:\n%s", c.process.Log())
			})
		}
	})
	// One dashboard shows every mode.
	_, queries := expressions(t)
	for panel, list := range queries {
		for _, query := range list {
			for _, selector := range selectors(t, query) {
				somewhere := slices.ContainsFunc(slices.Collect(maps.Values(scraped)), func(families map[string]*dto.MetricFamily) bool { return found(families, selector) })
				assert.True(t, somewhere, "panel %s: %s", panel, selector)
			}
		}
	}
}

// found tells whether the selector has a series. Namespace, pod and up are Prometheus's own.
func found(families map[string]*dto.MetricFamily, selector *parser.VectorSelector) bool {
	if selector.Name == "up" {
		return true
	}
	matchers := slices.DeleteFunc(slices.Clone(selector.LabelMatchers), func(m *labels.Matcher) bool {
		return m.Name == "namespace" || m.Name == "pod" || m.Name == model.MetricNameLabel
	})
	for _, metric := range families[selector.Name].GetMetric() {
		values := map[string]string{}
		for _, label := range metric.GetLabel() {
			values[label.GetName()] = label.GetValue()
		}
		if !slices.ContainsFunc(matchers, func(m *labels.Matcher) bool { return !m.Matches(values[m.Name]) }) {
			return true
		}
	}
	return false
}
