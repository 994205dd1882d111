package awslocal_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/xray"
	"github.com/aws/aws-sdk-go-v2/service/xray/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/awslocal"
)

// document is a segment document with the fields of more over those that make it valid.
func document(at time.Time, trace, id string, more map[string]any) string {
	doc := map[string]any{"name": "shop", "id": id, "trace_id": trace, "start_time": float64(at.UnixMilli()) / 1000, "end_time": float64(at.UnixMilli())/1000 + 0.25}
	for k, v := range more {
		if v == nil {
			delete(doc, k)
		} else {
			doc[k] = v
		}
	}
	b, err := json.Marshal(doc)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func traceID(n int) string { return fmt.Sprintf("1-65f00000-%024x", n) }

func (e *endpoint) putSegments(t *testing.T, documents ...string) []types.UnprocessedTraceSegment {
	t.Helper()
	out, err := e.xray().PutTraceSegments(t.Context(), &xray.PutTraceSegmentsInput{TraceSegmentDocuments: documents})
	require.NoError(t, err)
	return out.UnprocessedTraceSegments
}

func TestTracesWrittenAreReadBack(t *testing.T) {
	e := start(t)
	at := e.clock().Add(-time.Minute)
	require.Empty(t, e.putSegments(t,
		document(at, traceID(1), "00000000000000a1", map[string]any{
			"origin": "AWS::EKS::Container", "annotations": map[string]any{"tier": "gold", "n": 3, "beta": true},
			"http":  map[string]any{"request": map[string]any{"method": "GET", "url": "http://shop/a"}, "response": map[string]any{"status": 503}},
			"fault": true, "metadata": map[string]any{"default": map[string]any{"k": "v"}},
			"subsegments": []any{map[string]any{"id": "00000000000000a3", "name": "sql", "start_time": float64(at.Unix()), "end_time": float64(at.Unix()) + 1, "namespace": "remote"}},
		}),
		document(at.Add(10*time.Millisecond), traceID(1), "00000000000000a2", map[string]any{"name": "call", "type": "subsegment", "parent_id": "00000000000000a1"}),
	))

	list, err := e.xray().GetTraceSummaries(t.Context(), &xray.GetTraceSummariesInput{StartTime: aws.Time(at.Add(-time.Second)), EndTime: aws.Time(e.clock())})
	require.NoError(t, err)
	require.Len(t, list.TraceSummaries, 1)
	summary := list.TraceSummaries[0]
	assert.Equal(t, traceID(1), *summary.Id)
	assert.True(t, *summary.HasFault)
	assert.False(t, *summary.HasError)
	assert.InDelta(t, 1, *summary.Duration, 1e-9, "the subsegment ends last")
	assert.InDelta(t, 0.25, *summary.ResponseTime, 1e-9)
	assert.Equal(t, int32(503), *summary.Http.HttpStatus)
	assert.Equal(t, "shop", *summary.EntryPoint.Name)
	assert.Equal(t, "gold", summary.Annotations["tier"][0].AnnotationValue.(*types.AnnotationValueMemberStringValue).Value)
	assert.InDelta(t, 3, summary.Annotations["n"][0].AnnotationValue.(*types.AnnotationValueMemberNumberValue).Value, 0)
	assert.True(t, summary.Annotations["beta"][0].AnnotationValue.(*types.AnnotationValueMemberBooleanValue).Value)

	traces, err := e.xray().BatchGetTraces(t.Context(), &xray.BatchGetTracesInput{TraceIds: []string{traceID(1), traceID(2)}})
	require.NoError(t, err)
	require.Len(t, traces.Traces, 1)
	require.Len(t, traces.Traces[0].Segments, 2, "a nested subsegment stays in its document")
	assert.Equal(t, "00000000000000a1", *traces.Traces[0].Segments[0].Id)

	spans := e.Snapshot().Spans
	require.Len(t, spans, 3)
	assert.Equal(t, "65f00000000000000000000000000001", spans[0].TraceID)
	assert.Equal(t, "segment", spans[0].Kind)
	assert.Equal(t, 503, spans[0].HTTPStatus)
	assert.Equal(t, map[string]any{"tier": "gold", "n": 3.0, "beta": true}, spans[0].Annotations)
	assert.Equal(t, at, spans[0].Start)
	assert.Equal(t, awslocal.ViaPutTraceSegments, spans[0].Via)
	for _, span := range spans[1:] {
		assert.Equal(t, "subsegment", span.Kind)
		assert.Equal(t, "00000000000000a1", span.ParentID)
		assert.Equal(t, "shop", span.Service, "a subsegment belongs to its segment's service")
	}
}

func TestSegmentPutTwiceIsCountedNotListedTwice(t *testing.T) {
	e := start(t)
	e.putSegments(t, document(e.clock(), traceID(1), "00000000000000a1", map[string]any{"end_time": nil, "in_progress": true}))
	assert.True(t, e.Snapshot().Spans[0].End.IsZero())
	e.putSegments(t, document(e.clock(), traceID(1), "00000000000000a1", nil))
	spans := e.Snapshot().Spans
	require.Len(t, spans, 1)
	assert.Equal(t, 2, spans[0].Stored)
	assert.False(t, spans[0].End.IsZero(), "the last document counts")
}

func TestInvalidSegmentsAreUnprocessedInA200(t *testing.T) {
	e := start(t)
	at := e.clock()
	valid := document(at, traceID(1), "00000000000000ff", nil)
	for code, documents := range map[string][]string{
		"ParseError":       {"{", "[]", `{"id":1}`},
		"MissingId":        {document(at, traceID(1), "x", map[string]any{"id": nil})},
		"InvalidId":        {document(at, traceID(1), "x", nil), document(at, traceID(1), "00000000000000000", nil)},
		"MissingTraceId":   {document(at, "", "00000000000000a1", map[string]any{"trace_id": nil})},
		"InvalidTraceId":   {document(at, "65f00000000000000000000000000001", "00000000000000a1", nil)},
		"MissingName":      {document(at, traceID(1), "00000000000000a1", map[string]any{"name": nil})},
		"InvalidName":      {document(at, traceID(1), "00000000000000a1", map[string]any{"name": "a?b"}), document(at, traceID(1), "00000000000000a1", map[string]any{"name": strings.Repeat("n", awslocal.MaxSegmentName+1)})},
		"MissingStartTime": {document(at, traceID(1), "00000000000000a1", map[string]any{"start_time": nil})},
		"MissingEndTime":   {document(at, traceID(1), "00000000000000a1", map[string]any{"end_time": nil})},
		"InvalidEndTime":   {document(at, traceID(1), "00000000000000a1", map[string]any{"end_time": 1})},
		"MissingParentId":  {document(at, traceID(1), "00000000000000a1", map[string]any{"type": "subsegment"})},
	} {
		t.Run(code, func(t *testing.T) {
			for _, bad := range documents {
				e := start(t)
				unprocessed := e.putSegments(t, bad, valid)
				require.Len(t, unprocessed, 1)
				assert.Equal(t, code, *unprocessed[0].ErrorCode)
				assert.Equal(t, "Invalid segment. ErrorCode: "+code, *unprocessed[0].Message)
				assert.Len(t, e.Snapshot().Spans, 1, "the valid one is stored")
				require.Len(t, e.rejections(code), 1)
				assert.Equal(t, 1, e.rejections(code)[0].Count)
			}
		})
	}
	longest := document(at, traceID(1), "00000000000000a1", map[string]any{"name": strings.Repeat("n", awslocal.MaxSegmentName)})
	assert.Empty(t, e.putSegments(t, longest))
}

func TestSegmentDocumentLimitsHoldAtTheBoundAndRefuseOnePast(t *testing.T) {
	e := start(t)
	sized := func(size int) string {
		empty := document(e.clock(), traceID(1), "00000000000000a1", map[string]any{"user": ""})
		return document(e.clock(), traceID(1), "00000000000000a1", map[string]any{"user": strings.Repeat("u", size-len(empty))})
	}
	assert.Empty(t, e.putSegments(t, sized(awslocal.MaxSegmentDocumentBytes)))
	unprocessed := e.putSegments(t, sized(awslocal.MaxSegmentDocumentBytes+1))
	require.Len(t, unprocessed, 1)
	assert.Equal(t, "SegmentSizeTooLarge", *unprocessed[0].ErrorCode)
	assert.Equal(t, "00000000000000a1", *unprocessed[0].Id)
	assert.Equal(t, []awslocal.RejectedItem{{TraceID: "65f00000000000000000000000000001", SpanID: "00000000000000a1"}}, e.rejections("SegmentSizeTooLarge")[0].Items)

	var documents []string
	for i := range awslocal.MaxSegmentDocuments + 1 {
		documents = append(documents, document(e.clock(), traceID(2), fmt.Sprintf("%016x", i+1), nil))
	}
	assert.Empty(t, e.putSegments(t, documents[:awslocal.MaxSegmentDocuments]...))
	_, err := e.xray().PutTraceSegments(t.Context(), &xray.PutTraceSegmentsInput{TraceSegmentDocuments: documents})
	requireCode(t, err, "InvalidRequestException")
	rejected := e.rejections("InvalidRequestException")
	require.Len(t, rejected, 1)
	assert.Equal(t, awslocal.MaxSegmentDocuments+1, rejected[0].Count)
	assert.Len(t, rejected[0].Items, awslocal.MaxSegmentDocuments+1)
}

func TestTraceSummariesByFilterExpression(t *testing.T) {
	e := start(t)
	at := e.clock()
	e.putSegments(t,
		document(at, traceID(1), "00000000000000a1", map[string]any{"name": "shop", "annotations": map[string]any{"tier": "gold", "n": 3}, "http": map[string]any{"request": map[string]any{"method": "GET", "url": "http://a/b"}, "response": map[string]any{"status": 200}}}),
		document(at, traceID(2), "00000000000000b1", map[string]any{"name": "shop", "fault": true, "end_time": float64(at.Unix()) + 5}),
		document(at, traceID(3), "00000000000000c1", map[string]any{"name": "till", "error": true, "throttle": true}),
		document(at, traceID(4), "00000000000000d1", map[string]any{"name": "till", "in_progress": true, "end_time": nil}),
	)
	for expression, want := range map[string][]int{
		``:                                     {1, 2, 3, 4},
		`service("shop")`:                      {1, 2},
		`service("shop") { fault }`:            {2},
		`service(id(name: "till", type: "x"))`: {},
		`service(id(name: "till"))`:            {3, 4},
		`fault`:                                {2},
		`error AND throttle`:                   {3},
		`fault OR error`:                       {2, 3},
		`ok`:                                   {1, 4},
		`!ok`:                                  {2, 3},
		`!(fault OR error) AND !partial`:       {1},
		`annotation.tier = "gold"`:             {1},
		`annotation[tier] = "gold"`:            {1},
		`annotation.tier != "gold"`:            {},
		`annotation.n >= 3`:                    {1},
		`annotation.n > 3`:                     {},
		`annotation.tier`:                      {1},
		`annotation.tier BEGINSWITH "go"`:      {1},
		`http.status = 200 AND http.method = "GET"`:       {1},
		`http.url CONTAINS "/b"`:                          {1},
		`http.url ENDSWITH "/a"`:                          {},
		`duration > 1`:                                    {2},
		`responsetime < 1 & (service("shop") | name = x)`: {1},
	} {
		t.Run(expression, func(t *testing.T) {
			out, err := e.xray().GetTraceSummaries(t.Context(), &xray.GetTraceSummariesInput{
				StartTime: aws.Time(at.Add(-time.Second)), EndTime: aws.Time(at.Add(time.Second)), FilterExpression: &expression})
			require.NoError(t, err)
			got, expected := []string{}, []string{}
			for _, s := range out.TraceSummaries {
				got = append(got, *s.Id)
			}
			for _, n := range want {
				expected = append(expected, traceID(n))
			}
			assert.Equal(t, expected, got)
		})
	}
	for _, expression := range []string{`edge("a", "b")`, `service("a"`, `fault fault`, `annotation`, `http.status = `, `duration ~ 1`, `service("a") { slow }`} {
		_, err := e.xray().GetTraceSummaries(t.Context(), &xray.GetTraceSummariesInput{StartTime: &at, EndTime: &at, FilterExpression: &expression})
		assert.Contains(t, requireCode(t, err, "InvalidRequestException").ErrorMessage(), "Invalid filter expression", expression)
	}
}

func TestTraceSummariesArePagedAndOfTheRangeOnly(t *testing.T) {
	e := start(t)
	at := e.clock()
	for i := range 120 {
		e.putSegments(t, document(at.Add(time.Duration(i)*time.Second), traceID(i), "00000000000000a1", nil))
	}
	pager := xray.NewGetTraceSummariesPaginator(e.xray(), &xray.GetTraceSummariesInput{StartTime: aws.Time(at.Add(time.Second)), EndTime: aws.Time(at.Add(110 * time.Second))})
	seen := map[string]bool{}
	pages := 0
	for ; pager.HasMorePages(); pages++ {
		out, err := pager.NextPage(t.Context())
		require.NoError(t, err)
		for _, s := range out.TraceSummaries {
			seen[*s.Id] = true
		}
	}
	assert.Equal(t, 2, pages)
	assert.Len(t, seen, 110)
	assert.NotContains(t, seen, traceID(0))

	_, err := e.xray().GetTraceSummaries(t.Context(), &xray.GetTraceSummariesInput{StartTime: aws.Time(at), EndTime: aws.Time(at.Add(-time.Second))})
	requireCode(t, err, "InvalidRequestException")
}

func TestBatchGetTracesTakesFiveIDs(t *testing.T) {
	e := start(t)
	var ids []string
	for i := range awslocal.MaxBatchGetTraces + 1 {
		ids = append(ids, traceID(i))
		e.putSegments(t, document(e.clock(), traceID(i), "00000000000000a1", nil))
	}
	out, err := e.xray().BatchGetTraces(t.Context(), &xray.BatchGetTracesInput{TraceIds: ids[:awslocal.MaxBatchGetTraces]})
	require.NoError(t, err)
	assert.Len(t, out.Traces, awslocal.MaxBatchGetTraces)
	_, err = e.xray().BatchGetTraces(t.Context(), &xray.BatchGetTracesInput{TraceIds: ids})
	requireCode(t, err, "InvalidRequestException")
	_, err = e.xray().BatchGetTraces(t.Context(), &xray.BatchGetTracesInput{TraceIds: []string{"nonsense"}})
	requireCode(t, err, "InvalidRequestException")
}

func TestAnnotationsAboveFiftyAreNotIndexed(t *testing.T) {
	e := start(t)
	annotations := map[string]any{}
	for i := range awslocal.MaxAnnotations + 1 {
		annotations[fmt.Sprintf("k%02d", i)] = "v"
	}
	e.putSegments(t, document(e.clock(), traceID(1), "00000000000000a1", map[string]any{"annotations": annotations}))
	out, err := e.xray().GetTraceSummaries(t.Context(), &xray.GetTraceSummariesInput{StartTime: aws.Time(e.clock()), EndTime: aws.Time(e.clock())})
	require.NoError(t, err)
	assert.Len(t, out.TraceSummaries[0].Annotations, awslocal.MaxAnnotations)
	assert.Len(t, e.Snapshot().Spans[0].Annotations, awslocal.MaxAnnotations+1)
}
