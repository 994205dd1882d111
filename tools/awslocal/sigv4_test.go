package awslocal_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/xray"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/awslocal"
)

// describe is a request whose signature is all that can be wrong.
func describe() rawRequest {
	return rawRequest{path: "/", service: "logs", contentType: "application/x-amz-json-1.1", body: []byte("{}"),
		header: map[string]string{"X-Amz-Target": "Logs_20140328.DescribeLogGroups"}}
}

func TestSignatureIsVerified(t *testing.T) {
	for name, test := range map[string]struct {
		change  func(*rawRequest, *endpoint)
		code    string
		message string
	}{
		"right":              {func(*rawRequest, *endpoint) {}, "", ""},
		"five minutes old":   {func(r *rawRequest, e *endpoint) { r.signedAt = e.clock().Add(-awslocal.SignatureClockSkew) }, "", ""},
		"five minutes ahead": {func(r *rawRequest, e *endpoint) { r.signedAt = e.clock().Add(awslocal.SignatureClockSkew) }, "", ""},
		"older than five minutes": {func(r *rawRequest, e *endpoint) {
			r.signedAt = e.clock().Add(-awslocal.SignatureClockSkew - time.Second)
		}, "InvalidSignatureException", "Signature expired: "},
		"ahead more than five minutes": {func(r *rawRequest, e *endpoint) {
			r.signedAt = e.clock().Add(awslocal.SignatureClockSkew + time.Second)
		}, "InvalidSignatureException", "Signature not yet current: "},
		"another region":  {func(r *rawRequest, _ *endpoint) { r.region = "us-east-1" }, "InvalidSignatureException", "Credential should be scoped to a valid region"},
		"another service": {func(r *rawRequest, _ *endpoint) { r.service = "xray" }, "InvalidSignatureException", "Credential should be scoped to correct service: 'logs'"},
		"unknown key": {func(r *rawRequest, _ *endpoint) {
			r.credentials = aws.Credentials{AccessKeyID: "AKIDOTHER", SecretAccessKey: secret}
		}, "UnrecognizedClientException", "The security token included in the request is invalid"},
		"wrong secret": {func(r *rawRequest, _ *endpoint) {
			r.credentials = aws.Credentials{AccessKeyID: keyID, SecretAccessKey: "other"}
		}, "InvalidSignatureException", "The request signature we calculated does not match"},
		"session token of a long-term key": {func(r *rawRequest, _ *endpoint) {
			r.credentials = aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secret, SessionToken: "t"}
		}, "UnrecognizedClientException", "The security token included in the request is invalid"},
		"no authorization": {func(r *rawRequest, _ *endpoint) {
			r.tamper = func(req *http.Request) { req.Header.Del("Authorization") }
		}, "MissingAuthenticationTokenException", "Missing Authentication Token"},
		"another scheme": {func(r *rawRequest, _ *endpoint) {
			r.tamper = func(req *http.Request) { req.Header.Set("Authorization", "Bearer x") }
		}, "IncompleteSignatureException", "Authorization header requires"},
		"no date": {func(r *rawRequest, _ *endpoint) {
			r.tamper = func(req *http.Request) { req.Header.Del("X-Amz-Date") }
		}, "IncompleteSignatureException", "X-Amz-Date"},
		"changed header": {func(r *rawRequest, _ *endpoint) {
			r.tamper = func(req *http.Request) { req.Header.Set("X-Amz-Target", "Logs_20140328.DescribeLogStreams") }
		}, "InvalidSignatureException", "The request signature we calculated does not match"},
		"changed query": {func(r *rawRequest, _ *endpoint) {
			r.tamper = func(req *http.Request) { req.URL.RawQuery = "a=b" }
		}, "InvalidSignatureException", "The request signature we calculated does not match"},
		"added x-amz header": {func(r *rawRequest, _ *endpoint) {
			r.tamper = func(req *http.Request) { req.Header.Set("X-Amz-Other", "1") }
		}, "InvalidSignatureException", "'x-amz-other' must be a 'SignedHeader'"},
		"scope of another day": {func(r *rawRequest, e *endpoint) {
			r.tamper = func(req *http.Request) {
				today := e.clock().Format("20060102")
				req.Header.Set("Authorization", strings.Replace(req.Header.Get("Authorization"), today, "20010101", 1))
			}
		}, "InvalidSignatureException", "Date in Credential scope does not match"},
	} {
		t.Run(name, func(t *testing.T) {
			e := start(t)
			r := describe()
			test.change(&r, e)
			resp := e.send(t, r)
			if test.code == "" {
				require.Equal(t, http.StatusOK, resp.status, string(resp.body))
				return
			}
			require.Equal(t, http.StatusBadRequest, resp.status)
			var body struct {
				Type    string `json:"__type"`
				Message string `json:"message"`
			}
			require.NoError(t, json.Unmarshal(resp.body, &body))
			assert.Equal(t, test.code, body.Type)
			assert.Contains(t, body.Message, test.message)
		})
	}
}

func TestSignatureCoversThePayload(t *testing.T) {
	e := start(t)
	r := describe()
	r.tamper = func(req *http.Request) {
		req.Body = http.NoBody
		req.ContentLength = 0
	}
	assert.Contains(t, string(e.send(t, r).body), "InvalidSignatureException")
}

func TestSignatureFailureHasTheFormOfEachProtocol(t *testing.T) {
	e := start(t)
	ctx := t.Context()
	config := e.config()
	config.Credentials = credentials.NewStaticCredentialsProvider(keyID, "wrong", "")

	_, err := cloudwatchlogs.NewFromConfig(config).DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{})
	requireCode(t, err, "InvalidSignatureException")
	_, err = xray.NewFromConfig(config).BatchGetTraces(ctx, &xray.BatchGetTracesInput{TraceIds: []string{"1"}})
	requireCode(t, err, "InvalidSignatureException")
	_, err = sts.NewFromConfig(config).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	requireCode(t, err, "SignatureDoesNotMatch")
	_, err = cloudwatch.NewFromConfig(config).ListMetrics(ctx, &cloudwatch.ListMetricsInput{})
	var apiErr interface{ ErrorCode() string }
	require.ErrorAs(t, err, &apiErr)
	assert.Contains(t, []string{"InvalidSignatureException", "SignatureDoesNotMatch"}, apiErr.ErrorCode())

	resp := e.send(t, rawRequest{path: "/v1/traces", service: "xray", contentType: "application/x-protobuf",
		credentials: aws.Credentials{AccessKeyID: keyID, SecretAccessKey: "wrong"}})
	assert.Equal(t, http.StatusForbidden, resp.status)
	var st status.Status
	require.NoError(t, proto.Unmarshal(resp.body, &st))
	assert.Contains(t, st.Message, "The request signature we calculated does not match")
}

func TestTemporaryKeyNeedsItsSessionToken(t *testing.T) {
	e := start(t, func(c *awslocal.Config) { c.Credentials[0].SessionToken = "the token" })
	r := describe()
	assert.Equal(t, http.StatusBadRequest, e.send(t, r).status)
	r.credentials = aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secret, SessionToken: "the token"}
	assert.Equal(t, http.StatusOK, e.send(t, r).status)
}
