package awslocal_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/awslocal"
)

const roleARN = "arn:aws:iam::123456789012:role/kyma/telemetry"

func withRole(c *awslocal.Config) {
	c.Roles = []awslocal.Role{{ARN: roleARN, ExternalID: "cluster-7"}}
}

// token is a JSON Web Token of the claims over valid ones.
func token(t *testing.T, e *endpoint, claims map[string]any) string {
	t.Helper()
	all := map[string]any{"iss": "https://issuer.example/k", "sub": "system:serviceaccount:kyma:collector", "aud": []string{"sts.amazonaws.com"}, "exp": e.clock().Add(time.Hour).Unix()}
	for k, v := range claims {
		all[k] = v
	}
	part := func(v any) string {
		b, err := json.Marshal(v)
		require.NoError(t, err)
		return base64.RawURLEncoding.EncodeToString(b)
	}
	return part(map[string]string{"alg": "RS256", "typ": "JWT"}) + "." + part(all) + "." + base64.RawURLEncoding.EncodeToString([]byte("signature"))
}

func TestCallerIdentityOfAKey(t *testing.T) {
	out, err := start(t).sts().GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	require.NoError(t, err)
	assert.Equal(t, accountID, *out.Account)
	assert.Equal(t, "arn:aws:iam::123456789012:user/"+keyID, *out.Arn)
	assert.Equal(t, keyID, *out.UserId)
}

func TestAssumedRoleWorksUntilItExpires(t *testing.T) {
	e := start(t, withRole)
	ctx := t.Context()
	roleConfig := e.config()
	roleConfig.Credentials = stscreds.NewAssumeRoleProvider(e.sts(), roleARN, func(o *stscreds.AssumeRoleOptions) {
		o.ExternalID = aws.String("cluster-7")
		o.RoleSessionName = "collector"
		o.Duration = awslocal.MinSessionSeconds * time.Second
	})
	first, err := roleConfig.Credentials.Retrieve(ctx)
	require.NoError(t, err)
	assert.Equal(t, e.clock().Add(15*time.Minute), first.Expires.UTC())
	session := roleConfig
	session.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return first, nil })

	who, err := sts.NewFromConfig(session).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	require.NoError(t, err)
	assert.Equal(t, "arn:aws:sts::123456789012:assumed-role/telemetry/collector", *who.Arn)
	_, err = cloudwatchlogs.NewFromConfig(session).DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{})
	require.NoError(t, err)

	stolen := session
	stolen.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		c := first
		c.SessionToken = ""
		return c, nil
	})
	_, err = cloudwatchlogs.NewFromConfig(stolen).DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{})
	requireCode(t, err, "UnrecognizedClientException")

	e.advance(15 * time.Minute)
	_, err = cloudwatchlogs.NewFromConfig(session).DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{})
	requireCode(t, err, "ExpiredTokenException")
	_, err = sts.NewFromConfig(session).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	requireCode(t, err, "ExpiredToken")
}

func TestAssumeRoleRefusals(t *testing.T) {
	for name, test := range map[string]struct {
		change  func(*sts.AssumeRoleInput)
		code    string
		message string
	}{
		"right":             {func(*sts.AssumeRoleInput) {}, "", ""},
		"no external id":    {func(in *sts.AssumeRoleInput) { in.ExternalId = nil }, "AccessDenied", "is not authorized to perform: sts:AssumeRole on resource: " + roleARN},
		"wrong external id": {func(in *sts.AssumeRoleInput) { in.ExternalId = aws.String("cluster-8") }, "AccessDenied", "is not authorized"},
		"unknown role":      {func(in *sts.AssumeRoleInput) { in.RoleArn = aws.String("arn:aws:iam::123456789012:role/other") }, "AccessDenied", "role/other"},
		"no role ARN":       {func(in *sts.AssumeRoleInput) { in.RoleArn = aws.String("telemetry-telemetry-telemetry") }, "ValidationError", "is invalid"},
		"session name":      {func(in *sts.AssumeRoleInput) { in.RoleSessionName = aws.String("a b") }, "ValidationError", "roleSessionName"},
		"900 s":             {func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(awslocal.MinSessionSeconds) }, "", ""},
		"899 s":             {func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(awslocal.MinSessionSeconds - 1) }, "ValidationError", "durationSeconds"},
		"43200 s":           {func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(awslocal.MaxSessionSeconds) }, "", ""},
		"43201 s":           {func(in *sts.AssumeRoleInput) { in.DurationSeconds = aws.Int32(awslocal.MaxSessionSeconds + 1) }, "ValidationError", "durationSeconds"},
	} {
		t.Run(name, func(t *testing.T) {
			in := &sts.AssumeRoleInput{RoleArn: aws.String(roleARN), RoleSessionName: aws.String("s1"), ExternalId: aws.String("cluster-7")}
			test.change(in)
			_, err := start(t, withRole).sts().AssumeRole(t.Context(), in)
			if test.code == "" {
				require.NoError(t, err)
				return
			}
			assert.Contains(t, requireCode(t, err, test.code).ErrorMessage(), test.message)
		})
	}
	_, err := start(t).sts().AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: aws.String(roleARN), RoleSessionName: aws.String("s1")})
	assert.NoError(t, err, "without configured roles any can be assumed")
}

