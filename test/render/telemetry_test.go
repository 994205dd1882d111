package render

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/yaml"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/test/kyma"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/test/monitoring"
)

const observed = "collector: {telemetry: {podMonitor: {enabled: true}, prometheusRule: {enabled: true}, dashboard: {enabled: true}}}"

func TestWhatPrometheusOperatorReadsFitsItsAPI(t *testing.T) {
	crds, err := monitoring.CRDs(t.Context())
	require.NoError(t, err)
	api, err := kyma.NewAPI(crds)
	require.NoError(t, err)
	for _, values := range []string{observed, observed + "\n---\n" + acknowledged, observed + "\n---\n" + otlp, "collector: {telemetry: {serviceMonitor: {enabled: true}}}"} {
		r := render(t, values)
		requireValid(t, r)
		checked := 0
		for _, kind := range []string{"PodMonitor", "ServiceMonitor", "PrometheusRule"} {
			if r.kinds()[kind] > 0 {
				manifest, err := yaml.Marshal(r.only(t, kind))
				require.NoError(t, err)
				assert.Empty(t, api.Create(manifest), kind)
				checked++
			}
		}
		assert.NotZero(t, checked, values)
	}
}

func TestMonitorsFindEachPodOnce(t *testing.T) {
	for kind, values := range workloads {
		r := render(t, values+"\n---\ncollector: {telemetry: {serviceMonitor: {enabled: true}}}")
		wanted := selector(t, r.only(t, "ServiceMonitor"))
		found := 0
		for name, candidate := range r.objects {
			service, ok := asService(t, name, candidate)
			if !ok || !wanted.Matches(labels.Set(service.Labels)) {
				continue
			}
			for _, port := range service.Spec.Ports {
				if port.Name == at(r.only(t, "ServiceMonitor"), "spec", "endpoints").([]any)[0].(object)["port"] {
					found++
				}
			}
		}
		assert.Equal(t, 1, found, "Services of the %s", kind)

		r = render(t, values+"\n---\n"+observed)
		assert.True(t, selector(t, r.only(t, "PodMonitor")).Matches(labels.Set(r.podTemplate(t).Labels)))
		port := at(r.only(t, "PodMonitor"), "spec", "podMetricsEndpoints").([]any)[0].(object)["port"]
		ports := map[string]bool{}
		for _, p := range r.podTemplate(t).Spec.Containers[0].Ports {
			ports[p.Name] = true
		}
		assert.Contains(t, ports, port)
	}
}

func TestWithoutACollectorThereIsNothingToObserve(t *testing.T) {
	kinds := render(t, observed+"\n---\nglobal: {traces: {enabled: false}, metrics: {enabled: false}, logs: {via: fluentbit}}").kinds()
	assert.Equal(t, map[string]int{"LogPipeline": 1}, kinds)
}

func TestAlertsAreAboutWhatTheConfigurationHas(t *testing.T) {
	alerts := func(values string) map[string]string {
		found := map[string]string{}
		for _, rule := range at(render(t, observed+"\n---\n"+values).only(t, "PrometheusRule"), "spec", "groups").([]any)[0].(object)["rules"].([]any) {
			signal, _ := at(rule, "labels", "signal").(string)
			found[at(rule, "alert").(string)+signal] = at(rule, "expr").(string)
		}
		return found
	}
	changed := alerts("collector: {config: {exporters: {debug: {}, awsemf: null, otlp_grpc/metrics: null}, service: {pipelines: {traces: {exporters: [otlp_grpc/traces, debug]}, metrics: null, metrics/aws: null}}}}")
	assert.Contains(t, changed["KymaCloudWatchDroppedtraces"], `exporter=~"otlp_grpc/traces"`, "what has no queue drops nothing that it kept")
	assert.NotContains(t, changed, "KymaCloudWatchRefusedmetrics")
	assert.NotContains(t, alerts("collector: {resources: {limits: null}}"), "KymaCloudWatchMemoryNearLimit")
}

// selector is that of a monitor.
func selector(t *testing.T, monitor object) labels.Selector {
	t.Helper()
	wanted := labels.Set{}
	for key, value := range at(monitor, "spec", "selector", "matchLabels").(object) {
		wanted[key] = value.(string)
	}
	require.NotEmpty(t, wanted)
	return wanted.AsSelector()
}

func asService(t *testing.T, name string, candidate object) (corev1.Service, bool) {
	t.Helper()
	var service corev1.Service
	if at(candidate, "kind") != "Service" {
		return service, false
	}
	require.NoError(t, yaml.UnmarshalStrict([]byte(mustYAML(t, candidate)), &service), name)
	return service, true
}
