package awslocal

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"net/textproto"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

const (
	signatureAlgorithm = "AWS4-HMAC-SHA256"
	amzDateFormat      = "20060102T150405Z"
)

// identity is who signed a request.
type identity struct {
	arn    string
	userID string
}

// authorization is a parsed Authorization header.
type authorization struct {
	accessKeyID, date, region, service string
	signedHeaders                      []string
	signature                          string
}

func parseAuthorization(header string) (authorization, bool) {
	var a authorization
	rest, ok := strings.CutPrefix(header, signatureAlgorithm)
	if !ok {
		return a, false
	}
	for part := range strings.SplitSeq(rest, ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch key {
		case "Credential":
			scope := strings.Split(value, "/")
			if len(scope) != 5 || scope[4] != "aws4_request" {
				return a, false
			}
			a.accessKeyID, a.date, a.region, a.service = scope[0], scope[1], scope[2], scope[3]
		case "SignedHeaders":
			a.signedHeaders = strings.Split(value, ";")
		case "Signature":
			a.signature = value
		}
	}
	return a, a.accessKeyID != "" && len(a.signedHeaders) > 0 && a.signature != ""
}

// authError gives an authentication failure the name and status of the call's protocol: the Query protocol has older
// names, and only the JSON RPC protocols answer 400.
// Source: "Common errors" of the CloudWatch Logs, CloudWatch and STS API references.
func authError(c *call, code, queryCode, message string) *apiError {
	e := &apiError{Code: code, QueryCode: queryCode, Message: message, Status: http.StatusForbidden}
	if c.protocol == awsJSON || c.protocol == rpcV2CBOR {
		e.Status = http.StatusBadRequest
	}
	return e
}

func errMissingToken(c *call) *apiError {
	if c.protocol == awsQuery {
		return authError(c, "MissingAuthenticationToken", "", "Request is missing Authentication Token")
	}
	return authError(c, "MissingAuthenticationTokenException", "MissingAuthenticationToken", "Missing Authentication Token")
}

func errInvalidSignature(c *call, message string) *apiError {
	return authError(c, "InvalidSignatureException", "SignatureDoesNotMatch", message)
}

// authenticate verifies the request's signature as AWS does: scope, clock, key, session token, signature.
func (s *Server) authenticate(c *call) (identity, *apiError) {
	header := c.request.Header
	if header.Get("Authorization") == "" {
		return identity{}, errMissingToken(c)
	}
	auth, ok := parseAuthorization(header.Get("Authorization"))
	if !ok {
		return identity{}, authError(c, "IncompleteSignatureException", "IncompleteSignature",
			"Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. "+
				"Authorization header requires 'SignedHeaders' parameter.")
	}
	date, err := time.Parse(amzDateFormat, header.Get("X-Amz-Date"))
	if err != nil {
		return identity{}, authError(c, "IncompleteSignatureException", "IncompleteSignature",
			"Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
	}

	key, known := s.credential(auth.accessKeyID)
	if !known {
		return identity{}, authError(c, "UnrecognizedClientException", "InvalidClientTokenId",
			"The security token included in the request is invalid.")
	}
	if token := header.Get("X-Amz-Security-Token"); token != key.SessionToken {
		return identity{}, authError(c, "UnrecognizedClientException", "InvalidClientTokenId",
			"The security token included in the request is invalid.")
	}
	if !key.expires.IsZero() && !c.now.Before(key.expires) {
		return identity{}, authError(c, "ExpiredTokenException", "ExpiredToken",
			"The security token included in the request is expired")
	}

	if auth.region != s.config.Region {
		return identity{}, errInvalidSignature(c, "Credential should be scoped to a valid region. ")
	}
	if auth.service != c.service {
		return identity{}, errInvalidSignature(c, "Credential should be scoped to correct service: '"+c.service+"'.")
	}
	if auth.date != date.Format("20060102") {
		return identity{}, errInvalidSignature(c, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '"+
			auth.date+"' != '"+date.Format("20060102")+"', from '"+date.Format(amzDateFormat)+"'.")
	}
	if earliest := c.now.Add(-SignatureClockSkew); date.Before(earliest) {
		return identity{}, errInvalidSignature(c, "Signature expired: "+date.Format(amzDateFormat)+" is now earlier than "+
			earliest.UTC().Format(amzDateFormat)+" ("+c.now.UTC().Format(amzDateFormat)+" - 5 min.)")
	}
	if latest := c.now.Add(SignatureClockSkew); date.After(latest) {
		return identity{}, errInvalidSignature(c, "Signature not yet current: "+date.Format(amzDateFormat)+" is still later than "+
			latest.UTC().Format(amzDateFormat)+" ("+c.now.UTC().Format(amzDateFormat)+" + 5 min.)")
	}

	if missing := unsignedHeader(header, auth.signedHeaders); missing != "" {
		return identity{}, errInvalidSignature(c, "'"+missing+"' must be a 'SignedHeader' in the AWS 'Authorization' header.")
	}
	want, err := resign(c, auth, key, date)
	if err != nil || subtle.ConstantTimeCompare([]byte(want), []byte(auth.signature)) != 1 {
		return identity{}, errInvalidSignature(c, "The request signature we calculated does not match the signature you provided. "+
			"Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
	}
	return key.identity, nil
}

// unsignedHeader returns the first header that has to be signed and is not: the host, and every x-amz-* header.
// Source: IAM user guide, "Elements of an AWS API request signature".
func unsignedHeader(header http.Header, signed []string) string {
	isSigned := make(map[string]bool, len(signed))
	for _, name := range signed {
		isSigned[name] = true
	}
	if !isSigned["host"] {
		return "Host"
	}
	for name := range header {
		if lower := strings.ToLower(name); strings.HasPrefix(lower, "x-amz-") && !isSigned[lower] {
			return lower
		}
	}
	return ""
}

// resign returns the signature that the AWS SDK's own signer makes for the signed parts of the request.
func resign(c *call, auth authorization, key storedCredential, date time.Time) (string, error) {
	req, err := http.NewRequest(c.request.Method, "http://"+c.request.Host+c.request.URL.RequestURI(), nil)
	if err != nil {
		return "", err
	}
	for _, name := range auth.signedHeaders {
		switch name {
		case "host":
			req.Host = c.request.Host
		case "content-length":
			req.ContentLength = c.request.ContentLength
		default:
			canonical := textproto.CanonicalMIMEHeaderKey(name)
			req.Header[canonical] = c.request.Header.Values(canonical)
		}
	}
	payload := sha256.Sum256(c.wire)
	signer := v4.NewSigner()
	err = signer.SignHTTP(c.request.Context(), aws.Credentials{
		AccessKeyID: key.AccessKeyID, SecretAccessKey: key.SecretAccessKey, SessionToken: key.SessionToken,
	}, req, hex.EncodeToString(payload[:]), auth.service, auth.region, date)
	if err != nil {
		return "", err
	}
	resigned, _ := parseAuthorization(req.Header.Get("Authorization"))
	return resigned.signature, nil
}
