package render

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// merged returns the collector's configuration with collector.config, by Helm 3; Helm 4 must agree.
func merged(t *testing.T, config string) object {
	t.Helper()
	values := "collector: {config: " + config + "}"
	by3 := render(t, values).collectorConfig(t)
	arguments := []string{"template", releaseName, chartPath, "--namespace", namespace}
	for _, file := range valuesFiles(t, minimal+"\n---\n"+values) {
		arguments = append(arguments, "--values", file)
	}
	manifest, err := helm4.Run(t.Context(), helmEnvironment, arguments...)
	require.NoError(t, err)
	objects, err := parseObjects(manifest)
	require.NoError(t, err)
	require.Equal(t, by3, release{objects: objects}.collectorConfig(t), "Helm 4 merges otherwise")
	return by3
}

func TestUsersConfigMergesIntoMaps(t *testing.T) {
	config := merged(t, "{exporters: {awsemf: {namespace: Other, detailed_metrics: true}}}")
	emf := at(config, "exporters", "awsemf")
	assert.Equal(t, "Other", at(emf, "namespace"))
	assert.Equal(t, true, at(emf, "detailed_metrics"))
	assert.Equal(t, "eu-central-1", at(emf, "region"), "the rest stays")
}

func TestUsersConfigReplacesByEmptyValuesToo(t *testing.T) {
	config := merged(t, "{exporters: {awsemf: {max_retries: 0, namespace: '', resource_to_telemetry_conversion: {enabled: false}}}}")
	emf := at(config, "exporters", "awsemf")
	assert.Equal(t, float64(0), at(emf, "max_retries"))
	assert.Equal(t, "", at(emf, "namespace"))
	assert.Equal(t, false, at(emf, "resource_to_telemetry_conversion", "enabled"))
}

func TestUsersConfigReplacesLists(t *testing.T) {
	config := merged(t, "{exporters: {debug: {}}, service: {pipelines: {traces: {exporters: [debug]}}}}")
	assert.Equal(t, []string{"debug"}, texts(at(config, "service", "pipelines", "traces", "exporters")))
	assert.Equal(t, []string{"otlp"}, texts(at(config, "service", "pipelines", "traces", "receivers")))
}

func TestUsersConfigRemovesByNullAtAnyDepth(t *testing.T) {
	config := merged(t, "{exporters: {awsemf: {log_retention: null}, awsxray: null}, service: {pipelines: {traces/aws: null}, telemetry: {metrics: null}}}")
	assert.NotContains(t, at(config, "exporters"), "awsxray")
	assert.NotContains(t, at(config, "exporters", "awsemf"), "log_retention")
	assert.NotContains(t, at(config, "service", "pipelines"), "traces/aws")
	assert.NotContains(t, at(config, "service", "telemetry"), "metrics")
	assert.Contains(t, at(config, "service", "telemetry"), "logs")
}

func TestUsersConfigPutsAScalarInPlaceOfAMap(t *testing.T) {
	assert.Equal(t, "info", at(merged(t, "{service: {telemetry: {logs: info}}}"), "service", "telemetry", "logs"))
}

func TestUsersConfigPutsAMapInPlaceOfAScalar(t *testing.T) {
	assert.Equal(t, object{"a": "b"}, at(merged(t, "{exporters: {awsemf: {namespace: {a: b}}}}"), "exporters", "awsemf", "namespace"))
}

func TestAnExtensionOfTheUsersRunsUnlessTheListSaysOtherwise(t *testing.T) {
	assert.Contains(t, texts(at(merged(t, "{extensions: {pprof: {}}}"), "service", "extensions")), "pprof")
	assert.Equal(t, []string{"file_storage"}, texts(at(merged(t, "{extensions: {pprof: {}}, service: {extensions: [file_storage]}}"), "service", "extensions")))
}

func TestANullElsewhereInTheValuesTakesADefaultAway(t *testing.T) {
	container := render(t, "collector: {resources: {requests: null}}").podTemplate(t).Spec.Containers[0]
	assert.Empty(t, container.Resources.Requests)
	assert.NotEmpty(t, container.Resources.Limits, "the rest stays")
}

func TestUsersConfigOfAFormThatNoCollectorReadsIsRefusedWithItsPath(t *testing.T) {
	for config, path := range map[string]string{
		"{service: {pipelines: null}}":                                        "/collector/config/service/pipelines': got null, want object",
		"{service: {pipelines: {traces: x}}}":                                 "/collector/config/service/pipelines/traces': got string",
		"{exporters: {awscloudwatchlogs: {sending_queue: true}}}":             "/collector/config/exporters/awscloudwatchlogs/sending_queue': got boolean",
		"{exporters: {otlp_http/x: {endpoint: 'http://a', auth: sigv4auth}}}": "/collector/config/exporters/otlp_http~1x/auth': got string",
	} {
		assert.Contains(t, refusal(t, "collector: {config: "+config+"}"), path)
	}
}
