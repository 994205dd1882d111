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
	"fmt"
	"net/http"
	"regexp"
	"sync"
	"time"
)

// Credential is an access key that the endpoint accepts.
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
	// Credentials are the access keys that are accepted. At least one is required: there is no anonymous access but for
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

	// mu guards everything below.
	mu         sync.Mutex
	sessions   map[string]storedCredential
	counts     map[requestKey]*Request
	rejections rejectionLog
	logs       logStore
	traces     traceStore
	metrics    metricStore
}

type requestKey struct{ service, operation string }

// storedCredential is an accepted key: a configured one, or a session of STS with an expiry.
type storedCredential struct {
	Credential
	identity identity
	expires  time.Time
}

var accountPattern = regexp.MustCompile(`^\d{12}$`)

// New returns an endpoint for the account that config describes. It fails when config lacks a region or credentials, or
// names something that AWS would not accept.
func New(config Config) (*Server, error) {
	if config.Region == "" {
		return nil, errors.New("awslocal: Config.Region is empty: set the region that clients sign for, for example eu-central-1")
	}
	if config.AccountID == "" {
		config.AccountID = "000000000000"
	}
	if !accountPattern.MatchString(config.AccountID) {
		return nil, fmt.Errorf("awslocal: Config.AccountID is %q: an AWS account has 12 digits", config.AccountID)
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	s := &Server{
		config:   config,
		sessions: map[string]storedCredential{},
		counts:   map[requestKey]*Request{},
		logs:     logStore{groups: map[string]*logGroup{}},
		traces:   traceStore{byID: map[spanKey]*Span{}},
		metrics:  metricStore{byKey: map[string]*metric{}},
	}
	if len(config.Credentials) == 0 {
		return nil, errors.New("awslocal: Config.Credentials is empty: give at least one access key that clients sign with")
	}
	for i, c := range config.Credentials {
		if c.AccessKeyID == "" || c.SecretAccessKey == "" {
			return nil, fmt.Errorf("awslocal: Config.Credentials[%d] lacks an access key ID or a secret access key", i)
		}
		s.sessions[c.AccessKeyID] = storedCredential{Credential: c, identity: identity{
			arn: "arn:aws:iam::" + config.AccountID + ":user/" + c.AccessKeyID, userID: c.AccessKeyID,
		}}
	}
	for i, r := range config.Roles {
		if !roleARNPattern.MatchString(r.ARN) {
			return nil, fmt.Errorf("awslocal: Config.Roles[%d].ARN is %q: want arn:aws:iam::ACCOUNT:role/NAME", i, r.ARN)
		}
	}
	now := config.Now()
	for i, d := range config.LogDestinations {
		if err := s.logs.create(d, now); err != nil {
			return nil, fmt.Errorf("awslocal: Config.LogDestinations[%d] (group %q, stream %q): %s", i, d.Group, d.Stream, err.Message)
		}
	}
	return s, nil
}

// ServeHTTP answers a request to any of the services. The service is told by the path (OTLP, X-Ray, RPC v2), the
// X-Amz-Target header (AWS JSON) or the form's Action (Query).
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c, op, apiErr := s.route(r)
	if apiErr == nil {
		apiErr = s.serve(w, c, op)
	}
	if apiErr != nil {
		apiErr.write(w, c)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count(c, apiErr)
}

// serve authenticates and runs op, and writes its answer unless it fails.
func (s *Server) serve(w http.ResponseWriter, c *call, op operation) *apiError {
	if !op.anonymous {
		var err *apiError
		if c.who, err = s.authenticate(c); err != nil {
			return err
		}
	}
	return op.serve(s, w, c)
}

func (s *Server) credential(accessKeyID string) (storedCredential, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.sessions[accessKeyID]
	return c, ok
}

// count adds the call to Snapshot.Requests, and a refused one to Snapshot.Rejections. s.mu is held.
func (s *Server) count(c *call, err *apiError) {
	key := requestKey{c.service, c.operation}
	n := s.counts[key]
	if n == nil {
		n = &Request{Service: c.service, Operation: c.operation}
		s.counts[key] = n
	}
	n.Calls++
	n.WireBytes += int64(len(c.wire))
	n.Bytes += int64(len(c.body))
	if err == nil {
		return
	}
	if n.Errors == nil {
		n.Errors = map[string]int{}
	}
	n.Errors[err.Code]++
	// Creating what exists is how clients make sure of it: nothing is lost by the refusal.
	if err.Code == errCodeAlreadyExists {
		return
	}
	s.rejections.add(Rejection{
		Service: c.service, Operation: c.operation, Code: err.Code, Reason: err.Message,
		Count: max(c.items, 1), Example: excerpt(string(c.body)), Items: c.rejected,
	})
}

// Snapshot returns a deep copy of all that is stored, counted and refused so far.
func (s *Server) Snapshot() Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Snapshot{
		Spans:      s.traces.snapshot(),
		LogGroups:  s.logs.snapshot(),
		Metrics:    s.metrics.snapshot(),
		Requests:   s.requests(),
		Rejections: s.rejections.snapshot(),
	}
}
