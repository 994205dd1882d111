package awslocal

import "time"

// SignatureClockSkew is how far a request's X-Amz-Date may be from the endpoint's clock.
// Source: AWS Signature Version 4, "troubleshooting": requests are valid for five minutes around their time stamp.
const SignatureClockSkew = 5 * time.Minute

// Limits of CloudWatch Logs. Source: CloudWatch Logs API reference, PutLogEvents, and "CloudWatch Logs quotas".
const (
	// MaxPutLogEventsBytes is the size of a batch: "the sum of all event messages in UTF-8, plus 26 bytes for each log
	// event".
	MaxPutLogEventsBytes = 1 << 20
	// LogEventOverheadBytes is what each event counts besides its message.
	LogEventOverheadBytes = 26
	// MaxLogEventBytes is the size of one event with its overhead ("Each log event can be no larger than 1 MB").
	MaxLogEventBytes = 1 << 20
	// MaxLogEvents is "the maximum number of log events in a batch".
	MaxLogEvents = 10000
	// MaxLogEventsSpan is the longest time between the first and the last event of a batch.
	MaxLogEventsSpan = 24 * time.Hour
	// MaxLogEventAge is how old an event may be.
	MaxLogEventAge = 14 * 24 * time.Hour
	// MaxLogEventFuture is how far in the future an event may be.
	MaxLogEventFuture = 2 * time.Hour
	// MaxLogGroupName and MaxLogStreamName are in characters.
	MaxLogGroupName  = 512
	MaxLogStreamName = 512
	// MaxTags is the number of tags of a log group; MaxTagKey and MaxTagValue are in characters.
	MaxTags     = 50
	MaxTagKey   = 128
	MaxTagValue = 256
	// MaxDescribeLogs is the page size of DescribeLogGroups and DescribeLogStreams.
	MaxDescribeLogs = 50
	// MaxGetLogEvents is the page size of GetLogEvents and FilterLogEvents in events, MaxGetLogEventsBytes in bytes.
	MaxGetLogEvents      = 10000
	MaxGetLogEventsBytes = 1 << 20
)

// Limits of X-Ray. Source: X-Ray API reference, PutTraceSegments and BatchGetTraces; X-Ray developer guide, "Segment
// documents" ("A segment document can be up to 64 kB in size").
const (
	MaxSegmentDocuments     = 50
	MaxSegmentDocumentBytes = 64 << 10
	// MaxSegmentName is in characters.
	MaxSegmentName = 200
	// MaxBatchGetTraces is the number of trace ids of one BatchGetTraces.
	MaxBatchGetTraces = 5
	// MaxAnnotations is per trace; X-Ray indexes the first and leaves the rest unindexed.
	MaxAnnotations = 50
)

// Limits of the embedded metric format. Source: CloudWatch user guide, "Specification: Embedded metric format", and for
// the names the CloudWatch API reference, Metric and Dimension.
const (
	// MaxEMFMetrics is the number of MetricDefinitions of one MetricDirective.
	MaxEMFMetrics = 100
	// MaxDimensions is the number of keys of one DimensionSet.
	MaxDimensions = 30
	// MaxEMFValues is the length of a metric's array of values.
	MaxEMFValues = 100
	// MaxNamespace, MaxMetricName, MaxDimensionName and MaxDimensionValue are in characters.
	MaxNamespace      = 255
	MaxMetricName     = 255
	MaxDimensionName  = 250
	MaxDimensionValue = 1024
)

// Limits of CloudWatch's read side. Source: CloudWatch API reference, GetMetricData and ListMetrics.
const (
	MaxMetricDataQueries    = 500
	MaxGetMetricDatapoints  = 100800
	MaxListMetrics          = 500
	MaxListDimensionFilters = 10
)

// Limits of the OTLP endpoints. Source: CloudWatch user guide, "OTLP Endpoints", limits and restrictions. Sizes are of
// the uncompressed request.
const (
	MaxOTLPTracesBytes = 5 << 20
	MaxOTLPSpans       = 10000
	MaxOTLPSpanBytes   = 200 << 10
	// MaxOTLPResourceScopeBytes is the size of a resource with its scope, in traces and in logs.
	MaxOTLPResourceScopeBytes = 16 << 10

	// MaxOTLPLogsBytes is that of most regions, see MaxOTLPLogsBytesLarge.
	MaxOTLPLogsBytes = 1 << 20
	// MaxOTLPLogsBytesLarge is that of the regions with large log objects, largeLogRegions.
	MaxOTLPLogsBytesLarge = 20 << 20
	MaxOTLPLogRecords     = 10000

	MaxOTLPMetricsBytes = 1 << 20
	MaxOTLPDatapoints   = 1000
	// MaxOTLPLabels counts the attributes of the datapoint, the scope and the resource.
	MaxOTLPLabels = 150

	// The ages of spans are those of log events: they are stored as such.
	MaxOTLPSpanAge    = MaxLogEventAge
	MaxOTLPSpanFuture = MaxLogEventFuture
	MaxOTLPSpanGap    = 24 * time.Hour
)

// largeLogRegions take OTLP log requests up to MaxOTLPLogsBytesLarge. Source: CloudWatch user guide, "OTLP Endpoints":
// N. Virginia, Oregon, Frankfurt, Sydney, Mumbai, Ohio, Ireland, Tokyo, Singapore.
var largeLogRegions = map[string]bool{
	"us-east-1": true, "us-west-2": true, "eu-central-1": true, "ap-southeast-2": true, "ap-south-1": true,
	"us-east-2": true, "eu-west-1": true, "ap-northeast-1": true, "ap-southeast-1": true,
}

// Limits of STS. Source: STS API reference, AssumeRole.
const (
	MinSessionSeconds     = 900
	MaxSessionSeconds     = 43200
	DefaultSessionSeconds = 3600
	// MaxChainedSessionSeconds is for who is a role already: web identity, and a role on top of it, is such a chain.
	MaxChainedSessionSeconds = 3600
)
