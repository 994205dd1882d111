package gateway_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"sigs.k8s.io/yaml"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/gateway"
)

func object(t *testing.T, text string) map[string]any {
	t.Helper()
	var o map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(text), &o))
	return o
}

func TestAMetricPipelineIsReadFromItsManifest(t *testing.T) {
	o := object(t, `
apiVersion: telemetry.kyma-project.io/v1beta1
kind: MetricPipeline
metadata: {name: cloudwatch}
spec:
  input:
    runtime: {enabled: true, resources: {node: {enabled: false}}}
  transform:
  - conditions: ['metric.name == "orders"']
    statements: ['set(metric.unit, "1")']
  filter:
  - conditions: ['datapoint.attributes["debug"] != nil']
  output:
    otlp:
      protocol: http
      path: /v1/metrics
      compression: zstd
      temporality: delta
      endpoint: {value: "http://collector.aws.svc.cluster.local:4318"}
      tls: {insecure: true}
      headers:
      - {name: X-Tenant, value: shop}
      - {name: Authorization, prefix: Bearer, value: abc}
      - {name: X-Secret, valueFrom: {secretKeyRef: {name: s, namespace: n, key: k}}}
`)
	require.True(t, gateway.IsPipeline(o))
	p, err := gateway.PipelineFromObject(o)
	require.NoError(t, err)
	yes, no := true, false
	assert.Equal(t, gateway.Pipeline{
		Signal: gateway.Metrics, Name: "cloudwatch",
		Endpoint: "http://collector.aws.svc.cluster.local:4318", Path: "/v1/metrics",
		Protocol: gateway.HTTP, Compression: "zstd", Insecure: true, Delta: true,
		Headers:    map[string]string{"X-Tenant": "shop", "Authorization": "Bearer abc"},
		Transforms: []gateway.Transform{{Conditions: []string{`metric.name == "orders"`}, Statements: []string{`set(metric.unit, "1")`}}},
		Filters:    []gateway.Filter{{Conditions: []string{`datapoint.attributes["debug"] != nil`}}},
		Input:      gateway.Input{Runtime: &gateway.RuntimeInput{Enabled: &yes, Resources: map[string]gateway.Toggle{"node": {Enabled: &no}}}},
	}, p)
}

func TestAFluentBitPipelineIsTold(t *testing.T) {
	_, err := gateway.PipelineFromObject(object(t, `
apiVersion: telemetry.kyma-project.io/v1beta1
kind: LogPipeline
metadata: {name: fluentbit}
spec: {output: {custom: "Name cloudwatch_logs"}}
`))
	require.ErrorIs(t, err, gateway.ErrNotOTLP)
	require.ErrorContains(t, err, `LogPipeline "fluentbit"`)
}

func TestObjectsOfOtherKindsAndVersionsAreRefused(t *testing.T) {
	for _, text := range []string{
		`{apiVersion: v1, kind: Service, metadata: {name: x}}`,
		`{apiVersion: telemetry.kyma-project.io/v1alpha1, kind: TracePipeline, metadata: {name: x}, spec: {output: {otlp: {}}}}`,
		`{apiVersion: telemetry.kyma-project.io/v1beta1, kind: TracePipeline, metadata: {}, spec: {output: {otlp: {}}}}`,
		`{apiVersion: telemetry.kyma-project.io/v1beta1, kind: TracePipeline, metadata: {name: x}, spec: {output: {otlp: {path: 1}}}}`,
	} {
		_, err := gateway.PipelineFromObject(object(t, text))
		assert.Error(t, err, text)
	}
	assert.False(t, gateway.IsPipeline(object(t, `{apiVersion: v1, kind: Service}`)))
}

