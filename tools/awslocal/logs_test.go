package awslocal_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/awslocal"
)

const (
	group  = "/kyma/logs"
	stream = "otlp"
)

func withStream(c *awslocal.Config) {
	c.LogDestinations = []awslocal.LogDestination{{Group: group, Stream: stream}}
}

func put(t *testing.T, e *endpoint, events ...types.InputLogEvent) (*cloudwatchlogs.PutLogEventsOutput, error) {
	t.Helper()
	return e.logs().PutLogEvents(t.Context(), &cloudwatchlogs.PutLogEventsInput{
		LogGroupName: aws.String(group), LogStreamName: aws.String(stream), LogEvents: events})
}

func event(at time.Time, message string) types.InputLogEvent {
	return types.InputLogEvent{Timestamp: aws.Int64(at.UnixMilli()), Message: &message}
}

// stored returns the messages of the stream in order of ingestion.
func stored(e *endpoint) []string {
	var out []string
	for _, g := range e.Snapshot().LogGroups {
		for _, st := range g.Streams {
			for _, ev := range st.Events {
				out = append(out, ev.Message)
			}
		}
	}
	return out
}

func TestLogsWrittenAreReadBack(t *testing.T) {
	e := start(t)
	ctx, logs := t.Context(), e.logs()
	_, err := logs.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String(group), Tags: map[string]string{"a": "1"}})
	require.NoError(t, err)
	_, err = logs.CreateLogStream(ctx, &cloudwatchlogs.CreateLogStreamInput{LogGroupName: aws.String(group), LogStreamName: aws.String(stream)})
	require.NoError(t, err)
	_, err = logs.PutRetentionPolicy(ctx, &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: aws.String(group), RetentionInDays: aws.Int32(7)})
	require.NoError(t, err)
	now := e.clock()
	out, err := put(t, e, event(now.Add(-time.Second), "first"), event(now, "second"))
	require.NoError(t, err)
	assert.NotEmpty(t, aws.ToString(out.NextSequenceToken), "the collector's exporters send again without it")
	assert.Nil(t, out.RejectedLogEventsInfo)

	groups, err := logs.DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: aws.String("/kyma")})
	require.NoError(t, err)
	require.Len(t, groups.LogGroups, 1)
	g := groups.LogGroups[0]
	assert.Equal(t, group, *g.LogGroupName)
	assert.Equal(t, int32(7), *g.RetentionInDays)
	assert.Equal(t, "arn:aws:logs:eu-central-2:123456789012:log-group:/kyma/logs:*", *g.Arn)
	assert.Equal(t, types.LogGroupClassStandard, g.LogGroupClass)
	assert.Equal(t, now.UnixMilli(), *g.CreationTime)

	streams, err := logs.DescribeLogStreams(ctx, &cloudwatchlogs.DescribeLogStreamsInput{LogGroupName: aws.String(group)})
	require.NoError(t, err)
	require.Len(t, streams.LogStreams, 1)
	assert.Equal(t, now.Add(-time.Second).UnixMilli(), *streams.LogStreams[0].FirstEventTimestamp)
	assert.Equal(t, now.UnixMilli(), *streams.LogStreams[0].LastEventTimestamp)

	events, err := logs.GetLogEvents(ctx, &cloudwatchlogs.GetLogEventsInput{LogGroupName: aws.String(group), LogStreamName: aws.String(stream)})
	require.NoError(t, err)
	require.Len(t, events.Events, 2)
	assert.Equal(t, "first", *events.Events[0].Message)
	assert.Equal(t, now.UnixMilli(), *events.Events[1].Timestamp)

	snapshot := e.Snapshot().LogGroups
	require.Len(t, snapshot, 1)
	assert.Equal(t, 7, snapshot[0].RetentionDays)
	assert.Equal(t, map[string]string{"a": "1"}, snapshot[0].Tags)
	assert.Equal(t, awslocal.LogEvent{Timestamp: now, IngestionTime: now, Message: "second", Via: awslocal.ViaPutLogEvents}, snapshot[0].Streams[0].Events[1])
}

