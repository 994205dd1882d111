package preview

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// maxLineBytes bounds one line of a capture. The collector's file exporter writes one line for each batch it gets, and a
// gRPC receiver takes at most 16 MiB at once; JSON is up to four times as long.
const maxLineBytes = 64 << 20

// Capture is recorded telemetry: what workloads and Kyma's agents hand to Kyma's gateway.
type Capture struct {
	Traces  []ptrace.Traces
	Metrics []pmetric.Metrics
	Logs    []plog.Logs
	// Files are the names of what was read.
	Files []string
}

// ReadCaptures reads OTLP JSON lines, as the collector's file exporter writes them, from files and from the *.jsonl files
// of folders. A line holds resourceSpans, resourceMetrics or resourceLogs; empty lines are skipped. An error names the file
// and line that it is about.
func ReadCaptures(paths ...string) (*Capture, error) {
	capture := &Capture{}
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("reading telemetry: %w", err)
		}
		names := []string{path}
		if info.IsDir() {
			if names, err = filepath.Glob(filepath.Join(path, "*.jsonl")); err != nil {
				return nil, fmt.Errorf("reading telemetry from folder %s: %w", path, err)
			}
			if len(names) == 0 {
				return nil, fmt.Errorf("reading telemetry: folder %s has no *.jsonl file", path)
			}
		}
		for _, name := range names {
			file, err := os.Open(name)
			if err != nil {
				return nil, fmt.Errorf("reading telemetry: %w", err)
			}
			err = capture.read(file, name)
			if err := errors.Join(err, file.Close()); err != nil {
				return nil, err
			}
		}
	}
	return capture, capture.checkNotEmpty()
}

// ReadCaptureFS reads the *.jsonl files at the top of files, as ReadCaptures does with a folder.
func ReadCaptureFS(files fs.FS) (*Capture, error) {
	names, err := fs.Glob(files, "*.jsonl")
	if err != nil {
		return nil, err
	}
	capture := &Capture{}
	for _, name := range names {
		file, err := files.Open(name)
		if err != nil {
			return nil, fmt.Errorf("reading telemetry: %w", err)
		}
		err = capture.read(file, name)
		if err := errors.Join(err, file.Close()); err != nil {
			return nil, err
		}
	}
	return capture, capture.checkNotEmpty()
}

func (c *Capture) checkNotEmpty() error {
	if len(c.Traces)+len(c.Metrics)+len(c.Logs) == 0 {
		return fmt.Errorf("reading telemetry: no spans, metrics or log records in %s", strings.Join(c.Files, ", "))
	}
	return nil
}

func (c *Capture) read(r io.Reader, name string) error {
	c.Files = append(c.Files, name)
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 1<<20), maxLineBytes)
	number := 0
	for lines.Scan() {
		number++
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		if err := c.readLine(line); err != nil {
			return fmt.Errorf("%s:%d: %w", name, number, err)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%s:%d: %w", name, number+1, err)
	}
	return nil
}

// readLine takes a line by the members that it has, since a file may mix the signals.
func (c *Capture) readLine(line []byte) error {
	// pdata's readers skip what they do not know and are lenient about types, so that the shape is checked first.
	var members struct {
		ResourceSpans   json.RawMessage `json:"resourceSpans"`
		ResourceMetrics json.RawMessage `json:"resourceMetrics"`
		ResourceLogs    json.RawMessage `json:"resourceLogs"`
	}
	if err := json.Unmarshal(line, &members); err != nil {
		return fmt.Errorf("not an OTLP JSON object: %w", err)
	}
	if members.ResourceSpans == nil && members.ResourceMetrics == nil && members.ResourceLogs == nil {
		return errors.New("has none of resourceSpans, resourceMetrics and resourceLogs: want OTLP JSON as the collector's file exporter writes it")
	}
	for name, member := range map[string]json.RawMessage{
		"resourceSpans": members.ResourceSpans, "resourceMetrics": members.ResourceMetrics, "resourceLogs": members.ResourceLogs,
	} {
		if member != nil && member[0] != '[' {
			return fmt.Errorf("%s is not a list", name)
		}
	}
	if members.ResourceSpans != nil {
		traces, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(line)
		if err != nil {
			return fmt.Errorf("not OTLP JSON traces: %w", err)
		}
		if traces.SpanCount() > 0 {
			c.Traces = append(c.Traces, traces)
		}
	}
	if members.ResourceMetrics != nil {
		metrics, err := (&pmetric.JSONUnmarshaler{}).UnmarshalMetrics(line)
		if err != nil {
			return fmt.Errorf("not OTLP JSON metrics: %w", err)
		}
		if metrics.DataPointCount() > 0 {
			c.Metrics = append(c.Metrics, metrics)
		}
	}
	if members.ResourceLogs != nil {
		logs, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs(line)
		if err != nil {
			return fmt.Errorf("not OTLP JSON logs: %w", err)
		}
		if logs.LogRecordCount() > 0 {
			c.Logs = append(c.Logs, logs)
		}
	}
	return nil
}

