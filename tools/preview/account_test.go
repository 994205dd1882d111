package preview

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/otelcol"
)

func lostItems(n int, why, source string) []missing {
	items := make([]missing, n)
	for i := range items {
		items[i] = missing{why: why, source: source, example: fmt.Sprintf("item %d", i)}
	}
	return items
}

func TestEveryMissingItemIsAccountedForOnceBySurestReasonFirst(t *testing.T) {
	var a Account
	a.settle(balance{
		sent: 100, arrived: 50,
		lost: append(append(lostItems(5, "AWS says so", "aws"), lostItems(8, "it looks so", "preview")...), lostItems(37, "", "")...),
	}, evidence{
		refusals: map[string]int{"gone": 7},
		drops:    []otelcol.Drop{{Component: "awsxray", Why: "too large", Count: 10}},
		filtered: map[string]int{"filter/x": 22}, // more than the 20 that nothing else explains
	})

	assert.Equal(t, a.Sent, a.Arrived+a.Filtered+a.Lost)
	assert.Equal(t, 22, a.Filtered)
	assert.Equal(t, 28, a.Lost)
	counts := map[string]int{}
	for _, reason := range a.Reasons {
		counts[reason.Source+" "+string(reason.Fate)] += reason.Count
		assert.NotEmpty(t, reason.Example)
	}
	assert.Equal(t, map[string]int{"aws lost": 5, "kyma lost": 7, "collector lost": 10, "collector filtered": 22, "preview lost": 6}, counts)
}

func TestWhatNobodyExplainsIsLostAllTheSame(t *testing.T) {
	var a Account
	a.settle(balance{sent: 3, arrived: 1, lost: lostItems(2, "", "")}, evidence{failures: []string{"exporter x failed to send 2 spans"}})

	assert.Equal(t, 2, a.Lost)
	require.Len(t, a.Reasons, 1)
	assert.Equal(t, "neither AWS nor the collector tells why; exporter x failed to send 2 spans", a.Reasons[0].Why)
	assert.Equal(t, "preview", a.Reasons[0].Source)
}

func TestWhatWaitsInAQueueAtTheEndIsSaidTo(t *testing.T) {
	var a Account
	a.settle(balance{sent: 2, lost: lostItems(2, "", "")}, evidence{waiting: true})

	require.Len(t, a.Reasons, 1)
	assert.Contains(t, a.Reasons[0].Why, "still in the collector's queue")
}

// Lines of a collector, shortened: two of one cause whose request ids differ, one of the end itself.
const collectorLog = `2026-11-22T12:00:00.000Z	error	internal/queue_sender.go:50	Exporting failed. Dropping data.	{"otelcol.component.id": "otlp_grpc/traces", "otelcol.component.kind": "exporter", "otelcol.signal": "traces", "error": "interrupted due to shutdown: api error, RequestID: 11-aa, Throttled", "dropped_items": 250}
{"level":"error","msg":"Exporting failed. Dropping data.","otelcol.component.id":"otlp_grpc/traces","otelcol.signal":"traces","error":"interrupted due to shutdown: api error, RequestID: 22-bb, Throttled","dropped_items":250}
{"level":"error","msg":"Exporting failed. Dropping data.","otelcol.component.id":"otlp_grpc/traces","otelcol.signal":"traces","error":"interrupted due to shutdown: connection refused","dropped_items":10}
{"level":"error","msg":"Exporting failed. Dropping data.","otelcol.component.id":"otlp_http/logs","otelcol.signal":"logs","error":"not retryable error: 400","dropped_items":3}
{"level":"info","msg":"dropped_items are none here"}
no JSON, dropped_items
`

func TestTheReasonsOfACollectorsLogAreJoined(t *testing.T) {
	found := otelcol.Drops(collectorLog)
	require.Len(t, found, 4)
	assert.Equal(t, otelcol.Drop{Signal: "logs", Component: "otlp_http/logs", Why: "not retryable error: 400", Count: 3}, found[3])

	assert.Equal(t, []otelcol.Drop{
		{Signal: "traces", Component: "otlp_grpc/traces", Why: "api error, Throttled", Count: 510, Interrupted: true},
		{Signal: "logs", Component: "otlp_http/logs", Why: "not retryable error: 400", Count: 3},
	}, mergeDrops(found))
}
