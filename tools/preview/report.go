package preview

import (
	"time"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/awslocal"
)

// ReportVersion is the version of the JSON form of Report. It rises when a member changes its meaning or goes; new members
// may come without a rise.
const ReportVersion = 1

// Report says what of the telemetry that Kyma sent arrived in AWS, and how it looks there. Its JSON form is the stable
// output of `kcw preview --format json`; docs/preview.md describes each member.
type Report struct {
	Version int `json:"version"`
	// Accounted is whether nothing that Kyma's gateway sent was lost.
	Accounted bool    `json:"accounted"`
	Release   Release `json:"release"`
	Input     Input   `json:"input"`
	Signals   Signals `json:"signals"`
	// Requests are the calls that AWS got, by API operation.
	Requests []awslocal.Request `json:"requests"`
	// Warnings are what a person should know about the figures, in whole sentences.
	Warnings []string `json:"warnings"`
}

// Release is what was rendered and run.
type Release struct {
	Chart     string `json:"chart"`
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
	Region    string `json:"region"`
	// Workload is the collector's pod owner, such as "StatefulSet/kyma-cloudwatch-collector".
	Workload string `json:"workload"`
	// ConfigSource is the object that the collector's configuration came from.
	ConfigSource string `json:"configSource"`
}

// Input is the telemetry that was put in.
type Input struct {
	Files []string `json:"files"`
	// ShiftedSeconds is by how much all timestamps were moved, so that the newest is now.
	ShiftedSeconds float64 `json:"shiftedSeconds"`
	Spans          int     `json:"spans"`
	Datapoints     int     `json:"datapoints"`
	LogRecords     int     `json:"logRecords"`
}

// Signals holds the three parts of the report.
type Signals struct {
	Traces  TraceReport  `json:"traces"`
	Metrics MetricReport `json:"metrics"`
	Logs    LogReport    `json:"logs"`
}

// Account is the balance of one signal, by the identity of each item, not by totals.
// Sent is always Arrived + Filtered + Lost.
type Account struct {
	// Enabled is whether the release has a pipeline for the signal; when not, nothing is sent.
	Enabled bool `json:"enabled"`
	// Route is how the signal travels, such as "TracePipeline aws -> otlp -> awsxray".
	Route string `json:"route,omitempty"`
	// Unit is what is counted: spans, datapoints or records.
	Unit string `json:"unit"`
	// Captured is how many were put in.
	Captured int `json:"captured"`
	// Withheld is how many Kyma's gateway kept back: its filters, and cumulative series before their second point.
	Withheld int `json:"withheld"`
	// Sent is how many Kyma's gateway handed over, each counted once.
	Sent int `json:"sent"`
	// Arrived is how many of those AWS stores, each counted once.
	Arrived int `json:"arrived"`
	// Filtered is how many of those the collector's own processors dropped as its configuration says.
	Filtered int `json:"filtered"`
	// Lost is how many were sent and neither stored nor filtered.
	Lost int `json:"lost"`
	// Duplicated is how many times something was stored again.
	Duplicated int `json:"duplicated"`
	// Unexpected is how many are stored that nobody sent: what the exporters or the collector itself add.
	Unexpected int `json:"unexpected"`
	// Reasons explain Withheld, Filtered, Lost and Duplicated.
	Reasons []Reason `json:"reasons"`
}

// Fate is what became of the items that a Reason is about.
type Fate string

// The fates of items.
const (
	FateWithheld   Fate = "withheld"
	FateFiltered   Fate = "filtered"
	FateLost       Fate = "lost"
	FateDuplicated Fate = "duplicated"
	// FateChanged items arrived, but not as they were sent.
	FateChanged Fate = "changed"
)

// Reason says why some items did not arrive as they were sent.
type Reason struct {
	Fate  Fate `json:"fate"`
	Count int  `json:"count"`
	// Why names the component or the AWS limit, and what mends it.
	Why string `json:"why"`
	// Example is one such item.
	Example string `json:"example,omitempty"`
	// Source is who says so: "kyma", "collector", "aws" or "preview" (concluded from what was sent and stored).
	Source string `json:"source"`
}

// TraceReport is the balance of spans and what X-Ray shows of them.
type TraceReport struct {
	Account
	// Traces is the number of distinct traces stored.
	Traces   int       `json:"traces"`
	Services []Service `json:"services"`
	Edges    []Edge    `json:"edges"`
	// Annotations are the indexed fields, which X-Ray's filter expressions can search.
	Annotations []Annotation `json:"annotations"`
	Waterfall   *Waterfall   `json:"waterfall,omitempty"`
}

// Latency is a distribution of durations in milliseconds.
type Latency struct {
	P50 float64 `json:"p50Ms"`
	P99 float64 `json:"p99Ms"`
}

// Service is a node of the service map.
type Service struct {
	Name string `json:"name"`
	// Type is "service" for one that sent spans, "remote" for one that is only called, "client" for callers from outside.
	Type     string `json:"type"`
	Requests int    `json:"requests"`
	// Faults are server failures (5xx), Errors client failures (4xx).
	Faults  int     `json:"faults"`
	Errors  int     `json:"errors"`
	Latency Latency `json:"latency"`
}