func TestCreatingWhatExistsOrUnderWhatDoesNot(t *testing.T) {
	e := start(t, withStream)
	ctx, logs := t.Context(), e.logs()
	_, err := logs.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String(group)})
	requireCode(t, err, "ResourceAlreadyExistsException")
	_, err = logs.CreateLogStream(ctx, &cloudwatchlogs.CreateLogStreamInput{LogGroupName: aws.String(group), LogStreamName: aws.String(stream)})
	requireCode(t, err, "ResourceAlreadyExistsException")
	_, err = logs.CreateLogStream(ctx, &cloudwatchlogs.CreateLogStreamInput{LogGroupName: aws.String("other"), LogStreamName: aws.String(stream)})
	assert.Equal(t, "The specified log group does not exist.", requireCode(t, err, "ResourceNotFoundException").ErrorMessage())
}

func TestNamesThatCloudWatchLogsRefuses(t *testing.T) {
	e := start(t, withStream)
	ctx, logs := t.Context(), e.logs()
	for name, ok := range map[string]bool{
		strings.Repeat("g", awslocal.MaxLogGroupName):   true,
		strings.Repeat("g", awslocal.MaxLogGroupName+1): false,
		"a/b_c-d.e#f":   true,
		"{ClusterName}": false,
		"a:b":           false,
	} {
		_, err := logs.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &name})
		if ok {
			assert.NoError(t, err, name)
		} else {
			requireCode(t, err, "InvalidParameterException")
		}
	}
	for name, ok := range map[string]bool{
		strings.Repeat("s", awslocal.MaxLogStreamName):   true,
		strings.Repeat("s", awslocal.MaxLogStreamName+1): false,
		"any thing/{x}": true,
		"a:b":           false,
		"a*":            false,
	} {
		_, err := logs.CreateLogStream(ctx, &cloudwatchlogs.CreateLogStreamInput{LogGroupName: aws.String(group), LogStreamName: &name})
		if ok {
			assert.NoError(t, err, name)
		} else {
			requireCode(t, err, "InvalidParameterException")
		}
	}
}

func TestRetentionTakesOnlyItsValues(t *testing.T) {
	e := start(t, withStream)
	for days, ok := range map[int32]bool{1: true, 3653: true, 2: false, 0: false} {
		_, err := e.logs().PutRetentionPolicy(t.Context(), &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: aws.String(group), RetentionInDays: &days})
		if ok {
			assert.NoError(t, err)
		} else {
			assert.Contains(t, requireCode(t, err, "InvalidParameterException").ErrorMessage(), "[1, 3, 5, 7,")
		}
	}
}

func TestPutLogEventsLimitsHoldAtTheBoundAndRefuseOnePast(t *testing.T) {
	text := func(n int) string { return strings.Repeat("x", n) }
	many := func(n int) func(time.Time) []types.InputLogEvent {
		return func(now time.Time) []types.InputLogEvent {
			events := make([]types.InputLogEvent, n)
			for i := range events {
				events[i] = event(now, "m")
			}
			return events
		}
	}
	batch := func(total int) func(time.Time) []types.InputLogEvent {
		return func(now time.Time) []types.InputLogEvent {
			half := total / 2
			return []types.InputLogEvent{event(now, text(half-awslocal.LogEventOverheadBytes)), event(now, text(total-half-awslocal.LogEventOverheadBytes))}
		}
	}
	apart := func(d time.Duration) func(time.Time) []types.InputLogEvent {
		return func(now time.Time) []types.InputLogEvent {
			return []types.InputLogEvent{event(now.Add(-d), "old"), event(now, "new")}
		}
	}
	for name, test := range map[string]struct {
		events func(now time.Time) []types.InputLogEvent
		want   string
	}{
		"one event of the greatest size": {func(now time.Time) []types.InputLogEvent {
			return []types.InputLogEvent{event(now, text(awslocal.MaxLogEventBytes-awslocal.LogEventOverheadBytes))}
		}, ""},
		"one event one byte larger": {func(now time.Time) []types.InputLogEvent {
			return []types.InputLogEvent{event(now, text(awslocal.MaxLogEventBytes-awslocal.LogEventOverheadBytes+1))}
		}, "Log event too large: 1048577 bytes exceeds limit of 1048576"},
		"batch of the greatest size": {batch(awslocal.MaxPutLogEventsBytes), ""},
		"batch one byte larger":      {batch(awslocal.MaxPutLogEventsBytes + 1), "Upload too large: 1048577 bytes exceeds limit of 1048576"},
		"10000 events":               {many(awslocal.MaxLogEvents), ""},
		"10001 events":               {many(awslocal.MaxLogEvents + 1), "Member must have length less than or equal to 10000"},
		"no event":                   {many(0), "Member must have length greater than or equal to 1"},
		"a day apart":                {apart(awslocal.MaxLogEventsSpan), ""},
		"over a day apart":           {apart(awslocal.MaxLogEventsSpan + time.Millisecond), "cannot span more than 24 hours"},
		"out of order": {func(now time.Time) []types.InputLogEvent {
			return []types.InputLogEvent{event(now, "new"), event(now.Add(-time.Millisecond), "old")}
		}, "must be in chronological order"},
		"empty message": {func(now time.Time) []types.InputLogEvent { return []types.InputLogEvent{event(now, "")} }, "'logEvents.1.member.message'"},
	} {
		t.Run(name, func(t *testing.T) {
			e := start(t, withStream)
			events := test.events(e.clock())
			if events == nil {
				events = []types.InputLogEvent{}
			}
			_, err := put(t, e, events...)
			if test.want == "" {
				require.NoError(t, err)
				assert.Len(t, stored(e), len(events))
				assert.Empty(t, e.Snapshot().Rejections)
				return
			}
			assert.Contains(t, requireCode(t, err, "InvalidParameterException").ErrorMessage(), test.want)
			assert.Empty(t, stored(e), "a refused batch leaves nothing behind")
			rejected := e.rejections("InvalidParameterException")
			require.Len(t, rejected, 1)
			assert.Equal(t, max(len(events), 1), rejected[0].Count)
			assert.Len(t, rejected[0].Items, min(len(events), 10000))
			assert.False(t, rejected[0].Silent)
		})
	}
}

