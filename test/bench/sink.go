package bench

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// sink is AWS without a memory: it answers every API as AWS does, with nextSequenceToken where exporters wait for one, checks
// no signature, and counts.
type sink struct {
	server *http.Server
	url    string
	done   chan struct{}

	mu       sync.Mutex
	requests int
	bytes    int64
	items    int
	last     time.Time
	// delays are the times from a record's start to its arrival, while timing.
	timing bool
	delays []time.Duration
}

func startSink() (*sink, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("no port for the AWS stand-in: %w", err)
	}
	s := &sink{url: "http://" + listener.Addr().String(), done: make(chan struct{}), last: time.Now()}
	s.server = &http.Server{Handler: s, ReadHeaderTimeout: time.Minute}
	go func() {
		defer close(s.done)
		_ = s.server.Serve(listener) // ends with ErrServerClosed
	}()
	return s, nil
}

func (s *sink) stop() {
	_ = s.server.Close() // nothing is kept
	<-s.done
}

func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // a client that went away
	}
	arrived := time.Now()
	answer := "{}"
	contentType := "application/json"
	data := false
	switch {
	case strings.HasPrefix(r.URL.Path, "/v1/"):
		answer, contentType, data = "", "application/x-protobuf", true
	case r.URL.Path == "/TraceSegments":
		answer, data = `{"UnprocessedTraceSegments":[]}`, true
	case strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".PutLogEvents"):
		answer, contentType, data = `{"nextSequenceToken":"0"}`, "application/x-amz-json-1.1", true
	default:
		contentType = "application/x-amz-json-1.1"
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", fmt.Sprint(len(answer)))
	_, _ = io.WriteString(w, answer)
	_ = http.NewResponseController(w).Flush() // the client need not wait for what follows
	if !data {
		return
	}
	items, starts := s.read(r, body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	s.bytes += int64(len(body))
	s.items += items
	s.last = time.Now()
	if s.timing {
		for _, start := range starts {
			s.delays = append(s.delays, arrived.Sub(start))
		}
	}
}

// read counts the records of a request and, of some of them, tells when they began.
func (s *sink) read(r *http.Request, body []byte) (items int, starts []time.Time) {
	if r.Header.Get("Content-Encoding") == "gzip" {
		reader, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return 0, nil
		}
		if body, err = io.ReadAll(reader); err != nil {
			return 0, nil
		}
	}
	switch r.URL.Path {
	case "/v1/traces":
		request := ptraceotlp.NewExportRequest()
		if request.UnmarshalProto(body) != nil {
			return 0, nil
		}
		for _, rs := range request.Traces().ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, span := range ss.Spans().All() {
					starts = append(starts, span.StartTimestamp().AsTime())
				}
			}
		}
		return len(starts), starts
	case "/v1/metrics":
		request := pmetricotlp.NewExportRequest()
		if request.UnmarshalProto(body) != nil {
			return 0, nil
		}
		for _, rm := range request.Metrics().ResourceMetrics().All() {
			for _, sm := range rm.ScopeMetrics().All() {
				for _, metric := range sm.Metrics().All() {
					switch metric.Type() {
					case pmetric.MetricTypeGauge:
						for _, point := range metric.Gauge().DataPoints().All() {
							starts = append(starts, point.Timestamp().AsTime())
						}
					case pmetric.MetricTypeSum:
						for _, point := range metric.Sum().DataPoints().All() {
							starts = append(starts, point.Timestamp().AsTime())
						}
					}
				}
			}
		}
		return len(starts), starts
	case "/v1/logs":
		request := plogotlp.NewExportRequest()
		if request.UnmarshalProto(body) != nil {
			return 0, nil
		}
		for _, rl := range request.Logs().ResourceLogs().All() {
			for _, sl := range rl.ScopeLogs().All() {
				for _, record := range sl.LogRecords().All() {
					starts = append(starts, record.Timestamp().AsTime())
				}
			}
		}
		return len(starts), starts
	case "/TraceSegments":
		var in struct{ TraceSegmentDocuments []string }
		if json.Unmarshal(body, &in) != nil {
			return 0, nil
		}
		for _, document := range in.TraceSegmentDocuments {
			var segment struct {
				Start float64 `json:"start_time"`
			}
			if json.Unmarshal([]byte(document), &segment) == nil {
				starts = append(starts, time.UnixMicro(int64(segment.Start*1e6)))
			}
		}
		return len(in.TraceSegmentDocuments), starts
	default:
		return readLogEvents(body)
	}
}

// readLogEvents counts the metrics of EMF events, and other events as records.
func readLogEvents(body []byte) (items int, starts []time.Time) {
	var in struct {
		LogEvents []struct {
			Timestamp int64
			Message   string
		} `json:"logEvents"`
	}
	if json.Unmarshal(body, &in) != nil {
		return 0, nil
	}
	for _, event := range in.LogEvents {
		n := 1
		if strings.Contains(event.Message, `"CloudWatchMetrics"`) {
			n = emfMetrics(event.Message)
		}
		items += n
		for range n {
			starts = append(starts, time.UnixMilli(event.Timestamp))
		}
	}
	return items, starts
}

// emfMetrics is the number of metrics that an EMF event names.
func emfMetrics(message string) int {
	type directives []struct{ Metrics []json.RawMessage }
	var event struct {
		V1 struct{ CloudWatchMetrics directives } `json:"_aws"`
		V0 directives                             `json:"CloudWatchMetrics"`
	}
	if json.Unmarshal([]byte(message), &event) != nil {
		return 0
	}
	n := 0
	for _, directive := range append(event.V1.CloudWatchMetrics, event.V0...) {
		n += len(directive.Metrics)
	}
	return n
}

// state is what has come so far.
type state struct {
	requests, items int
	bytes           int64
	last            time.Time
}

func (s *sink) state() state {
	s.mu.Lock()
	defer s.mu.Unlock()
	return state{s.requests, s.items, s.bytes, s.last}
}

// time begins or ends taking times; ending gives them.
func (s *sink) time(on bool) []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := s.delays
	s.timing, s.delays = on, nil
	return taken
}
