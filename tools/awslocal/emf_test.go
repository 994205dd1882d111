package awslocal_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/awslocal"
)

// putMessage writes one event, with the header that EMF writers set or without.
func putMessage(t *testing.T, e *endpoint, message string, formatHeader bool) {
	t.Helper()
	_, err := e.logs().PutLogEvents(t.Context(), &cloudwatchlogs.PutLogEventsInput{
		LogGroupName: aws.String(group), LogStreamName: aws.String(stream), LogEvents: []types.InputLogEvent{event(e.clock(), message)},
	}, func(o *cloudwatchlogs.Options) {
		if formatHeader {
			o.APIOptions = append(o.APIOptions, smithyhttp.SetHeaderValue("x-amzn-logs-format", "json/emf"))
		}
	})
	require.NoError(t, err, "CloudWatch Logs takes the event whatever its metrics are")
}

// emf is an event of one directive.
func emf(t *testing.T, e *endpoint, directive, fields map[string]any) string {
	t.Helper()
	root := map[string]any{"_aws": map[string]any{"Timestamp": e.clock().UnixMilli(), "CloudWatchMetrics": []any{directive}}}
	for k, v := range fields {
		root[k] = v
	}
	b, err := json.Marshal(root)
	require.NoError(t, err)
	return string(b)
}

func named(names ...string) []any {
	var out []any
	for _, n := range names {
		out = append(out, map[string]any{"Name": n})
	}
	return out
}

func numbered(prefix string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("%s%03d", prefix, i)
	}
	return out
}

func with(value any, names ...string) map[string]any {
	out := map[string]any{}
	for _, n := range names {
		out[n] = value
	}
	return out
}