func TestPutLogEventsWithoutGroupOrStream(t *testing.T) {
	e := start(t, func(c *awslocal.Config) { c.LogDestinations = []awslocal.LogDestination{{Group: "bare"}} })
	for name, want := range map[string]string{"absent": "The specified log group does not exist.", "bare": "The specified log stream does not exist."} {
		_, err := e.logs().PutLogEvents(t.Context(), &cloudwatchlogs.PutLogEventsInput{LogGroupName: &name, LogStreamName: aws.String("s"),
			LogEvents: []types.InputLogEvent{event(e.clock(), "m")}})
		assert.Equal(t, want, requireCode(t, err, "ResourceNotFoundException").ErrorMessage())
	}
}

func TestEventsOutsideTheTimeThatIsKeptAreLeftOut(t *testing.T) {
	e := start(t, withStream)
	now := e.clock()
	out, err := put(t, e, event(now.Add(-awslocal.MaxLogEventAge-time.Millisecond), "too old"), event(now.Add(-awslocal.MaxLogEventAge), "just in time"))
	require.NoError(t, err)
	require.NotNil(t, out.RejectedLogEventsInfo)
	assert.Equal(t, int32(1), *out.RejectedLogEventsInfo.TooOldLogEventEndIndex, "exclusive")
	assert.Nil(t, out.RejectedLogEventsInfo.TooNewLogEventStartIndex)

	out, err = put(t, e, event(now, "now"), event(now.Add(awslocal.MaxLogEventFuture), "soon"), event(now.Add(awslocal.MaxLogEventFuture+time.Millisecond), "too new"))
	require.NoError(t, err)
	require.NotNil(t, out.RejectedLogEventsInfo)
	assert.Equal(t, int32(2), *out.RejectedLogEventsInfo.TooNewLogEventStartIndex, "inclusive")

	_, err = e.logs().PutRetentionPolicy(t.Context(), &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: aws.String(group), RetentionInDays: aws.Int32(1)})
	require.NoError(t, err)
	out, err = put(t, e, event(now.Add(-24*time.Hour-time.Millisecond), "expired"), event(now.Add(-24*time.Hour), "kept"))
	require.NoError(t, err)
	require.NotNil(t, out.RejectedLogEventsInfo)
	assert.Equal(t, int32(1), *out.RejectedLogEventsInfo.ExpiredLogEventEndIndex)

	assert.Equal(t, []string{"just in time", "now", "soon", "kept"}, stored(e))
	for code, message := range map[string]string{"TooOldLogEvent": "too old", "TooNewLogEvent": "too new", "ExpiredLogEvent": "expired"} {
		rejected := e.rejections(code)
		require.Len(t, rejected, 1, code)
		assert.Equal(t, message, rejected[0].Items[0].Message)
	}
}

