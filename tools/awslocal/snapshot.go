package awslocal

import (
	"time"
)

// Snapshot is everything the endpoint has stored, counted and refused up to one moment. It is a deep copy: it does not
// change when more requests come in, and changing it changes nothing in the Server.
type Snapshot struct {
	// Spans holds one entry per stored segment or span, in order of first arrival.
	Spans []Span `json:"spans"`
	// LogGroups is sorted by name.
	LogGroups []LogGroup `json:"logGroups"`
	// Metrics is sorted by namespace, name and dimensions. Its length is the number of custom metrics that CloudWatch
	// would bill: a metric is "a unique combination of namespace, metric name and dimensions".
	Metrics []Metric `json:"metrics"`
	// Requests is sorted by service and operation.
	Requests []Request `json:"requests"`
	// Rejections is in order of first occurrence.
	Rejections []Rejection `json:"rejections"`
}

// The ways in which telemetry reaches the endpoint, as found in Span.Via, LogEvent.Via and Datapoint.Source.
const (
	ViaPutTraceSegments = "PutTraceSegments"
	ViaPutLogEvents     = "PutLogEvents"
	ViaOTLP             = "OTLP"
	ViaEMF              = "EMF"
)

// Span is one X-Ray segment, subsegment or OTLP span as it is stored. A segment document's nested subsegments are
// entries of their own, with ParentID set, as BatchGetTraces nests them and Transaction Search lists them.
type Span struct {
	// TraceID is the W3C trace id: 32 lower-case hexadecimal digits. X-Ray writes the same id as 1-8digits-24digits.
	TraceID string `json:"traceId"`
	// SpanID is 16 lower-case hexadecimal digits.
	SpanID string `json:"spanId"`
	// ParentID is empty for a root.
	ParentID string `json:"parentId,omitempty"`
	// Name is the segment's or the span's own name.
	Name string `json:"name"`
	// Service is the service the span belongs to: service.name of an OTLP resource; for segments the segment's name,
	// and for subsegments the name of the segment they belong to, when it has arrived.
	Service string    `json:"service"`
	Start   time.Time `json:"start"`
	// End is zero for a segment that is in progress.
	End time.Time `json:"end"`
	// Kind is "segment" or "subsegment" for segment documents, the OTLP kind ("Server", "Client", "Internal",
	// "Producer", "Consumer", "Unspecified") for OTLP spans.
	Kind string `json:"kind"`
	// Origin is the segment document's origin (for example AWS::EC2::Instance) and empty otherwise.
	Origin string `json:"origin,omitempty"`
	// Namespace is a subsegment's namespace: aws, remote or empty.
	Namespace string `json:"namespace,omitempty"`
	// HTTPMethod, HTTPURL and HTTPStatus are what the document's http block or the span's attributes say; 0 or "" when
	// they do not.
	HTTPMethod string `json:"httpMethod,omitempty"`
	HTTPURL    string `json:"httpUrl,omitempty"`
	HTTPStatus int    `json:"httpStatus,omitempty"`
	// Fault, Error and Throttle are X-Ray's: a server failure, a client failure, a 429.
	Fault    bool `json:"fault"`
	Error    bool `json:"error"`
	Throttle bool `json:"throttle"`
	// Annotations are the indexed fields: the document's annotations, or the attributes of an OTLP span.
	Annotations map[string]any `json:"annotations,omitempty"`
	// Metadata is the document's metadata by namespace; of an OTLP span the resource's attributes, under "resource".
	Metadata map[string]any `json:"metadata,omitempty"`
	// Via is ViaPutTraceSegments or ViaOTLP.
	Via string `json:"via"`
	// Raw is the JSON document as it was stored. For an OTLP span it is the OTLP JSON of the span alone.
	Raw string `json:"raw"`
	// Stored says how many times a span with this trace and span id was put: above 1 there were duplicates, of which
	// the last is shown.
	Stored int `json:"stored"`
}

// LogGroup is a CloudWatch Logs log group.
type LogGroup struct {
	Name string `json:"name"`
	// RetentionDays is 0 when the events never expire.
	RetentionDays int `json:"retentionDays"`
	// Class is STANDARD or INFREQUENT_ACCESS.
	Class   string            `json:"class"`
	Created time.Time         `json:"created"`
	Tags    map[string]string `json:"tags,omitempty"`
	// Streams is sorted by name.
	Streams []LogStream `json:"streams"`
}

// LogStream is a stream of a LogGroup.
type LogStream struct {
	Name    string    `json:"name"`
	Created time.Time `json:"created"`
	// Events is in order of ingestion.
	Events []LogEvent `json:"events"`
}

// LogEvent is one event of a LogStream.
type LogEvent struct {
	Timestamp     time.Time `json:"timestamp"`
	IngestionTime time.Time `json:"ingestionTime"`
	// Message is the event as it is stored. An OTLP log record is stored as the JSON of the record with its resource,
	// scope, timeUnixNano, observedTimeUnixNano, severityNumber, severityText, body, attributes, flags, traceId, spanId.
	Message string `json:"message"`
	// Via is ViaPutLogEvents or ViaOTLP.
	Via string `json:"via"`
}

