package bench

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/gateway"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/otelcol"
)

func TestEveryRecordThatIsSentIsCountedAtTheSink(t *testing.T) {
	for signal, path := range map[gateway.Signal]string{gateway.Traces: "/v1/traces", gateway.Metrics: "/v1/metrics", gateway.Logs: "/v1/logs"} {
		body, err := encode(signal, batchItems[signal], 3)
		require.NoError(t, err)
		items, starts := (&sink{}).read(httptest.NewRequest(http.MethodPost, path, nil), body)
		assert.Equal(t, batchItems[signal], items, signal)
		assert.Len(t, starts, items)
	}
	items, _ := (&sink{}).read(httptest.NewRequest(http.MethodPost, "/TraceSegments", nil), []byte(`{"TraceSegmentDocuments":["{\"start_time\":1.5}","{\"start_time\":2}"]}`))
	assert.Equal(t, 2, items)
	items, starts := readLogEvents([]byte(`{"logEvents":[
		{"timestamp":1000,"message":"plain"},
		{"timestamp":2000,"message":"{\"Version\":\"1\",\"_aws\":{\"CloudWatchMetrics\":[{\"Metrics\":[{\"Name\":\"a\"},{\"Name\":\"b\"}]}]}}"},
		{"timestamp":3000,"message":"{\"Version\":\"0\",\"CloudWatchMetrics\":[{\"Metrics\":[{\"Name\":\"a\"}]}]}"}]}`))
	assert.Equal(t, 4, items)
	assert.Equal(t, time.UnixMilli(2000), starts[1])
}

func TestNoTwoDatapointsOfABatchCollide(t *testing.T) {
	// awsemf drops one of two datapoints that have the same name, attributes and time, whatever their resources.
	seen := map[string]bool{}
	for number := range 8 {
		for _, rm := range points(batchItems[gateway.Metrics], number).ResourceMetrics().All() {
			for _, metric := range rm.ScopeMetrics().At(0).Metrics().All() {
				var list pmetric.NumberDataPointSlice
				if metric.Type() == pmetric.MetricTypeGauge {
					list = metric.Gauge().DataPoints()
				} else {
					list = metric.Sum().DataPoints()
				}
				for _, point := range list.All() {
					key := fmt.Sprint(metric.Name(), point.Timestamp().AsTime().Unix(), point.Attributes().AsRaw())
					assert.False(t, seen[key], key)
					seen[key] = true
				}
			}
		}
	}
}

func TestTheMedianRoundCountsAndRatiosAreToTheProfileOfComparison(t *testing.T) {
	m := summarize([]round{{sent: 1000, cpu: 3, stored: 1000, requests: 10}, {sent: 1000, cpu: 1, stored: 1000, requests: 10}, {sent: 1000, cpu: 2, stored: 1000, requests: 10}})
	assert.InDelta(t, 2000, m.CPU, 0.001)
	assert.InDelta(t, 1000, m.Requests, 0.001)
	most, than := Profile{goals: goals(0.25, 0.75, 3)}.goal(gateway.Logs)
	assert.InDelta(t, 3, most, 0)
	assert.Equal(t, Floor, than)
}

func TestTheTableAndTheChartSayWhetherGoalsAreMet(t *testing.T) {
	measurements := []Measurement{
		{Signal: "traces", Profile: Reference, Records: 10, Stored: 10, CPU: 40},
		{Signal: "traces", Profile: "otlp, queued", Records: 10, Stored: 9, CPU: 8, Ratio: 0.2, Than: Reference, Goal: 0.25, Met: true},
		{Signal: "traces", Profile: "own API, queued", Records: 10, Stored: 10, CPU: 60, Ratio: 1.5, Than: Reference, Goal: 1},
	}
	var text, picture bytes.Buffer
	WriteText(&text, measurements)
	assert.Contains(t, text.String(), "<= 0.25 of reference: met")
	assert.Contains(t, text.String(), "<= 1.00 of reference: not met")
	assert.Contains(t, text.String(), "9 of 10 records arrived")
	require.NoError(t, WriteSVG(&picture, measurements))
	decoder := xml.NewDecoder(&picture)
	for {
		if _, err := decoder.Token(); err != nil {
			require.True(t, errors.Is(err, io.EOF), "the chart is no XML: %v", err)
			break
		}
	}
}

func TestProfilesOfTheChartMeasureTheRealCollectorAndLoseNothing(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("CPU time is read from /proc")
	}
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	binary, err := otelcol.Find(t.Context(), os.Stderr)
	require.NoError(t, err)
	all, err := Profiles(nil)
	require.NoError(t, err)
	var chosen []Profile
	for _, p := range all {
		if p.Name == Floor || strings.HasSuffix(p.Name, "queued") {
			chosen = append(chosen, p)
		}
	}
	var progress bytes.Buffer
	measurements, err := Run(t.Context(), Options{Profiles: chosen, Signals: []gateway.Signal{gateway.Metrics}, Records: 20_000, Rounds: 1, Binary: binary, Progress: &progress})
	require.NoError(t, err)
	require.Len(t, measurements, 3)
	for _, m := range measurements {
		assert.Positive(t, m.CPU, m.Profile)
		assert.Positive(t, m.PeakMiB, m.Profile)
		if m.Profile != Floor {
			assert.Equal(t, m.Records, m.Stored, m.Profile)
		}
	}
}