func TestEMFRulesHoldAtTheBoundAndOnePastIsSilentlyNotExtracted(t *testing.T) {
	type m = map[string]any
	join := func(maps ...m) m {
		out := m{}
		for _, part := range maps {
			for k, v := range part {
				out[k] = v
			}
		}
		return out
	}
	long := func(n int) string { return strings.Repeat("n", n) }
	values := func(n int) []int { return make([]int, n) }
	dims := func(sets ...[]string) [][]string { return sets }
	names100, names101 := numbered("m", awslocal.MaxEMFMetrics), numbered("m", awslocal.MaxEMFMetrics+1)
	dims30, dims31 := numbered("d", awslocal.MaxDimensions), numbered("d", awslocal.MaxDimensions+1)

	for name, test := range map[string]struct {
		directive, fields m
		stored            int
		code              string
		rejected          int
	}{
		"100 metrics":               {m{"Namespace": "n", "Metrics": named(names100...)}, with(1, names100...), 100, "", 0},
		"101 metrics":               {m{"Namespace": "n", "Metrics": named(names101...)}, with(1, names101...), 0, awslocal.RejectEMFTooManyMetrics, 101},
		"101 metrics, two sets":     {m{"Namespace": "n", "Dimensions": dims([]string{"a"}, nil), "Metrics": named(names101...)}, join(with(1, names101...), m{"a": "x"}), 0, awslocal.RejectEMFTooManyMetrics, 202},
		"30 dimensions":             {m{"Namespace": "n", "Dimensions": dims(dims30), "Metrics": named("v")}, join(with("x", dims30...), m{"v": 1}), 1, "", 0},
		"31 dimensions":             {m{"Namespace": "n", "Dimensions": dims(dims31), "Metrics": named("v")}, join(with("x", dims31...), m{"v": 1}), 0, awslocal.RejectEMFTooManyDimensions, 1},
		"one of two sets too large": {m{"Namespace": "n", "Dimensions": dims(dims31, dims30), "Metrics": named("v")}, join(with("x", dims31...), m{"v": 1}), 1, awslocal.RejectEMFTooManyDimensions, 1},
		"no dimensions":             {m{"Namespace": "n", "Metrics": named("v")}, m{"v": 1}, 1, "", 0},
		"100 values":                {m{"Namespace": "n", "Metrics": named("v")}, m{"v": values(awslocal.MaxEMFValues)}, 1, "", 0},
		"101 values":                {m{"Namespace": "n", "Metrics": named("v")}, m{"v": values(awslocal.MaxEMFValues + 1)}, 0, awslocal.RejectEMFTooManyValues, 1},
		"101 distinct values":       {m{"Namespace": "n", "Metrics": named("v")}, m{"v": m{"Values": values(101), "Counts": values(101)}}, 0, awslocal.RejectEMFTooManyValues, 1},
		"no values":                 {m{"Namespace": "n", "Metrics": named("v")}, m{"v": []int{}}, 0, awslocal.RejectEMFMetricValue, 1},
		"values and counts differ":  {m{"Namespace": "n", "Metrics": named("v")}, m{"v": m{"Values": []int{1, 2}, "Counts": []int{1}}}, 0, awslocal.RejectEMFMetricValue, 1},
		"text value":                {m{"Namespace": "n", "Metrics": named("v", "w")}, m{"v": "NaN", "w": 1}, 1, awslocal.RejectEMFMetricValue, 1},
		"text among values":         {m{"Namespace": "n", "Metrics": named("v")}, m{"v": []any{1, "Infinity"}}, 0, awslocal.RejectEMFMetricValue, 1},
		"greatest value":            {m{"Namespace": "n", "Metrics": named("v")}, m{"v": 2.3485425827738332e108}, 1, "", 0},
		"value beyond 2^360":        {m{"Namespace": "n", "Metrics": named("v")}, m{"v": 2.35e108}, 0, awslocal.RejectEMFMetricValue, 1},
		"value beyond a double":     {m{"Namespace": "n", "Metrics": named("v")}, m{"v": json.Number("1e400")}, 0, awslocal.RejectEMFMetricValue, 1},
		"half a statistic set":      {m{"Namespace": "n", "Metrics": named("v")}, m{"v": m{"Sum": 1, "Count": 1}}, 0, awslocal.RejectEMFMetricValue, 1},
		"metric not in the event":   {m{"Namespace": "n", "Metrics": named("v", "w")}, m{"w": 1}, 1, awslocal.RejectEMFMetricMissing, 1},
		"metric name of 255":        {m{"Namespace": "n", "Metrics": named(long(awslocal.MaxMetricName))}, with(1, long(awslocal.MaxMetricName)), 1, "", 0},
		"metric name of 256":        {m{"Namespace": "n", "Metrics": named(long(awslocal.MaxMetricName + 1))}, with(1, long(awslocal.MaxMetricName+1)), 0, awslocal.RejectEMFMetricName, 1},
		"namespace of 255":          {m{"Namespace": long(awslocal.MaxNamespace), "Metrics": named("v")}, m{"v": 1}, 1, "", 0},
		"namespace of 256":          {m{"Namespace": long(awslocal.MaxNamespace + 1), "Metrics": named("v")}, m{"v": 1}, 0, awslocal.RejectEMFNamespace, 1},
		"no namespace":              {m{"Metrics": named("v")}, m{"v": 1}, 0, awslocal.RejectEMFNamespace, 1},
		"namespace with colon":      {m{"Namespace": ":n", "Metrics": named("v")}, m{"v": 1}, 0, awslocal.RejectEMFNamespace, 1},
		"dimension name of 250":     {m{"Namespace": "n", "Dimensions": dims([]string{long(awslocal.MaxDimensionName)}), "Metrics": named("v")}, join(m{"v": 1}, with("x", long(awslocal.MaxDimensionName))), 1, "", 0},
		"dimension name of 251":     {m{"Namespace": "n", "Dimensions": dims([]string{long(awslocal.MaxDimensionName + 1)}), "Metrics": named("v")}, join(m{"v": 1}, with("x", long(awslocal.MaxDimensionName+1))), 0, awslocal.RejectEMFDimensionName, 1},
		"dimension name not ASCII":  {m{"Namespace": "n", "Dimensions": dims([]string{"größe"}), "Metrics": named("v")}, m{"v": 1, "größe": "x"}, 0, awslocal.RejectEMFDimensionName, 1},
		"dimension name with colon": {m{"Namespace": "n", "Dimensions": dims([]string{":d"}), "Metrics": named("v")}, m{"v": 1, ":d": "x"}, 0, awslocal.RejectEMFDimensionName, 1},
		"dimension not in event":    {m{"Namespace": "n", "Dimensions": dims([]string{"d"}), "Metrics": named("v")}, m{"v": 1}, 0, awslocal.RejectEMFDimensionMissing, 1},
		"dimension a number":        {m{"Namespace": "n", "Dimensions": dims([]string{"d"}), "Metrics": named("v")}, m{"v": 1, "d": 2}, 0, awslocal.RejectEMFDimensionValue, 1},
		"dimension value empty":     {m{"Namespace": "n", "Dimensions": dims([]string{"d"}), "Metrics": named("v")}, m{"v": 1, "d": " "}, 0, awslocal.RejectEMFDimensionValue, 1},
		"dimension value not ASCII": {m{"Namespace": "n", "Dimensions": dims([]string{"d"}), "Metrics": named("v")}, m{"v": 1, "d": "ß"}, 0, awslocal.RejectEMFDimensionValue, 1},
		"dimension value of 1024":   {m{"Namespace": "n", "Dimensions": dims([]string{"d"}), "Metrics": named("v")}, m{"v": 1, "d": long(awslocal.MaxDimensionValue)}, 1, "", 0},
		"dimension value of 1025":   {m{"Namespace": "n", "Dimensions": dims([]string{"d"}), "Metrics": named("v")}, m{"v": 1, "d": long(awslocal.MaxDimensionValue + 1)}, 0, awslocal.RejectEMFDimensionValue, 1},
		"metrics not an array":      {m{"Namespace": "n", "Metrics": "v"}, m{"v": 1}, 0, awslocal.RejectEMFMetadata, 1},
		"no timestamp":              {m{"Namespace": "n", "Metrics": named("v", "w")}, m{"v": 1, "w": 1, "_aws": m{"CloudWatchMetrics": []any{m{"Namespace": "n", "Metrics": named("v", "w")}}}}, 0, awslocal.RejectEMFMetadata, 2},
	} {
		t.Run(name, func(t *testing.T) {
			e := start(t, withStream)
			putMessage(t, e, emf(t, e, test.directive, test.fields), false)
			snapshot := e.Snapshot()
			assert.Len(t, snapshot.Metrics, test.stored)
			assert.Len(t, stored(e), 1, "the event itself is kept")
			if test.code == "" {
				assert.Empty(t, snapshot.Rejections)
				return
			}
			require.Len(t, snapshot.Rejections, 1)
			r := snapshot.Rejections[0]
			assert.Equal(t, test.code, r.Code)
			assert.Equal(t, test.rejected, r.Count)
			assert.True(t, r.Silent)
			assert.NotEmpty(t, r.Reason)
			assert.Equal(t, group, r.Items[0].LogGroup)
		})
	}
}

