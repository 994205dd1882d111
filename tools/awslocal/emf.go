package awslocal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// The reasons for which CloudWatch does not extract metrics from an event in the embedded metric format, as
// Rejection.Code. AWS stores the event, answers success, and at most counts it in AWS/Logs EMFParsingErrors or
// EMFValidationErrors.
const (
	RejectEMFInvalidJSON       = "EMFInvalidJSON"
	RejectEMFMetadata          = "EMFMetadata"
	RejectEMFNamespace         = "EMFNamespace"
	RejectEMFTooManyMetrics    = "EMFTooManyMetrics"
	RejectEMFTooManyDimensions = "EMFTooManyDimensions"
	RejectEMFDimensionName     = "EMFDimensionName"
	RejectEMFDimensionMissing  = "EMFDimensionMissing"
	RejectEMFDimensionValue    = "EMFDimensionValue"
	RejectEMFMetricName        = "EMFMetricName"
	RejectEMFMetricMissing     = "EMFMetricMissing"
	RejectEMFMetricValue       = "EMFMetricValue"
	RejectEMFTooManyValues     = "EMFTooManyValues"
)

// maxMetricValue bounds values: "Values must be in the range of -2^360 to 2^360. In addition, special values (for
// example, NaN, +Infinity, -Infinity) are not supported." Source: CloudWatch API reference, MetricDatum.
var maxMetricValue = math.Pow(2, 360)

// units are the values of StandardUnit. Source: CloudWatch API reference, MetricDatum.
var units = []string{
	"Seconds", "Microseconds", "Milliseconds", "Bytes", "Kilobytes", "Megabytes", "Gigabytes", "Terabytes", "Bits", "Kilobits",
	"Megabits", "Gigabits", "Terabits", "Percent", "Count", "Bytes/Second", "Kilobytes/Second", "Megabytes/Second",
	"Gigabytes/Second", "Terabytes/Second", "Bits/Second", "Kilobits/Second", "Megabits/Second", "Gigabits/Second",
	"Terabits/Second", "Count/Second", "None",
}

type emfDirective struct {
	Namespace  *string    `json:"Namespace"`
	Dimensions [][]string `json:"Dimensions"`
	Metrics    []struct {
		Name              string `json:"Name"`
		Unit              string `json:"Unit"`
		StorageResolution int    `json:"StorageResolution"`
	} `json:"Metrics"`
}

// emfEvent is one log event on its way into metrics.
type emfEvent struct {
	server        *Server
	operation     string
	group, stream string
	message       string
	timestamp     time.Time
	fields        map[string]any
}

// extractEMF stores the metrics of an event in the embedded metric format, version 1 (the _aws member) or 0 (members at
// the root, which needs the request header x-amzn-logs-format: json/emf). Any other event is left alone.
func (s *Server) extractEMF(c *call, group, stream string, in inputLogEvent, formatHeader bool) {
	e := &emfEvent{server: s, operation: c.operation, group: group, stream: stream, message: in.Message, timestamp: time.UnixMilli(in.Timestamp).UTC()}
	if !strings.Contains(in.Message, `"CloudWatchMetrics"`) && !(formatHeader && strings.HasPrefix(strings.TrimSpace(in.Message), "{")) {
		return
	}
	decoder := json.NewDecoder(strings.NewReader(in.Message))
	decoder.UseNumber()
	err := decoder.Decode(&e.fields)
	if err == nil {
		if _, rest := decoder.Token(); rest != io.EOF {
			err = fmt.Errorf("there is data after the JSON object")
		}
	}
	if err != nil {
		e.reject(RejectEMFInvalidJSON, 1, "", nil, "the log event is not one valid JSON object (%s): its metrics are not extracted", jsonFault(in.Message, err))
		return
	}

	metadata, timestamp := e.fields["_aws"], any(nil)
	switch aws, ok := metadata.(map[string]any); {
	case ok:
		metadata, timestamp = aws["CloudWatchMetrics"], aws["Timestamp"]
	case metadata == nil && formatHeader && e.fields["Version"] == "0":
		metadata, timestamp = e.fields["CloudWatchMetrics"], e.fields["Timestamp"]
	default:
		return
	}
	if metadata == nil {
		return
	}
	var directives []emfDirective
	strict := json.NewDecoder(bytes.NewReader(mustJSON(metadata)))
	if err := strict.Decode(&directives); err != nil {
		e.reject(RejectEMFMetadata, 1, "", nil, "CloudWatchMetrics is not an array of metric directives: %s", err)
		return
	}
	ms, err := strconv.ParseInt(fmt.Sprint(timestamp), 10, 64)
	if err != nil {
		e.reject(RejectEMFMetadata, countMetrics(directives), "", nil, "the metadata has no Timestamp in milliseconds since the epoch")
		return
	}
	e.timestamp = time.UnixMilli(ms).UTC()
	for _, d := range directives {
		e.extract(d)
	}
}

