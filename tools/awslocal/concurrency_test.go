package awslocal_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/xray"
	"github.com/stretchr/testify/assert"
)

// TestConcurrentWritersAndReadersSeeEverythingOnce is for the race detector as much as for the counts.
func TestConcurrentWritersAndReadersSeeEverythingOnce(t *testing.T) {
	e := start(t, withStream)
	ctx := t.Context()
	const writers, rounds = 8, 10
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for r := range rounds {
				n := w*rounds + r
				message := fmt.Sprintf(`{"_aws":{"Timestamp":%d,"CloudWatchMetrics":[{"Namespace":"n","Dimensions":[["w"]],"Metrics":[{"Name":"m"}]}]},"m":%d,"w":"%d"}`, e.clock().UnixMilli(), r, w)
				_, err := e.logs().PutLogEvents(ctx, &cloudwatchlogs.PutLogEventsInput{LogGroupName: aws.String(group), LogStreamName: aws.String(stream),
					LogEvents: []types.InputLogEvent{event(e.clock(), message)}})
				assert.NoError(t, err)
				_, err = e.xray().PutTraceSegments(ctx, &xray.PutTraceSegmentsInput{TraceSegmentDocuments: []string{document(e.clock(), traceID(n), "00000000000000a1", nil), "{"}})
				assert.NoError(t, err)
				assert.Equal(t, http.StatusOK, e.export(t, "metrics", metricsRequest(newMetrics(e.clock().Add(time.Duration(n)), 1)), protobufType, true, nil).status)
			}
		})
		wg.Go(func() {
			for range rounds {
				e.Snapshot()
				_, err := e.cloudwatch().ListMetrics(ctx, &cloudwatch.ListMetricsInput{})
				assert.NoError(t, err)
				_, err = e.xray().GetTraceSummaries(ctx, &xray.GetTraceSummariesInput{StartTime: aws.Time(e.clock()), EndTime: aws.Time(e.clock())})
				assert.NoError(t, err)
				_, err = e.logs().FilterLogEvents(ctx, &cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String(group)})
				assert.NoError(t, err)
			}
		})
	}
	wg.Wait()
	s := e.Snapshot()
	assert.Len(t, s.Spans, writers*rounds)
	assert.Len(t, stored(e), writers*rounds)
	assert.Len(t, s.Metrics, writers+1)
	for _, m := range s.Metrics {
		for _, d := range m.Datapoints {
			assert.Equal(t, 1, d.Stored)
		}
	}
	assert.Equal(t, writers*rounds, e.rejections("ParseError")[0].Count)
}
