package localstack

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
)

// router is the one address of AWS: it hands each request to what knows the service.
type router struct {
	localStack, moto *httputil.ReverseProxy
	awsLocal         http.Handler
}

func newRouter(localStack, moto *url.URL, awsLocal http.Handler) *router {
	return &router{localStack: proxy(localStack), moto: proxy(moto), awsLocal: awsLocal}
}

func proxy(to *url.URL) *httputil.ReverseProxy {
	return &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Host = r.In.Host // signed
	}}
}

// copied are the writes that awslocal is told of too: it makes metrics of EMF events, and holds what is in AWS against
// AWS's limits, which the others do not.
var copied = regexp.MustCompile(`^Logs_20140328\.(CreateLogGroup|CreateLogStream|PutRetentionPolicy|PutLogEvents)$`)

func (ro *router) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	service := signedService(r)
	switch {
	// The OTLP endpoints are awslocal's, and so is STS: they verify signatures, and LocalStack's sessions would be strangers.
	case strings.HasPrefix(r.URL.Path, "/v1/"), service == "sts":
		ro.awsLocal.ServeHTTP(w, r)
	case service == "xray":
		ro.forward(w, r, ro.moto, r.URL.Path == "/TraceSegments")
	default:
		ro.forward(w, r, ro.localStack, copied.MatchString(r.Header.Get("X-Amz-Target")))
	}
}

// forward sends a request on. When it has succeeded, awslocal gets a copy of it.
func (ro *router) forward(w http.ResponseWriter, r *http.Request, to http.Handler, copyToAWSLocal bool) {
	if !copyToAWSLocal {
		to.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 16<<20))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	second := r.Clone(r.Context())
	r.Body, second.Body = io.NopCloser(bytes.NewReader(body)), io.NopCloser(bytes.NewReader(body))
	answer := statusRecorder{ResponseWriter: w, status: http.StatusOK}
	to.ServeHTTP(&answer, r)
	if answer.status == http.StatusOK {
		ro.awsLocal.ServeHTTP(discard{http.Header{}}, second)
	}
}

// signedService is the service that a request is signed for, such as "logs"; empty without a signature.
func signedService(r *http.Request) string {
	_, scope, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	scope, _, _ = strings.Cut(scope, ",")
	parts := strings.Split(scope, "/") // key/date/region/service/aws4_request
	if len(parts) != 5 {
		// AssumeRoleWithWebIdentity is not signed.
		if r.Method == http.MethodPost && r.Header.Get("X-Amz-Target") == "" && strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
			return "sts"
		}
		return ""
	}
	return parts[3]
}

type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (s *statusRecorder) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

// discard is where the answers to copies go.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}
