package awslocal_test

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/awslocal"
)

// putEMF writes one event of one directive with the values as root members.
func putEMF(t *testing.T, e *endpoint, at time.Time, dimensions [][]string, metrics []map[string]any, fields map[string]any) {
	t.Helper()
	root := map[string]any{"_aws": map[string]any{"Timestamp": at.UnixMilli(), "CloudWatchMetrics": []any{
		map[string]any{"Namespace": "kyma", "Dimensions": dimensions, "Metrics": metrics}}}}
	for k, v := range fields {
		root[k] = v
	}
	message, err := json.Marshal(root)
	require.NoError(t, err)
	_, err = put(t, e, event(at, string(message)))
	require.NoError(t, err)
}

func query(id, name, stat string, dimensions map[string]string) types.MetricDataQuery {
	m := &types.Metric{Namespace: aws.String("kyma"), MetricName: aws.String(name)}
	for k, v := range dimensions {
		m.Dimensions = append(m.Dimensions, types.Dimension{Name: aws.String(k), Value: aws.String(v)})
	}
	return types.MetricDataQuery{Id: aws.String(id), MetricStat: &types.MetricStat{Metric: m, Period: aws.Int32(60), Stat: aws.String(stat)}}
}

// get returns the values by id.
func (e *endpoint) get(t *testing.T, from, to time.Time, queries ...types.MetricDataQuery) map[string][]float64 {
	t.Helper()
	out, err := e.cloudwatch().GetMetricData(t.Context(), &cloudwatch.GetMetricDataInput{StartTime: &from, EndTime: &to, MetricDataQueries: queries, ScanBy: types.ScanByTimestampAscending})
	require.NoError(t, err)
	values := map[string][]float64{}
	for _, r := range out.MetricDataResults {
		values[*r.Id] = r.Values
	}
	return values
}

func TestMetricsOfEventsAreReadBack(t *testing.T) {
	e := start(t, withStream)
	minute := e.clock().Truncate(time.Minute).Add(-10 * time.Minute)
	metrics := []map[string]any{{"Name": "latency", "Unit": "Seconds"}}
	fields := func(v any) map[string]any { return map[string]any{"service": "shop", "pod": "shop-1", "latency": v} }
	dims := [][]string{{"service"}}
	putEMF(t, e, minute.Add(time.Second), dims, metrics, fields([]float64{1, 2, 3, 4}))
	putEMF(t, e, minute.Add(2*time.Second), dims, metrics, fields(10))
	putEMF(t, e, minute.Add(61*time.Second), dims, metrics, fields(map[string]any{"Max": 9, "Min": 1, "Count": 4, "Sum": 20}))

	listed, err := e.cloudwatch().ListMetrics(t.Context(), &cloudwatch.ListMetricsInput{Namespace: aws.String("kyma")})
	require.NoError(t, err)
	require.Len(t, listed.Metrics, 1)
	assert.Equal(t, []types.Dimension{{Name: aws.String("service"), Value: aws.String("shop")}}, listed.Metrics[0].Dimensions)

	service := map[string]string{"service": "shop"}
	assert.Equal(t, map[string][]float64{
		"n": {5, 4}, "sum": {20, 20}, "avg": {4, 5}, "min": {1, 1}, "max": {10, 9},
		"p50": {3}, // there are no percentiles of a statistic set
		"p99": {10}, "absent": {}, "undimensioned": {},
	}, e.get(t, minute, e.clock(),
		query("n", "latency", "SampleCount", service), query("sum", "latency", "Sum", service), query("avg", "latency", "Average", service),
		query("min", "latency", "Minimum", service), query("max", "latency", "Maximum", service), query("p50", "latency", "p50", service),
		query("p99", "latency", "p99.9", service), query("absent", "other", "Sum", nil), query("undimensioned", "latency", "Sum", nil)))

	wide := query("wide", "latency", "Sum", service)
	wide.MetricStat.Period = aws.Int32(86400)
	unit := query("unit", "latency", "Sum", service)
	unit.MetricStat.Unit = types.StandardUnitSeconds
	other := query("other", "latency", "Sum", service)
	other.MetricStat.Unit = types.StandardUnitCount
	hidden := query("hidden", "latency", "Sum", service)
	hidden.ReturnData = aws.Bool(false)
	assert.Equal(t, map[string][]float64{"wide": {40}, "unit": {20, 20}, "other": {}}, e.get(t, minute, e.clock(), wide, unit, other, hidden))
	assert.Equal(t, map[string][]float64{"sum": {20}}, e.get(t, minute, minute.Add(time.Minute), query("sum", "latency", "Sum", service)), "the end is exclusive")

	out, err := e.cloudwatch().GetMetricData(t.Context(), &cloudwatch.GetMetricDataInput{StartTime: &minute, EndTime: aws.Time(e.clock()), MetricDataQueries: []types.MetricDataQuery{query("sum", "latency", "Maximum", service)}})
	require.NoError(t, err)
	require.Len(t, out.MetricDataResults[0].Timestamps, 2)
	assert.Equal(t, minute.Add(time.Minute), out.MetricDataResults[0].Timestamps[0].UTC(), "newest first by default")
	assert.Equal(t, minute, out.MetricDataResults[0].Timestamps[1].UTC())
	assert.Equal(t, "latency", *out.MetricDataResults[0].Label)
	assert.Equal(t, types.StatusCodeComplete, out.MetricDataResults[0].StatusCode)

	snapshot := e.Snapshot().Metrics
	require.Len(t, snapshot, 1)
	require.Len(t, snapshot[0].Datapoints, 3)
	assert.Equal(t, awslocal.Datapoint{
		Timestamp: minute.Add(time.Second), Unit: "Seconds", StorageResolution: 60, Values: []float64{1, 2, 3, 4}, Counts: []float64{1, 1, 1, 1},
		Statistics: awslocal.StatisticSet{SampleCount: 4, Sum: 10, Minimum: 1, Maximum: 4}, Source: awslocal.ViaEMF, Stored: 1,
		LogGroup: group, LogStream: stream, Fields: map[string]any{"pod": "shop-1"},
	}, snapshot[0].Datapoints[0])
}

