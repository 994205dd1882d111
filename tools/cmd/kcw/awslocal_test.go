package main

import (
	"bufio"
	"io"
	"net"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	cwltypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// exported finds what the command tells users to put into their environment.
var exported = regexp.MustCompile(`(?m)^  export (\w+)=(\S+)`)

func TestAWSLocalServesAnSDKUntilItIsInterrupted(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			c := newCommand(t, "awslocal", "--listen", "127.0.0.1:0", "--region", "eu-west-1", "--account-id", "123456789012",
				"--log-group", "/kyma/logs=otlp", "--role", "arn:aws:iam::123456789012:role/kyma=id")
			c.Stdout = nil
			stdout, err := c.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, c.Start())
			lines := bufio.NewScanner(stdout)
			var usage strings.Builder
			for lines.Scan() {
				usage.WriteString(lines.Text() + "\n")
				if strings.Contains(lines.Text(), "get-trace-summaries") {
					break
				}
			}
			environment := map[string]string{}
			for _, match := range exported.FindAllStringSubmatch(usage.String(), -1) {
				environment[match[1]] = match[2]
			}
			require.Contains(t, environment, "AWS_ENDPOINT_URL", usage.String())
			config := aws.Config{
				Region:       environment["AWS_REGION"],
				BaseEndpoint: aws.String(environment["AWS_ENDPOINT_URL"]),
				Credentials:  credentials.NewStaticCredentialsProvider(environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"], ""),
			}

			identity, err := sts.NewFromConfig(config).GetCallerIdentity(t.Context(), nil)
			require.NoError(t, err)
			assert.Equal(t, "123456789012", aws.ToString(identity.Account))
			logs := cloudwatchlogs.NewFromConfig(config)
			_, err = logs.PutLogEvents(t.Context(), &cloudwatchlogs.PutLogEventsInput{
				LogGroupName: aws.String("/kyma/logs"), LogStreamName: aws.String("otlp"),
				LogEvents: []cwltypes.InputLogEvent{{Timestamp: aws.Int64(time.Now().UnixMilli()), Message: aws.String("hello")}},
			})
			require.NoError(t, err)
			events, err := logs.GetLogEvents(t.Context(), &cloudwatchlogs.GetLogEventsInput{
				LogGroupName: aws.String("/kyma/logs"), LogStreamName: aws.String("otlp"), StartFromHead: aws.Bool(true),
			})
			require.NoError(t, err)
			require.Len(t, events.Events, 1)
			assert.Equal(t, "hello", aws.ToString(events.Events[0].Message))

			require.NoError(t, c.Process.Signal(signal))

			summary, err := io.ReadAll(&remaining{lines})
			require.NoError(t, err)
			assert.Zero(t, exitCode(t, c.Wait()), &c.stderr)
			assert.Contains(t, string(summary), "1 log events in 1 streams of 1 groups")
			assert.Contains(t, string(summary), "PutLogEvents")
			c.requireNothingLeft(t)
		})
	}
}

// remaining reads on where a scanner is.
type remaining struct{ *bufio.Scanner }

func (r *remaining) Read(p []byte) (int, error) {
	if !r.Scan() {
		return 0, io.EOF
	}
	return copy(p, r.Text()+"\n"), r.Err()
}

func TestAWSLocalSaysWhatIsWrong(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"a port that is taken": {[]string{"--listen", taken.Addr().String()}, "choose another address with --listen 127.0.0.1:0"},
		"no address":           {[]string{"--listen", "nowhere"}, "cannot listen on nowhere"},
		"a bad account":        {[]string{"--listen", "127.0.0.1:0", "--account-id", "12"}, "account"},
		"a bad role":           {[]string{"--listen", "127.0.0.1:0", "--role", "kyma"}, "kyma"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCommand(t, append([]string{"awslocal"}, test.args...)...)
			assert.Equal(t, 1, c.exitCode(t))
			assert.Contains(t, c.stderr.String(), test.want)
			assert.Empty(t, c.stdout.String())
		})
	}
}
