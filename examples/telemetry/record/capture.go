package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	_ "google.golang.org/grpc/encoding/gzip"
)

// capture collects requests as the collector's file exporter writes them: one JSON line for each.
type capture struct {
	mu                    sync.Mutex
	traces, metrics, logs bytes.Buffer
	exports               map[string]int // of metrics, by pod uid
	changed               chan struct{}  // closed and renewed with every export of metrics
	err                   error
}

func newCapture() *capture {
	return &capture{exports: map[string]int{}, changed: make(chan struct{})}
}

func (c *capture) line(b *bytes.Buffer, data []byte, err error) {
	if err != nil {
		c.err = errors.Join(c.err, err)
		return
	}
	b.Write(data)
	b.WriteByte('\n')
}

func (c *capture) addTraces(td ptrace.Traces) {
	data, err := (&ptrace.JSONMarshaler{}).MarshalTraces(td)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.line(&c.traces, data, err)
}

func (c *capture) addMetrics(md pmetric.Metrics) {
	data, err := (&pmetric.JSONMarshaler{}).MarshalMetrics(md)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.line(&c.metrics, data, err)
}

func (c *capture) addLogs(ld plog.Logs) {
	data, err := (&plog.JSONMarshaler{}).MarshalLogs(ld)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.line(&c.logs, data, err)
}

func (c *capture) exported(uid string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.exports[uid]++
	close(c.changed)
	c.changed = make(chan struct{})
}

// awaitExports waits until every pod has exported its metrics n times.
func (c *capture) awaitExports(ctx context.Context, n int) error {
	for {
		c.mu.Lock()
		all := len(c.exports) == len(pods)
		for _, exports := range c.exports {
			all = all && exports >= n
		}
		changed := c.changed
		c.mu.Unlock()
		if all {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// write replaces the three files, or none of them when the recording failed.
func (c *capture) write(directory string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	files := map[string]*bytes.Buffer{"traces.jsonl": &c.traces, "metrics.jsonl": &c.metrics, "logs.jsonl": &c.logs}
	for name, content := range files {
		unfinished := filepath.Join(directory, "."+name)
		if err := os.WriteFile(unfinished, content.Bytes(), 0o644); err != nil {
			return err
		}
		defer os.Remove(unfinished)
	}
	for name := range files {
		if err := os.Rename(filepath.Join(directory, "."+name), filepath.Join(directory, name)); err != nil {
			return err
		}
	}
	return nil
}

type (
	traceReceiver struct {
		ptraceotlp.UnimplementedGRPCServer
		*capture
	}
	metricReceiver struct {
		pmetricotlp.UnimplementedGRPCServer
		*capture
	}
	logReceiver struct {
		plogotlp.UnimplementedGRPCServer
		*capture
	}
)

func (r *traceReceiver) Export(_ context.Context, request ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	for _, rs := range request.Traces().ResourceSpans().All() {
		if err := enrichPushed(rs.Resource()); err != nil {
			return ptraceotlp.NewExportResponse(), err
		}
	}
	r.addTraces(request.Traces())
	return ptraceotlp.NewExportResponse(), nil
}

func (r *metricReceiver) Export(_ context.Context, request pmetricotlp.ExportRequest) (pmetricotlp.ExportResponse, error) {
	for _, rm := range request.Metrics().ResourceMetrics().All() {
		if err := enrichPushed(rm.Resource()); err != nil {
			return pmetricotlp.NewExportResponse(), err
		}
	}
	r.addMetrics(request.Metrics())
	for _, rm := range request.Metrics().ResourceMetrics().All() {
		uid, _ := rm.Resource().Attributes().Get("k8s.pod.uid")
		r.exported(uid.Str())
	}
	return pmetricotlp.NewExportResponse(), nil
}

func (r *logReceiver) Export(_ context.Context, request plogotlp.ExportRequest) (plogotlp.ExportResponse, error) {
	for _, rl := range request.Logs().ResourceLogs().All() {
		if err := enrichPushed(rl.Resource()); err != nil {
			return plogotlp.NewExportResponse(), err
		}
	}
	r.addLogs(request.Logs())
	return plogotlp.NewExportResponse(), nil
}

// receive takes OTLP by gRPC on a free port of 127.0.0.1 until stop is called.
func (c *capture) receive() (endpoint string, stop func() error, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := grpc.NewServer()
	ptraceotlp.RegisterGRPCServer(server, &traceReceiver{capture: c})
	pmetricotlp.RegisterGRPCServer(server, &metricReceiver{capture: c})
	plogotlp.RegisterGRPCServer(server, &logReceiver{capture: c})
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	return "http://" + listener.Addr().String(), func() error {
		server.Stop()
		return <-served
	}, nil
}