func TestEMFThatIsNoJSONIsReported(t *testing.T) {
	valid := func(e *endpoint) string {
		return emf(t, e, map[string]any{"Namespace": "n", "Metrics": named("v")}, map[string]any{"v": 1})
	}
	for name, test := range map[string]struct {
		message func(e *endpoint) string
		reason  string
	}{
		"cut by the collector's library": {func(e *endpoint) string { return valid(e)[:60] + "[Truncated...]" }, "its writer cut it off"},
		"NaN":                            {func(e *endpoint) string { return strings.Replace(valid(e), `"v":1`, `"v":NaN`, 1) }, "invalid character 'N'"},
		"data after the object":          {func(e *endpoint) string { return valid(e) + "{}" }, "there is data after the JSON object"},
	} {
		t.Run(name, func(t *testing.T) {
			e := start(t, withStream)
			putMessage(t, e, test.message(e), true)
			assert.Empty(t, e.Snapshot().Metrics)
			rejected := e.rejections(awslocal.RejectEMFInvalidJSON)
			require.Len(t, rejected, 1)
			assert.Contains(t, rejected[0].Reason, test.reason)
			assert.True(t, rejected[0].Silent)
		})
	}
}

func TestOrdinaryEventsAreNoMetrics(t *testing.T) {
	e := start(t, withStream)
	for _, message := range []string{"plain", `{"level":"info"}`, `{"_aws":"no"}`, `{"_aws":{"Timestamp":1}}`, `{"Version":"0","Timestamp":"1"}`} {
		putMessage(t, e, message, false)
		putMessage(t, e, message, true)
	}
	assert.Empty(t, e.Snapshot().Metrics)
	assert.Empty(t, e.Snapshot().Rejections)
}