func countMetrics(directives []emfDirective) int {
	n := 0
	for _, d := range directives {
		n += len(d.Metrics) * max(len(d.Dimensions), 1)
	}
	return n
}

// jsonFault says where JSON breaks off, without what varies from event to event.
func jsonFault(message string, err error) string {
	if strings.HasSuffix(message, "[Truncated...]") {
		return "its writer cut it off"
	}
	return err.Error()
}

// extract stores the metrics of one directive. What breaks the rules of the directive leaves out the directive, of a
// dimension set the set, of a metric the metric.
func (e *emfEvent) extract(d emfDirective) {
	sets := d.Dimensions
	if len(sets) == 0 {
		sets = [][]string{{}}
	}
	count := len(d.Metrics) * len(sets)
	namespace := ""
	if d.Namespace != nil {
		namespace = *d.Namespace
	}
	if n := utf8.RuneCountInString(namespace); n == 0 || n > MaxNamespace || strings.HasPrefix(namespace, ":") {
		e.reject(RejectEMFNamespace, count, namespace, d.names(), "Namespace %q is not a name of 1 to %d characters that does not start with a colon", excerpt(namespace), MaxNamespace)
		return
	}
	if n := len(d.Metrics); n > MaxEMFMetrics {
		e.reject(RejectEMFTooManyMetrics, count, namespace, d.names(), "a metric directive has more than %d metrics", MaxEMFMetrics)
		return
	}
	for _, set := range sets {
		dimensions, code, reason := e.dimensions(set)
		if code != "" {
			e.reject(code, len(d.Metrics), namespace, d.names(), "%s", reason)
			continue
		}
		fields := e.otherFields(d, set)
		for _, m := range d.Metrics {
			if n := utf8.RuneCountInString(m.Name); n == 0 || n > MaxMetricName {
				e.reject(RejectEMFMetricName, 1, namespace, []string{excerpt(m.Name)}, "a metric name is not 1 to %d characters long", MaxMetricName)
				continue
			}
			value, ok := e.fields[m.Name]
			if !ok {
				e.reject(RejectEMFMetricMissing, 1, namespace, []string{m.Name}, "metric %q is not a member of the root", m.Name)
				continue
			}
			point, code, reason := parseEMFValue(value)
			if code != "" {
				e.reject(code, 1, namespace, []string{m.Name}, "metric %q: %s", m.Name, reason)
				continue
			}
			point.Timestamp, point.Source, point.LogGroup, point.LogStream, point.Fields = e.timestamp, ViaEMF, e.group, e.stream, fields
			point.Unit, point.StorageResolution = "None", 60
			// A unit that CloudWatch does not know ("{request}") does not keep the metric from being extracted.
			if slices.Contains(units, m.Unit) {
				point.Unit = m.Unit
			}
			if m.StorageResolution == 1 {
				point.StorageResolution = 1
			}
			e.server.metrics.put(namespace, m.Name, dimensions, point)
		}
	}
}

func (d emfDirective) names() []string {
	names := make([]string, len(d.Metrics))
	for i, m := range d.Metrics {
		names[i] = m.Name
	}
	return names
}

// otherFields are the members of the event that the directive refers to neither as dimension nor as metric.
func (e *emfEvent) otherFields(d emfDirective, set []string) map[string]any {
	other := map[string]any{}
	for name, value := range e.fields {
		if name != "_aws" && name != "CloudWatchMetrics" && !slices.Contains(set, name) && !slices.Contains(d.names(), name) {
			other[name] = plainNumbers(value)
		}
	}
	return other
}

// plainNumbers copies v with float64 for json.Number, as readers of JSON expect.
func plainNumbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		f, _ := v.Float64()
		return f
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = plainNumbers(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = plainNumbers(e)
		}
		return out
	}
	return v
}

// dimensions looks up a dimension set, and says which rule it breaks.
func (e *emfEvent) dimensions(set []string) (dimensions map[string]string, code, reason string) {
	if len(set) > MaxDimensions {
		return nil, RejectEMFTooManyDimensions, fmt.Sprintf("a dimension set has more than %d dimensions", MaxDimensions)
	}
	dimensions = make(map[string]string, len(set))
	for _, name := range set {
		if !isDimensionText(name) || len(name) > MaxDimensionName || strings.HasPrefix(name, ":") {
			return nil, RejectEMFDimensionName, fmt.Sprintf("dimension name %q is not 1 to %d ASCII characters without control characters, not only blanks, and not starting with a colon", excerpt(name), MaxDimensionName)
		}
		value, ok := e.fields[name]
		if !ok {
			return nil, RejectEMFDimensionMissing, fmt.Sprintf("dimension %q is not a member of the root", name)
		}
		text, ok := value.(string)
		if !ok {
			return nil, RejectEMFDimensionValue, fmt.Sprintf("the value of dimension %q is not a string", name)
		}
		if !isDimensionText(text) || len(text) > MaxDimensionValue {
			return nil, RejectEMFDimensionValue, fmt.Sprintf("the value of dimension %q is not 1 to %d ASCII characters without control characters, not only blanks", name, MaxDimensionValue)
		}
		dimensions[name] = text
	}
	return dimensions, "", ""
}

