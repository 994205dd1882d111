package awslocal

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// metricStore is the state of CloudWatch metrics.
type metricStore struct {
	byKey map[string]*metric
}

type metric struct {
	Metric
	// seen finds the datapoint that an identical one is a duplicate of.
	seen map[string]int
}

// metricKey identifies a metric: CloudWatch tells metrics apart by namespace, name and dimensions.
func metricKey(namespace, name string, dimensions map[string]string) string {
	var b strings.Builder
	b.WriteString(namespace + "\x00" + name)
	for _, k := range slices.Sorted(maps.Keys(dimensions)) {
		b.WriteString("\x00" + k + "\x01" + dimensions[k])
	}
	return b.String()
}

// put stores a datapoint, or counts it as the duplicate of an equal one.
func (m *metricStore) put(namespace, name string, dimensions map[string]string, d Datapoint) {
	key := metricKey(namespace, name, dimensions)
	known := m.byKey[key]
	if known == nil {
		known = &metric{Metric: Metric{Namespace: namespace, Name: name, Dimensions: maps.Clone(dimensions)}, seen: map[string]int{}}
		m.byKey[key] = known
	}
	known.Unit = d.Unit
	identity := fmt.Sprint(d.Timestamp.UnixNano(), d.Unit, d.Values, d.Counts, d.Statistics, d.Source, d.LogGroup)
	if i, ok := known.seen[identity]; ok {
		known.Datapoints[i].Stored++
		return
	}
	d.Stored = 1
	known.seen[identity] = len(known.Datapoints)
	known.Datapoints = append(known.Datapoints, d)
}

func (m *metricStore) sorted() []*metric {
	out := make([]*metric, 0, len(m.byKey))
	for _, key := range slices.Sorted(maps.Keys(m.byKey)) {
		out = append(out, m.byKey[key])
	}
	return out
}

func (m *metricStore) snapshot() []Metric {
	out := make([]Metric, 0, len(m.byKey))
	for _, known := range m.sorted() {
		copied := known.Metric
		copied.Dimensions = maps.Clone(known.Dimensions)
		copied.Datapoints = slices.Clone(known.Datapoints)
		for i, d := range copied.Datapoints {
			copied.Datapoints[i].Values = slices.Clone(d.Values)
			copied.Datapoints[i].Counts = slices.Clone(d.Counts)
			copied.Datapoints[i].Fields = copyTree(d.Fields)
		}
		out = append(out, copied)
	}
	return out
}

// copyTree copies maps and lists as JSON and OTLP have them; the leaves are values.
func copyTree[T any](v T) T {
	switch v := any(v).(type) {
	case map[string]any:
		if v == nil {
			break
		}
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = copyTree(e)
		}
		return any(out).(T)
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = copyTree(e)
		}
		return any(out).(T)
	}
	return v
}

type dimensionFilter struct {
	Name  string  `json:"Name"`
	Value *string `json:"Value"`
}

type listMetricsInput struct {
	Namespace  string            `json:"Namespace"`
	MetricName string            `json:"MetricName"`
	Dimensions []dimensionFilter `json:"Dimensions"`
	NextToken  *string           `json:"NextToken"`
}

type dimension struct {
	Name  string `json:"Name"`
	Value string `json:"Value"`
}

type listedMetric struct {
	Namespace  string      `json:"Namespace"`
	MetricName string      `json:"MetricName"`
	Dimensions []dimension `json:"Dimensions" xml:"Dimensions>member"`
}

type listMetricsOutput struct {
	Metrics   []listedMetric `json:"Metrics" xml:"Metrics>member"`
	NextToken *string        `json:"NextToken,omitempty" xml:",omitempty"`
}

func errInvalidValue(format string, args ...any) *apiError {
	e := clientError("InvalidParameterValueException", format, args...)
	e.QueryCode = "InvalidParameterValue"
	return e
}