func TestGetMetricDataRefusesWhatItCannotAnswer(t *testing.T) {
	e := start(t)
	at := e.clock()
	good := func() types.MetricDataQuery { return query("a", "m", "Sum", nil) }
	many := func(n int) []types.MetricDataQuery {
		var out []types.MetricDataQuery
		for i := range n {
			out = append(out, query(fmt.Sprint("q", i), "m", "Sum", nil))
		}
		return out
	}
	expression := types.MetricDataQuery{Id: aws.String("e"), Expression: aws.String("SUM(METRICS())")}
	stat, period, id := good(), good(), good()
	stat.MetricStat.Stat = aws.String("IQM")
	period.MetricStat.Period = aws.Int32(61)
	id.Id = aws.String("Upper")
	for name, test := range map[string]struct {
		queries  []types.MetricDataQuery
		from, to time.Time
		want     string
	}{
		"right":             {[]types.MetricDataQuery{good()}, at.Add(-time.Hour), at, ""},
		"500 queries":       {many(awslocal.MaxMetricDataQueries), at.Add(-time.Hour), at, ""},
		"501 queries":       {many(awslocal.MaxMetricDataQueries + 1), at.Add(-time.Hour), at, "size greater than 500"},
		"no query":          {[]types.MetricDataQuery{}, at.Add(-time.Hour), at, "must not be empty"},
		"times turned over": {[]types.MetricDataQuery{good()}, at, at, "StartTime must be less"},
		"expression":        {[]types.MetricDataQuery{expression}, at.Add(-time.Hour), at, "expressions are not supported"},
		"statistic":         {[]types.MetricDataQuery{stat}, at.Add(-time.Hour), at, `"IQM"`},
		"period":            {[]types.MetricDataQuery{period}, at.Add(-time.Hour), at, "multiple of 60"},
		"id":                {[]types.MetricDataQuery{id}, at.Add(-time.Hour), at, `"Upper"`},
		"id twice":          {[]types.MetricDataQuery{good(), good()}, at.Add(-time.Hour), at, "unique"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := e.cloudwatch().GetMetricData(t.Context(), &cloudwatch.GetMetricDataInput{StartTime: &test.from, EndTime: &test.to, MetricDataQueries: test.queries})
			if test.want == "" {
				require.NoError(t, err)
				return
			}
			assert.Contains(t, requireCode(t, err, "ValidationError").ErrorMessage(), test.want)
		})
	}
}

func TestGetMetricDataIsPagedByDatapoints(t *testing.T) {
	e := start(t, withStream)
	minute := e.clock().Truncate(time.Minute).Add(-10 * time.Minute)
	for i := range 5 {
		putEMF(t, e, minute.Add(time.Duration(i)*time.Minute), nil, []map[string]any{{"Name": "a"}, {"Name": "b"}}, map[string]any{"a": i, "b": 10 * i})
	}
	pager := cloudwatch.NewGetMetricDataPaginator(e.cloudwatch(), &cloudwatch.GetMetricDataInput{StartTime: &minute, EndTime: aws.Time(e.clock()), MaxDatapoints: aws.Int32(3),
		ScanBy: types.ScanByTimestampAscending, MetricDataQueries: []types.MetricDataQuery{query("a", "a", "Sum", nil), query("b", "b", "Sum", nil)}})
	got := map[string][]float64{}
	pages := 0
	for ; pager.HasMorePages(); pages++ {
		out, err := pager.NextPage(t.Context())
		require.NoError(t, err)
		n := 0
		for _, r := range out.MetricDataResults {
			got[*r.Id] = append(got[*r.Id], r.Values...)
			n += len(r.Values)
		}
		assert.LessOrEqual(t, n, 3)
	}
	assert.Equal(t, 4, pages)
	assert.Equal(t, map[string][]float64{"a": {0, 1, 2, 3, 4}, "b": {0, 10, 20, 30, 40}}, got)
}