func TestInvalidOTTLNamesThePipelineThePlaceAndTheStatement(t *testing.T) {
	p := gateway.Pipeline{Signal: gateway.Traces, Name: "cloudwatch", Endpoint: "http://127.0.0.1:1"}
	for name, c := range map[string]struct {
		change func(*gateway.Pipeline)
		want   []string
	}{
		"a statement": {
			func(p *gateway.Pipeline) {
				p.Transforms = []gateway.Transform{{Statements: []string{`set(span.name, "x")`, `sett(span.name, "x")`}}}
			},
			[]string{`TracePipeline "cloudwatch": spec.transform[0].statements[1]: `, `sett`},
		},
		"a condition of a transform": {
			func(p *gateway.Pipeline) {
				p.Transforms = []gateway.Transform{{Conditions: []string{`span.nam == "x"`}, Statements: []string{`set(span.name, "x")`}}}
			},
			[]string{`TracePipeline "cloudwatch": spec.transform[0].conditions[0]: `, `nam`},
		},
		"a path of another signal": {
			func(p *gateway.Pipeline) {
				p.Transforms = []gateway.Transform{{Statements: []string{`set(metric.name, "x")`}}}
			},
			[]string{`spec.transform[0].statements[0]: `, `metric`},
		},
		"a condition of a filter": {
			func(p *gateway.Pipeline) {
				p.Filters = []gateway.Filter{{Conditions: []string{`span.name == "x"`}}, {Conditions: []string{`span.name = "x"`}}}
			},
			[]string{`TracePipeline "cloudwatch": spec.filter[1].conditions[0]: `, `span.name = "x"`},
		},
		"two faults": {
			func(p *gateway.Pipeline) {
				p.Filters = []gateway.Filter{{Conditions: []string{`nothing(`, `span.name == 'x'`}}}
			},
			[]string{`spec.filter[0].conditions[0]: `, `spec.filter[0].conditions[1]: `},
		},
		"no statements":          {func(p *gateway.Pipeline) { p.Transforms = []gateway.Transform{{}} }, []string{`spec.transform[0]: has no statements`}},
		"no conditions":          {func(p *gateway.Pipeline) { p.Filters = []gateway.Filter{{}} }, []string{`spec.filter[0]: has no conditions`}},
		"delta but not a metric": {func(p *gateway.Pipeline) { p.Delta = true }, []string{`spec.output.otlp.temporality: only a MetricPipeline`}},
		"protocol":               {func(p *gateway.Pipeline) { p.Protocol = "tcp" }, []string{`spec.output.otlp.protocol: "tcp": want grpc or http`}},
		"compression":            {func(p *gateway.Pipeline) { p.Compression = "rar" }, []string{`spec.output.otlp.compression: "rar": want none, gzip, snappy or zstd`}},
		"signal":                 {func(p *gateway.Pipeline) { p.Signal = "profiles" }, []string{`signal "profiles": want traces, metrics or logs`}},
	} {
		t.Run(name, func(t *testing.T) {
			p := p
			c.change(&p)
			err := p.Validate()
			for _, want := range c.want {
				require.ErrorContains(t, err, want)
			}
		})
	}
	require.NoError(t, p.Validate())
}

// collected has one metric for each scope and namespace.
func collected(scopes map[string][]string, namespaces ...string) pmetric.Metrics {
	md := pmetric.NewMetrics()
	for _, namespace := range namespaces {
		rm := md.ResourceMetrics().AppendEmpty()
		if namespace != "" {
			rm.Resource().Attributes().PutStr("k8s.namespace.name", namespace)
		}
		for scope, metrics := range scopes {
			sm := rm.ScopeMetrics().AppendEmpty()
			sm.Scope().SetName(scope)
			for _, name := range metrics {
				m := sm.Metrics().AppendEmpty()
				m.SetName(name)
				m.SetEmptyGauge().DataPoints().AppendEmpty().SetIntValue(1)
			}
		}
	}
	return md
}

func TestAMetricPipelineTakesOnlyItsInputs(t *testing.T) {
	scopes := map[string][]string{
		gateway.ScopeRuntime:    {"k8s.pod.cpu.usage", "container.cpu.usage", "k8s.container.restarts", "k8s.node.cpu.usage", "k8s.deployment.available"},
		gateway.ScopePrometheus: {"jobs", "up"},
		gateway.ScopeIstio:      {"istio_requests_total", "envoy_cluster", "scrape_duration_seconds"},
		"shop":                  {"orders"},
	}
	for name, c := range map[string]struct {
		input string
		want  []string
	}{
		"by default what is pushed, from everywhere": {`{}`, []string{"orders", "orders@kube-system", "orders@"}},
		"nothing pushed":     {`{otlp: {enabled: false}}`, nil},
		"pushed by one":      {`{otlp: {namespaces: {include: [shop]}}}`, []string{"orders", "orders@"}},
		"pushed by others":   {`{otlp: {namespaces: {exclude: [shop]}}}`, []string{"orders@kube-system", "orders@"}},
		"prometheus":         {`{otlp: {enabled: false}, prometheus: {enabled: true}}`, []string{"jobs", "jobs@"}},
		"with diagnostics":   {`{otlp: {enabled: false}, prometheus: {enabled: true, diagnosticMetrics: {enabled: true}}}`, []string{"jobs", "jobs@", "up", "up@"}},
		"with system":        {`{otlp: {enabled: false}, prometheus: {enabled: true, namespaces: {}}}`, []string{"jobs", "jobs@", "jobs@kube-system"}},
		"istio":              {`{otlp: {enabled: false}, istio: {enabled: true}}`, []string{"istio_requests_total", "istio_requests_total@"}},
		"istio, with envoy":  {`{otlp: {enabled: false}, istio: {enabled: true, envoyMetrics: {enabled: true}, namespaces: {include: [shop]}}}`, []string{"istio_requests_total", "istio_requests_total@", "envoy_cluster", "envoy_cluster@"}},
		"runtime, all kinds": {`{otlp: {enabled: false}, runtime: {enabled: true, namespaces: {include: [none]}}}`, []string{"k8s.pod.cpu.usage@", "container.cpu.usage@", "k8s.container.restarts@", "k8s.node.cpu.usage@", "k8s.deployment.available@"}},
		"runtime, some kinds": {`{otlp: {enabled: false}, runtime: {enabled: true, namespaces: {include: [none]}, resources: {container: {enabled: false}, node: {enabled: false}, deployment: {enabled: false}}}}`,
			[]string{"k8s.pod.cpu.usage@"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := startBackend(t, nil)
			p, err := gateway.PipelineFromObject(object(t, `{apiVersion: telemetry.kyma-project.io/v1beta1, kind: MetricPipeline, metadata: {name: m}, spec: {input: `+c.input+`, output: {otlp: {endpoint: {value: "`+b.endpoint+`"}}}}}`))
			require.NoError(t, err)
			g := start(t, gateway.Options{}, p)
			require.NoError(t, g.SendMetrics(t.Context(), collected(scopes, "shop", "kube-system", "")))
			c2 := shutdown(t, g)
			requireBalance(t, c2)
			var got []string
			for _, md := range b.metrics {
				for _, rm := range md.ResourceMetrics().All() {
					place := "@"
					if namespace, has := rm.Resource().Attributes().Get("k8s.namespace.name"); has {
						place += namespace.Str()
					}
					if place == "@shop" {
						place = ""
					}
					for _, sm := range rm.ScopeMetrics().All() {
						for _, m := range sm.Metrics().All() {
							got = append(got, m.Name()+place)
						}
					}
				}
			}
			assert.ElementsMatch(t, c.want, got)
			assert.Equal(t, c2.Entered-len(c.want), c2.Unselected)
		})
	}
}