func listMetrics(s *Server, _ *call, in *listMetricsInput) (*listMetricsOutput, *apiError) {
	if n := len(in.Dimensions); n > MaxListDimensionFilters {
		return nil, errInvalidValue("The collection Dimensions must not have a size greater than %d.", MaxListDimensionFilters)
	}
	var found []*metric
	for _, m := range s.metrics.sorted() {
		if in.Namespace != "" && in.Namespace != m.Namespace || in.MetricName != "" && in.MetricName != m.Name {
			continue
		}
		if !slices.ContainsFunc(in.Dimensions, func(f dimensionFilter) bool {
			value, has := m.Dimensions[f.Name]
			return !has || f.Value != nil && *f.Value != value
		}) {
			found = append(found, m)
		}
	}
	from, to, next, err := page(len(found), in.NextToken, MaxListMetrics)
	if err != nil {
		return nil, clientError("InvalidNextToken", "The specified nextToken is invalid.")
	}
	out := &listMetricsOutput{Metrics: []listedMetric{}, NextToken: next}
	for _, m := range found[from:to] {
		listed := listedMetric{Namespace: m.Namespace, MetricName: m.Name, Dimensions: []dimension{}}
		for _, name := range slices.Sorted(maps.Keys(m.Dimensions)) {
			listed.Dimensions = append(listed.Dimensions, dimension{name, m.Dimensions[name]})
		}
		out.Metrics = append(out.Metrics, listed)
	}
	return out, nil
}

type metricStat struct {
	Metric struct {
		Namespace  string      `json:"Namespace"`
		MetricName string      `json:"MetricName"`
		Dimensions []dimension `json:"Dimensions"`
	} `json:"Metric"`
	Period wireInt `json:"Period"`
	Stat   string  `json:"Stat"`
	Unit   string  `json:"Unit"`
}

type metricDataQuery struct {
	ID         string      `json:"Id"`
	MetricStat *metricStat `json:"MetricStat"`
	Expression string      `json:"Expression"`
	Label      string      `json:"Label"`
	ReturnData *wireBool   `json:"ReturnData"`
}

type getMetricDataInput struct {
	MetricDataQueries []metricDataQuery `json:"MetricDataQueries"`
	StartTime         wireTime          `json:"StartTime"`
	EndTime           wireTime          `json:"EndTime"`
	NextToken         *string           `json:"NextToken"`
	ScanBy            string            `json:"ScanBy"`
	MaxDatapoints     *wireInt          `json:"MaxDatapoints"`
}

type metricDataResult struct {
	ID         string     `json:"Id" xml:"Id"`
	Label      string     `json:"Label"`
	Timestamps []wireTime `json:"Timestamps" xml:"Timestamps>member"`
	Values     []float64  `json:"Values" xml:"Values>member"`
	StatusCode string     `json:"StatusCode"`
}

type getMetricDataOutput struct {
	MetricDataResults []metricDataResult `json:"MetricDataResults" xml:"MetricDataResults>member"`
	NextToken         *string            `json:"NextToken,omitempty" xml:",omitempty"`
	Messages          []struct{}         `json:"Messages" xml:"Messages>member"`
}

var metricIDPattern = regexp.MustCompile(`^[a-z][a-zA-Z0-9_]*$`)

func errValidation(format string, args ...any) *apiError {
	return clientError("ValidationError", format, args...)
}

