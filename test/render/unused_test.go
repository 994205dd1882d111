package render

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/chart"
)

// ways are choices that leave some values without a reader.
var ways = map[string]string{
	"nothing chosen":     "",
	"traces by OTLP":     "global: {traces: {exporter: otlp}}",
	"metrics by OTLP":    "global: {metrics: {exporter: otlp}}",
	"logs by OTLP":       "global: {logs: {exporter: otlp}}",
	"logs by Fluent Bit": fluentbit,
	"web identity":       tokenKeys,
	"no volume":          deployment,
	"no queue":           acknowledged,
}

// withoutEffect are values that may be set where they do nothing, and why they are not refused.
var withoutEffect = map[string]string{
	"traces by OTLP: global.traces.exporter":                "it is the way itself",
	"metrics by OTLP: global.metrics.exporter":              "it is the way itself",
	"logs by OTLP: global.logs.exporter":                    "it is the way itself",
	"logs by Fluent Bit: global.logs.via":                   "it is the way itself",
	"no volume: collector.persistence.enabled":              "it is the way itself",
	"metrics by OTLP: pipelines.metrics.temporality":        "it is what the chart chooses there",
	"traces by OTLP: global.traces.indexedAttributes":       "the default stands there just as uselessly",
	"metrics by OTLP: global.metrics.dimensions":            "the default stands there just as uselessly",
	"logs by Fluent Bit: pipelines.logs.input.otlp.enabled": "false is what Fluent Bit does",
	"no volume: collector.persistence.whenDeleted":          "an emptyDir goes with its pod",
	"no queue: collector.delivery":                          "it is the way itself",
	"no queue: global.traces.delivery":                      "it is what the chart chooses there",
	"no queue: global.metrics.delivery":                     "it is what the chart chooses there",
	"no queue: global.logs.delivery":                        "it is what the chart chooses there",
	"no queue: collector.persistence.enabled":               "the default stands there just as uselessly",
	"no queue: collector.persistence.whenDeleted":           "the default stands there just as uselessly",
	"no queue: collector.sizes.small.volume":                "the default stands there just as uselessly",
}

func TestAValueThatDoesNothingIsRefused(t *testing.T) {
	loaded, err := chart.Load(chartPath)
	require.NoError(t, err)
	render := func(values string) (string, error) {
		merged, err := chart.Values(valuesFiles(t, minimal+"\n---\n"+values), nil)
		require.NoError(t, err)
		rendered, err := loaded.Render(merged, chart.Release{Name: releaseName, Namespace: namespace})
		if err != nil {
			return "", err
		}
		return rendered.Manifest, nil
	}
	var found []string
	for _, way := range slices.Sorted(maps.Keys(ways)) {
		before, err := render(ways[way])
		require.NoError(t, err)
		for _, path := range slices.Sorted(maps.Keys(effects)) {
			after, err := render(ways[way] + "\n---\n" + effects[path].also + "\n---\n" + nest(path, effects[path].value))
			if size, _, ok := strings.Cut(strings.TrimPrefix(path, "collector.sizes."), "."); ok && strings.HasPrefix(path, "collector.sizes.") && size != "small" {
				continue // a size that is not chosen
			}
			if err == nil && after == before {
				found = append(found, way+": "+path)
			}
		}
	}
	assert.Equal(t, slices.Sorted(maps.Keys(withoutEffect)), slices.Sorted(slices.Values(found)))
}
