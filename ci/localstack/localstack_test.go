package localstack

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/xray"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/ci/progress"
)

// envLocalStack names the environment variable that lets tests install and start LocalStack and moto.
const envLocalStack = "LOCALSTACK"

func TestWhatIsWrittenIsThereAndWithAWSLocalToo(t *testing.T) {
	if os.Getenv(envLocalStack) == "" {
		t.Skipf("installs Python packages: %s=1 go test ./ci/localstack", envLocalStack)
	}
	a, err := Start(t.Context(), "127.0.0.1", 0, progress.New(os.Stderr))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, a.Close()) })
	config := func(endpoint string) aws.Config {
		return aws.Config{
			Region: Region, BaseEndpoint: &endpoint, RetryMaxAttempts: 1,
			Credentials: credentials.NewStaticCredentialsProvider(AccessKeyID, SecretAccessKey, ""),
		}
	}
	one, awsLocal := config(a.Endpoint), config(a.AWSLocalEndpoint)
	now := time.Now()

	// Log events, one of them in the embedded metric format.
	logs := cloudwatchlogs.NewFromConfig(one)
	group, stream := aws.String("/kyma/metrics"), aws.String("shop")
	_, err = logs.CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: group})
	require.NoError(t, err)
	_, err = logs.PutRetentionPolicy(t.Context(), &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: group, RetentionInDays: aws.Int32(7)})
	require.NoError(t, err)
	_, err = logs.CreateLogStream(t.Context(), &cloudwatchlogs.CreateLogStreamInput{LogGroupName: group, LogStreamName: stream})
	require.NoError(t, err)
	emf := fmt.Sprintf(`{"_aws":{"Timestamp":%d,"CloudWatchMetrics":[{"Namespace":"kyma","Dimensions":[["pod"]],"Metrics":[{"Name":"requests"}]}]},"pod":"frontend","requests":3}`, now.UnixMilli())
	_, err = logs.PutLogEvents(t.Context(), &cloudwatchlogs.PutLogEventsInput{LogGroupName: group, LogStreamName: stream, LogEvents: []types.InputLogEvent{
		{Message: &emf, Timestamp: aws.Int64(now.UnixMilli())},
	}})
	require.NoError(t, err)

	for name, config := range map[string]aws.Config{"all of AWS": one, "awslocal": awsLocal} {
		logs := cloudwatchlogs.NewFromConfig(config)
		groups, err := logs.DescribeLogGroups(t.Context(), &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: group})
		require.NoError(t, err, name)
		require.Len(t, groups.LogGroups, 1, name)
		assert.EqualValues(t, 7, aws.ToInt32(groups.LogGroups[0].RetentionInDays), name)
		events, err := logs.GetLogEvents(t.Context(), &cloudwatchlogs.GetLogEventsInput{LogGroupName: group, LogStreamName: stream, StartFromHead: aws.Bool(true)})
		require.NoError(t, err, name)
		require.Len(t, events.Events, 1, name)
		assert.Equal(t, emf, aws.ToString(events.Events[0].Message), name)
	}
	metrics, err := cloudwatch.NewFromConfig(awsLocal).ListMetrics(t.Context(), nil)
	require.NoError(t, err)
	require.Len(t, metrics.Metrics, 1)
	assert.Equal(t, "kyma/requests", *metrics.Metrics[0].Namespace+"/"+*metrics.Metrics[0].MetricName)

	// A trace.
	id := fmt.Sprintf("1-%08x-0123456789abcdef01234567", now.Unix())
	segment := fmt.Sprintf(`{"trace_id":%q,"id":"0123456789abcdef","name":"frontend","start_time":%d.0,"end_time":%d.5}`, id, now.Unix(), now.Unix())
	_, err = xray.NewFromConfig(one).PutTraceSegments(t.Context(), &xray.PutTraceSegmentsInput{TraceSegmentDocuments: []string{segment}})
	require.NoError(t, err)
	for name, config := range map[string]aws.Config{"all of AWS": one, "awslocal": awsLocal} {
		traces, err := xray.NewFromConfig(config).BatchGetTraces(t.Context(), &xray.BatchGetTracesInput{TraceIds: []string{id}})
		require.NoError(t, err, name)
		require.Len(t, traces.Traces, 1, name)
		assert.Len(t, traces.Traces[0].Segments, 1, name)
	}

	// A session of a role is known to all of them.
	role, err := sts.NewFromConfig(one).AssumeRole(t.Context(), &sts.AssumeRoleInput{
		RoleArn: aws.String("arn:aws:iam::" + AccountID + ":role/kyma"), RoleSessionName: aws.String("test"),
	})
	require.NoError(t, err)
	session := config(a.Endpoint)
	session.Credentials = credentials.NewStaticCredentialsProvider(*role.Credentials.AccessKeyId, *role.Credentials.SecretAccessKey, *role.Credentials.SessionToken)
	_, err = cloudwatchlogs.NewFromConfig(session).CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("/kyma/session")})
	require.NoError(t, err)
	for name, config := range map[string]aws.Config{"all of AWS": one, "awslocal": awsLocal} {
		groups, err := cloudwatchlogs.NewFromConfig(config).DescribeLogGroups(t.Context(), &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: aws.String("/kyma/session")})
		require.NoError(t, err, name)
		assert.Len(t, groups.LogGroups, 1, name)
	}

	// An outage loses nothing.
	require.NoError(t, a.Pause())
	_, err = logs.DescribeLogGroups(t.Context(), nil)
	assert.Error(t, err)
	require.NoError(t, a.Resume())
	groups, err := logs.DescribeLogGroups(t.Context(), nil)
	require.NoError(t, err)
	assert.Len(t, groups.LogGroups, 2)
}
