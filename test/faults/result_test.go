package faults

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/test/bench"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/awslocal"
)

func TestARecordIsKnownByItsNumberFromTheSenderToAWS(t *testing.T) {
	numbers := []int{0, 1, 7, 65536}
	assert.Equal(t, numbers, traceNumbers(spans(numbers)))
	assert.Equal(t, []int{0, 7, 1, 65536}, metricNumbers(points(numbers, 0)), "gauges first")
	assert.Equal(t, numbers, logNumbers(records(numbers, 100)))

	stored := storedSpans(awslocal.Snapshot{Spans: []awslocal.Span{
		{SpanID: spanID(7).String(), Stored: 2}, {SpanID: pcommon.SpanID{}.String(), Stored: 1},
	}})
	assert.Equal(t, map[int]int{7: 2}, stored, "an id of zeros is no record's")
}

func TestATallyTellsLostFromRefusedFromDuplicated(t *testing.T) {
	l := &ledger{}
	for range 4 {
		l.take(accepted)
	}
	l.take(poison)
	l.take(0) // never handed over
	l.note(acknowledged, []int{0, 1, 2, 4})
	l.note(refused, []int{3})
	l.faultOver()
	l.take(accepted)
	got := l.count(map[int]int{0: 1, 1: 3, 4: 1})
	assert.Equal(t, tally{accepted: 5, acknowledged: 3, refused: 1, stored: 2, duplicated: 2, lost: 3, lostAfter: 1, poison: 1, poisonStored: 1, exposed: 4}, got)
}

func TestACellFailsByLossByUntoldPoisonAndByUnrest(t *testing.T) {
	cell := Cell{"logs", "cloudwatchlogs", Queued, "503"}
	for name, c := range map[string]struct {
		result Result
		pass   bool
	}{
		"nothing lost":            {Result{Accepted: 10, Stored: 10}, true},
		"one lost":                {Result{Accepted: 10, Stored: 9, Lost: 1}, false},
		"nothing sent":            {Result{}, false},
		"poison that nobody told": {Result{Accepted: 10, Stored: 10, Poison: 1}, false},
		"poison that was counted": {Result{Accepted: 10, Stored: 10, Poison: 1, Named: []string{"processor filter/logs filtered 1"}}, true},
		"still sending":           {Result{Accepted: 10, Stored: 10, Again: 1}, false},
	} {
		c.result.judge(cell, 5, 5)
		assert.Equal(t, c.pass, c.result.Pass, "%s: %s", name, c.result.Failure)
	}
}

func TestTheControlFailsWhenItLosesTooLittle(t *testing.T) {
	r := Result{Accepted: 10, Stored: 6, Lost: 4}
	r.judge(Cell{"traces", "xray", Reference, "503"}, 10, 0)
	assert.False(t, r.Pass, "a harness that sees no loss proves nothing")
	r = Result{Accepted: 10, Stored: 4, Lost: 6}
	r.judge(Cell{"traces", "xray", Reference, "503"}, 10, 0)
	assert.True(t, r.Pass, r.Failure)
}

func TestAnExceptionBoundsWhatMeetsTheFaultAndNothingElse(t *testing.T) {
	cell := Cell{"traces", "otlp", Queued, "500"}
	r := Result{Accepted: 10, Stored: 4, Lost: 6}
	r.judge(cell, 6, 0)
	assert.True(t, r.Pass, r.Failure)
	assert.Equal(t, 6, r.Bound)
	assert.NotEmpty(t, r.Reason)
	r = Result{Accepted: 10, Stored: 3, Lost: 7}
	r.judge(cell, 6, 0)
	assert.False(t, r.Pass, "more is lost than met the fault")
}

func TestCellsAreFoundByNameByBeginningAndByFault(t *testing.T) {
	cell := Cell{"traces", "xray", Queued, "503-kill"}
	for _, pattern := range []string{"traces/xray/queued/503-kill", "traces/xray", "traces/*/queued", "503-kill", "503*", "*/*/*/503-kill"} {
		match, err := cell.Matches(pattern)
		require.NoError(t, err)
		assert.True(t, match, pattern)
	}
	for _, pattern := range []string{"503", "logs/xray", "traces/otlp/queued/503-kill"} {
		match, err := cell.Matches(pattern)
		require.NoError(t, err)
		assert.False(t, match, pattern)
	}
	_, err := cell.Matches("[")
	assert.Error(t, err)
}

func TestSignalsOfOneReleaseShareACollector(t *testing.T) {
	all := groups([]Cell{
		{"traces", "xray", Queued, "503"}, {"metrics", "emf", Queued, "503"}, {"traces", "otlp", Queued, "503"}, {"traces", "xray", Queued, "500"},
	})
	require.Len(t, all, 3)
	assert.Len(t, all[0], 2)
}

func TestNoTwoDatapointsOfALoadAreTheSame(t *testing.T) {
	seen := map[string]bool{}
	md := points([]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30}, 0)
	for _, metric := range md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
		var points pmetric.NumberDataPointSlice
		if metric.Type() == pmetric.MetricTypeGauge {
			points = metric.Gauge().DataPoints()
		} else {
			points = metric.Sum().DataPoints()
		}
		for _, point := range points.All() {
			series, _ := point.Attributes().Get("series")
			key := metric.Name() + series.AsString() + point.Timestamp().AsTime().Format(time.RFC3339Nano)
			assert.False(t, seen[key], "awsemf drops one of two such: %s", key)
			seen[key] = true
		}
	}
}

func TestThePageAndTheDocsShowEachCell(t *testing.T) {
	good := Result{Signal: "traces", Exporter: "otlp", Delivery: "queued", Fault: "503", Accepted: 10, Stored: 10, Duplicated: 3, Started: time.Unix(0, 0).UTC(), Machine: "a machine"}
	good.judge(Cell{"traces", "otlp", Queued, "503"}, 5, 0)
	open := Result{Signal: "logs", Exporter: "otlp", Delivery: "queued", Fault: "500", Accepted: 10, Stored: 6, Lost: 4, Named: []string{"<dropped>"}, Started: time.Unix(0, 0).UTC()}
	open.judge(Cell{"logs", "otlp", Queued, "500"}, 5, 0)

	var page, text, docs bytes.Buffer
	require.NoError(t, WriteHTML(&page, []Result{good, open}))
	assert.Contains(t, page.String(), "0 of 10")
	assert.Contains(t, page.String(), `class="bound"`)
	assert.Contains(t, page.String(), "&lt;dropped&gt;", "what the collector says is no markup")
	WriteText(&text, []Result{good, open})
	assert.Contains(t, text.String(), "0/10 +3")
	assert.Contains(t, text.String(), "4/10 *")
	require.NoError(t, WriteDocs(&docs, []Result{good, open}, []bench.Measurement{{Signal: "traces", Profile: "reference", CPU: 40}}))
	assert.Contains(t, docs.String(), "0/10 +3")
	assert.Contains(t, docs.String(), "| reference | 40.0 |")
	for _, e := range exceptions {
		assert.Contains(t, docs.String(), e.reason)
	}

	open.Pass, open.Failure = false, "too much is lost"
	assert.ErrorContains(t, WriteDocs(&docs, []Result{good, open}, nil), "too much is lost")
	assert.Error(t, WriteDocs(&docs, nil, nil))
}