func TestListsOfGroupsAndStreamsArePaged(t *testing.T) {
	e := start(t, func(c *awslocal.Config) {
		for i := range awslocal.MaxDescribeLogs + 5 {
			c.LogDestinations = append(c.LogDestinations,
				awslocal.LogDestination{Group: fmt.Sprintf("g%03d", i)}, awslocal.LogDestination{Group: "all", Stream: fmt.Sprintf("s%03d", i)})
		}
	})
	groups := cloudwatchlogs.NewDescribeLogGroupsPaginator(e.logs(), &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: aws.String("g")})
	var names []string
	pages := 0
	for ; groups.HasMorePages(); pages++ {
		out, err := groups.NextPage(t.Context())
		require.NoError(t, err)
		for _, g := range out.LogGroups {
			names = append(names, *g.LogGroupName)
		}
	}
	assert.Equal(t, 2, pages)
	assert.Len(t, names, awslocal.MaxDescribeLogs+5)
	assert.IsIncreasing(t, names)

	streams := cloudwatchlogs.NewDescribeLogStreamsPaginator(e.logs(), &cloudwatchlogs.DescribeLogStreamsInput{
		LogGroupIdentifier: aws.String("arn:aws:logs:eu-central-2:123456789012:log-group:all"), Descending: aws.Bool(true), Limit: aws.Int32(20)})
	names = nil
	for streams.HasMorePages() {
		out, err := streams.NextPage(t.Context())
		require.NoError(t, err)
		for _, st := range out.LogStreams {
			names = append(names, *st.LogStreamName)
		}
	}
	assert.Len(t, names, awslocal.MaxDescribeLogs+5)
	assert.IsDecreasing(t, names)

	_, err := e.logs().DescribeLogGroups(t.Context(), &cloudwatchlogs.DescribeLogGroupsInput{Limit: aws.Int32(awslocal.MaxDescribeLogs + 1)})
	requireCode(t, err, "InvalidParameterException")
	_, err = e.logs().DescribeLogGroups(t.Context(), &cloudwatchlogs.DescribeLogGroupsInput{NextToken: aws.String("nonsense")})
	requireCode(t, err, "InvalidParameterException")
}

func TestGetLogEventsPagesInBothDirectionsAndStaysAtTheEnd(t *testing.T) {
	e := start(t, withStream)
	now := e.clock()
	var events []types.InputLogEvent
	var want []string
	for i := range 10 {
		want = append(want, fmt.Sprintf("m%d", i))
		events = append(events, event(now.Add(time.Duration(i/2)*time.Millisecond), want[i]))
	}
	_, err := put(t, e, events...)
	require.NoError(t, err)

	pager := cloudwatchlogs.NewGetLogEventsPaginator(e.logs(), &cloudwatchlogs.GetLogEventsInput{
		LogGroupName: aws.String(group), LogStreamName: aws.String(stream), StartFromHead: aws.Bool(true), Limit: aws.Int32(3)},
		func(o *cloudwatchlogs.GetLogEventsPaginatorOptions) { o.StopOnDuplicateToken = true })
	var got []string
	for pager.HasMorePages() {
		out, err := pager.NextPage(t.Context())
		require.NoError(t, err)
		for _, ev := range out.Events {
			got = append(got, *ev.Message)
		}
	}
	assert.Equal(t, want, got)

	in := &cloudwatchlogs.GetLogEventsInput{LogGroupName: aws.String(group), LogStreamName: aws.String(stream), Limit: aws.Int32(4)}
	last, err := e.logs().GetLogEvents(t.Context(), in)
	require.NoError(t, err)
	assert.Equal(t, "m6", *last.Events[0].Message, "without StartFromHead the latest events come")
	in.NextToken = last.NextBackwardToken
	before, err := e.logs().GetLogEvents(t.Context(), in)
	require.NoError(t, err)
	assert.Equal(t, "m2", *before.Events[0].Message)
	assert.Equal(t, "m5", *before.Events[3].Message)

	in.NextToken, in.StartTime, in.EndTime = nil, aws.Int64(now.Add(time.Millisecond).UnixMilli()), aws.Int64(now.Add(3*time.Millisecond).UnixMilli())
	ranged, err := e.logs().GetLogEvents(t.Context(), in)
	require.NoError(t, err)
	require.Len(t, ranged.Events, 4, "the start is inclusive, the end exclusive")
	assert.Equal(t, "m2", *ranged.Events[0].Message)
}

