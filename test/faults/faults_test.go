package faults

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/otelcol"
)

// fast is the subset of the matrix that every test run measures: each kind of fault once, and each exporter with the faults
// that its own protocol makes special.
var fast = []string{
	"*/*/queued/503-kill",
	"traces/xray/queued/throttled", "metrics/emf/queued/throttled", "logs/cloudwatchlogs/queued/throttled",
	"traces/otlp/queued/throttled", "metrics/otlp/queued/throttled", "logs/otlp/queued/throttled",
	"traces/xray/queued/500", "metrics/emf/queued/500", "logs/cloudwatchlogs/queued/500", "traces/otlp/queued/500",
	"*/otlp/queued/no-answer",
	"traces/xray/queued/reset-after", "metrics/emf/queued/reset-after", "logs/cloudwatchlogs/queued/reset-after",
	"traces/xray/queued/latency-3s",
	"traces/xray/queued/access-denied", "metrics/emf/queued/access-denied", "logs/cloudwatchlogs/queued/access-denied",
	"traces/xray/queued/unprocessed-segments", "*/otlp/queued/partial-success",
	"*/otlp/queued/dns", "*/otlp/queued/sigterm",
	"traces/xray/queued/disk-full", "metrics/otlp/queued/queue-full", "*/otlp/queued/empty-account",
	"logs/cloudwatchlogs/queued/poison-too-old", "logs/cloudwatchlogs/queued/poison-1mb", "logs/otlp/queued/poison-too-new",
	"metrics/emf/queued/poison-nan", "metrics/emf/queued/poison-too-old-metric", "metrics/emf/queued/poison-histogram",
	"traces/otlp/queued/poison-200kb-span",
	"*/*/acknowledged/503-kill", "*/*/acknowledged/throttled", "*/*/acknowledged/sigterm",
	"traces/xray/reference/503",
}

func TestEachCellOfTheFastSubsetMeetsItsBound(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute or two")
	}
	matrix, err := Matrix()
	require.NoError(t, err)
	var cells []Cell
	for _, cell := range matrix {
		for _, pattern := range fast {
			match, err := cell.Matches(pattern)
			require.NoError(t, err)
			if match {
				cells = append(cells, cell)
				break
			}
		}
	}
	binary, err := otelcol.Find(t.Context(), os.Stderr)
	require.NoError(t, err)

	results, err := Run(t.Context(), Options{Cells: cells, Pace: Fast, Parallel: 5, Binary: binary, Progress: progress{t}})
	require.NoError(t, err)
	require.Len(t, results, len(cells))
	for _, result := range results {
		assert.True(t, result.Pass, "%s: %s\n%s", result.name(), result.Failure, result.Named)
		assert.True(t, result.Skipped || result.Accepted > 0, "%s measured nothing", result.name())
	}
}

// progress shows what goes on in the test's log.
type progress struct{ t *testing.T }

func (p progress) Write(text []byte) (int, error) {
	p.t.Log(string(text))
	return len(text), nil
}

func TestThePatternsOfTheFastSubsetAndOfTheExceptionsMatchCells(t *testing.T) {
	cells := allCells([]Delivery{Queued, Acknowledged})
	patterns := slices.Clone(fast)
	for _, e := range exceptions {
		patterns = append(patterns, e.cells)
	}
	for _, pattern := range patterns {
		assert.True(t, slices.ContainsFunc(cells, func(c Cell) bool { match, _ := c.Matches(pattern); return match }), "no cell is like %s", pattern)
	}
}

func TestEveryExceptionHasAReason(t *testing.T) {
	for _, e := range exceptions {
		assert.NotEmpty(t, e.reason, e.cells)
		assert.NotZero(t, e.meets, e.cells)
	}
}

func TestAnInterruptedRunEndsAtOnceAndSaysSo(t *testing.T) {
	binary, err := otelcol.Find(t.Context(), os.Stderr)
	require.NoError(t, err)
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	_, err = Run(ctx, Options{
		Cells: []Cell{{"traces", "otlp", Queued, "503"}}, Pace: Fast, Parallel: 1, Binary: binary,
		Progress: interruptAt{"fault begins", interrupt, progress{t}},
	})
	assert.ErrorIs(t, err, context.Canceled)
}

type interruptAt struct {
	text      string
	interrupt context.CancelFunc
	progress
}

func (i interruptAt) Write(text []byte) (int, error) {
	if strings.Contains(string(text), i.text) {
		i.interrupt()
	}
	return i.progress.Write(text)
}
