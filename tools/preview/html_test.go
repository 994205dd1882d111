package preview

import (
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/awslocal"
)

// fullReport fills every part of a report with a text of the test's.
func fullReport(text string) *Report {
	r := &Report{Version: ReportVersion}
	fillStrings(reflect.ValueOf(r).Elem(), text)
	r.Signals.Traces.Unit, r.Signals.Metrics.Unit, r.Signals.Logs.Unit = "spans", "datapoints", "records"
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	s := &r.Signals
	for _, account := range []*Account{&s.Traces.Account, &s.Metrics.Account, &s.Logs.Account} {
		account.Enabled, account.Sent, account.Arrived, account.Lost = true, 4, 2, 1
		for _, fate := range []Fate{FateLost, FateDuplicated, FateChanged, FateFiltered, FateWithheld} {
			account.Reasons = append(account.Reasons, Reason{Fate: fate, Count: 1, Why: text, Example: text, Source: text})
		}
	}
	s.Traces.Services = []Service{{Name: text, Type: "service", Requests: 3, Faults: 1, Errors: 1}, {Name: text + "2", Type: "remote"}, {Name: clientNode, Type: "client"}}
	s.Traces.Edges = []Edge{{From: text, To: text + "2", Requests: 3, Faults: 2}, {From: clientNode, To: text, Requests: 1}, {From: text, To: text, Requests: 1}}
	s.Traces.Annotations = []Annotation{{Key: text, Example: text, Spans: 1, Values: 1}}
	s.Traces.Waterfall = &Waterfall{TraceID: text, Start: now, DurationMs: 12, Omitted: 1, Rows: []WaterfallRow{
		{SpanID: text, Service: text, Name: text + " GET", Kind: text, DurationMs: 12, Fault: true},
		{SpanID: "b", ParentID: text, Depth: 1, Service: text + "2", Name: text, Kind: text, StartMs: 3, DurationMs: 2, Error: true},
	}}
	s.Metrics.Namespaces = []MetricNamespace{{Name: text, Series: 1, Metrics: []Metric{{
		Name: text, Unit: text, Series: 1, Datapoints: 2, DimensionSets: [][]string{{text}, {text, text + "2"}},
		Examples: []Series{{Dimensions: map[string]string{text: text}, Points: []Point{{Time: now, Sum: 1, SampleCount: 1}, {Time: now, Sum: 2, SampleCount: 1}}}},
	}}}}
	s.Logs.Groups = []LogGroup{{Name: text, Holds: text, Class: text, Events: 1, Streams: []LogStream{{Name: text, Events: 1}}}}
	s.Logs.Samples = []LogSample{{Time: now, Group: text, Stream: text, Severity: text, Source: text, Body: text, TraceID: text, Message: text}}
	r.Requests = []awslocal.Request{{Service: text, Operation: text, Calls: 2, WireBytes: 3, Bytes: 4, Errors: map[string]int{text: 1}}}
	r.Warnings = []string{text}
	return r
}

// fillStrings sets every plain string that stands in a struct or in the structs of it.
func fillStrings(v reflect.Value, text string) {
	for i := range v.NumField() {
		switch field := v.Field(i); field.Kind() {
		case reflect.String:
			field.SetString(text)
		case reflect.Struct:
			if field.Type() != reflect.TypeFor[time.Time]() {
				fillStrings(field, text)
			}
		}
	}
}

func writtenPage(t *testing.T, r *Report) string {
	t.Helper()
	var page strings.Builder
	require.NoError(t, r.WriteHTML(&page))
	return page.String()
}

// eachTag visits the tags of a page in their order.
func eachTag(t *testing.T, page string, visit func(html.TokenType, html.Token)) {
	t.Helper()
	tokens := html.NewTokenizer(strings.NewReader(page))
	for {
		kind := tokens.Next()
		if kind == html.ErrorToken {
			require.ErrorIs(t, tokens.Err(), io.EOF)
			return
		}
		visit(kind, tokens.Token())
	}
}

func TestThePageLoadsNothingFromAnywhere(t *testing.T) {
	page := writtenPage(t, fullReport("https://example.org/x.js"))

	eachTag(t, page, func(kind html.TokenType, token html.Token) {
		if kind != html.StartTagToken && kind != html.SelfClosingTagToken {
			return
		}
		assert.NotContains(t, []string{"script", "iframe", "object", "embed", "img", "image", "use", "base", "form", "a"}, token.Data)
		for _, attribute := range token.Attr {
			switch attribute.Key {
			case "src", "srcset", "action", "xlink:href", "data", "poster", "background":
				t.Errorf("<%s %s=%q>", token.Data, attribute.Key, attribute.Val)
			case "href":
				assert.Equal(t, "data:,", attribute.Val)
			case "title", "aria-label", "class":
				// Text for people.
			default:
				assert.NotContains(t, attribute.Val, "://", "<%s %s>", token.Data, attribute.Key)
			}
		}
	})
	style := page[strings.Index(page, "<style>"):strings.Index(page, "</style>")]
	assert.NotContains(t, style, "url(")
	assert.NotContains(t, style, "@import")
	assert.Contains(t, page, `content="default-src 'none'; style-src 'unsafe-inline'; img-src data:"`)
}