// TestWebIdentityByTheDefaultChain configures the SDK as a pod with a projected token is.
func TestWebIdentityByTheDefaultChain(t *testing.T) {
	e := start(t, withRole)
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte(token(t, e, nil)), 0o600))
	for name, value := range map[string]string{
		"AWS_ROLE_ARN": roleARN, "AWS_WEB_IDENTITY_TOKEN_FILE": file, "AWS_ROLE_SESSION_NAME": "pod", "AWS_REGION": region, "AWS_ENDPOINT_URL": e.url,
		// The chain's own STS client does not read AWS_ENDPOINT_URL.
		"AWS_ENDPOINT_URL_STS": e.url,
		"AWS_ACCESS_KEY_ID":    "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": "", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": filepath.Join(t.TempDir(), "none"), "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(t.TempDir(), "none"),
	} {
		t.Setenv(name, value)
	}
	loaded, err := config.LoadDefaultConfig(t.Context())
	require.NoError(t, err)
	who, err := sts.NewFromConfig(loaded).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	require.NoError(t, err)
	assert.Equal(t, "arn:aws:sts::123456789012:assumed-role/telemetry/pod", *who.Arn)
}

func TestWebIdentityTokenIsChecked(t *testing.T) {
	e := start(t, withRole)
	for name, test := range map[string]struct {
		token   string
		code    string
		message string
	}{
		"audience in a list": {token(t, e, nil), "", ""},
		"audience alone":     {token(t, e, map[string]any{"aud": "sts.amazonaws.com"}), "", ""},
		"other audience":     {token(t, e, map[string]any{"aud": []string{"kubernetes"}}), "InvalidIdentityToken", "Incorrect token audience"},
		"expired":            {token(t, e, map[string]any{"exp": e.clock().Unix()}), "ExpiredTokenException", "Token expired"},
		"one second left":    {token(t, e, map[string]any{"exp": e.clock().Unix() + 1}), "", ""},
		"no expiry":          {token(t, e, map[string]any{"exp": 0}), "ExpiredTokenException", "Token expired"},
		"not yet valid":      {token(t, e, map[string]any{"nbf": e.clock().Unix() + 1}), "InvalidIdentityToken", "not yet valid"},
		"no subject":         {token(t, e, map[string]any{"sub": ""}), "InvalidIdentityToken", "not a valid JWT"},
		"no JWT":             {"nonsense", "InvalidIdentityToken", "not a valid JWT"},
		"unsigned":           {"eyJhbGciOiJub25lIn0.e30.", "InvalidIdentityToken", "not a valid JWT"},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := e.sts().AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{RoleArn: aws.String(roleARN), RoleSessionName: aws.String("s1"), WebIdentityToken: &test.token})
			if test.code != "" {
				assert.Contains(t, requireCode(t, err, test.code).ErrorMessage(), test.message)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, "system:serviceaccount:kyma:collector", *out.SubjectFromWebIdentityToken)
			assert.Equal(t, "arn:aws:iam::123456789012:oidc-provider/issuer.example/k", *out.Provider)
			assert.Equal(t, e.clock().Add(awslocal.DefaultSessionSeconds*time.Second), out.Credentials.Expiration.UTC())
		})
	}
	valid := token(t, e, nil)
	_, err := e.sts().AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{RoleArn: aws.String("arn:aws:iam::123456789012:role/other"), RoleSessionName: aws.String("s1"), WebIdentityToken: &valid})
	requireCode(t, err, "AccessDenied")
}

func TestARoleOnTopOfARoleLastsAnHourAtMost(t *testing.T) {
	e := start(t)
	chained := e.config()
	chained.Credentials = stscreds.NewAssumeRoleProvider(e.sts(), roleARN)
	client := sts.NewFromConfig(chained)
	in := &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::210987654321:role/other"), RoleSessionName: aws.String("s1")}

	in.DurationSeconds = aws.Int32(awslocal.MaxChainedSessionSeconds)
	_, err := client.AssumeRole(t.Context(), in)
	require.NoError(t, err)

	in.DurationSeconds = aws.Int32(awslocal.MaxChainedSessionSeconds + 1)
	_, err = client.AssumeRole(t.Context(), in)
	assert.Contains(t, requireCode(t, err, "ValidationError").ErrorMessage(), "role chaining")

	_, err = e.sts().AssumeRole(t.Context(), in)
	require.NoError(t, err, "a user is no chain")
}
