package gateway_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	_ "google.golang.org/grpc/encoding/gzip"
)

// backend is an OTLP gRPC server that asks answer what to say to its n-th request, counted from 1.
type backend struct {
	endpoint string
	answer   func(ctx context.Context, n int) error

	mu      sync.Mutex
	n       int
	traces  []ptrace.Traces
	metrics []pmetric.Metrics
	logs    []plog.Logs
}

func (b *backend) reply(ctx context.Context, keep func()) error {
	b.mu.Lock()
	b.n++
	n := b.n
	b.mu.Unlock()
	if b.answer != nil {
		if err := b.answer(ctx, n); err != nil {
			return err
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	keep()
	return nil
}

func (b *backend) spans() (names []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, td := range b.traces {
		names = append(names, spanNames(td)...)
	}
	return names
}

func (b *backend) requests() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.n
}

type (
	traceService struct {
		ptraceotlp.UnimplementedGRPCServer
		*backend
	}
	metricService struct {
		pmetricotlp.UnimplementedGRPCServer
		*backend
	}
	logService struct {
		plogotlp.UnimplementedGRPCServer
		*backend
	}
)

func (s *traceService) Export(ctx context.Context, r ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	return ptraceotlp.NewExportResponse(), s.reply(ctx, func() { s.traces = append(s.traces, r.Traces()) })
}

func (s *metricService) Export(ctx context.Context, r pmetricotlp.ExportRequest) (pmetricotlp.ExportResponse, error) {
	return pmetricotlp.NewExportResponse(), s.reply(ctx, func() { s.metrics = append(s.metrics, r.Metrics()) })
}

func (s *logService) Export(ctx context.Context, r plogotlp.ExportRequest) (plogotlp.ExportResponse, error) {
	return plogotlp.NewExportResponse(), s.reply(ctx, func() { s.logs = append(s.logs, r.Logs()) })
}

// startBackend serves until the test ends.
func startBackend(t *testing.T, answer func(ctx context.Context, n int) error) *backend {
	t.Helper()
	b := &backend{answer: answer}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	b.endpoint = "http://" + listener.Addr().String()
	server := grpc.NewServer()
	ptraceotlp.RegisterGRPCServer(server, &traceService{backend: b})
	pmetricotlp.RegisterGRPCServer(server, &metricService{backend: b})
	plogotlp.RegisterGRPCServer(server, &logService{backend: b})
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		require.NoError(t, <-served)
	})
	return b
}

// httpBackend is an OTLP/HTTP server that keeps the paths asked for and the number of spans accepted.
type httpBackend struct {
	*httptest.Server
	mu       sync.Mutex
	paths    []string
	encoding string
	spans    int
}

func startHTTPBackend(t *testing.T, status func(n int) int) *httpBackend {
	t.Helper()
	b := &httpBackend{}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.paths = append(b.paths, r.URL.Path)
		b.encoding = r.Header.Get("Content-Encoding")
		body, err := io.ReadAll(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		code := status(len(b.paths))
		if code == http.StatusOK && b.encoding == "" {
			request := ptraceotlp.NewExportRequest()
			if err := request.UnmarshalProto(body); err != nil {
				code = http.StatusBadRequest
			}
			b.spans += request.Traces().SpanCount()
		}
		if code != http.StatusOK {
			w.WriteHeader(code)
			return
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
		answer, err := ptraceotlp.NewExportResponse().MarshalProto()
		if err == nil {
			_, _ = w.Write(answer)
		}
	}))
	t.Cleanup(b.Close)
	return b
}
