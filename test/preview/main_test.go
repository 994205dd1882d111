// Package preview holds the tests of the whole: the chart's values, through the real collector, into the stand-in of AWS.
package preview

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/examples/telemetry"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/chart"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/otelcol"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/preview"
)

// The ways to the repository's root and to the chart from this folder, which is where tests run.
const (
	repository = "../.."
	chartPath  = repository + "/charts/kyma-cloudwatch"
)

// collector is the path of the collector's binary.
var collector string

func TestMain(m *testing.M) {
	var err error
	if collector, err = otelcol.Find(context.Background(), os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// atOnce bounds how many collectors run at the same time. Some of them only wait to be ready.
var atOnce = make(chan struct{}, 4)

// previewed renders a chart with values and previews it on the captures of examples/telemetry.
func previewed(t *testing.T, chartPath string, values map[string]any) *preview.Report {
	t.Helper()
	capture, err := preview.ReadCaptureFS(telemetry.Files)
	require.NoError(t, err)
	return previewedWith(t, chartPath, values, preview.Options{Capture: capture})
}

// previewedWith is previewed with a capture and a timeout of the caller's.
func previewedWith(t *testing.T, chartPath string, values map[string]any, options preview.Options) *preview.Report {
	t.Helper()
	loaded, err := chart.Load(chartPath)
	require.NoError(t, err)
	options.Release = chart.Release{Name: "kyma-cloudwatch", Namespace: "kyma-cloudwatch"}
	rendered, err := loaded.Render(values, options.Release)
	require.NoError(t, err)
	options.Objects, err = rendered.Objects()
	require.NoError(t, err)
	options.Binary, options.Chart = collector, chartPath
	var log lockedLog
	options.CollectorLog = &log
	atOnce <- struct{}{}
	defer func() { <-atOnce }()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the collector's warnings and errors:\n%s", log.complaints())
		}
	})
	report, err := preview.Run(t.Context(), options)
	require.NoError(t, err)
	return report
}

// lockedLog is written by the collector's process while a test may read it.
type lockedLog struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// complaints are the lines that are not of level info or debug.
func (l *lockedLog) complaints() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var lines []string
	for line := range strings.SplitSeq(l.b.String(), "\n") {
		if !strings.Contains(line, `"level":"info"`) && !strings.Contains(line, `"level":"debug"`) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

// requireAllArrived fails the test unless everything that the release's pipelines sent is stored in AWS, once.
func requireAllArrived(t *testing.T, report *preview.Report) {
	t.Helper()
	enabled := 0
	for name, account := range map[string]preview.Account{
		"traces": report.Signals.Traces.Account, "metrics": report.Signals.Metrics.Account, "logs": report.Signals.Logs.Account,
	} {
		if !account.Enabled {
			assert.Zero(t, account.Sent, name)
			continue
		}
		enabled++
		assert.NotZero(t, account.Sent, name)
		assert.Equal(t, account.Captured, account.Sent+account.Withheld, "%s: all that was captured is sent or withheld", name)
		assert.Equal(t, account.Sent, account.Arrived, "%s: %v", name, account.Reasons)
		assert.Zero(t, account.Lost, "%s: %v", name, account.Reasons)
		assert.Zero(t, account.Filtered, "%s: %v", name, account.Reasons)
		assert.Zero(t, account.Duplicated, "%s: %v", name, account.Reasons)
	}
	assert.NotZero(t, enabled)
	assert.True(t, report.Accounted)
}

// calls counts the requests that AWS got, as "SERVICE OPERATION".
func calls(report *preview.Report) map[string]int {
	counted := map[string]int{}
	for _, request := range report.Requests {
		counted[request.Service+" "+request.Operation] = request.Calls
	}
	return counted
}

func valuesOf(t *testing.T, files []string, set ...string) map[string]any {
	t.Helper()
	values, err := chart.Values(files, set)
	require.NoError(t, err)
	return values
}

// quickstart is the values file that readers try first.
var quickstart = filepath.Join(repository, "examples", "quickstart", "values.yaml")

// window is long enough for a loaded machine, and ends a test that waits in vain.
const window = 60 * time.Second