// isDimensionText: "must contain only ASCII characters, must include at least one non-whitespace character ... ASCII
// control characters are not supported". Source: CloudWatch API reference, Dimension.
func isDimensionText(s string) bool {
	return strings.TrimSpace(s) != "" && !strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r > 0x7e })
}

// parseEMFValue takes a number, an array of numbers, or an object: a statistic set {Max, Min, Count, Sum}, and with
// Values and Counts a distribution.
func parseEMFValue(value any) (d Datapoint, code, reason string) {
	switch v := value.(type) {
	case json.Number:
		f, ok := metricValue(v)
		if !ok {
			return d, RejectEMFMetricValue, errMetricValue
		}
		return distribution([]float64{f}, []float64{1}), "", ""
	case []any:
		values, code, reason := numbers(v)
		if code != "" {
			return d, code, reason
		}
		if len(values) == 0 {
			return d, RejectEMFMetricValue, "the array of values is empty"
		}
		counts := make([]float64, len(values))
		for i := range counts {
			counts[i] = 1
		}
		return distribution(values, counts), "", ""
	case map[string]any:
		return parseEMFStatistics(v)
	}
	return d, RejectEMFMetricValue, errMetricValue
}

const errMetricValue = "the value is not a number between -2^360 and 2^360, an array of such or a statistic set"

func parseEMFStatistics(v map[string]any) (d Datapoint, code, reason string) {
	rawValues, hasValues := v["Values"].([]any)
	rawCounts, _ := v["Counts"].([]any)
	values, code, reason := numbers(rawValues)
	if code != "" {
		return d, code, reason
	}
	counts, code, reason := numbers(rawCounts)
	if code != "" {
		return d, code, reason
	}
	if len(counts) == 0 && len(values) > 0 {
		for range values {
			counts = append(counts, 1)
		}
	}
	if len(values) != len(counts) {
		return d, RejectEMFMetricValue, "Values and Counts differ in length"
	}
	if len(values) > 0 {
		d = distribution(values, counts)
	} else if hasValues && v["Count"] == nil {
		return d, RejectEMFMetricValue, errMetricValue
	}
	// The sample count of a distribution is the sum of its Counts; the other statistics are as written.
	for name, target := range map[string]*float64{"Sum": &d.Statistics.Sum, "Min": &d.Statistics.Minimum, "Max": &d.Statistics.Maximum, "Count": &d.Statistics.SampleCount} {
		raw, ok := v[name]
		if !ok {
			if len(values) == 0 {
				return d, RejectEMFMetricValue, "the statistic set lacks " + name
			}
			continue
		}
		number, isNumber := raw.(json.Number)
		f, inRange := metricValue(number)
		if !isNumber || !inRange {
			return d, RejectEMFMetricValue, errMetricValue
		}
		if name != "Count" || len(values) == 0 {
			*target = f
		}
	}
	return d, "", ""
}

func numbers(raw []any) (values []float64, code, reason string) {
	if len(raw) > MaxEMFValues {
		return nil, RejectEMFTooManyValues, fmt.Sprintf("it has more than %d values", MaxEMFValues)
	}
	for _, r := range raw {
		number, ok := r.(json.Number)
		f, inRange := metricValue(number)
		if !ok || !inRange {
			return nil, RejectEMFMetricValue, errMetricValue
		}
		values = append(values, f)
	}
	return values, "", ""
}

func metricValue(n json.Number) (float64, bool) {
	f, err := n.Float64()
	return f, err == nil && math.Abs(f) <= maxMetricValue
}

// distribution is the datapoint of values that were observed counts times.
func distribution(values, counts []float64) Datapoint {
	d := Datapoint{Values: values, Counts: counts}
	d.Statistics.Minimum, d.Statistics.Maximum = slices.Min(values), slices.Max(values)
	for i, v := range values {
		d.Statistics.SampleCount += counts[i]
		d.Statistics.Sum += v * counts[i]
	}
	return d
}

// reject records metrics that CloudWatch leaves out without telling the client.
func (e *emfEvent) reject(code string, count int, namespace string, names []string, format string, args ...any) {
	r := Rejection{Service: serviceLogs, Operation: e.operation, Code: code, Reason: fmt.Sprintf(format, args...), Silent: true,
		Count: count, Example: excerpt(e.message)}
	if len(names) == 0 {
		names = []string{""}
	}
	for _, name := range names {
		item := RejectedItem{Namespace: namespace, Metric: name, LogGroup: e.group, LogStream: e.stream, Timestamp: e.timestamp}
		if name == "" {
			item.Message = excerpt(e.message)
		}
		r.Items = append(r.Items, item)
	}
	e.server.rejections.add(r)
}
