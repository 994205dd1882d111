package inject

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// Partial makes AWS take every second record of a request only, and say so in a 200: UnprocessedTraceSegments of
// PutTraceSegments, partial_success of OTLP. What it passes on it has to sign anew.
type Partial struct {
	Credentials aws.Credentials
	Region      string

	rejected atomic.Int64
}

// Rejected is how many records were not passed on.
func (p *Partial) Rejected() int { return int(p.rejected.Load()) }

// Fault is the fault itself. Requests of other APIs pass.
func (p *Partial) Fault(w http.ResponseWriter, r *http.Request, aws http.Handler, _ <-chan struct{}) {
	body, err := readAll(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var rest, answer []byte
	rejected := 0
	switch called := apiOf(r); {
	case called.form == restJSON:
		rest, answer, rejected, err = halfOfSegments(body)
	case called.form == otlpHTTP:
		rest, answer, rejected, err = halfOfOTLP(r.URL.Path, body)
	default:
		rest = body
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	passed, err := p.sign(r, rest)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	recorder := httptest.NewRecorder()
	aws.ServeHTTP(recorder, passed)
	for name, values := range recorder.Header() {
		w.Header()[name] = values
	}
	if recorder.Code != http.StatusOK || answer == nil {
		w.WriteHeader(recorder.Code)
		_, _ = w.Write(recorder.Body.Bytes())
		return
	}
	p.rejected.Add(int64(rejected))
	w.Header().Del("Content-Length")
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(answer)
}

func readAll(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil || r.Header.Get("Content-Encoding") != "gzip" {
		return body, err
	}
	reader, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(reader)
}

func (p *Partial) sign(r *http.Request, body []byte) (*http.Request, error) {
	passed := r.Clone(r.Context())
	passed.Header.Del("Content-Encoding")
	passed.Header.Del("Authorization")
	passed.Body, passed.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	// The signer reads the URL's host, which a request that came in does not have.
	passed.URL.Host, passed.URL.Scheme = r.Host, "http"
	hash := sha256.Sum256(body)
	payload := hex.EncodeToString(hash[:])
	if passed.Header.Get("X-Amz-Content-Sha256") != "" {
		passed.Header.Set("X-Amz-Content-Sha256", payload)
	}
	err := v4.NewSigner().SignHTTP(context.Background(), p.Credentials, passed, payload, apiOf(r).service, p.Region, time.Now())
	return passed, err
}

// halfOfSegments keeps every second document and names the others in the answer.
func halfOfSegments(body []byte) (rest, answer []byte, rejected int, err error) {
	var in struct{ TraceSegmentDocuments []string }
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, nil, 0, err
	}
	type unprocessed struct{ Id, ErrorCode, Message string }
	var out struct{ UnprocessedTraceSegments []unprocessed }
	kept := []string{}
	for i, document := range in.TraceSegmentDocuments {
		if i%2 == 0 {
			kept = append(kept, document)
			continue
		}
		var segment struct {
			ID string `json:"id"`
		}
		if err := json.Unmarshal([]byte(document), &segment); err != nil {
			return nil, nil, 0, err
		}
		out.UnprocessedTraceSegments = append(out.UnprocessedTraceSegments, unprocessed{segment.ID, "ThrottledException", "Rate exceeded"})
	}
	in.TraceSegmentDocuments = kept
	if rest, err = json.Marshal(in); err != nil {
		return nil, nil, 0, err
	}
	answer, err = json.Marshal(out)
	return rest, answer, len(out.UnprocessedTraceSegments), err
}

const partialMessage = "Rate exceeded for some records"

// halfOfOTLP keeps every second record and counts the others in the answer.
func halfOfOTLP(path string, body []byte) (rest, answer []byte, rejected int, err error) {
	seen := 0
	odd := func() bool {
		seen++
		if seen%2 == 0 {
			rejected++
		}
		return seen%2 == 0
	}
	switch path {
	case "/v1/traces":
		request, response := ptraceotlp.NewExportRequest(), ptraceotlp.NewExportResponse()
		if err = request.UnmarshalProto(body); err != nil {
			return nil, nil, 0, err
		}
		for _, rs := range request.Traces().ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				ss.Spans().RemoveIf(func(ptrace.Span) bool { return odd() })
			}
		}
		response.PartialSuccess().SetRejectedSpans(int64(rejected))
		response.PartialSuccess().SetErrorMessage(partialMessage)
		if rest, err = request.MarshalProto(); err != nil {
			return nil, nil, 0, err
		}
		answer, err = response.MarshalProto()
	case "/v1/logs":
		request, response := plogotlp.NewExportRequest(), plogotlp.NewExportResponse()
		if err = request.UnmarshalProto(body); err != nil {
			return nil, nil, 0, err
		}
		for _, rl := range request.Logs().ResourceLogs().All() {
			for _, sl := range rl.ScopeLogs().All() {
				sl.LogRecords().RemoveIf(func(plog.LogRecord) bool { return odd() })
			}
		}
		response.PartialSuccess().SetRejectedLogRecords(int64(rejected))
		response.PartialSuccess().SetErrorMessage(partialMessage)
		if rest, err = request.MarshalProto(); err != nil {
			return nil, nil, 0, err
		}
		answer, err = response.MarshalProto()
	default:
		request, response := pmetricotlp.NewExportRequest(), pmetricotlp.NewExportResponse()
		if err = request.UnmarshalProto(body); err != nil {
			return nil, nil, 0, err
		}
		keep := func(pmetric.NumberDataPoint) bool { return odd() }
		for _, rm := range request.Metrics().ResourceMetrics().All() {
			for _, sm := range rm.ScopeMetrics().All() {
				for _, metric := range sm.Metrics().All() {
					switch metric.Type() {
					case pmetric.MetricTypeGauge:
						metric.Gauge().DataPoints().RemoveIf(keep)
					case pmetric.MetricTypeSum:
						metric.Sum().DataPoints().RemoveIf(keep)
					}
				}
			}
		}
		response.PartialSuccess().SetRejectedDataPoints(int64(rejected))
		response.PartialSuccess().SetErrorMessage(partialMessage)
		if rest, err = request.MarshalProto(); err != nil {
			return nil, nil, 0, err
		}
		answer, err = response.MarshalProto()
	}
	return rest, answer, rejected, err
}