func TestFilterLogEventsByPattern(t *testing.T) {
	e := start(t, withStream)
	messages := []string{
		`ERROR payment failed for "order 7"`,
		`INFO all good`,
		`{"level":"error","status":503,"user":{"name":"Ann","tags":["a","b"]},"note":null,"cached":true,"a.b":1}`,
		`{"level":"info","status":200,"user":{"name":"Bob"},"cached":false}`,
	}
	var events []types.InputLogEvent
	for i, m := range messages {
		events = append(events, event(e.clock().Add(time.Duration(i)*time.Millisecond), m))
	}
	_, err := put(t, e, events...)
	require.NoError(t, err)
	for pattern, want := range map[string][]int{
		``:                       {0, 1, 2, 3},
		`ERROR`:                  {0},
		`payment ERROR`:          {0},
		`"order 7"`:              {0},
		`?ERROR ?INFO`:           {0, 1},
		`ERROR -failed`:          {},
		`-ERROR -level`:          {1},
		`%g[o]{2}d%`:             {1},
		`{ $.level = "error" }`:  {2},
		`{ $.level = err* }`:     {2},
		`{ $.level != "error" }`: {3},
		`{ $.status >= 500 }`:    {2},
		`{ $.status < 500 }`:     {3},
		`{ $.user.name = "Ann" && ($.status = 200 || $.cached IS TRUE) }`: {2},
		`{ $.user.tags[1] = "b" }`:                                        {2},
		`{ $["a.b"] = 1 }`:                                                {2},
		`{ $.note IS NULL }`:                                              {2},
		`{ $.note NOT EXISTS }`:                                           {3},
		`{ $.note EXISTS }`:                                               {2},
		`{ $.cached IS FALSE }`:                                           {3},
		`{ $.user.name = %^B% }`:                                          {3},
		`{ $.absent = 1 }`:                                                {},
	} {
		t.Run(pattern, func(t *testing.T) {
			out, err := e.logs().FilterLogEvents(t.Context(), &cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String(group), FilterPattern: &pattern})
			require.NoError(t, err)
			got, expected := []string{}, []string{}
			for _, ev := range out.Events {
				got = append(got, *ev.Message)
			}
			for _, i := range want {
				expected = append(expected, messages[i])
			}
			assert.Equal(t, expected, got)
		})
	}
	for _, pattern := range []string{`[ip, user]`, `{ $.a }`, `{ a = 1 }`, `{ $.a = 1`, `{ $.a > "x" }`, `"open`, `{ $.a = 1 } x`, `{ $.a IS MAYBE }`, `%[%`} {
		_, err := e.logs().FilterLogEvents(t.Context(), &cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String(group), FilterPattern: &pattern})
		assert.Contains(t, requireCode(t, err, "InvalidParameterException").ErrorMessage(), "Invalid filter pattern", pattern)
	}
}

func TestFilterLogEventsPagesOverStreams(t *testing.T) {
	e := start(t, withStream, func(c *awslocal.Config) {
		c.LogDestinations = append(c.LogDestinations, awslocal.LogDestination{Group: group, Stream: "second"})
	})
	for i := range 6 {
		_, err := e.logs().PutLogEvents(t.Context(), &cloudwatchlogs.PutLogEventsInput{LogGroupName: aws.String(group),
			LogStreamName: aws.String([]string{stream, "second"}[i%2]), LogEvents: []types.InputLogEvent{event(e.clock().Add(time.Duration(i)*time.Millisecond), fmt.Sprint(i))}})
		require.NoError(t, err)
	}
	read := func(in cloudwatchlogs.FilterLogEventsInput) string {
		in.LogGroupName = aws.String(group)
		var b strings.Builder
		for pager := cloudwatchlogs.NewFilterLogEventsPaginator(e.logs(), &in); pager.HasMorePages(); {
			out, err := pager.NextPage(t.Context())
			require.NoError(t, err)
			for _, ev := range out.Events {
				b.WriteString(*ev.Message)
			}
		}
		return b.String()
	}
	assert.Equal(t, "012345", read(cloudwatchlogs.FilterLogEventsInput{Limit: aws.Int32(2)}))
	assert.Equal(t, "135", read(cloudwatchlogs.FilterLogEventsInput{LogStreamNames: []string{"second"}}))
	assert.Equal(t, "024", read(cloudwatchlogs.FilterLogEventsInput{LogStreamNamePrefix: aws.String("ot")}))
	assert.Equal(t, "12", read(cloudwatchlogs.FilterLogEventsInput{
		StartTime: aws.Int64(e.clock().Add(time.Millisecond).UnixMilli()), EndTime: aws.Int64(e.clock().Add(2 * time.Millisecond).UnixMilli())}))
	_, err := e.logs().FilterLogEvents(t.Context(), &cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String(group), LogStreamNames: []string{"absent"}})
	requireCode(t, err, "ResourceNotFoundException")
}

