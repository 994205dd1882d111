package monitoring

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/rules"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/chart"
)

const repository = "../.."

// modes are the values of each way in which the collector can run: what its exporters and their names are, and so what
// its alerts look at.
var modes = map[string]string{
	"queued":       "",
	"queued, otlp": "global: {traces: {exporter: otlp}, metrics: {exporter: otlp}, logs: {exporter: otlp}}",
	"acknowledged": "collector: {delivery: acknowledged}",
	"acknowledged, otlp": "global: {traces: {exporter: otlp}, metrics: {exporter: otlp}, logs: {exporter: otlp}}\n" +
		"collector: {delivery: acknowledged}",
}

// objects renders release cw in namespace telemetry, with everything for Prometheus and Grafana that the chart has. Values
// are files, separated by the line "---".
func objects(t *testing.T, values string) []chart.Object {
	t.Helper()
	loaded, err := chart.Load(filepath.Join(repository, "charts", "kyma-cloudwatch"))
	require.NoError(t, err)
	var files []string
	for i, text := range append([]string{
		"global: {aws: {region: eu-central-1, auth: {secret: {name: aws-credentials}}}}",
		"collector: {telemetry: {podMonitor: {enabled: true}, prometheusRule: {enabled: true}, dashboard: {enabled: true}}}",
	}, strings.Split(values, "\n---\n")...) {
		file := filepath.Join(t.TempDir(), fmt.Sprintf("values-%d.yaml", i))
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		files = append(files, file)
	}
	merged, err := chart.Values(files, nil)
	require.NoError(t, err)
	rendered, err := loaded.Render(merged, chart.Release{Name: "cw", Namespace: "telemetry"})
	require.NoError(t, err)
	all, err := rendered.Objects()
	require.NoError(t, err)
	return all
}

func only(t *testing.T, all []chart.Object, kind, name string) chart.Object {
	t.Helper()
	i := slices.IndexFunc(all, func(o chart.Object) bool { return o.Kind() == kind && o.Name() == name })
	require.GreaterOrEqual(t, i, 0, "no %s %s", kind, name)
	return all[i]
}

const collectorName = "cw-kyma-cloudwatch-collector"

// alerts returns the rules of the release, as Prometheus reads and checks them.
func alerts(t *testing.T, values string) []rulefmt.Rule {
	t.Helper()
	spec, err := yaml.Marshal(only(t, objects(t, values), "PrometheusRule", collectorName)["spec"])
	require.NoError(t, err)
	groups, errs := rulefmt.Parse(spec, false, model.UTF8Validation, promQL, slog.New(slog.DiscardHandler))
	require.Empty(t, errs)
	require.Len(t, groups.Groups, 1)
	return groups.Groups[0].Rules
}

var promQL = parser.NewParser(parser.Options{})

func TestPrometheusReadsTheRulesOfEachMode(t *testing.T) {
	for mode, values := range modes {
		t.Run(mode, func(t *testing.T) {
			seen := map[string]bool{}
			for _, rule := range alerts(t, values) {
				key := rule.Alert + " " + rule.Labels["signal"]
				assert.False(t, seen[key], "%s is there twice", key)
				seen[key] = true
				assert.Contains(t, []string{"critical", "warning"}, rule.Labels["severity"], key)
				assert.NotEmpty(t, rule.Annotations["summary"], key)
				assert.NotEmpty(t, rule.Annotations["description"], key)
			}
			assert.NotEmpty(t, seen)
		})
	}
}

func TestEachAlertHasItsSectionInTheRunbook(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(repository, "docs", "runbook.md"))
	require.NoError(t, err)
	sections := map[string]bool{}
	for _, heading := range regexp.MustCompile(`(?m)^## (KymaCloudWatch\w+)$`).FindAllStringSubmatch(string(text), -1) {
		sections[heading[1]] = false
	}
	for _, values := range modes {
		for _, rule := range alerts(t, values) {
			assert.Contains(t, sections, rule.Alert)
			sections[rule.Alert] = true
			// The anchor that GitHub gives a heading of one word.
			assert.Equal(t, "https://github.com/kyma-cloudwatch/kyma-cloudwatch/blob/main/docs/runbook.md#"+strings.ToLower(rule.Alert), rule.Annotations["runbook_url"])
		}
	}
	for section, used := range sections {
		assert.True(t, used, "no alert leads to section %s", section)
	}
	for _, link := range regexp.MustCompile(`\]\(#(\w+)\)`).FindAllStringSubmatch(string(text), -1) {
		found := slices.ContainsFunc(slices.Collect(maps.Keys(sections)), func(s string) bool { return strings.ToLower(s) == link[1] })
		assert.True(t, found, "link to #%s", link[1])
	}
}