// getMetricData answers queries of one metric and statistic each. Metric math and search expressions are refused.
func getMetricData(s *Server, _ *call, in *getMetricDataInput) (*getMetricDataOutput, *apiError) {
	switch n := len(in.MetricDataQueries); {
	case n == 0:
		return nil, errValidation("The collection MetricDataQueries must not be empty.")
	case n > MaxMetricDataQueries:
		return nil, errValidation("The collection MetricDataQueries must not have a size greater than %d.", MaxMetricDataQueries)
	case in.StartTime.IsZero() || in.EndTime.IsZero():
		return nil, errValidation("The parameters StartTime and EndTime are required.")
	case !in.StartTime.Before(in.EndTime.Time):
		return nil, errValidation("The parameter StartTime must be less than the parameter EndTime.")
	}
	limit := MaxGetMetricDatapoints
	if in.MaxDatapoints != nil {
		limit = int(*in.MaxDatapoints)
		if limit < 1 || limit > MaxGetMetricDatapoints {
			return nil, errValidation("The parameter MaxDatapoints must be between 1 and %d.", MaxGetMetricDatapoints)
		}
	}
	var results []metricDataResult
	total := 0
	seen := map[string]bool{}
	for _, q := range in.MetricDataQueries {
		if !metricIDPattern.MatchString(q.ID) || seen[q.ID] {
			return nil, errValidation("The value %q for parameter MetricDataQueries.Id is not matching the expected pattern %s or is not unique.", q.ID, metricIDPattern)
		}
		seen[q.ID] = true
		if q.MetricStat == nil || q.Expression != "" {
			return nil, errValidation("Query %q: expressions are not supported by this endpoint: ask for each metric by MetricStat.", q.ID)
		}
		r, err := s.metrics.query(q, in.StartTime.Time, in.EndTime.Time)
		if err != nil {
			return nil, err
		}
		if in.ScanBy != "TimestampAscending" {
			slices.Reverse(r.Timestamps)
			slices.Reverse(r.Values)
		}
		if q.ReturnData == nil || bool(*q.ReturnData) {
			results = append(results, r)
			total += len(r.Values)
		}
	}
	from, to, next, err := page(total, in.NextToken, limit)
	if err != nil {
		return nil, clientError("InvalidNextToken", "The specified nextToken is invalid.")
	}
	out := &getMetricDataOutput{MetricDataResults: []metricDataResult{}, NextToken: next, Messages: []struct{}{}}
	offset := 0
	for _, r := range results {
		n := len(r.Values)
		first, last := min(max(from-offset, 0), n), min(max(to-offset, 0), n)
		offset += n
		r.Timestamps, r.Values = r.Timestamps[first:last], r.Values[first:last]
		if last < n {
			r.StatusCode = "PartialData"
		}
		out.MetricDataResults = append(out.MetricDataResults, r)
	}
	return out, nil
}

// bucket aggregates the datapoints of one period.
type bucket struct {
	statistics StatisticSet
	// values and weights are the single observations, as far as known; exact is false when some are not.
	values, weights []float64
	exact           bool
}

func (m *metricStore) query(q metricDataQuery, start, end time.Time) (metricDataResult, *apiError) {
	stat := q.MetricStat
	none := metricDataResult{}
	statistic, err := parseStatistic(stat.Stat)
	if err != nil {
		return none, err
	}
	switch p := int(stat.Period); {
	case p <= 0, p%60 != 0 && !slices.Contains([]int{1, 5, 10, 20, 30}, p):
		return none, errValidation("The value %d for parameter MetricDataQueries.MetricStat.Period is not valid: it must be 1, 5, 10, 20, 30 or a multiple of 60.", p)
	}
	if stat.Metric.MetricName == "" || stat.Metric.Namespace == "" {
		return none, errValidation("The parameters MetricDataQueries.MetricStat.Metric.Namespace and MetricName are required.")
	}
	dimensions := make(map[string]string, len(stat.Metric.Dimensions))
	for _, d := range stat.Metric.Dimensions {
		dimensions[d.Name] = d.Value
	}
	result := metricDataResult{ID: q.ID, Label: cmp.Or(q.Label, stat.Metric.MetricName), Timestamps: []wireTime{}, Values: []float64{}, StatusCode: "Complete"}
	known := m.byKey[metricKey(stat.Metric.Namespace, stat.Metric.MetricName, dimensions)]
	if known == nil {
		return result, nil
	}
	period := time.Duration(stat.Period) * time.Second
	// CloudWatch aligns periods to their multiples; a period that starts before the range is left out.
	buckets := map[int64]*bucket{}
	for _, d := range known.Datapoints {
		if stat.Unit != "" && stat.Unit != d.Unit {
			continue
		}
		at := d.Timestamp.Truncate(period)
		if at.Before(start.Truncate(period)) || !at.Before(end) {
			continue
		}
		b := buckets[at.Unix()]
		if b == nil {
			b = &bucket{exact: true, statistics: StatisticSet{Minimum: math.Inf(1), Maximum: math.Inf(-1)}}
			buckets[at.Unix()] = b
		}
		for range d.Stored {
			b.add(d)
		}
	}
	for _, at := range slices.Sorted(maps.Keys(buckets)) {
		if v, ok := statistic(buckets[at]); ok {
			result.Timestamps = append(result.Timestamps, wireTime{time.Unix(at, 0).UTC()})
			result.Values = append(result.Values, v)
		}
	}
	return result, nil
}

