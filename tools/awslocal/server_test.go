package awslocal_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/xray"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/awslocal"
)

const (
	region    = "eu-central-2"
	accountID = "123456789012"
	keyID     = "AKIDEXAMPLE"
	secret    = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
)

// endpoint is a Server behind a real HTTP server, with a clock that stands still unless a test moves it.
type endpoint struct {
	*awslocal.Server
	url string

	mu  sync.Mutex
	now time.Time
}

func (e *endpoint) clock() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.now
}

func (e *endpoint) advance(d time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.now = e.now.Add(d)
}

func start(t *testing.T, change ...func(*awslocal.Config)) *endpoint {
	t.Helper()
	// The SDK signs with the wall clock, so the endpoint's starts from it.
	e := &endpoint{now: time.Now().UTC().Truncate(time.Second)}
	config := awslocal.Config{
		Region: region, AccountID: accountID, TransactionSearch: true, Now: e.clock,
		Credentials: []awslocal.Credential{{AccessKeyID: keyID, SecretAccessKey: secret}},
	}
	for _, f := range change {
		f(&config)
	}
	server, err := awslocal.New(config)
	require.NoError(t, err)
	e.Server = server
	httpServer := httptest.NewServer(server)
	t.Cleanup(httpServer.Close)
	e.url = httpServer.URL
	return e
}

func (e *endpoint) config() aws.Config {
	return aws.Config{
		Region: region, BaseEndpoint: &e.url, Credentials: credentials.NewStaticCredentialsProvider(keyID, secret, ""),
		Retryer: func() aws.Retryer { return aws.NopRetryer{} },
	}
}

func (e *endpoint) logs() *cloudwatchlogs.Client   { return cloudwatchlogs.NewFromConfig(e.config()) }
func (e *endpoint) xray() *xray.Client             { return xray.NewFromConfig(e.config()) }
func (e *endpoint) cloudwatch() *cloudwatch.Client { return cloudwatch.NewFromConfig(e.config()) }
func (e *endpoint) sts() *sts.Client               { return sts.NewFromConfig(e.config()) }

// rawRequest is a request that no SDK client makes: signed by the SDK's signer, with anything changed before or after.
type rawRequest struct {
	path        string
	contentType string
	header      map[string]string
	body        []byte
	service     string
	region      string
	credentials aws.Credentials
	signedAt    time.Time
	tamper      func(*http.Request)
	gzip        bool
}

type rawResponse struct {
	status int
	header http.Header
	body   []byte
}

func (e *endpoint) send(t *testing.T, r rawRequest) rawResponse {
	t.Helper()
	body := r.body
	if r.gzip {
		var b bytes.Buffer
		zw := gzip.NewWriter(&b)
		_, err := zw.Write(body)
		require.NoError(t, err)
		require.NoError(t, zw.Close())
		body = b.Bytes()
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, e.url+r.path, bytes.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", r.contentType)
	if r.gzip {
		req.Header.Set("Content-Encoding", "gzip")
	}
	for k, v := range r.header {
		req.Header.Set(k, v)
	}
	if r.region == "" {
		r.region = region
	}
	if r.credentials.AccessKeyID == "" {
		r.credentials = aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secret}
	}
	if r.signedAt.IsZero() {
		r.signedAt = e.clock()
	}
	hash := sha256.Sum256(body)
	require.NoError(t, v4.NewSigner().SignHTTP(context.Background(), r.credentials, req, hex.EncodeToString(hash[:]), r.service, r.region, r.signedAt))
	if r.tamper != nil {
		r.tamper(req)
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { assert.NoError(t, resp.Body.Close()) }()
	out, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return rawResponse{resp.StatusCode, resp.Header, out}
}

// requireCode fails unless err is an API error of the code.
func requireCode(t *testing.T, err error, code string) smithy.APIError {
	t.Helper()
	var apiErr smithy.APIError
	require.Truef(t, errors.As(err, &apiErr), "want an API error %s, got %v", code, err)
	require.Equal(t, code, apiErr.ErrorCode(), apiErr.ErrorMessage())
	return apiErr
}

// rejections returns the entries of the code.
func (e *endpoint) rejections(code string) []awslocal.Rejection {
	var out []awslocal.Rejection
	for _, r := range e.Snapshot().Rejections {
		if r.Code == code {
			out = append(out, r)
		}
	}
	return out
}

func TestNewRefusesAnAccountThatCannotBe(t *testing.T) {
	good := awslocal.Config{Region: region, Credentials: []awslocal.Credential{{AccessKeyID: keyID, SecretAccessKey: secret}}}
	_, err := awslocal.New(good)
	require.NoError(t, err)
	for name, test := range map[string]struct {
		change func(*awslocal.Config)
		want   string
	}{
		"no region":         {func(c *awslocal.Config) { c.Region = "" }, "Config.Region is empty"},
		"no credentials":    {func(c *awslocal.Config) { c.Credentials = nil }, "Config.Credentials is empty"},
		"half a credential": {func(c *awslocal.Config) { c.Credentials[0].SecretAccessKey = "" }, "Config.Credentials[0] lacks"},
		"account":           {func(c *awslocal.Config) { c.AccountID = "12" }, "an AWS account has 12 digits"},
		"role":              {func(c *awslocal.Config) { c.Roles = []awslocal.Role{{ARN: "admin"}} }, "want arn:aws:iam::ACCOUNT:role/NAME"},
		"log group":         {func(c *awslocal.Config) { c.LogDestinations = []awslocal.LogDestination{{Group: "a b"}} }, "Member must satisfy regular expression pattern"},
	} {
		t.Run(name, func(t *testing.T) {
			config := good
			config.Credentials = []awslocal.Credential{good.Credentials[0]}
			test.change(&config)
			_, err := awslocal.New(config)
			assert.ErrorContains(t, err, test.want)
		})
	}
}

func TestUnknownOperationIsRefusedByName(t *testing.T) {
	e := start(t)
	_, err := e.logs().DeleteLogGroup(t.Context(), &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: aws.String("g")})
	requireCode(t, err, "UnknownOperationException")
	_, err = e.sts().GetSessionToken(t.Context(), &sts.GetSessionTokenInput{})
	requireCode(t, err, "InvalidAction")
}

func TestRequestsAreCountedByOperationWithSizesAndErrors(t *testing.T) {
	e := start(t)
	ctx := t.Context()
	for range 2 {
		_, _ = e.logs().CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: aws.String("g")})
	}
	body := []byte(`{"logGroupNamePrefix":"g"}`)
	e.send(t, rawRequest{path: "/", service: "logs", contentType: "application/x-amz-json-1.1", body: body, gzip: true,
		header: map[string]string{"X-Amz-Target": "Logs_20140328.DescribeLogGroups"}})

	requests := e.Snapshot().Requests
	require.Len(t, requests, 2)
	assert.Equal(t, "CreateLogGroup", requests[0].Operation)
	assert.Equal(t, 2, requests[0].Calls)
	assert.Equal(t, map[string]int{"ResourceAlreadyExistsException": 1}, requests[0].Errors)
	assert.Equal(t, "DescribeLogGroups", requests[1].Operation)
	assert.Equal(t, int64(len(body)), requests[1].Bytes)
	assert.NotEqual(t, requests[1].Bytes, requests[1].WireBytes)
	assert.Positive(t, requests[1].WireBytes)
	assert.Empty(t, e.Snapshot().Rejections, "creating what exists loses nothing")
}
