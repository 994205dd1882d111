package inject

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logstypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/xray"
	xraytypes "github.com/aws/aws-sdk-go-v2/service/xray/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/awslocal"
)

const testRegion = "eu-north-1"

var key = aws.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}

// start serves AWS with an injector in front; config makes SDK clients that try once.
func start(t *testing.T) (*Injector, *awslocal.Server, aws.Config) {
	t.Helper()
	server, err := awslocal.New(awslocal.Config{
		Region: testRegion, Credentials: []awslocal.Credential{{AccessKeyID: key.AccessKeyID, SecretAccessKey: key.SecretAccessKey}},
		TransactionSearch: true, LogDestinations: []awslocal.LogDestination{{Group: "g", Stream: "s"}},
	})
	require.NoError(t, err)
	injector := New(server)
	listener := httptest.NewServer(injector)
	t.Cleanup(func() { injector.Set(nil); listener.Close() })
	return injector, server, aws.Config{
		Region: testRegion, BaseEndpoint: aws.String(listener.URL), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(key.AccessKeyID, key.SecretAccessKey, ""),
	}
}

const document = `{"name":"n","id":"70de5b6f19ff9a0a","trace_id":"1-581cf771-a006649127e371903a2de979","start_time":1.478293361271E9,"end_time":1.478293361449E9}`

func putSegment(ctx context.Context, config aws.Config, documents ...string) (*xray.PutTraceSegmentsOutput, error) {
	return xray.NewFromConfig(config).PutTraceSegments(ctx, &xray.PutTraceSegmentsInput{TraceSegmentDocuments: documents})
}

func putEvent(ctx context.Context, config aws.Config) error {
	_, err := cloudwatchlogs.NewFromConfig(config).PutLogEvents(ctx, &cloudwatchlogs.PutLogEventsInput{
		LogGroupName: aws.String("g"), LogStreamName: aws.String("s"),
		LogEvents: []logstypes.InputLogEvent{{Timestamp: aws.Int64(time.Now().UnixMilli()), Message: aws.String("m")}},
	})
	return err
}

func TestEachAPIThrottlesInItsOwnForm(t *testing.T) {
	injector, _, config := start(t)
	injector.Set(Throttled)

	_, err := putSegment(t.Context(), config, document)
	var throttled *xraytypes.ThrottledException
	assert.ErrorAs(t, err, &throttled)
	var limited *logstypes.ThrottlingException
	assert.ErrorAs(t, putEvent(t.Context(), config), &limited)
	_, err = sts.NewFromConfig(config).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	var api smithy.APIError
	require.ErrorAs(t, err, &api)
	assert.Equal(t, "Throttling", api.ErrorCode())
	response, err := http.Post(*config.BaseEndpoint+"/v1/traces", "application/x-protobuf", strings.NewReader(""))
	require.NoError(t, err)
	response.Body.Close()
	assert.Equal(t, http.StatusTooManyRequests, response.StatusCode)
	assert.Equal(t, 4, injector.Hits())
}

func TestSDKsReadTheCodesOfTheOtherAnswers(t *testing.T) {
	injector, _, config := start(t)
	for code, fault := range map[string]Fault{
		"ServiceUnavailableException": Unavailable, "InternalFailure": InternalFailure,
		"AccessDeniedException": AccessDenied, "ExpiredTokenException": ExpiredToken,
	} {
		injector.Set(fault)
		var api smithy.APIError
		require.ErrorAs(t, putEvent(t.Context(), config), &api)
		assert.Equal(t, code, api.ErrorCode())
		_, err := putSegment(t.Context(), config, document)
		require.ErrorAs(t, err, &api)
		assert.Equal(t, code, api.ErrorCode())
	}
	injector.Set(nil)
	assert.NoError(t, putEvent(t.Context(), config), "the fault is over")
}

func TestAConnectionIsResetBeforeOrAfterAWSHasStored(t *testing.T) {
	injector, server, config := start(t)
	events := func() int { return len(server.Snapshot().LogGroups[0].Streams[0].Events) }

	injector.Set(ResetBefore)
	err := putEvent(t.Context(), config)
	assert.True(t, errors.Is(err, syscall.ECONNRESET), "%v", err)
	assert.Zero(t, events())

	injector.Set(ResetAfter)
	err = putEvent(t.Context(), config)
	assert.True(t, errors.Is(err, syscall.ECONNRESET), "%v", err)
	assert.Equal(t, 1, events())
}

func TestNoAnswerLastsUntilTheFaultIsOver(t *testing.T) {
	injector, _, config := start(t)
	injector.Set(NoAnswer)
	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	assert.ErrorIs(t, putEvent(short, config), context.DeadlineExceeded)

	waiting := make(chan error)
	go func() { waiting <- putEvent(t.Context(), config) }()
	for injector.Hits() < 2 {
		time.Sleep(time.Millisecond)
	}
	injector.Set(nil)
	assert.Error(t, <-waiting, "who waited gets no answer, but an end")
}

func TestEveryAndLimitedPassTheOthers(t *testing.T) {
	injector, server, config := start(t)
	injector.Set(Every(2, Unavailable))
	failed := 0
	for range 4 {
		if putEvent(t.Context(), config) != nil {
			failed++
		}
	}
	assert.Equal(t, 2, failed)
	assert.Len(t, server.Snapshot().LogGroups[0].Streams[0].Events, 2)

	injector.Set(Limited(1000, Unavailable))
	assert.NoError(t, putEvent(t.Context(), config))
	injector.Set(Limited(0, Unavailable))
	assert.Error(t, putEvent(t.Context(), config))
}

func TestAPartOfARequestIsStoredAndTheRestNamed(t *testing.T) {
	injector, server, config := start(t)
	partial := &Partial{Credentials: key, Region: testRegion}
	injector.Set(partial.Fault)

	other := strings.Replace(document, "70de5b6f19ff9a0a", "70de5b6f19ff9a0b", 1)
	out, err := putSegment(t.Context(), config, document, other)
	require.NoError(t, err)
	require.Len(t, out.UnprocessedTraceSegments, 1)
	assert.Equal(t, "70de5b6f19ff9a0b", *out.UnprocessedTraceSegments[0].Id)
	require.Len(t, server.Snapshot().Spans, 1)
	assert.Equal(t, "70de5b6f19ff9a0a", server.Snapshot().Spans[0].SpanID)

	td := ptrace.NewTraces()
	list := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for i := range 4 {
		span := list.AppendEmpty()
		span.SetTraceID(pcommon.TraceID{1})
		span.SetSpanID(pcommon.SpanID{byte(i + 1)})
		span.SetStartTimestamp(pcommon.NewTimestampFromTime(time.Now()))
		span.SetEndTimestamp(pcommon.NewTimestampFromTime(time.Now()))
	}
	body, err := ptraceotlp.NewExportRequestFromTraces(td).MarshalProto()
	require.NoError(t, err)
	response := httptest.NewRecorder()
	request := httptest.NewRequest(http.MethodPost, *config.BaseEndpoint+"/v1/traces", strings.NewReader(string(body)))
	request.Header.Set("Content-Type", "application/x-protobuf")
	injector.ServeHTTP(response, request)
	require.Equal(t, http.StatusOK, response.Code, response.Body.String())
	answer := ptraceotlp.NewExportResponse()
	require.NoError(t, answer.UnmarshalProto(response.Body.Bytes()))
	assert.Equal(t, int64(2), answer.PartialSuccess().RejectedSpans())
	assert.Equal(t, 3, partial.Rejected())
	assert.Len(t, server.Snapshot().Spans, 3)
}