func TestListMetricsFiltersAndPages(t *testing.T) {
	e := start(t, withStream)
	for i := range awslocal.MaxListMetrics + 1 {
		putEMF(t, e, e.clock(), [][]string{{"pod"}}, []map[string]any{{"Name": "m"}}, map[string]any{"m": 1, "pod": fmt.Sprintf("p%04d", i)})
	}
	putEMF(t, e, e.clock(), [][]string{{"node"}}, []map[string]any{{"Name": "other"}}, map[string]any{"other": 1, "node": "n"})
	count := func(in cloudwatch.ListMetricsInput) (metrics, pages int) {
		for pager := cloudwatch.NewListMetricsPaginator(e.cloudwatch(), &in); pager.HasMorePages(); pages++ {
			out, err := pager.NextPage(t.Context())
			require.NoError(t, err)
			metrics += len(out.Metrics)
		}
		return metrics, pages
	}
	metrics, pages := count(cloudwatch.ListMetricsInput{MetricName: aws.String("m")})
	assert.Equal(t, awslocal.MaxListMetrics+1, metrics)
	assert.Equal(t, 2, pages)
	metrics, _ = count(cloudwatch.ListMetricsInput{Dimensions: []types.DimensionFilter{{Name: aws.String("node")}}})
	assert.Equal(t, 1, metrics)
	metrics, _ = count(cloudwatch.ListMetricsInput{Dimensions: []types.DimensionFilter{{Name: aws.String("pod"), Value: aws.String("p0007")}}})
	assert.Equal(t, 1, metrics)
	metrics, _ = count(cloudwatch.ListMetricsInput{Namespace: aws.String("none")})
	assert.Equal(t, 0, metrics)

	filters := make([]types.DimensionFilter, awslocal.MaxListDimensionFilters+1)
	for i := range filters {
		filters[i].Name = aws.String(fmt.Sprint("d", i))
	}
	_, err := e.cloudwatch().ListMetrics(t.Context(), &cloudwatch.ListMetricsInput{Dimensions: filters[:awslocal.MaxListDimensionFilters]})
	require.NoError(t, err)
	_, err = e.cloudwatch().ListMetrics(t.Context(), &cloudwatch.ListMetricsInput{Dimensions: filters})
	require.Error(t, err)
}

