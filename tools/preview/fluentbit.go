package preview

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	cwltypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/chart"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/gateway"
	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/localpod"
)

// Limits of Fluent Bit's output cloudwatch_logs (plugins/out_cloudwatch_logs/cloudwatch_api.h).
const (
	fluentBitMaxEvent    = 262118
	fluentBitMaxPayload  = 1048576
	fluentBitMaxEvents   = 10000
	fluentBitEventHeader = 26
)

// fluentBit does by the AWS SDK what Kyma's Fluent Bit does with a LogPipeline that has output.custom. No Fluent Bit runs.
type fluentBit struct {
	name    string
	options map[string]string
	// input is the LogPipeline's choice of namespaces and containers.
	input      gateway.RuntimeInput
	keepLog    bool
	keepLabels bool
	client     *cloudwatchlogs.Client
	made       map[string]bool
}

// logPipeline is the part of a LogPipeline that Fluent Bit's configuration is made of.
type logPipeline struct {
	Metadata struct{ Name string } `json:"metadata"`
	Spec     struct {
		Input struct {
			Runtime struct {
				gateway.RuntimeInput
				DropLabels *bool `json:"dropLabels"`
			} `json:"runtime"`
		} `json:"input"`
		Output struct {
			Custom string `json:"custom"`
		} `json:"output"`
		Filters   []struct{ Custom string } `json:"filters"`
		Variables []struct {
			Name      string `json:"name"`
			ValueFrom struct {
				SecretKeyRef struct{ Name, Key string } `json:"secretKeyRef"`
			} `json:"valueFrom"`
		} `json:"variables"`
	} `json:"spec"`
}

// newFluentBit reads a LogPipeline. Resolve gives the value of a Secret's key.
func newFluentBit(object chart.Object, endpoint string, resolve func(secret, key, variable string) (string, error)) (*fluentBit, []string, error) {
	var pipeline logPipeline
	if err := object.DecodeKnown(&pipeline); err != nil {
		return nil, nil, err
	}
	variables := map[string]string{}
	for _, v := range pipeline.Spec.Variables {
		value, err := resolve(v.ValueFrom.SecretKeyRef.Name, v.ValueFrom.SecretKeyRef.Key, v.Name)
		if err != nil {
			return nil, nil, fmt.Errorf("LogPipeline %s: variable %s: %w", object.Name(), v.Name, err)
		}
		variables[v.Name] = value
	}
	f := &fluentBit{
		name: object.Name(), options: map[string]string{}, input: pipeline.Spec.Input.Runtime.RuntimeInput,
		keepLog: true, keepLabels: true, made: map[string]bool{},
	}
	if keep := f.input.KeepOriginalBody; keep != nil {
		f.keepLog = *keep
	}
	if dropLabels := pipeline.Spec.Input.Runtime.DropLabels; dropLabels != nil {
		f.keepLabels = !*dropLabels
	}
	for _, line := range strings.Split(pipeline.Spec.Output.Custom, "\n") {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if key == "" || strings.HasPrefix(key, "#") {
			continue
		}
		f.options[strings.ToLower(key)] = localpod.ExpandEnvironment(strings.TrimSpace(value), variables)
	}
	if name := f.options["name"]; name != "cloudwatch_logs" {
		return nil, nil, fmt.Errorf("LogPipeline %s: the preview knows Fluent Bit's output cloudwatch_logs only, not %q", object.Name(), name)
	}
	for _, option := range []string{"region", "log_group_name"} {
		if f.options[option] == "" {
			return nil, nil, fmt.Errorf("LogPipeline %s: Fluent Bit's cloudwatch_logs needs the option %s in output.custom", object.Name(), option)
		}
	}
	if f.options["log_stream_name"] == "" && f.options["log_stream_prefix"] == "" {
		return nil, nil, fmt.Errorf("LogPipeline %s: Fluent Bit's cloudwatch_logs needs log_stream_name or log_stream_prefix in output.custom", object.Name())
	}
	var notes []string
	if len(pipeline.Spec.Filters) > 0 {
		notes = append(notes, fmt.Sprintf("LogPipeline %s has %d custom Fluent Bit filters; the emulation does not run them.", object.Name(), len(pipeline.Spec.Filters)))
	}

	provider := aws.CredentialsProvider(credentials.NewStaticCredentialsProvider(
		cmp.Or(variables["AWS_ACCESS_KEY_ID"], localpod.StandInAccessKeyID),
		cmp.Or(variables["AWS_SECRET_ACCESS_KEY"], localpod.StandInSecretAccessKey),
		variables["AWS_SESSION_TOKEN"],
	))
	config := aws.Config{Region: f.options["region"], Credentials: provider, BaseEndpoint: aws.String(endpoint)}
	if role := f.options["role_arn"]; role != "" {
		config.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(config), role, func(o *stscreds.AssumeRoleOptions) {
			o.RoleSessionName = "fluent-bit"
			if id := f.options["external_id"]; id != "" {
				o.ExternalID = aws.String(id)
			}
		}))
	}
	f.client = cloudwatchlogs.NewFromConfig(config)
	return f, notes, nil
}

