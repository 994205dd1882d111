package preview

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

const (
	spanLine   = `{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},"scopeSpans":[{"spans":[{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708","name":"GET /","startTimeUnixNano":"1700000000000000000","endTimeUnixNano":"1700000001000000000","events":[{"timeUnixNano":"1700000000500000000","name":"e"}]}]}]}]}`
	metricLine = `{"resourceMetrics":[{"resource":{},"scopeMetrics":[{"metrics":[{"name":"m","gauge":{"dataPoints":[{"timeUnixNano":"1700000010000000000","asDouble":1.5}]}}]}]}]}`
	recordLine = `{"resourceLogs":[{"resource":{},"scopeLogs":[{"logRecords":[{"timeUnixNano":"1700000005000000000","body":{"stringValue":"hello"}}]}]}]}`
)

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestReadCapturesTakesAnySignalFromAnyLine(t *testing.T) {
	path := writeFile(t, "mixed.jsonl", spanLine+"\n\n"+metricLine+"\r\n"+recordLine)

	capture, err := ReadCaptures(path)

	require.NoError(t, err)
	spans, points, records := capture.Count()
	assert.Equal(t, []int{1, 1, 1}, []int{spans, points, records})
	assert.Equal(t, []string{path}, capture.Files)
}

func TestReadCapturesTakesTheFilesOfAFolder(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "traces.jsonl"), []byte(spanLine), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "logs.jsonl"), []byte(recordLine), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "README.md"), []byte("no telemetry"), 0o600))

	capture, err := ReadCaptures(dir)

	require.NoError(t, err)
	spans, points, records := capture.Count()
	assert.Equal(t, []int{1, 0, 1}, []int{spans, points, records})
}

func TestReadCapturesNamesFileAndLineOfABadLine(t *testing.T) {
	for name, test := range map[string]struct{ line, want string }{
		"no JSON":             {"hello", "not an OTLP JSON object"},
		"cut off":             {spanLine[:100], "not an OTLP JSON object"},
		"a list":              {"[1]", "not an OTLP JSON object"},
		"another object":      {`{"a":1}`, "has none of resourceSpans, resourceMetrics and resourceLogs"},
		"a member not a list": {`{"resourceLogs":{}}`, "resourceLogs is not a list"},
		"a bad id":            {`{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"xyz"}]}]}]}`, "not OTLP JSON traces"},
	} {
		t.Run(name, func(t *testing.T) {
			path := writeFile(t, "bad.jsonl", recordLine+"\n"+test.line+"\n")

			_, err := ReadCaptures(path)

			require.Error(t, err)
			assert.ErrorContains(t, err, path+":2: ")
			assert.ErrorContains(t, err, test.want)
		})
	}
}

func TestReadCapturesRefusesInputWithoutTelemetry(t *testing.T) {
	_, err := ReadCaptures(writeFile(t, "empty.jsonl", "\n"))
	require.ErrorContains(t, err, "no spans, metrics or log records")

	_, err = ReadCaptures(t.TempDir())
	require.ErrorContains(t, err, "has no *.jsonl file")

	_, err = ReadCaptures(filepath.Join(t.TempDir(), "nowhere.jsonl"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestShiftToMakesTheNewestTimestampNowAndKeepsDistances(t *testing.T) {
	capture, err := ReadCaptures(writeFile(t, "mixed.jsonl", spanLine+"\n"+metricLine+"\n"+recordLine))
	require.NoError(t, err)
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

	shift := capture.ShiftTo(now)

	point := capture.Metrics[0].ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Gauge().DataPoints().At(0)
	assert.Equal(t, now, point.Timestamp().AsTime())
	assert.Equal(t, pcommon.Timestamp(0), point.StartTimestamp(), "an unset timestamp stays unset")
	assert.Equal(t, now.Sub(time.Unix(1700000010, 0)), shift)
	record := capture.Logs[0].ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
	assert.Equal(t, now.Add(-5*time.Second), record.Timestamp().AsTime())
	span := capture.Traces[0].ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
	assert.Equal(t, now.Add(-10*time.Second), span.StartTimestamp().AsTime())
	assert.Equal(t, now.Add(-9500*time.Millisecond), span.Events().At(0).Timestamp().AsTime())
}