func (b *bucket) add(d Datapoint) {
	st := d.Statistics
	if st.SampleCount > 0 {
		b.statistics.SampleCount += st.SampleCount
		b.statistics.Minimum = min(b.statistics.Minimum, st.Minimum)
		b.statistics.Maximum = max(b.statistics.Maximum, st.Maximum)
	}
	// A histogram that its writer split has the sum in its first part only, whatever the counts.
	b.statistics.Sum += st.Sum
	switch {
	case len(d.Values) > 0:
		b.values, b.weights = append(b.values, d.Values...), append(b.weights, d.Counts...)
	case st.SampleCount > 0 && st.Minimum == st.Maximum:
		b.values, b.weights = append(b.values, st.Minimum), append(b.weights, st.SampleCount)
	case st.SampleCount > 0:
		b.exact = false
	}
}

// parseStatistic compiles a statistic's name. Percentiles of statistic sets have no value, as in CloudWatch, unless all
// observations are equal.
func parseStatistic(name string) (func(*bucket) (float64, bool), *apiError) {
	switch name {
	case "SampleCount":
		return func(b *bucket) (float64, bool) { return b.statistics.SampleCount, true }, nil
	case "Sum":
		return func(b *bucket) (float64, bool) { return b.statistics.Sum, true }, nil
	case "Average":
		return func(b *bucket) (float64, bool) {
			return b.statistics.Sum / b.statistics.SampleCount, b.statistics.SampleCount > 0
		}, nil
	case "Minimum":
		return func(b *bucket) (float64, bool) { return b.statistics.Minimum, b.statistics.SampleCount > 0 }, nil
	case "Maximum":
		return func(b *bucket) (float64, bool) { return b.statistics.Maximum, b.statistics.SampleCount > 0 }, nil
	}
	if p, err := strconv.ParseFloat(strings.TrimPrefix(name, "p"), 64); err == nil && strings.HasPrefix(name, "p") && p >= 0 && p <= 100 {
		return func(b *bucket) (float64, bool) { return b.percentile(p) }, nil
	}
	return nil, errValidation("The value %q for parameter MetricDataQueries.MetricStat.Stat is not supported by this endpoint: use SampleCount, Sum, Average, Minimum, Maximum or pNN.", name)
}

// percentile is the smallest observation that at least p percent of the observations do not exceed.
func (b *bucket) percentile(p float64) (float64, bool) {
	if !b.exact || len(b.values) == 0 {
		return 0, false
	}
	order := make([]int, len(b.values))
	total := 0.0
	for i := range order {
		order[i] = i
		total += b.weights[i]
	}
	slices.SortFunc(order, func(i, j int) int { return cmp.Compare(b.values[i], b.values[j]) })
	seen := 0.0
	for _, i := range order {
		seen += b.weights[i]
		if seen >= p/100*total {
			return b.values[i], true
		}
	}
	return b.values[order[len(order)-1]], true
}
