package preview

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/examples/telemetry"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/preview"
)

// reasonsOf are a signal's reasons of one fate.
func reasonsOf(account preview.Account, fate preview.Fate) []preview.Reason {
	var found []preview.Reason
	for _, reason := range account.Reasons {
		if reason.Fate == fate {
			found = append(found, reason)
		}
	}
	return found
}

func written(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestWhatAWSRefusesIsLostWithAWSsReason(t *testing.T) {
	t.Parallel()
	capture, err := preview.ReadCaptureFS(telemetry.Files)
	require.NoError(t, err)
	values := valuesOf(t, []string{quickstart}, "collector.config.exporters.awsxray.region=us-west-2")

	report := previewedWith(t, chartPath, values, preview.Options{Capture: capture, Timeout: 10 * time.Second})

	traces := report.Signals.Traces.Account
	assert.False(t, report.Accounted)
	assert.NotZero(t, traces.Sent)
	assert.Zero(t, traces.Arrived)
	assert.Equal(t, traces.Sent, traces.Lost)
	lost := reasonsOf(traces, preview.FateLost)
	require.Len(t, lost, 1, "one reason for one cause")
	assert.Equal(t, traces.Lost, lost[0].Count)
	assert.Equal(t, "collector", lost[0].Source)
	assert.Contains(t, lost[0].Why, "InvalidSignatureException")
	assert.Contains(t, lost[0].Why, "--timeout")
	assert.NotEmpty(t, lost[0].Example)
	assert.Equal(t, report.Signals.Metrics.Sent, report.Signals.Metrics.Arrived, "the other signals are not held up")
	assert.Equal(t, report.Signals.Logs.Sent, report.Signals.Logs.Arrived)
}

func TestWhatAProcessorDropsIsFilteredAndNotLost(t *testing.T) {
	t.Parallel()
	values := valuesOf(t, []string{quickstart, written(t, "filter.yaml", `
collector:
  config:
    processors:
      filter/debug:
        error_mode: ignore
        logs:
          log_record: ['severity_number < 9']
    service:
      pipelines:
        logs:
          processors: [memory_limiter, filter/debug, resource/cluster]
`)})

	report := previewed(t, chartPath, values)

	logs := report.Signals.Logs.Account
	assert.True(t, report.Accounted)
	assert.NotZero(t, logs.Filtered)
	assert.NotZero(t, logs.Arrived)
	assert.Zero(t, logs.Lost)
	assert.Equal(t, logs.Sent, logs.Arrived+logs.Filtered)
	filtered := reasonsOf(logs, preview.FateFiltered)
	require.Len(t, filtered, 1)
	assert.Contains(t, filtered[0].Why, "filter/debug")
}

func TestSeriesThatTheDimensionsDoNotTellApartAreLostWithTheMend(t *testing.T) {
	t.Parallel()
	values := valuesOf(t, []string{quickstart}, "global.metrics.dimensions={k8s.namespace.name}")

	report := previewed(t, chartPath, values)

	metrics := report.Signals.Metrics.Account
	assert.False(t, report.Accounted)
	assert.NotZero(t, metrics.Lost)
	assert.Equal(t, metrics.Sent, metrics.Arrived+metrics.Lost)
	lost := reasonsOf(metrics, preview.FateLost)
	require.NotEmpty(t, lost)
	assert.Contains(t, lost[0].Why, "awsemf drops duplicates")
	assert.Contains(t, lost[0].Why, "add k8s.pod.name to the dimensions")
	assert.Less(t, report.Signals.Metrics.CustomMetrics, 200, "fewer dimensions, fewer custom metrics")
}

func TestTheBillOfRollupIsSeen(t *testing.T) {
	t.Parallel()
	one := previewed(t, chartPath, valuesOf(t, []string{quickstart}))
	rolled := previewed(t, chartPath, valuesOf(t, []string{quickstart}, "global.metrics.dimensionRollup=ZeroAndSingleDimensionRollup"))

	assert.Equal(t, one.Signals.Metrics.Sent, rolled.Signals.Metrics.Arrived)
	assert.Greater(t, rolled.Signals.Metrics.CustomMetrics, 3*one.Signals.Metrics.CustomMetrics)
}

func TestAnOwnCaptureIsSentAsItIs(t *testing.T) {
	t.Parallel()
	path := written(t, "own.jsonl", `{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"mine"}}]},"scopeSpans":[{"spans":[{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708","kind":2,"name":"GET /","startTimeUnixNano":"1700000000000000000","endTimeUnixNano":"1700000001500000000"}]}]}]}
{"resourceLogs":[{"resource":{},"scopeLogs":[{"logRecords":[{"timeUnixNano":"1700000005000000000","severityText":"ERROR","body":{"stringValue":"hello"},"traceId":"0102030405060708090a0b0c0d0e0f10"}]}]}]}
`)
	capture, err := preview.ReadCaptures(path)
	require.NoError(t, err)

	report := previewedWith(t, chartPath, valuesOf(t, []string{quickstart}), preview.Options{Capture: capture})

	assert.True(t, report.Accounted)
	assert.Equal(t, []string{path}, report.Input.Files)
	assert.Equal(t, 1, report.Signals.Traces.Arrived)
	require.NotNil(t, report.Signals.Traces.Waterfall)
	assert.Equal(t, "0102030405060708090a0b0c0d0e0f10", report.Signals.Traces.Waterfall.TraceID)
	assert.InDelta(t, 1500, report.Signals.Traces.Waterfall.DurationMs, 1)
	require.Len(t, report.Signals.Logs.Samples, 1)
	assert.Equal(t, "hello", report.Signals.Logs.Samples[0].Body)
	assert.Equal(t, "ERROR", report.Signals.Logs.Samples[0].Severity)
	assert.Contains(t, report.Warnings, "The input has no datapoints, although the release sends metrics.")
}

func TestWhatATransformOfAPipelineTakesAwayIsWithheld(t *testing.T) {
	t.Parallel()
	values := valuesOf(t, []string{quickstart, written(t, "filter.yaml", `
pipelines:
  logs:
    filter:
      - conditions: ['log.severity_number < 9']
`)})

	report := previewed(t, chartPath, values)

	logs := report.Signals.Logs.Account
	assert.True(t, report.Accounted)
	assert.NotZero(t, logs.Withheld)
	assert.Equal(t, logs.Captured, logs.Sent+logs.Withheld)
	assert.Equal(t, logs.Sent, logs.Arrived)
	withheld := reasonsOf(logs, preview.FateWithheld)
	require.Len(t, withheld, 1)
	assert.Contains(t, withheld[0].Why, "spec.filter")
}