// Metric is one CloudWatch metric: a namespace, a name and a set of dimensions.
type Metric struct {
	Namespace  string            `json:"namespace"`
	Name       string            `json:"name"`
	Dimensions map[string]string `json:"dimensions,omitempty"`
	// Unit is CloudWatch's unit of the last datapoint ("None" when the client gave none). OTLP units stay as they came.
	Unit string `json:"unit"`
	// Datapoints is in order of ingestion.
	Datapoints []Datapoint `json:"datapoints"`
}

// Datapoint is one observation, or one aggregate of observations, of a Metric.
type Datapoint struct {
	Timestamp time.Time `json:"timestamp"`
	// Unit is the datapoint's own unit, see Metric.Unit.
	Unit string `json:"unit"`
	// StorageResolution is in seconds: 1 for high resolution, else 60.
	StorageResolution int `json:"storageResolution"`
	// Values and Counts are the observations and how often each was made, of equal length. A single value is one value
	// with count 1. Both are empty for a bare statistic set.
	Values []float64 `json:"values,omitempty"`
	Counts []float64 `json:"counts,omitempty"`
	// Statistics is the aggregate that GetMetricData computes from.
	Statistics StatisticSet `json:"statistics"`
	// Source is ViaEMF or ViaOTLP.
	Source string `json:"source"`
	// Stored says how many identical datapoints (same metric, timestamp, values) were put: above 1 there were
	// duplicates, which CloudWatch would add up.
	Stored int `json:"stored"`
	// LogGroup and LogStream hold the EMF event that the datapoint was extracted from; empty for OTLP.
	LogGroup  string `json:"logGroup,omitempty"`
	LogStream string `json:"logStream,omitempty"`
	// Fields are the fields of the EMF event that are neither a dimension nor a metric of the directive; for OTLP the
	// attributes of the resource, with the scope's name as "otel.scope.name".
	Fields map[string]any `json:"fields,omitempty"`
	// Temporality is the OTLP aggregation temporality ("Delta", "Cumulative") and "" for gauges and EMF.
	Temporality string `json:"temporality,omitempty"`
	// Type is the OTLP metric type ("Gauge", "Sum", "Histogram", "ExponentialHistogram", "Summary") and "" for EMF.
	Type string `json:"type,omitempty"`
}

// StatisticSet is CloudWatch's aggregate of observations.
type StatisticSet struct {
	SampleCount float64 `json:"sampleCount"`
	Sum         float64 `json:"sum"`
	Minimum     float64 `json:"minimum"`
	Maximum     float64 `json:"maximum"`
}

// Request counts the calls of one API operation.
type Request struct {
	// Service is the SigV4 service name: logs, xray, monitoring, sts.
	Service string `json:"service"`
	// Operation is the API operation ("PutLogEvents"), or "OTLP traces", "OTLP logs", "OTLP metrics".
	Operation string `json:"operation"`
	Calls     int    `json:"calls"`
	// WireBytes is the size of the request bodies as sent; Bytes is their size after decompression.
	WireBytes int64 `json:"wireBytes"`
	Bytes     int64 `json:"bytes"`
	// Errors counts failed calls by error code.
	Errors map[string]int `json:"errors,omitempty"`
}

// Rejection is something that AWS refuses, drops or takes without doing what was meant, told in AWS's words.
type Rejection struct {
	Service   string `json:"service"`
	Operation string `json:"operation"`
	// Code is AWS's error code, or for what AWS drops without an answer a stable name of this package, one of the
	// Reject constants.
	Code string `json:"code"`
	// Reason is the message.
	Reason string `json:"reason"`
	// Silent says that AWS answers success and the client never learns of it.
	Silent bool `json:"silent"`
	// Count is the number of items (spans, events, metric datapoints or, where none can be told, requests) refused.
	Count int `json:"count"`
	// Example is the start of the first item refused.
	Example string `json:"example,omitempty"`
	// Items identifies what was refused, where it can be told, up to maxRejectionItems entries.
	Items []RejectedItem `json:"items,omitempty"`
}

// RejectedItem names one refused item. Only the fields that make sense for the item are set.
type RejectedItem struct {
	TraceID   string            `json:"traceId,omitempty"`
	SpanID    string            `json:"spanId,omitempty"`
	Namespace string            `json:"namespace,omitempty"`
	Metric    string            `json:"metric,omitempty"`
	Dims      map[string]string `json:"dimensions,omitempty"`
	LogGroup  string            `json:"logGroup,omitempty"`
	LogStream string            `json:"logStream,omitempty"`
	Timestamp time.Time         `json:"timestamp,omitzero"`
	// Message is the start of a refused log event.
	Message string `json:"message,omitempty"`
}

// maxRejectionItems bounds the memory that a misbehaving client can take through Rejection.Items.
const maxRejectionItems = 10000
