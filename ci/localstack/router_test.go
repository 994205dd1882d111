package localstack

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/xray"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// backend records the bodies that it is sent, and answers each with status and an empty object.
type backend struct {
	*httptest.Server

	mu     sync.Mutex
	status int
	bodies []string
}

func newBackend(t *testing.T) *backend {
	b := &backend{status: http.StatusOK}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		b.mu.Lock()
		defer b.mu.Unlock()
		b.bodies = append(b.bodies, string(body))
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(b.status)
		_, _ = io.WriteString(w, "{}")
	}))
	t.Cleanup(b.Close)
	return b
}

// taken returns what has been sent since the last call.
func (b *backend) taken() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	bodies := b.bodies
	b.bodies = nil
	return bodies
}

// fail makes it refuse what it is sent from now on.
func (b *backend) fail() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.status = http.StatusBadRequest
}

type routed struct {
	localStack, moto, awsLocal *backend
	config                     aws.Config
	url                        string
}

func newRouted(t *testing.T) *routed {
	r := &routed{localStack: newBackend(t), moto: newBackend(t), awsLocal: newBackend(t)}
	at := func(b *backend) *url.URL {
		u, err := url.Parse(b.URL)
		require.NoError(t, err)
		return u
	}
	server := httptest.NewServer(newRouter(at(r.localStack), at(r.moto), r.awsLocal.Config.Handler))
	t.Cleanup(server.Close)
	r.url = server.URL
	r.config = aws.Config{
		Region: Region, BaseEndpoint: &server.URL, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(AccessKeyID, SecretAccessKey, ""),
	}
	return r
}

func TestEachServiceIsAnsweredByWhatKnowsIt(t *testing.T) {
	r := newRouted(t)
	for _, test := range []struct {
		name string
		call func()
		want *backend
	}{
		// The answers are none that the SDK can use; who is asked is the point.
		{"CloudWatch Logs", func() {
			_, _ = cloudwatchlogs.NewFromConfig(r.config).DescribeLogGroups(t.Context(), nil)
		}, r.localStack},
		{"CloudWatch", func() { _, _ = cloudwatch.NewFromConfig(r.config).ListMetrics(t.Context(), nil) }, r.localStack},
		{"X-Ray", func() {
			_, _ = xray.NewFromConfig(r.config).BatchGetTraces(t.Context(), &xray.BatchGetTracesInput{TraceIds: []string{"1"}})
		}, r.moto},
		{"STS", func() { _, _ = sts.NewFromConfig(r.config).GetCallerIdentity(t.Context(), nil) }, r.awsLocal},
		{"STS without a signature", func() {
			_, _ = sts.NewFromConfig(r.config).AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
				RoleArn: aws.String("arn:aws:iam::000000000000:role/r"), RoleSessionName: aws.String("s"), WebIdentityToken: aws.String("t"),
			})
		}, r.awsLocal},
		{"OTLP", func() {
			response, err := http.Post(r.url+"/v1/traces", "application/x-protobuf", strings.NewReader("spans"))
			require.NoError(t, err)
			response.Body.Close()
		}, r.awsLocal},
		{"health of LocalStack", func() {
			response, err := http.Get(r.url + "/_localstack/health")
			require.NoError(t, err)
			response.Body.Close()
		}, r.localStack},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.call()
			for name, b := range map[string]*backend{"LocalStack": r.localStack, "moto": r.moto, "awslocal": r.awsLocal} {
				assert.Equal(t, b == test.want, len(b.taken()) == 1, name)
			}
		})
	}
}

func TestAWSLocalIsToldOfWritesThatSucceeded(t *testing.T) {
	r := newRouted(t)
	put := func() {
		_, _ = xray.NewFromConfig(r.config).PutTraceSegments(t.Context(), &xray.PutTraceSegmentsInput{TraceSegmentDocuments: []string{"segment"}})
		_, _ = cloudwatchlogs.NewFromConfig(r.config).CreateLogGroup(t.Context(), &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("group")})
	}
	put()
	want := []string{`{"TraceSegmentDocuments":["segment"]}`, `{"logGroupName":"group"}`}
	assert.Equal(t, want, append(r.moto.taken(), r.localStack.taken()...))
	assert.Equal(t, want, r.awsLocal.taken())

	r.moto.fail()
	r.localStack.fail()
	put()
	assert.Len(t, append(r.moto.taken(), r.localStack.taken()...), 2)
	assert.Empty(t, r.awsLocal.taken(), "a client sends again what has failed, and it would be there twice")
}