func TestEMFVersionZeroNeedsTheFormatHeader(t *testing.T) {
	e := start(t, withStream)
	message := fmt.Sprintf(`{"Version":"0","Timestamp":"%d","CloudWatchMetrics":[{"Namespace":"n","Dimensions":[["d"]],"Metrics":[{"Name":"v","Unit":"{request}"}]}],"d":"x","v":1,"OTelLib":"lib"}`, e.clock().UnixMilli())
	putMessage(t, e, message, false)
	assert.Empty(t, e.Snapshot().Metrics)
	putMessage(t, e, message, true)
	metrics := e.Snapshot().Metrics
	require.Len(t, metrics, 1)
	assert.Equal(t, map[string]string{"d": "x"}, metrics[0].Dimensions)
	assert.Equal(t, "None", metrics[0].Unit, "CloudWatch does not know the unit")
	assert.Equal(t, e.clock(), metrics[0].Datapoints[0].Timestamp)
	assert.Equal(t, map[string]any{"Version": "0", "Timestamp": fmt.Sprint(e.clock().UnixMilli()), "OTelLib": "lib"}, metrics[0].Datapoints[0].Fields)
}

func TestEMFDistributions(t *testing.T) {
	for name, test := range map[string]struct {
		value string
		want  awslocal.Datapoint
	}{
		"number":        {`2.5`, awslocal.Datapoint{Values: []float64{2.5}, Counts: []float64{1}, Statistics: awslocal.StatisticSet{SampleCount: 1, Sum: 2.5, Minimum: 2.5, Maximum: 2.5}}},
		"statistic set": {`{"Max":4,"Min":1,"Count":3,"Sum":6}`, awslocal.Datapoint{Statistics: awslocal.StatisticSet{SampleCount: 3, Sum: 6, Minimum: 1, Maximum: 4}}},
		"values, counts and extremes": {`{"Values":[1.5,3],"Counts":[2,1],"Max":4,"Min":1,"Count":99,"Sum":6}`,
			awslocal.Datapoint{Values: []float64{1.5, 3}, Counts: []float64{2, 1}, Statistics: awslocal.StatisticSet{SampleCount: 3, Sum: 6, Minimum: 1, Maximum: 4}}},
		"values and counts":           {`{"Values":[1,3],"Counts":[2,1]}`, awslocal.Datapoint{Values: []float64{1, 3}, Counts: []float64{2, 1}, Statistics: awslocal.StatisticSet{SampleCount: 3, Sum: 5, Minimum: 1, Maximum: 3}}},
		"empty exponential histogram": {`{"Values":[],"Counts":[],"Max":0,"Min":0,"Count":0,"Sum":0}`, awslocal.Datapoint{}},
	} {
		t.Run(name, func(t *testing.T) {
			e := start(t, withStream)
			putMessage(t, e, emf(t, e, map[string]any{"Namespace": "n", "Metrics": named("v")}, map[string]any{"v": json.RawMessage(test.value)}), true)
			require.Empty(t, e.Snapshot().Rejections)
			got := e.Snapshot().Metrics[0].Datapoints[0]
			assert.Equal(t, test.want.Statistics, got.Statistics)
			assert.Equal(t, test.want.Values, got.Values)
			assert.Equal(t, test.want.Counts, got.Counts)
		})
	}
}

func TestDirectivesOfOneEventDoNotDisturbEachOther(t *testing.T) {
	e := start(t, withStream)
	root := map[string]any{"_aws": map[string]any{"Timestamp": e.clock().UnixMilli(), "CloudWatchMetrics": []any{
		map[string]any{"Namespace": "n", "Metrics": named("a")},
		map[string]any{"Namespace": "n", "Dimensions": [][]string{{"d"}, {}}, "Metrics": named("h")},
	}}, "a": 1, "h": map[string]any{"Max": 1, "Min": 1, "Count": 1, "Sum": 1}, "d": "x"}
	b, err := json.Marshal(root)
	require.NoError(t, err)
	putMessage(t, e, string(b), false)
	assert.Empty(t, e.Snapshot().Rejections)
	assert.Len(t, e.Snapshot().Metrics, 3)
}