func TestWithoutAMemoryLimitNoAlertIsNearIt(t *testing.T) {
	for _, rule := range alerts(t, "collector: {resources: {limits: null}}") {
		assert.NotEqual(t, "KymaCloudWatchMemoryNearLimit", rule.Alert)
	}
}

// firing returns the alerts that fire some time after the beginning of the series, as "name signal -0", the last part
// being the number of the pod. Namespace and the name of the pods are added to the series.
func firing(t *testing.T, values, series string, after time.Duration) []string {
	t.Helper()
	storage := promqltest.LoadedStorage(t, "load 30s\n"+strings.NewReplacer("POD-", collectorName+"-", "{", `{namespace="telemetry",`).Replace(strings.Trim(series, "\n")))
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1e6, Timeout: time.Minute})
	t.Cleanup(func() { require.NoError(t, engine.Close()) })
	query := rules.EngineQueryFunc(engine, storage)
	var found []string
	for _, rule := range alerts(t, values) {
		expression, err := promQL.ParseExpr(rule.Expr)
		require.NoError(t, err)
		alerting := rules.NewAlertingRule(rule.Alert, expression, time.Duration(rule.For), 0, labels.FromMap(rule.Labels), labels.FromMap(rule.Annotations), labels.EmptyLabels(), "", true, slog.New(slog.DiscardHandler))
		for at := time.Duration(0); at <= after; at += 30 * time.Second {
			_, err := alerting.Eval(t.Context(), 0, time.Unix(0, 0).Add(at), query, nil, 0)
			require.NoError(t, err)
		}
		for _, alert := range alerting.ActiveAlerts() {
			if alert.State == rules.StateFiring {
				pod := strings.TrimPrefix(alert.Labels.Get("pod"), collectorName)
				found = append(found, strings.Join(strings.Fields(rule.Alert+" "+rule.Labels["signal"]+" "+pod), " "))
				assert.NotContains(t, alert.Annotations.Get("description"), "error expanding", rule.Alert)
			}
		}
	}
	slices.Sort(found)
	return found
}

// healthy is a collector that has taken and sent 100 spans every 30 s for an hour.
const healthy = `
  up{pod="POD-0"} 1x120
  otelcol_process_memory_rss{pod="POD-0"} 3e8x120
  otelcol_exporter_queue_size{pod="POD-0",exporter="otlp_grpc/traces",data_type="traces"} 0 5000x119
  otelcol_exporter_queue_capacity{pod="POD-0",exporter="otlp_grpc/traces",data_type="traces"} 2.8e9x120
  otelcol_exporter_sent_spans{pod="POD-0",exporter="otlp_grpc/traces"} 0+100x120
  otelcol_exporter_sent_spans{pod="POD-0",exporter="awsxray"} 0+100x120
  otelcol_receiver_refused_spans{pod="POD-0",receiver="otlp",transport="grpc"} 0x120
  otelcol_receiver_refused_spans{pod="POD-0",receiver="otlp/aws",transport="grpc"} 0x120
`