func TestThePageShowsHostileTelemetryAsText(t *testing.T) {
	for _, hostile := range []string{
		`<script>alert(1)</script>`,
		`"><img src=x onerror=alert(1)>`,
		`' onmouseover='alert(1)`,
		`</title></style></pre><iframe src=//example.org>`,
		`red;background:url(//example.org)`,
		`javascript:alert(1)`,
	} {
		page := writtenPage(t, fullReport(hostile))

		shown := 0
		eachTag(t, page, func(kind html.TokenType, token html.Token) {
			if kind == html.TextToken && strings.Contains(token.Data, hostile) {
				shown++
			}
			if kind != html.StartTagToken && kind != html.SelfClosingTagToken {
				return
			}
			assert.NotContains(t, []string{"script", "img", "iframe"}, token.Data)
			for _, attribute := range token.Attr {
				assert.False(t, strings.HasPrefix(attribute.Key, "on"), "<%s %s>", token.Data, attribute.Key)
				if attribute.Key == "style" {
					assert.NotContains(t, attribute.Val, "example.org")
				}
			}
		})
		assert.Greater(t, shown, 20, "it is there to read")
	}
}

// voidElements have no end tag (HTML, section 13.1.2).
var voidElements = []string{"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}

func TestThePageIsWellFormed(t *testing.T) {
	empty := &Report{Version: ReportVersion}
	empty.fillEmpty()
	for name, report := range map[string]*Report{"full": fullReport("text"), "empty": empty} {
		var open []string
		ids := map[string]bool{}
		eachTag(t, writtenPage(t, report), func(kind html.TokenType, token html.Token) {
			for _, attribute := range token.Attr {
				if attribute.Key == "id" {
					assert.False(t, ids[attribute.Val], "%s: id %s is there twice", name, attribute.Val)
					ids[attribute.Val] = true
				}
			}
			switch {
			case kind == html.StartTagToken && !slices.Contains(voidElements, token.Data):
				open = append(open, token.Data)
			case kind == html.EndTagToken:
				require.NotEmpty(t, open, "%s: </%s>", name, token.Data)
				require.Equal(t, open[len(open)-1], token.Data, name)
				open = open[:len(open)-1]
			}
		})
		assert.Empty(t, open, name)
	}
}

func TestThePageNamesWhatIsMissing(t *testing.T) {
	r := fullReport("text")
	assert.Contains(t, writtenPage(t, r), "Not everything arrived")
	r.Accounted = true
	for _, account := range []*Account{&r.Signals.Traces.Account, &r.Signals.Metrics.Account, &r.Signals.Logs.Account} {
		account.Lost = 0
		account.Reasons = []Reason{{Fate: FateWithheld, Count: 3, Why: "not asked for", Source: "kyma"}}
	}
	page := writtenPage(t, r)
	assert.Contains(t, page, "Everything that Kyma sent is accounted for")
	assert.Contains(t, page, "Left out on purpose")
	assert.NotContains(t, page, "Why not all arrived")
}

func TestThePageStaysSmallForThousandsOfMetricsStreamsAndServices(t *testing.T) {
	r := fullReport("text")
	metric := r.Signals.Metrics.Namespaces[0].Metrics[0]
	for range maxPointsOfSeries - 2 {
		metric.Examples[0].Points = append(metric.Examples[0].Points, metric.Examples[0].Points[0])
	}
	for i := range 20_000 {
		metric.Name = fmt.Sprintf("metric.%d", i)
		metric.DimensionSets = [][]string{{fmt.Sprintf("dimension.%d", i), "k8s.pod.name"}}
		r.Signals.Metrics.Namespaces[0].Metrics = append(r.Signals.Metrics.Namespaces[0].Metrics, metric)
		r.Signals.Logs.Groups[0].Streams = append(r.Signals.Logs.Groups[0].Streams, LogStream{Name: fmt.Sprintf("stream.%d", i)})
	}
	for i := range 300 {
		r.Signals.Traces.Services = append(r.Signals.Traces.Services, Service{Name: fmt.Sprintf("service.%d", i), Type: "service"})
		r.Signals.Traces.Edges = append(r.Signals.Traces.Edges, Edge{From: "text", To: fmt.Sprintf("service.%d", i), Requests: 1})
	}
	page := writtenPage(t, r)

	assert.Less(t, len(page), 2<<20)
	assert.Contains(t, page, "and 19,501 more metrics")
	assert.Contains(t, page, "20001 streams")
	assert.Contains(t, page, "and more: see --format json")
	assert.Contains(t, page, "service.299", "the table has them all")
}
