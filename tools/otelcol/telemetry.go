package otelcol

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// SelfMetrics are a collector's own metrics, as its Prometheus endpoint shows them.
type SelfMetrics map[string]*dto.MetricFamily

// Scrape reads the collector's own metrics from url, such as http://127.0.0.1:8888/metrics.
func Scrape(ctx context.Context, url string) (SelfMetrics, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("reading the collector's own metrics: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("reading the collector's own metrics: %s", response.Status)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(response.Body)
	if err != nil {
		return nil, fmt.Errorf("reading the collector's own metrics: %w", err)
	}
	return families, nil
}

// Each visits the values of a metric with their labels. Counters have the suffix _total or not, by the reader's settings.
func (m SelfMetrics) Each(name string, visit func(labels map[string]string, value float64)) {
	for _, full := range []string{name, name + "_total"} {
		family, ok := m[full]
		if !ok {
			continue
		}
		for _, metric := range family.GetMetric() {
			labels := map[string]string{}
			for _, pair := range metric.GetLabel() {
				labels[pair.GetName()] = pair.GetValue()
			}
			visit(labels, metric.GetCounter().GetValue()+metric.GetGauge().GetValue()+metric.GetUntyped().GetValue())
		}
	}
}

// Queued is how many items or bytes wait in the exporters' queues.
func (m SelfMetrics) Queued() float64 {
	total := 0.0
	m.Each("otelcol_exporter_queue_size", func(_ map[string]string, value float64) { total += value })
	return total
}

// notDropping are processors whose difference of items in and out is no decision to drop.
var notDropping = []string{"memory_limiter", "batch"}

// Filtered is how many items of each signal the processors took out, by processor.
func (m SelfMetrics) Filtered() map[string]map[string]int {
	difference := map[string]map[string]int{}
	note := func(sign int) func(map[string]string, float64) {
		return func(labels map[string]string, value float64) {
			signal, processor := labels["otel_signal"], labels["processor"]
			if slices.Contains(notDropping, kindOf(processor)) {
				return
			}
			if difference[signal] == nil {
				difference[signal] = map[string]int{}
			}
			difference[signal][processor] += sign * int(value)
		}
	}
	m.Each("otelcol_processor_incoming_items", note(1))
	m.Each("otelcol_processor_outgoing_items", note(-1))
	for _, processors := range difference {
		for processor, dropped := range processors {
			if dropped <= 0 {
				delete(processors, processor)
			}
		}
	}
	return difference
}

// kindOf is the part of a component's ID before the slash.
func kindOf(id string) string {
	kind, _, _ := strings.Cut(id, "/")
	return kind
}

// itemsOf is the noun that the collector's metrics use for a signal.
var itemsOf = map[string]string{"traces": "spans", "metrics": "metric_points", "logs": "log_records"}

// Failures are what exporters and receivers counted as failed or refused of a signal ("traces"), in words.
func (m SelfMetrics) Failures(signal string) []string {
	var texts []string
	for _, kind := range []struct{ metric, text, label string }{
		{"otelcol_exporter_send_failed_", "exporter %s failed to send %d %s", "exporter"},
		{"otelcol_exporter_enqueue_failed_", "exporter %s had no room in its queue for %d %s", "exporter"},
		{"otelcol_receiver_refused_", "receiver %s refused %d %s", "receiver"},
	} {
		m.Each(kind.metric+itemsOf[signal], func(labels map[string]string, value float64) {
			if value > 0 {
				texts = append(texts, fmt.Sprintf(kind.text, labels[kind.label], int(value), strings.ReplaceAll(itemsOf[signal], "_", " ")))
			}
		})
	}
	slices.Sort(texts)
	return texts
}

// Drop is a line of the collector's log that says that data is gone.
type Drop struct {
	// Signal is "traces", "metrics" or "logs", Component the exporter's ID, Why its error.
	Signal, Component, Why string
	// Count is the number of items.
	Count int
	// Interrupted is whether it waited to be sent again when the collector was stopped.
	Interrupted bool
}

// interruption is how the collector's retries begin the reason for what they give up at the end (exporterhelper).
const interruption = "interrupted due to shutdown: "

// requestID is what makes equal answers of AWS differ.
var requestID = regexp.MustCompile(`\s*RequestID: [0-9A-Za-z-]+,`)

// maxLineBytes bounds a line of the log: an error may quote a whole request.
const maxLineBytes = 64 << 20

// logLine is the part of a collector's log line that tells about data. The console encoding has the same fields as a JSON
// object at the end of the line.
type logLine struct {
	Level   string `json:"level"`
	Message string `json:"msg"`
	Error   any    `json:"error"`
	Dropped int    `json:"dropped_items"`
	// What a receiver rejects in a partial success is dropped as well.
	DroppedSpans   int    `json:"dropped_spans"`
	DroppedPoints  int    `json:"dropped_data_points"`
	DroppedRecords int    `json:"dropped_log_records"`
	Partial        string `json:"message"`
	Component      string `json:"otelcol.component.id"`
	Signal         string `json:"otelcol.signal"`
	Kind           string `json:"otelcol.component.kind"`
}

// Drops finds in a collector's log what exporters say they dropped.
func Drops(log string) []Drop {
	var found []Drop
	lines := bufio.NewScanner(strings.NewReader(log))
	lines.Buffer(make([]byte, 0, 64<<10), maxLineBytes)
	for lines.Scan() {
		text := lines.Text()
		at := strings.IndexByte(text, '{')
		if at < 0 || !strings.Contains(text, `"dropped_`) {
			continue
		}
		var line logLine
		if json.Unmarshal([]byte(text[at:]), &line) != nil {
			continue
		}
		count := line.Dropped + line.DroppedSpans + line.DroppedPoints + line.DroppedRecords
		if count == 0 {
			continue
		}
		why := ""
		switch {
		case line.Error != nil:
			why = fmt.Sprint(line.Error)
		case line.Partial != "":
			why = "partial success: " + line.Partial
		}
		why, interrupted := strings.CutPrefix(requestID.ReplaceAllString(why, ""), interruption)
		found = append(found, Drop{Signal: line.Signal, Component: line.Component, Why: why, Count: count, Interrupted: interrupted})
	}
	return found
}
