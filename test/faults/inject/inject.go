// Package inject stands in front of an AWS endpoint and makes it fail in the ways that AWS and the network to it do. Each
// failure has the form that AWS gives it in the protocol of the API that was called, since it is by their form that clients
// tell what to try again from what to give up.
package inject

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A Fault answers a request in AWS's stead. It may ask aws, and then answer otherwise. Ended is closed when the fault is
// taken out of the Injector.
type Fault func(w http.ResponseWriter, r *http.Request, aws http.Handler, ended <-chan struct{})

// Injector is an HTTP handler in front of AWS that a fault can be put into and taken out of while it serves.
type Injector struct {
	aws http.Handler

	mu    sync.Mutex
	fault Fault
	ended chan struct{}

	hits, served atomic.Int64
	last         atomic.Int64 // Unix nanoseconds of the last answer
}

// New returns an Injector without a fault.
func New(aws http.Handler) *Injector {
	return &Injector{aws: aws, ended: make(chan struct{})}
}

// Set puts a fault into the way of all requests that come from now on; nil takes it out.
func (i *Injector) Set(fault Fault) {
	i.mu.Lock()
	defer i.mu.Unlock()
	close(i.ended)
	i.ended = make(chan struct{})
	i.fault = fault
}

// Hits is how many requests met a fault, Served how many did not.
func (i *Injector) Hits() int { return int(i.hits.Load()) }

// Served is how many requests were passed on to AWS without a fault.
func (i *Injector) Served() int { return int(i.served.Load()) }

// Quiet is how long ago the last answer was given; very long when none was.
func (i *Injector) Quiet() time.Duration { return time.Since(time.Unix(0, i.last.Load())) }

func (i *Injector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	fault, ended := i.fault, i.ended
	i.mu.Unlock()
	// Deferred, since a fault may end the handler by a panic.
	defer func() { i.last.Store(time.Now().UnixNano()) }()
	if fault == nil {
		i.aws.ServeHTTP(w, r)
		i.served.Add(1)
		return
	}
	i.hits.Add(1)
	fault(w, r, i.aws, ended)
}

// NoAnswer accepts the request and keeps silent until the client goes away or the fault ends, and then drops the connection.
func NoAnswer(w http.ResponseWriter, r *http.Request, _ http.Handler, ended <-chan struct{}) {
	drain(r)
	select {
	case <-r.Context().Done():
	case <-ended:
	}
	reset(w)
}

// ResetBefore resets the connection in the middle of the answer's way; AWS never saw the request.
func ResetBefore(w http.ResponseWriter, r *http.Request, _ http.Handler, _ <-chan struct{}) {
	drain(r)
	reset(w)
}

// ResetAfter resets the connection after AWS has stored what the request brought, so that the client cannot know.
func ResetAfter(w http.ResponseWriter, r *http.Request, aws http.Handler, _ <-chan struct{}) {
	aws.ServeHTTP(&discard{header: http.Header{}}, r)
	reset(w)
}

// Slow passes every request on after a time.
func Slow(latency time.Duration) Fault {
	return func(w http.ResponseWriter, r *http.Request, aws http.Handler, _ <-chan struct{}) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			reset(w)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		select {
		case <-time.After(latency):
			aws.ServeHTTP(w, r)
		case <-r.Context().Done():
			reset(w)
		}
	}
}

// Every makes a fault hit one of n requests and passes the others on.
func Every(n int, fault Fault) Fault {
	var seen atomic.Int64
	return func(w http.ResponseWriter, r *http.Request, aws http.Handler, ended <-chan struct{}) {
		if seen.Add(1)%int64(n) != 1 {
			aws.ServeHTTP(w, r)
			return
		}
		fault(w, r, aws, ended)
	}
}

// Limited passes so many requests a second on, and makes the fault hit the others.
func Limited(perSecond int, fault Fault) Fault {
	var mu sync.Mutex
	var second int64
	var taken int
	return func(w http.ResponseWriter, r *http.Request, aws http.Handler, ended <-chan struct{}) {
		mu.Lock()
		if now := time.Now().Unix(); now != second {
			second, taken = now, 0
		}
		taken++
		pass := taken <= perSecond
		mu.Unlock()
		if pass {
			aws.ServeHTTP(w, r)
			return
		}
		fault(w, r, aws, ended)
	}
}

// drain reads the request, so that the client has sent all of it when it learns of the failure.
func drain(r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // a client that goes away meanwhile fails as it should
}

// reset ends the connection with a TCP reset.
func reset(w http.ResponseWriter) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // HTTP/2 has no connection to take over
	}
	if tcp, ok := connection.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // an error means that it is closed already
	}
	_ = connection.Close()
}

// discard takes an answer that nobody gets.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(int)             {}

// api is what a request calls.
type api struct {
	// service as SigV4 names it.
	service string
	// form is how it writes an error.
	form form
}

type form int

const (
	awsJSON  form = iota // CloudWatch Logs
	restJSON             // X-Ray
	awsQuery             // STS
	otlpHTTP
)

func apiOf(r *http.Request) api {
	switch path := r.URL.Path; {
	case path == "/v1/traces":
		return api{"xray", otlpHTTP}
	case path == "/v1/logs":
		return api{"logs", otlpHTTP}
	case path == "/v1/metrics":
		return api{"monitoring", otlpHTTP}
	case path == "/TraceSegments":
		return api{"xray", restJSON}
	case strings.HasPrefix(r.Header.Get("X-Amz-Target"), "Logs_"):
		return api{"logs", awsJSON}
	default:
		return api{"sts", awsQuery}
	}
}