func TestTagsOfLogGroupsByBothApis(t *testing.T) {
	e := start(t, withStream)
	ctx, logs := t.Context(), e.logs()
	arn := aws.String("arn:aws:logs:eu-central-2:123456789012:log-group:" + group)
	_, err := logs.TagResource(ctx, &cloudwatchlogs.TagResourceInput{ResourceArn: arn, Tags: map[string]string{"a": "1", "b": "2"}})
	require.NoError(t, err)
	_, err = logs.UntagResource(ctx, &cloudwatchlogs.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"a"}})
	require.NoError(t, err)
	//lint:ignore SA1019 older clients use it
	_, err = logs.TagLogGroup(ctx, &cloudwatchlogs.TagLogGroupInput{LogGroupName: aws.String(group), Tags: map[string]string{"c": "3", "d": "4"}})
	require.NoError(t, err)
	//lint:ignore SA1019 older clients use it
	_, err = logs.UntagLogGroup(ctx, &cloudwatchlogs.UntagLogGroupInput{LogGroupName: aws.String(group), Tags: []string{"d"}})
	require.NoError(t, err)

	byARN, err := logs.ListTagsForResource(ctx, &cloudwatchlogs.ListTagsForResourceInput{ResourceArn: arn})
	require.NoError(t, err)
	//lint:ignore SA1019 older clients use it
	byName, err := logs.ListTagsLogGroup(ctx, &cloudwatchlogs.ListTagsLogGroupInput{LogGroupName: aws.String(group)})
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"b": "2", "c": "3"}, byARN.Tags)
	assert.Equal(t, byARN.Tags, byName.Tags)

	tags := map[string]string{}
	for i := range awslocal.MaxTags - 2 {
		tags[fmt.Sprint("t", i)] = ""
	}
	_, err = logs.TagResource(ctx, &cloudwatchlogs.TagResourceInput{ResourceArn: arn, Tags: tags})
	require.NoError(t, err)
	_, err = logs.TagResource(ctx, &cloudwatchlogs.TagResourceInput{ResourceArn: arn, Tags: map[string]string{"one": "more"}})
	requireCode(t, err, "TooManyTagsException")
}

func TestTagLimitsHoldAtTheBoundAndRefuseOnePast(t *testing.T) {
	for name, test := range map[string]struct {
		key, value string
		refused    bool
	}{
		"longest key":       {strings.Repeat("é", awslocal.MaxTagKey), "", false},
		"key one past":      {strings.Repeat("é", awslocal.MaxTagKey+1), "", true},
		"no key":            {"", "x", true},
		"another character": {"a*b", "", true},
		"all characters":    {"Kyma cluster_1.a:b/c=d+e-f@g", "", false},
		"longest value":     {"a", strings.Repeat("é", awslocal.MaxTagValue), false},
		"value one past":    {"a", strings.Repeat("é", awslocal.MaxTagValue+1), true},
	} {
		t.Run(name, func(t *testing.T) {
			e := start(t, withStream)
			tags := map[string]string{test.key: test.value}
			_, err := e.logs().TagResource(t.Context(), &cloudwatchlogs.TagResourceInput{
				ResourceArn: aws.String("arn:aws:logs:eu-central-2:123456789012:log-group:" + group), Tags: tags,
			})
			_, createErr := e.logs().CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("/tagged"), Tags: tags})
			if !test.refused {
				require.NoError(t, err)
				require.NoError(t, createErr)
				return
			}
			requireCode(t, err, "InvalidParameterException")
			requireCode(t, createErr, "InvalidParameterException")
		})
	}
}