// scenarios are times of a collector with the alerts that fire after them.
var scenarios = []struct {
	name   string
	mode   string
	series string // every 30 s
	after  time.Duration
	firing []string
}{
	{"nothing is wrong", "queued", healthy, time.Hour, nil},
	{"a pod does not answer", "queued", `
  up{pod="POD-0"} 1x10 0x20
  up{pod="POD-1"} 1x30`, 12 * time.Minute, []string{"KymaCloudWatchCollectorDown -0"}},
	{"a pod is not there for a short time", "queued", `
  up{pod="POD-0"} 1x10 0x8 1x20`, 12 * time.Minute, nil},
	{"no pod is there", "queued", `
  up{pod="another-0"} 1x30`, 6 * time.Minute, []string{"KymaCloudWatchCollectorDown"}},
	{"memory is short", "queued", `
  up{pod="POD-0"} 1x60
  otelcol_process_memory_rss{pod="POD-0"} 9e8x10 1e9x50`, 20 * time.Minute, []string{"KymaCloudWatchMemoryNearLimit -0"}},
	{"memory is short for a short time", "queued", `
  up{pod="POD-0"} 1x60
  otelcol_process_memory_rss{pod="POD-0"} 9e8x10 1e9x15 8e8x35`, 20 * time.Minute, nil},
	{"AWS takes less than comes in", "queued", `
  up{pod="POD-0"} 1x60
  otelcol_exporter_queue_size{pod="POD-0",exporter="otlp_http/logs",data_type="logs"} 6e8x60
  otelcol_exporter_queue_capacity{pod="POD-0",exporter="otlp_http/logs",data_type="logs"} 1e9x60
  otelcol_exporter_sent_log_records{pod="POD-0",exporter="otlp_http/logs"} 0+10x60`, 15 * time.Minute, []string{"KymaCloudWatchQueueFilling -0"}},
	{"a queue is full and refuses", "queued, otlp", `
  up{pod="POD-0"} 1x60
  otelcol_exporter_queue_size{pod="POD-0",exporter="otlp_http/metrics",data_type="metrics"} 4e8x5 9.9e8x55
  otelcol_exporter_queue_capacity{pod="POD-0",exporter="otlp_http/metrics",data_type="metrics"} 1e9x60
  otelcol_exporter_sent_metric_points{pod="POD-0",exporter="otlp_http/metrics"} 0+10x60
  otelcol_receiver_refused_metric_points{pod="POD-0",receiver="otlp",transport="http"} 0x5 0+50x55`, 8 * time.Minute, []string{"KymaCloudWatchQueueFull -0", "KymaCloudWatchRefused metrics -0"}},
	{"what the loopback refuses is not refused to Kyma", "queued", `
  up{pod="POD-0"} 1x60
  otelcol_receiver_refused_spans{pod="POD-0",receiver="otlp/aws",transport="grpc"} 0+50x60`, 20 * time.Minute, nil},
	{"AWS does not answer, as Kyma is told", "acknowledged", `
  up{pod="POD-0"} 1x60
  otelcol_receiver_refused_spans{pod="POD-0",receiver="otlp",transport="grpc"} 0x5 0+50x55
  otelcol_exporter_send_failed_spans{pod="POD-0",exporter="awsxray"} 0+50x60`, 10 * time.Minute, []string{"KymaCloudWatchRefused traces -0"}},
	{"AWS does not answer, and the queue grows", "queued", `
  up{pod="POD-0"} 1x60
  otelcol_exporter_queue_size{pod="POD-0",exporter="otlp_grpc/traces",data_type="traces"} 0x10 0+5000x50
  otelcol_exporter_queue_capacity{pod="POD-0",exporter="otlp_grpc/traces",data_type="traces"} 2.8e9x60
  otelcol_exporter_sent_spans{pod="POD-0",exporter="otlp_grpc/traces"} 0+100x10 1000x50
  otelcol_exporter_send_failed_spans{pod="POD-0",exporter="awsxray"} _x10 0+100x50`, 25 * time.Minute, []string{"KymaCloudWatchNotSending traces -0", "KymaCloudWatchRetrying traces -0"}},
	{"AWS has not answered since the start", "queued, otlp", `
  up{pod="POD-0"} 1x60
  otelcol_exporter_queue_size{pod="POD-0",exporter="otlp_http/logs",data_type="logs"} 0+5000x60
  otelcol_exporter_queue_capacity{pod="POD-0",exporter="otlp_http/logs",data_type="logs"} 2.8e9x60`, 15 * time.Minute, []string{"KymaCloudWatchNotSending logs -0"}},
	{"a quiet night", "queued", `
  up{pod="POD-0"} 1x60
  otelcol_exporter_queue_size{pod="POD-0",exporter="otlp_grpc/traces",data_type="traces"} 0x60
  otelcol_exporter_queue_capacity{pod="POD-0",exporter="otlp_grpc/traces",data_type="traces"} 2.8e9x60
  otelcol_exporter_sent_spans{pod="POD-0",exporter="otlp_grpc/traces"} 1000x60`, 30 * time.Minute, nil},
	{"AWS refuses a request for good, the first one", "queued, otlp", `
  up{pod="POD-0"} 1x60
  otelcol_exporter_send_failed_spans{pod="POD-0",exporter="otlp_http/traces"} _x30 500x30`, 16 * time.Minute, []string{"KymaCloudWatchDropped traces -0"}},
	{"AWS refuses a further request for good", "queued, otlp", `
  up{pod="POD-0"} 1x60
  otelcol_exporter_send_failed_spans{pod="POD-0",exporter="otlp_http/traces"} 500x30 1000x30`, 16 * time.Minute, []string{"KymaCloudWatchDropped traces -0"}},
	{"AWS refused a request for good a while ago", "queued, otlp", `
  up{pod="POD-0"} 1x60
  otelcol_exporter_send_failed_spans{pod="POD-0",exporter="otlp_http/traces"} _x10 500x50`, 20 * time.Minute, nil},
	{"attempts fail that the queue makes again", "queued", `
  up{pod="POD-0"} 1x60
  otelcol_exporter_send_failed_metric_points{pod="POD-0",exporter="awsemf"} 0+100x60
  otelcol_exporter_sent_metric_points{pod="POD-0",exporter="otlp_grpc/metrics"} 0+100x60
  otelcol_exporter_queue_size{pod="POD-0",exporter="otlp_grpc/metrics",data_type="metrics"} 5000x60
  otelcol_exporter_queue_capacity{pod="POD-0",exporter="otlp_grpc/metrics",data_type="metrics"} 2.8e9x60`, 20 * time.Minute, []string{"KymaCloudWatchRetrying metrics -0"}},
	{"another release of a similar name", "queued", `
  up{pod="POD-0"} 1x60
  otelcol_process_memory_rss{pod="x-POD-0"} 1e12x60`, 20 * time.Minute, nil},
}