// ShiftTo moves all timestamps by one and the same time, so that the newest becomes now, and returns by how much. AWS
// refuses records older than 14 days, and a capture is older than that sooner or later. Timestamps that are 0 (unset) stay.
func (c *Capture) ShiftTo(now time.Time) time.Duration {
	newest := pcommon.Timestamp(0)
	c.eachTimestamp(func(t pcommon.Timestamp) pcommon.Timestamp {
		newest = max(newest, t)
		return t
	})
	if newest == 0 {
		return 0
	}
	// Whole milliseconds keep the order and the distances of what AWS stores in milliseconds.
	shift := now.Sub(newest.AsTime()).Truncate(time.Millisecond)
	c.eachTimestamp(func(t pcommon.Timestamp) pcommon.Timestamp {
		if t == 0 {
			return 0
		}
		return pcommon.Timestamp(int64(t) + int64(shift)) //nolint:gosec // timestamps fit into 63 bits until the year 2262
	})
	return shift
}

// eachTimestamp replaces each timestamp by what move returns for it.
func (c *Capture) eachTimestamp(move func(pcommon.Timestamp) pcommon.Timestamp) {
	for _, td := range c.Traces {
		for _, rs := range td.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, span := range ss.Spans().All() {
					span.SetStartTimestamp(move(span.StartTimestamp()))
					span.SetEndTimestamp(move(span.EndTimestamp()))
					for _, event := range span.Events().All() {
						event.SetTimestamp(move(event.Timestamp()))
					}
				}
			}
		}
	}
	for _, ld := range c.Logs {
		for _, rl := range ld.ResourceLogs().All() {
			for _, sl := range rl.ScopeLogs().All() {
				for _, record := range sl.LogRecords().All() {
					record.SetTimestamp(move(record.Timestamp()))
					record.SetObservedTimestamp(move(record.ObservedTimestamp()))
				}
			}
		}
	}
	for _, md := range c.Metrics {
		eachDatapoint(md, func(_ pmetric.ResourceMetrics, _ pmetric.ScopeMetrics, _ pmetric.Metric, point anyDatapoint) {
			point.SetTimestamp(move(point.Timestamp()))
			point.SetStartTimestamp(move(point.StartTimestamp()))
			for _, exemplar := range point.exemplars() {
				exemplar.SetTimestamp(move(exemplar.Timestamp()))
			}
		})
	}
}

// anyDatapoint is what the datapoints of all metric types have in common.
type anyDatapoint struct {
	datapoint
	exemplarSlice *pmetric.ExemplarSlice
}

type datapoint interface {
	Timestamp() pcommon.Timestamp
	SetTimestamp(pcommon.Timestamp)
	StartTimestamp() pcommon.Timestamp
	SetStartTimestamp(pcommon.Timestamp)
	Attributes() pcommon.Map
	Flags() pmetric.DataPointFlags
}

func (p anyDatapoint) exemplars() []pmetric.Exemplar {
	if p.exemplarSlice == nil {
		return nil
	}
	exemplars := make([]pmetric.Exemplar, 0, p.exemplarSlice.Len())
	for _, exemplar := range p.exemplarSlice.All() {
		exemplars = append(exemplars, exemplar)
	}
	return exemplars
}

// eachDatapoint visits every datapoint of md.
func eachDatapoint(md pmetric.Metrics, visit func(pmetric.ResourceMetrics, pmetric.ScopeMetrics, pmetric.Metric, anyDatapoint)) {
	for _, rm := range md.ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, metric := range sm.Metrics().All() {
				switch metric.Type() {
				case pmetric.MetricTypeGauge:
					for _, p := range metric.Gauge().DataPoints().All() {
						exemplars := p.Exemplars()
						visit(rm, sm, metric, anyDatapoint{p, &exemplars})
					}
				case pmetric.MetricTypeSum:
					for _, p := range metric.Sum().DataPoints().All() {
						exemplars := p.Exemplars()
						visit(rm, sm, metric, anyDatapoint{p, &exemplars})
					}
				case pmetric.MetricTypeHistogram:
					for _, p := range metric.Histogram().DataPoints().All() {
						exemplars := p.Exemplars()
						visit(rm, sm, metric, anyDatapoint{p, &exemplars})
					}
				case pmetric.MetricTypeExponentialHistogram:
					for _, p := range metric.ExponentialHistogram().DataPoints().All() {
						exemplars := p.Exemplars()
						visit(rm, sm, metric, anyDatapoint{p, &exemplars})
					}
				case pmetric.MetricTypeSummary:
					for _, p := range metric.Summary().DataPoints().All() {
						visit(rm, sm, metric, anyDatapoint{p, nil})
					}
				case pmetric.MetricTypeEmpty:
				}
			}
		}
	}
}

// Count returns how many spans, datapoints and log records the capture holds.
func (c *Capture) Count() (spans, datapoints, records int) {
	for _, td := range c.Traces {
		spans += td.SpanCount()
	}
	for _, md := range c.Metrics {
		datapoints += md.DataPointCount()
	}
	for _, ld := range c.Logs {
		records += ld.LogRecordCount()
	}
	return spans, datapoints, records
}

// sortedKeys returns the keys of m in order.
func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return slices.Clip(keys)
}