func TestCloudWatchSpeaksQueryAndJSONForOlderClients(t *testing.T) {
	e := start(t, withStream)
	minute := e.clock().Truncate(time.Minute).Add(-2 * time.Minute)
	putEMF(t, e, minute, [][]string{{"service"}}, []map[string]any{{"Name": "m"}}, map[string]any{"m": 7, "service": "a&b"})

	form := url.Values{
		"Action": {"GetMetricData"}, "Version": {"2010-08-01"},
		"StartTime": {minute.Format(time.RFC3339)}, "EndTime": {e.clock().Format(time.RFC3339)},
		"MetricDataQueries.member.1.Id":                                          {"q"},
		"MetricDataQueries.member.1.MetricStat.Period":                           {"60"},
		"MetricDataQueries.member.1.MetricStat.Stat":                             {"Sum"},
		"MetricDataQueries.member.1.MetricStat.Metric.Namespace":                 {"kyma"},
		"MetricDataQueries.member.1.MetricStat.Metric.MetricName":                {"m"},
		"MetricDataQueries.member.1.MetricStat.Metric.Dimensions.member.1.Name":  {"service"},
		"MetricDataQueries.member.1.MetricStat.Metric.Dimensions.member.1.Value": {"a&b"},
		"MetricDataQueries.member.1.ReturnData":                                  {"true"},
	}
	resp := e.send(t, rawRequest{path: "/", service: "monitoring", contentType: "application/x-www-form-urlencoded; charset=utf-8", body: []byte(form.Encode())})
	require.Equal(t, http.StatusOK, resp.status, string(resp.body))
	var answer struct {
		XMLName xml.Name `xml:"http://monitoring.amazonaws.com/doc/2010-08-01/ GetMetricDataResponse"`
		Result  struct {
			Results []struct {
				ID         string    `xml:"Id"`
				Timestamps []string  `xml:"Timestamps>member"`
				Values     []float64 `xml:"Values>member"`
			} `xml:"MetricDataResults>member"`
		} `xml:"GetMetricDataResult"`
		RequestID string `xml:"ResponseMetadata>RequestId"`
	}
	require.NoError(t, xml.Unmarshal(resp.body, &answer), string(resp.body))
	require.Len(t, answer.Result.Results, 1)
	assert.Equal(t, []float64{7}, answer.Result.Results[0].Values)
	assert.Equal(t, []string{minute.Format("2006-01-02T15:04:05.000Z")}, answer.Result.Results[0].Timestamps)
	assert.Equal(t, resp.header.Get("X-Amzn-Requestid"), answer.RequestID)

	resp = e.send(t, rawRequest{path: "/", service: "monitoring", contentType: "application/x-www-form-urlencoded", body: []byte("Action=ListMetrics&Version=2010-08-01&NextToken=x")})
	assert.Equal(t, http.StatusBadRequest, resp.status)
	assert.Contains(t, string(resp.body), "<Error><Type>Sender</Type><Code>InvalidNextToken</Code>")

	resp = e.send(t, rawRequest{path: "/", service: "monitoring", contentType: "application/x-amz-json-1.0", header: map[string]string{"X-Amz-Target": "GraniteServiceVersion20100801.GetMetricData"},
		body: []byte(fmt.Sprintf(`{"StartTime":%d,"EndTime":%d,"MetricDataQueries":[{"Id":"q","MetricStat":{"Period":60,"Stat":"Sum","Metric":{"Namespace":"kyma","MetricName":"m","Dimensions":[{"Name":"service","Value":"a&b"}]}}}]}`, minute.Unix(), e.clock().Unix()))})
	require.Equal(t, http.StatusOK, resp.status, string(resp.body))
	assert.JSONEq(t, fmt.Sprintf(`{"MetricDataResults":[{"Id":"q","Label":"m","Timestamps":[%d],"Values":[7],"StatusCode":"Complete"}],"Messages":[]}`, minute.Unix()), string(resp.body))
	assert.Equal(t, "application/x-amz-json-1.0", resp.header.Get("Content-Type"))

	resp = e.send(t, rawRequest{path: "/", service: "monitoring", contentType: "application/x-amz-json-1.0", header: map[string]string{"X-Amz-Target": "GraniteServiceVersion20100801.GetMetricData", "X-Amzn-Query-Mode": "true"}, body: []byte(`{"StartTime":"soon"}`)})
	assert.Contains(t, string(resp.body), "SerializationException")
	assert.Equal(t, "SerializationException;Sender", resp.header.Get("X-Amzn-Query-Error"))
}

func TestDatapointWrittenTwiceIsCountedAndAddedUp(t *testing.T) {
	e := start(t, withStream)
	minute := e.clock().Truncate(time.Minute)
	for range 2 {
		putEMF(t, e, minute, nil, []map[string]any{{"Name": "m", "StorageResolution": 1}}, map[string]any{"m": 3})
	}
	m := e.Snapshot().Metrics
	require.Len(t, m, 1)
	require.Len(t, m[0].Datapoints, 1)
	assert.Equal(t, 2, m[0].Datapoints[0].Stored)
	assert.Equal(t, 1, m[0].Datapoints[0].StorageResolution)
	assert.Equal(t, map[string][]float64{"s": {6}}, e.get(t, minute, minute.Add(time.Minute), query("s", "m", "Sum", nil)))
}

func TestSnapshotIsACopy(t *testing.T) {
	e := start(t, withStream)
	putEMF(t, e, e.clock(), [][]string{{"d"}}, []map[string]any{{"Name": "m"}}, map[string]any{"m": []int{1, 2}, "d": "x", "nested": map[string]any{"k": "v"}})
	e.putSegments(t, document(e.clock(), traceID(1), "00000000000000a1", map[string]any{"annotations": map[string]any{"k": "v"}, "metadata": map[string]any{"default": map[string]any{"k": "v"}}}), "{")
	want, err := json.Marshal(e.Snapshot())
	require.NoError(t, err)
	require.True(t, strings.Contains(string(want), "nested"))

	s := e.Snapshot()
	s.Metrics[0].Dimensions["d"] = "changed"
	s.Metrics[0].Datapoints[0].Values[0] = 99
	s.Metrics[0].Datapoints[0].Fields["nested"].(map[string]any)["k"] = "changed"
	s.Spans[0].Annotations["k"] = "changed"
	s.Spans[0].Metadata["default"].(map[string]any)["k"] = "changed"
	s.LogGroups[0].Streams[0].Events[0].Message = "changed"
	s.Rejections[0].Items[0].Message = "changed"
	got, err := json.Marshal(e.Snapshot())
	require.NoError(t, err)
	assert.JSONEq(t, string(want), string(got))
}