func TestAlertsFireWhenTheyShouldAndNotOtherwise(t *testing.T) {
	fired := map[string]bool{}
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			require.Contains(t, modes, s.mode)
			assert.Equal(t, s.firing, firing(t, modes[s.mode], s.series, s.after))
		})
		for _, alert := range s.firing {
			name, _, _ := strings.Cut(alert, " ")
			fired[name] = true
		}
	}
	for mode, values := range modes {
		for _, rule := range alerts(t, values) {
			assert.True(t, fired[rule.Alert], "no scenario lets %s of mode %s fire", rule.Alert, mode)
		}
	}
}

// dashboard is the part of Grafana's dashboard that the tests look at.
type dashboard struct {
	Title, UID string
	Templating struct {
		List []struct{ Name, Type, Query string }
	}
	Panels []struct {
		Title, Type string
		Datasource  struct{ Type, UID string }
		GridPos     struct{ X, Y, W, H int }
		Targets     []struct{ Expr, LegendFormat string }
	}
}

// expressions returns the dashboard's queries with its variables replaced, by the panel's title.
func expressions(t *testing.T) (dashboard, map[string][]string) {
	t.Helper()
	var config corev1.ConfigMap
	require.NoError(t, only(t, objects(t, ""), "ConfigMap", collectorName+"-dashboard").Decode(&config))
	require.Len(t, config.Data, 1)
	var d dashboard
	for _, text := range config.Data {
		require.NoError(t, json.Unmarshal([]byte(text), &d))
	}
	variables := strings.NewReplacer("$namespace", "telemetry", "$pod", ".+", "$__rate_interval", "5m")
	queries := map[string][]string{}
	for _, panel := range d.Panels {
		for _, target := range panel.Targets {
			queries[panel.Title] = append(queries[panel.Title], variables.Replace(target.Expr))
		}
	}
	return d, queries
}

func TestTheDashboardIsWhole(t *testing.T) {
	d, queries := expressions(t)
	assert.NotEmpty(t, d.UID)
	var variables []string
	for _, variable := range d.Templating.List {
		variables = append(variables, variable.Name)
	}
	assert.Equal(t, []string{"datasource", "namespace", "pod"}, variables)
	taken := map[[2]int]string{}
	for _, panel := range d.Panels {
		for x := panel.GridPos.X; x < panel.GridPos.X+panel.GridPos.W; x++ {
			for y := panel.GridPos.Y; y < panel.GridPos.Y+panel.GridPos.H; y++ {
				assert.Empty(t, taken[[2]int{x, y}], "panel %s lies over another", panel.Title)
				taken[[2]int{x, y}] = panel.Title
			}
		}
		if panel.Type == "row" {
			continue
		}
		assert.Equal(t, "${datasource}", panel.Datasource.UID, panel.Title)
		require.NotEmpty(t, queries[panel.Title], panel.Title)
		for _, query := range queries[panel.Title] {
			_, err := promQL.ParseExpr(query)
			assert.NoError(t, err, "%s: %s", panel.Title, query)
			assert.NotContains(t, query, "$", "%s: a variable that the dashboard does not have", panel.Title)
		}
	}
}