func TestALogPipelineTakesOnlyItsInputs(t *testing.T) {
	for name, c := range map[string]struct {
		input string
		want  []string
	}{
		"by default both, but no system namespace of the agent": {`{}`, []string{"shop/app", "shop/sidecar", "pushed"}},
		"containers":         {`{runtime: {containers: {include: [app]}}}`, []string{"shop/app", "pushed"}},
		"without containers": {`{runtime: {containers: {exclude: [app]}}}`, []string{"shop/sidecar", "pushed"}},
		"all namespaces":     {`{runtime: {namespaces: {}}}`, []string{"shop/app", "shop/sidecar", "kube-system/app", "pushed"}},
		"runtime off":        {`{runtime: {enabled: false}}`, []string{"pushed"}},
		"otlp off":           {`{otlp: {enabled: false}}`, []string{"shop/app", "shop/sidecar"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := startBackend(t, nil)
			p, err := gateway.PipelineFromObject(object(t, `{apiVersion: telemetry.kyma-project.io/v1beta1, kind: LogPipeline, metadata: {name: l}, spec: {input: `+c.input+`, output: {otlp: {endpoint: {value: "`+b.endpoint+`"}}}}}`))
			require.NoError(t, err)
			g := start(t, gateway.Options{}, p)
			ld := plog.NewLogs()
			for _, from := range [][2]string{{"shop", "app"}, {"shop", "sidecar"}, {"kube-system", "app"}} {
				rl := ld.ResourceLogs().AppendEmpty()
				rl.Resource().Attributes().PutStr("k8s.namespace.name", from[0])
				rl.Resource().Attributes().PutStr("k8s.container.name", from[1])
				sl := rl.ScopeLogs().AppendEmpty()
				sl.Scope().SetName(gateway.ScopeRuntime)
				sl.LogRecords().AppendEmpty().Body().SetStr(from[0] + "/" + from[1])
			}
			ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body().SetStr("pushed")
			require.NoError(t, g.SendLogs(t.Context(), ld))
			requireBalance(t, shutdown(t, g))
			var got []string
			for _, ld := range b.logs {
				for _, rl := range ld.ResourceLogs().All() {
					for _, r := range rl.ScopeLogs().At(0).LogRecords().All() {
						got = append(got, r.Body().Str())
					}
				}
			}
			assert.ElementsMatch(t, c.want, got)
		})
	}
}

func TestTheOriginalLineIsDroppedOnDemand(t *testing.T) {
	b := startBackend(t, nil)
	no := false
	g := start(t, gateway.Options{}, gateway.Pipeline{Signal: gateway.Logs, Name: "l", Endpoint: b.endpoint,
		Input: gateway.Input{Runtime: &gateway.RuntimeInput{KeepOriginalBody: &no}}})
	ld := plog.NewLogs()
	sl := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty()
	sl.Scope().SetName(gateway.ScopeRuntime)
	sl.LogRecords().AppendEmpty().Attributes().PutStr("log.original", `{"msg":"x"}`)
	require.NoError(t, g.SendLogs(t.Context(), ld))
	shutdown(t, g)
	require.Len(t, b.logs, 1)
	assert.Zero(t, b.logs[0].ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Attributes().Len())
}