// fluentEvent is a record on its way.
type fluentEvent struct {
	group, stream string
	timeMs        int64
	message       string
	source        string
}

// fluentRecord is a record as Fluent Bit holds it behind Kyma's filters.
type fluentRecord map[string]any

// fluentOutcome is what became of records before and while they were sent.
type fluentOutcome struct {
	// pushed and unselected records are none that Fluent Bit collects.
	pushed, unselected int
	// cut is how many events were longer than Fluent Bit sends.
	cut int
	// refusals counts the events that AWS refused, by reason.
	refusals map[string]int
}

// send selects the records that the tail input would read, sends them, and notes each in the ledger.
func (f *fluentBit) send(ctx context.Context, logs []plog.Logs, l *ledger) (fluentOutcome, error) {
	outcome := fluentOutcome{refusals: map[string]int{}}
	streams := map[[2]string][]fluentEvent{}
	for _, ld := range logs {
		for _, rl := range ld.ResourceLogs().All() {
			for _, sl := range rl.ScopeLogs().All() {
				switch {
				case sl.Scope().Name() != gateway.ScopeRuntime:
					outcome.pushed += sl.LogRecords().Len()
					continue
				case !f.selects(rl.Resource().Attributes()):
					outcome.unselected += sl.LogRecords().Len()
					continue
				}
				for _, record := range sl.LogRecords().All() {
					event, err := f.event(rl.Resource().Attributes(), record)
					if err != nil {
						return outcome, err
					}
					if len(event.message) > fluentBitMaxEvent {
						event.message = event.message[:fluentBitMaxEvent]
						outcome.cut++
					}
					l.addEvent(event.timeMs, event.message, event.source)
					at := [2]string{event.group, event.stream}
					streams[at] = append(streams[at], event)
				}
			}
		}
	}
	places := make([][2]string, 0, len(streams))
	for place := range streams {
		places = append(places, place)
	}
	slices.SortFunc(places, func(a, b [2]string) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
	for _, place := range places {
		events := streams[place]
		slices.SortStableFunc(events, func(a, b fluentEvent) int { return cmp.Compare(a.timeMs, b.timeMs) })
		for len(events) > 0 {
			n, size := 0, 0
			for n < len(events) && n < fluentBitMaxEvents {
				size += len(events[n].message) + fluentBitEventHeader
				if size > fluentBitMaxPayload && n > 0 {
					break
				}
				n++
			}
			if err := f.put(ctx, place[0], place[1], events[:n]); err != nil {
				if ctx.Err() != nil {
					return outcome, ctx.Err()
				}
				outcome.refusals[err.Error()] += n
			}
			events = events[n:]
		}
	}
	return outcome, nil
}

// kymaSystemNamespaces are the namespaces that Kyma leaves out unless the pipeline names namespaces.
var kymaSystemNamespaces = []string{"kyma-system", "kube-system", "istio-system", "compass-system"}

func (f *fluentBit) selects(resource pcommon.Map) bool {
	if enabled := f.input.Enabled; enabled != nil && !*enabled {
		return false
	}
	chosen := func(n *gateway.Namespaces, byDefault []string, name string) bool {
		switch {
		case n == nil:
			return !slices.Contains(byDefault, name)
		case len(n.Include) > 0:
			return slices.Contains(n.Include, name)
		default:
			return !slices.Contains(n.Exclude, name)
		}
	}
	return chosen(f.input.Namespaces, kymaSystemNamespaces, attribute(resource, "k8s.namespace.name")) &&
		chosen(f.input.Containers, nil, attribute(resource, "k8s.container.name"))
}

func (f *fluentBit) event(resource pcommon.Map, record plog.LogRecord) (fluentEvent, error) {
	at := record.Timestamp()
	if at == 0 {
		at = record.ObservedTimestamp()
	}
	if at == 0 {
		at = pcommon.NewTimestampFromTime(time.Now())
	}
	r := f.record(resource, record, at)
	message, err := json.Marshal(r)
	if err != nil {
		return fluentEvent{}, fmt.Errorf("a log record of %s has no JSON form: %w", attribute(resource, "k8s.pod.name"), err)
	}
	if key := f.options["log_key"]; key != "" {
		message = []byte(textOf(r[key]))
	}
	e := fluentEvent{timeMs: milliseconds(at), message: string(message), source: attribute(resource, "k8s.pod.name")}
	e.group = f.template(r, "log_group_template", f.options["log_group_name"])
	stream := f.options["log_stream_name"]
	if prefix := f.options["log_stream_prefix"]; prefix != "" {
		stream = prefix + f.tag(resource)
	}
	e.stream = f.template(r, "log_stream_template", stream)
	return e, nil
}

func (f *fluentBit) tag(resource pcommon.Map) string {
	return fmt.Sprintf("%s.var.log.containers.%s_%s_%s.log", f.name,
		attribute(resource, "k8s.pod.name"), attribute(resource, "k8s.namespace.name"), attribute(resource, "k8s.container.name"))
}

// record is what the tail input with the CRI parser and Kyma's filters (record_modifier, then kubernetes with merge_log on)
// make of a line of a container.
func (f *fluentBit) record(resource pcommon.Map, record plog.LogRecord, at pcommon.Timestamp) fluentRecord {
	line := record.Body().AsString()
	if original, ok := record.Attributes().Get("log.Original"); ok {
		line = original.AsString() // Kyma's log agent parsed it; Fluent Bit reads the line itself
	}
	r := fluentRecord{}
	var members map[string]any
	if strings.HasPrefix(strings.TrimSpace(line), "{") && json.Unmarshal([]byte(line), &members) == nil {
		maps.Copy(r, members)
	}
	if f.keepLog || members == nil {
		r["log"] = line
	}
	stream := attribute(record.Attributes(), "log.iostream")
	if stream == "" {
		stream = "stdout"
	}
	r["time"], r["stream"], r["_p"] = at.AsTime().Format(time.RFC3339Nano), stream, "F"
	r["cluster_identifier"] = cmp.Or(attribute(resource, "k8s.cluster.name"), attribute(resource, "k8s.cluster.uid"), "kubernetes")
	kubernetes := map[string]any{}
	for key, from := range map[string]string{
		"pod_name": "k8s.pod.name", "namespace_name": "k8s.namespace.name", "pod_id": "k8s.pod.uid", "host": "k8s.node.name",
		"container_name": "k8s.container.name", "container_image": "container.image.name", "pod_ip": "k8s.pod.ip", "docker_id": "container.id",
	} {
		if value := attribute(resource, from); value != "" {
			kubernetes[key] = value
		}
	}
	if f.keepLabels {
		labels := map[string]any{}
		for key, value := range resource.All() {
			if label, ok := strings.CutPrefix(key, "k8s.pod.label."); ok {
				labels[label] = value.AsString()
			}
		}
		if len(labels) > 0 {
			kubernetes["labels"] = labels
		}
	}
	r["kubernetes"] = kubernetes
	return r
}

// accessor is a key of Fluent Bit's record accessor: $key or $key['inner']['more'].
var accessor = regexp.MustCompile(`\$([A-Za-z_][A-Za-z0-9_]*)((?:\['[^']*'\])*)`)

var accessorPart = regexp.MustCompile(`\['([^']*)'\]`)

// template fills an option that is a template. When a key is missing, Fluent Bit takes the plain name instead.
func (f *fluentBit) template(r fluentRecord, option, plain string) string {
	template := f.options[option]
	if template == "" {
		return plain
	}
	complete := true
	filled := accessor.ReplaceAllStringFunc(template, func(match string) string {
		parts := accessor.FindStringSubmatch(match)
		value, ok := any(map[string]any(r)), true
		for _, key := range slices.Concat([]string{parts[1]}, innerKeys(parts[2])) {
			object, _ := value.(map[string]any)
			if value, ok = object[key]; !ok {
				complete = false
				return ""
			}
		}
		return textOf(value)
	})
	if !complete {
		return plain
	}
	return filled
}

func innerKeys(text string) []string {
	var keys []string
	for _, part := range accessorPart.FindAllStringSubmatch(text, -1) {
		keys = append(keys, part[1])
	}
	return keys
}

func isOn(value string) bool {
	return slices.Contains([]string{"on", "true", "yes", "1"}, strings.ToLower(value))
}

// put sends one request, and makes the group and the stream first, as the plugin does when it meets a new one.
func (f *fluentBit) put(ctx context.Context, group, stream string, events []fluentEvent) error {
	if isOn(f.options["auto_create_group"]) && !f.made[group] {
		if err := f.createGroup(ctx, group); err != nil {
			return err
		}
	}
	if !f.made[group+"\x00"+stream] {
		_, err := f.client.CreateLogStream(ctx, &cloudwatchlogs.CreateLogStreamInput{LogGroupName: &group, LogStreamName: &stream})
		var exists *cwltypes.ResourceAlreadyExistsException
		if err != nil && !errors.As(err, &exists) {
			return err
		}
		f.made[group+"\x00"+stream] = true
	}
	input := &cloudwatchlogs.PutLogEventsInput{LogGroupName: &group, LogStreamName: &stream}
	for _, event := range events {
		input.LogEvents = append(input.LogEvents, cwltypes.InputLogEvent{Timestamp: aws.Int64(event.timeMs), Message: aws.String(event.message)})
	}
	_, err := f.client.PutLogEvents(ctx, input)
	return err
}

func (f *fluentBit) createGroup(ctx context.Context, group string) error {
	input := &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &group}
	if class := f.options["log_group_class"]; class != "" {
		input.LogGroupClass = cwltypes.LogGroupClass(strings.ToUpper(class))
	}
	_, err := f.client.CreateLogGroup(ctx, input)
	var exists *cwltypes.ResourceAlreadyExistsException
	if errors.As(err, &exists) {
		f.made[group] = true
		return nil
	}
	if err != nil {
		return err
	}
	f.made[group] = true
	if days, err := strconv.Atoi(f.options["log_retention_days"]); err == nil && days > 0 {
		_, err := f.client.PutRetentionPolicy(ctx, &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: &group, RetentionInDays: aws.Int32(int32(days))}) //nolint:gosec // a few thousand at most
		return err
	}
	return nil
}