// Edge is the calls of one service to another.
type Edge struct {
	From     string  `json:"from"`
	To       string  `json:"to"`
	Requests int     `json:"requests"`
	Faults   int     `json:"faults"`
	Errors   int     `json:"errors"`
	Latency  Latency `json:"latency"`
}

// Annotation is an indexed field of spans.
type Annotation struct {
	Key    string `json:"key"`
	Spans  int    `json:"spans"`
	Values int    `json:"values"`
	// Example is one of the values.
	Example string `json:"example"`
}

// Waterfall is one trace, each span under its parent.
type Waterfall struct {
	TraceID    string         `json:"traceId"`
	Start      time.Time      `json:"start"`
	DurationMs float64        `json:"durationMs"`
	Rows       []WaterfallRow `json:"rows"`
	// Omitted is how many spans of the trace are not in Rows.
	Omitted int `json:"omitted,omitempty"`
}

// WaterfallRow is one span of a Waterfall.
type WaterfallRow struct {
	SpanID   string `json:"spanId"`
	ParentID string `json:"parentId,omitempty"`
	Depth    int    `json:"depth"`
	Service  string `json:"service"`
	Name     string `json:"name"`
	Kind     string `json:"kind"`
	// StartMs is since the start of the trace.
	StartMs    float64 `json:"startMs"`
	DurationMs float64 `json:"durationMs"`
	Fault      bool    `json:"fault"`
	Error      bool    `json:"error"`
	HTTPStatus int     `json:"httpStatus,omitempty"`
}

// MetricReport is the balance of datapoints and the CloudWatch metrics they became.
type MetricReport struct {
	Account
	// CustomMetrics is what AWS bills by the month for EMF: each distinct namespace, name and set of dimensions.
	CustomMetrics int `json:"customMetrics"`
	// OTLPSeries is the number of distinct series that came by the OTLP endpoint.
	OTLPSeries int `json:"otlpSeries"`
	// LogOnly is how many of the arrived datapoints are fields of log events without being a CloudWatch metric, because no
	// metric declaration names them.
	LogOnly    int               `json:"logOnly"`
	Namespaces []MetricNamespace `json:"namespaces"`
}

// MetricNamespace is a CloudWatch namespace.
type MetricNamespace struct {
	// Name is OTLP for what came by the OTLP endpoint, which has no namespaces.
	Name string `json:"name"`
	// Series is the number of distinct metrics (name and dimensions).
	Series  int      `json:"series"`
	Metrics []Metric `json:"metrics"`
}

// Metric is all series of one name in a namespace.
type Metric struct {
	Name string `json:"name"`
	Unit string `json:"unit"`
	// Series is the number of distinct sets of dimension values.
	Series int `json:"series"`
	// DimensionSets are the dimension names that series have, each sorted.
	DimensionSets [][]string `json:"dimensionSets"`
	Datapoints    int        `json:"datapoints"`
	// Examples are some of the series, those with the most datapoints first.
	Examples []Series `json:"examples"`
}

// Series is one CloudWatch metric with the datapoints that arrived.
type Series struct {
	Dimensions map[string]string `json:"dimensions"`
	Points     []Point           `json:"points"`
}

// Point is one datapoint as CloudWatch's statistics show it.
type Point struct {
	Time        time.Time `json:"time"`
	Sum         float64   `json:"sum"`
	SampleCount float64   `json:"sampleCount"`
	Minimum     float64   `json:"minimum"`
	Maximum     float64   `json:"maximum"`
}

// LogReport is the balance of log records and the groups, streams and events they became.
type LogReport struct {
	Account
	// Groups are all log groups, those of EMF metrics among them.
	Groups []LogGroup `json:"groups"`
	// Samples are some of the events, in order of time.
	Samples []LogSample `json:"samples"`
}

// LogGroup is a CloudWatch log group.
type LogGroup struct {
	Name string `json:"name"`
	// Holds is "logs", "metrics" (EMF) or "logs and metrics", and "nothing" while it is empty.
	Holds string `json:"holds"`
	// RetentionDays is 0 when events never expire.
	RetentionDays int         `json:"retentionDays"`
	Class         string      `json:"class"`
	Events        int         `json:"events"`
	Bytes         int         `json:"bytes"`
	Streams       []LogStream `json:"streams"`
}

// LogStream is a stream of a LogGroup.
type LogStream struct {
	Name   string `json:"name"`
	Events int    `json:"events"`
	Bytes  int    `json:"bytes"`
}

// LogSample is one stored log event.
type LogSample struct {
	Time   time.Time `json:"time"`
	Group  string    `json:"group"`
	Stream string    `json:"stream"`
	// Severity is as the event says it, in upper case; empty when it does not.
	Severity string `json:"severity"`
	// Source is the workload: pod, container or service, as far as the event tells.
	Source string `json:"source"`
	Body   string `json:"body"`
	// TraceID connects the event to a trace; 32 hexadecimal digits.
	TraceID string `json:"traceId,omitempty"`
	// Message is the whole event as stored, cut at maxSampleBytes.
	Message string `json:"message"`
}
