package render

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/template/parse"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"

	"github.com/kyma-cloudwatch/kyma-cloudwatch/tools/chart"
)

// refused is a mistake that the chart's templates refuse.
type refused struct {
	mistake string
	base    string // minimal or noSecret
	values  string
	message string // exactly what is said, with a line feed at both ends
}

var refusals = []refused{
	{"a misspelt global", minimal, "global: {trace: {enabled: false}}", `
global.trace is not a value of this chart. Under global it knows: aws, clusterName, fullnameOverride, logs, metrics, traces.
`},
	{"no region", noSecret, "global: {aws: {region: '', auth: {secret: {name: aws-credentials}}}}", `
global.aws.region is missing: every call to AWS needs a region. Write, for example:

global:
  aws:
    region: eu-central-1
`},
	{"a region that is none", minimal, "global: {aws: {region: eu-cental-1}}", `
global.aws.region is "eu-cental-1", which is not a region's code. Write, for example:

global:
  aws:
    region: eu-central-1
`},
	{"an availability zone for a region", minimal, "global: {aws: {region: eu-central-1a}}", `
global.aws.region is "eu-central-1a", which is not a region's code. Write, for example:

global:
  aws:
    region: eu-central-1
`},
	{"an endpoint without a scheme", minimal, "global: {aws: {endpoint: '127.0.0.1:4566'}}", `
global.aws.endpoint is "127.0.0.1:4566", which is not a URL of scheme, host and port alone. Write, for example:

global:
  aws:
    endpoint: http://localstack.localstack:4566
`},
	{"an endpoint with a path", minimal, "global: {aws: {endpoint: 'http://localstack:4566/aws'}}", `
global.aws.endpoint is "http://localstack:4566/aws", which is not a URL of scheme, host and port alone. Write, for example:

global:
  aws:
    endpoint: http://localstack.localstack:4566
`},
	{"a user's ARN for a role's", minimal, "global: {aws: {auth: {roleArn: 'arn:aws:iam::123456789012:user/kyma'}}}", `
global.aws.auth.roleArn is "arn:aws:iam::123456789012:user/kyma", which is not the ARN of a role. Write, for example:

global:
  aws:
    auth:
      roleArn: arn:aws:iam::123456789012:role/kyma-cloudwatch
`},
	{"an account number of 11 digits in the web identity's role", noSecret, "global: {aws: {auth: {mode: webIdentity, webIdentity: {roleArn: 'arn:aws:iam::12345678901:role/kyma'}}}}", `
global.aws.auth.webIdentity.roleArn is "arn:aws:iam::12345678901:role/kyma", which is not the ARN of a role. Write, for example:

global:
  aws:
    auth:
      webIdentity:
        roleArn: arn:aws:iam::123456789012:role/kyma-cloudwatch
`},
	{"a role of another partition", minimal, "global: {aws: {region: cn-north-1, auth: {roleArn: 'arn:aws:iam::123456789012:role/kyma'}}}", `
global.aws.auth.roleArn is "arn:aws:iam::123456789012:role/kyma", a role of partition "aws", but region "cn-north-1" belongs to partition "aws-cn": no role is known across partitions. Write a role of that partition:

global:
  aws:
    auth:
      roleArn: arn:aws-cn:iam::123456789012:role/kyma-cloudwatch
`},
	{"web identity without a role", noSecret, "global: {aws: {auth: {mode: webIdentity}}}", `
global.aws.auth.webIdentity.roleArn is missing: in mode "webIdentity" the ServiceAccount's token is exchanged for a role. Write:

global:
  aws:
    auth:
      mode: webIdentity
      webIdentity:
        roleArn: arn:aws:iam::123456789012:role/kyma-cloudwatch
`},
	{"a web identity's role in mode secret", minimal, "global: {aws: {auth: {webIdentity: {roleArn: 'arn:aws:iam::123456789012:role/kyma'}}}}", `
global.aws.auth.webIdentity.roleArn is given, but global.aws.auth.mode is "secret". To exchange the ServiceAccount's token for that role, write:

global:
  aws:
    auth:
      mode: webIdentity

To assume it with the credentials of mode "secret", write it as global.aws.auth.roleArn.
`},
	{"an external id without a role", minimal, "global: {aws: {auth: {externalId: kyma}}}", `
global.aws.auth.externalId is given without global.aws.auth.roleArn: an external id is only sent when a role is assumed. Write:

global:
  aws:
    auth:
      roleArn: arn:aws:iam::123456789012:role/kyma-cloudwatch
`},
	{"a Secret's name and a key", minimal, "global: {aws: {auth: {secret: {accessKeyId: AKIAEXAMPLE, secretAccessKey: hush}}}}", `
global.aws.auth.secret names an existing Secret and also gives an access key: it is unclear which one counts. Write only the name:

global:
  aws:
    auth:
      secret:
        name: aws-credentials
        accessKeyId: ""
        secretAccessKey: ""
        sessionToken: ""
`},
	{"no Secret", noSecret, "", `
global.aws.auth.secret.name is missing: in mode "secret" the credentials come from a Secret. Make it and name it:

  kubectl -n observability create secret generic aws-credentials --from-literal=AWS_ACCESS_KEY_ID=... --from-literal=AWS_SECRET_ACCESS_KEY=...

global:
  aws:
    auth:
      secret:
        name: aws-credentials
`},
	{"half a key", noSecret, "global: {aws: {auth: {secret: {accessKeyId: AKIAEXAMPLE}}}}", `
global.aws.auth.secret.name is missing: in mode "secret" the credentials come from a Secret. Make it and name it:

  kubectl -n observability create secret generic aws-credentials --from-literal=AWS_ACCESS_KEY_ID=... --from-literal=AWS_SECRET_ACCESS_KEY=...

global:
  aws:
    auth:
      secret:
        name: aws-credentials
`},
	{"id and key the wrong way round", noSecret, "global: {aws: {auth: {secret: {accessKeyId: hush, secretAccessKey: AKIAIOSFODNN7EXAMPLE}}}}", `
global.aws.auth.secret.secretAccessKey looks like an access key id. Write the two the other way round:

global:
  aws:
    auth:
      secret:
        accessKeyId: AKIAEXAMPLE
        secretAccessKey: EXAMPLEKEY
`},
	{"a temporary key without its token", noSecret, "global: {aws: {auth: {secret: {accessKeyId: ASIAIOSFODNN7EXAMPLE, secretAccessKey: hush}}}}", `
global.aws.auth.secret.accessKeyId is a temporary key (ASIA...), which AWS refuses without its session token. Write:

global:
  aws:
    auth:
      secret:
        sessionToken: EXAMPLETOKEN
`},
	{"one key of the Secret for two values", minimal, "global: {aws: {auth: {secret: {keys: {accessKeyId: key, secretAccessKey: key}}}}}", `
global.aws.auth.secret.keys.accessKeyId and global.aws.auth.secret.keys.secretAccessKey are both "key": one key of the Secret cannot hold two values. Write, for example:

global:
  aws:
    auth:
      secret:
        keys:
          accessKeyId: AWS_ACCESS_KEY_ID
          secretAccessKey: AWS_SECRET_ACCESS_KEY
`},
	{"a Secret in mode ambient", minimal, "global: {aws: {auth: {mode: ambient}}}", `
global.aws.auth.secret is given, but global.aws.auth.mode is "ambient", which reads no Secret. Use the Secret:

global:
  aws:
    auth:
      mode: secret

or leave global.aws.auth.secret out.
`},
	{"no signal", minimal, "global: {traces: {enabled: false}, metrics: {enabled: false}, logs: {enabled: false}}", `
No signal is enabled, so there is nothing to install. Enable at least one:

global:
  traces:
    enabled: true
`},
	{"pipelines without a collector", minimal, "collector: {enabled: false}", `
collector.enabled is false, but the pipelines would send to the collector. Write:

collector:
  enabled: true

or, to install the collector by another release, leave the pipelines to that release too:

pipelines:
  enabled: false
`},
	{"Fluent Bit with web identity", noSecret, "global: {aws: {auth: {mode: webIdentity, webIdentity: {roleArn: 'arn:aws:iam::123456789012:role/kyma'}}}, logs: {via: fluentbit}}", `
global.logs.via is "fluentbit", but global.aws.auth.mode is "webIdentity": Kyma's Fluent Bit can only use an access key from a Secret. Write:

global:
  logs:
    via: otlp

or use mode "secret":

global:
  aws:
    auth:
      mode: secret
      secret:
        name: aws-credentials
`},
	{"Fluent Bit with the exporter otlp", minimal, "global: {logs: {via: fluentbit, exporter: otlp}}", `
global.logs.exporter is "otlp", but global.logs.via is "fluentbit": Fluent Bit writes to CloudWatch Logs' own API. Write:

global:
  logs:
    via: otlp
    exporter: otlp
`},
	{"Fluent Bit with a session token", minimal, "global: {aws: {auth: {secret: {keys: {sessionToken: AWS_SESSION_TOKEN}}}}, logs: {via: fluentbit}}", `
global.aws.auth.secret has a session token, but global.logs.via is "fluentbit": the LogPipeline's variables carry only an access key. Write:

global:
  logs:
    via: otlp
`},
	{"a log group that AWS keeps to itself", minimal, "global: {logs: {logGroup: aws/kyma}}", `
global.logs.logGroup is "aws/kyma": AWS keeps log groups that begin with "aws/" to itself. Write, for example:

global:
  logs:
    logGroup: /aws/kyma
`},
	{"a metrics namespace that AWS keeps to itself", minimal, "global: {metrics: {namespace: AWS/Kyma}}", `
global.metrics.namespace is "AWS/Kyma": AWS keeps namespaces that begin with "AWS/" to itself. Write, for example:

global:
  metrics:
    namespace: Kyma
`},
	{"a placeholder in the metrics' log stream", minimal, "global: {metrics: {logStream: '{PodName}'}}", `
global.metrics.logStream is "{PodName}": a name with braces would not be filled in, but become "undefined" or stay as it is. Write a name, for example:

global:
  metrics:
    logStream: otel-collector
`},
	{"a placeholder in the logs' log stream", minimal, "global: {logs: {logStream: 'kyma-{TaskId}'}}", `
global.logs.logStream is "kyma-{TaskId}": no exporter fills in a name with braces. Write a name, for example:

global:
  logs:
    logStream: otel-collector
`},
	{"two retentions of one log group", minimal, "global: {metrics: {logGroup: /kyma}, logs: {logGroup: /kyma, retentionDays: 30}}", `
global.metrics and global.logs share log group "/kyma", but are to be kept for 7 and 30 days: a group has one retention, that of whichever signal comes first. Write the same for both:

global:
  metrics:
    retentionDays: 30
  logs:
    retentionDays: 30

or another group:

global:
  metrics:
    logGroup: /kyma/metrics
`},
	{"11 dimensions in a set", minimal, "global: {metrics: {declarations: [{dimensions: [[a], [d0, d1, d2, d3, d4, d5, d6, d7, d8, d9, d10]], metric_name_selectors: [.*]}]}}", `
global.metrics.declarations[0].dimensions[1] has 11 dimensions: the exporter drops a set of more than 10. Write fewer, for example:

global:
  metrics:
    declarations:
      - dimensions: [[d0, d1]]
        metric_name_selectors: [".*"]
`},
	{"annotations by OTLP", minimal, "global: {traces: {exporter: otlp, indexAllAttributes: true}}", `
global.traces.indexAllAttributes is set, but global.traces.exporter is "otlp": X-Ray's OTLP endpoint takes annotations only from attributes of the spans, so nothing would come of it. Write:

global:
  traces:
    exporter: xray

or leave global.traces.indexAllAttributes out.
`},
	{"a namespace by OTLP", minimal, "global: {metrics: {exporter: otlp, namespace: Shop}}", `
global.metrics.namespace is set, but global.metrics.exporter is "otlp": CloudWatch's OTLP endpoint knows no EMF events, so nothing would come of it. Write:

global:
  metrics:
    exporter: emf

or leave global.metrics.namespace out.
`},
	{"declarations by OTLP", minimal, "global: {metrics: {exporter: otlp, declarations: [{dimensions: [[a]], metric_name_selectors: [.*]}]}}", `
global.metrics.declarations is set, but global.metrics.exporter is "otlp": CloudWatch's OTLP endpoint knows no EMF events, so nothing would come of it. Write:

global:
  metrics:
    exporter: emf

or leave global.metrics.declarations out.
`},
	{"Fluent Bit with a log stream", minimal, "global: {logs: {via: fluentbit, logStream: mine}}", `
global.logs.logStream is set, but global.logs.via is "fluentbit": Fluent Bit reads what containers print and names log streams by pipelines.logs.fluentbit, so nothing would come of it. Write:

global:
  logs:
    via: otlp

or leave global.logs.logStream out.
`},
	{"Fluent Bit with raw logs", minimal, "global: {logs: {via: fluentbit, rawLog: true}}", `
global.logs.rawLog is set, but global.logs.via is "fluentbit": Fluent Bit reads what containers print and names log streams by pipelines.logs.fluentbit, so nothing would come of it. Write:

global:
  logs:
    via: otlp

or leave global.logs.rawLog out.
`},
	{"Fluent Bit with a transform", minimal, `global: {logs: {via: fluentbit}}
pipelines: {logs: {transform: [{statements: ['set(log.body, "")']}]}}`, `
pipelines.logs.transform is set, but global.logs.via is "fluentbit": Fluent Bit reads what containers print and names log streams by pipelines.logs.fluentbit, so nothing would come of it. Write:

global:
  logs:
    via: otlp

or leave pipelines.logs.transform out.
`},
	{"Fluent Bit with a filter of OTLP logs", minimal, `global: {logs: {via: fluentbit}}
pipelines: {logs: {filter: [{conditions: ['log.severity_number < 9']}]}}`, `
pipelines.logs.filter is set, but global.logs.via is "fluentbit": Fluent Bit reads what containers print and names log streams by pipelines.logs.fluentbit, so nothing would come of it. Write:

global:
  logs:
    via: otlp

or leave pipelines.logs.filter out.
`},
	{"Fluent Bit with namespaces of OTLP logs", minimal, `global: {logs: {via: fluentbit}}
pipelines: {logs: {input: {otlp: {namespaces: {include: [shop]}}}}}`, `
pipelines.logs.input.otlp.namespaces is set, but global.logs.via is "fluentbit": Fluent Bit reads what containers print and names log streams by pipelines.logs.fluentbit, so nothing would come of it. Write:

global:
  logs:
    via: otlp

or leave pipelines.logs.input.otlp.namespaces out.
`},
	{"OTLP with Fluent Bit's filters", minimal, "pipelines: {logs: {fluentbit: {filters: [{custom: Name grep}]}}}", `
pipelines.logs.fluentbit.filters is set, but global.logs.via is "otlp": only Fluent Bit reads it, so nothing would come of it. Write:

global:
  logs:
    via: fluentbit

or leave pipelines.logs.fluentbit.filters out.
`},
	{"OTLP with Fluent Bit's options", minimal, "pipelines: {logs: {fluentbit: {extraOptions: {log_format: json/emf}}}}", `
pipelines.logs.fluentbit.extraOptions is set, but global.logs.via is "otlp": only Fluent Bit reads it, so nothing would come of it. Write:

global:
  logs:
    via: fluentbit

or leave pipelines.logs.fluentbit.extraOptions out.
`},
	{"OTLP with Fluent Bit's log stream", minimal, "pipelines: {logs: {fluentbit: {streamName: mine}}}", `
pipelines.logs.fluentbit.streamName is set, but global.logs.via is "otlp": only Fluent Bit reads it, so nothing would come of it. Write:

global:
  logs:
    via: fluentbit

or leave pipelines.logs.fluentbit.streamName out.
`},
	{"OTLP with pod annotations", minimal, "pipelines: {logs: {input: {runtime: {keepAnnotations: true}}}}", `
pipelines.logs.input.runtime.keepAnnotations is set, but global.logs.via is "otlp": only Fluent Bit reads it, so nothing would come of it. Write:

global:
  logs:
    via: fluentbit

or leave pipelines.logs.input.runtime.keepAnnotations out.
`},
	{"OTLP with pod labels", minimal, "pipelines: {logs: {input: {runtime: {dropLabels: false}}}}", `
pipelines.logs.input.runtime.dropLabels is set, but global.logs.via is "otlp": only Fluent Bit reads it, so nothing would come of it. Write:

global:
  logs:
    via: fluentbit

or leave pipelines.logs.input.runtime.dropLabels out.
`},
	{"raw logs by the exporter otlp", minimal, "global: {logs: {exporter: otlp, rawLog: true}}", `
global.logs.rawLog is set, but global.logs.exporter is "otlp": CloudWatch Logs' OTLP endpoint gets whole records, so nothing would come of it. Write:

global:
  logs:
    exporter: cloudwatchlogs

or leave global.logs.rawLog out.
`},
	{"a token's audience in mode secret", minimal, "global: {aws: {auth: {webIdentity: {audience: kyma}}}}", `
global.aws.auth.webIdentity.audience is set, but global.aws.auth.mode is "secret": no token is exchanged, so nothing would come of it. Write:

global:
  aws:
    auth:
      mode: webIdentity

or leave global.aws.auth.webIdentity.audience out.
`},
	{"the region's key by OTLP", minimal, "global: {aws: {auth: {secret: {keys: {region: AWS_REGION}}}}}", `
global.aws.auth.secret.keys.region is set, but global.logs.via is "otlp": only Fluent Bit reads it, so nothing would come of it. Write:

global:
  logs:
    via: fluentbit

or leave global.aws.auth.secret.keys.region out.
`},
	{"keys of a Secret in mode ambient", noSecret, "global: {aws: {auth: {mode: ambient, secret: {keys: {accessKeyId: id}}}}}", `
global.aws.auth.secret.keys.accessKeyId is set, but global.aws.auth.mode is "ambient": no Secret is read, so nothing would come of it. Write:

global:
  aws:
    auth:
      mode: secret

or leave global.aws.auth.secret.keys.accessKeyId out.
`},
	{"a memory limit that is no quantity", minimal, "collector: {resources: {limits: {memory: 1GB}}}", `
collector.resources.limits.memory is "1GB", which is not a Kubernetes quantity. Write, for example:

collector:
  resources:
    limits:
      memory: 1Gi
`},
	{"a request above its limit", minimal, "collector: {resources: {requests: {memory: 2Gi}}}", `
collector.resources.requests.memory is 2Gi, above collector.resources.limits.memory, 1Gi. Write a limit that holds the request:

collector:
  resources:
    limits:
      memory: 2Gi
`},
	{"a CPU request above its limit", minimal, "collector: {resources: {requests: {cpu: 1.5}, limits: {cpu: 500m}}}", `
collector.resources.requests.cpu is 1.5, above collector.resources.limits.cpu, 500m. Write a limit that holds the request:

collector:
  resources:
    limits:
      cpu: 1.5
`},
	{"a pipeline with an exporter that is not defined", minimal, "collector: {config: {service: {pipelines: {traces: {exporters: [otlp_grpc/traces, debug]}}}}}", `
collector.config.service.pipelines.traces names "debug" among its exporters, which is not defined. Define it:

collector:
  config:
    exporters:
      debug: {}

or name one of: awscloudwatchlogs, awsemf, awsxray, otlp_grpc/metrics, otlp_grpc/traces.
`},
	{"a pipeline with a receiver that was removed", minimal, "collector: {config: {receivers: {otlp/aws: null}}}", `
collector.config.service.pipelines.metrics/aws names "otlp/aws" among its receivers, which is not defined. Define it:

collector:
  config:
    receivers:
      otlp/aws: {}

or name one of: otlp.
`},
	{"a pipeline without exporters", minimal, "collector: {config: {service: {pipelines: {logs: {exporters: []}}}}}", `
collector.config.service.pipelines.logs has no exporters: the collector would not start. Name some, or remove the pipeline:

collector:
  config:
    service:
      pipelines:
        logs: null
`},
	{"an extension that is not defined", minimal, "collector: {config: {service: {extensions: [file_storage, pprof]}}}", `
collector.config.service.extensions names "pprof", which is not defined. Define it:

collector:
  config:
    extensions:
      pprof: {}

or name one of: file_storage, health_check.
`},
	{"a section that a collector does not know", minimal, "collector: {config: {exporter: {debug: {}}}}", `
collector.config.exporter is no section of a collector's configuration. Write one of: receivers, processors, exporters, connectors, extensions, service.
`},
	{"a collector without service", minimal, "collector: {config: {service: null}}", `
collector.config.service is null: without its map of pipelines the collector would not start. Leave it out, or remove what is not wanted below it:

collector:
  config:
    service:
      telemetry: null
`},
	{"a transform processor", minimal, "collector: {config: {processors: {transform/mine: {}}}}", `
collector.config.processors.transform/mine is of a type that the AWS Distro for OpenTelemetry v0.49.0 does not have. Its processors are: attributes, batch, cumulativetodelta, deltatorate, filter, groupbytrace, k8sattributes, memory_limiter, metricsgeneration, metrics_transform, probabilistic_sampler, resource, resourcedetection, span, tail_sampling. For a collector that has it, write:

collector:
  image:
    repository: registry.example.com/otelcol
    tag: v1.0.0
`},
	{"a connector", minimal, "collector: {config: {connectors: {spanmetrics: {}}}}", `
collector.config.connectors is set, but the AWS Distro for OpenTelemetry v0.49.0 has no connectors. For a collector that has them, write:

collector:
  image:
    repository: registry.example.com/otelcol
    tag: v1.0.0
`},
	{"a pipeline of no signal", minimal, "collector: {config: {service: {pipelines: {trace: {receivers: [otlp], exporters: [awsxray]}}}}}", `
collector.config.service.pipelines.trace is no pipeline of a signal. Begin its name with the signal:

collector:
  config:
    service:
      pipelines:
        trace: null
        traces/trace: {}
`},
	{"an extension left out of the list", minimal, "collector: {config: {service: {extensions: [health_check]}}}", `
collector.config.exporters.awscloudwatchlogs uses extension "file_storage", which does not run. Write:

collector:
  config:
    service:
      extensions: [file_storage, health_check]
`},
	{"a volume too small for a message", minimal, "collector: {persistence: {size: 50Mi}}", `
collector.persistence.size is 50Mi, too small for 3 queues: each has to hold at least one message of Kyma's senders (collector.receiver.maxMessageSizeMiB, 16 MiB), together in 80 % of the volume. Write at least:

collector:
  persistence:
    size: 60Mi
`},
	{"a queue too small for a message", minimal, "collector: {config: {exporters: {awscloudwatchlogs: {sending_queue: {queue_size: 1000000}}}}}", `
collector.config.exporters.awscloudwatchlogs.sending_queue.queue_size is 1000000 bytes, less than one message of Kyma's senders may have (collector.receiver.maxMessageSizeMiB, 16 MiB): the queue would refuse that message for ever. Write at least:

collector:
  config:
    exporters:
      awscloudwatchlogs:
        sending_queue:
          queue_size: 16777216
`},
	{"queues larger than their volume", minimal, "collector: {config: {exporters: {awscloudwatchlogs: {sending_queue: {queue_size: 8000000000}}}}}", `
collector.persistence.size is 10Gi, of which the queues may take 80 %, 8589934592 bytes, but they are to hold 13726623060: awscloudwatchlogs 8000000000, otlp_grpc/metrics 2863311530, otlp_grpc/traces 2863311530. Write a larger volume or smaller queues, at most:

collector:
  config:
    exporters:
      awscloudwatchlogs:
        sending_queue:
          queue_size: 2863311530
      otlp_grpc/metrics:
        sending_queue:
          queue_size: 2863311530
      otlp_grpc/traces:
        sending_queue:
          queue_size: 2863311530
`},
	{"a queue larger than its emptyDir", minimal, "collector: {persistence: {enabled: false, size: 1Gi}, config: {exporters: {otlp_grpc/traces: {sending_queue: {queue_size: 1073741824}}}}}", `
collector.persistence.size is 1Gi, of which the queues may take 80 %, 858993459 bytes, but they are to hold 1646404130: awscloudwatchlogs 286331153, otlp_grpc/metrics 286331153, otlp_grpc/traces 1073741824. Write a larger volume or smaller queues, at most:

collector:
  config:
    exporters:
      awscloudwatchlogs:
        sending_queue:
          queue_size: 286331153
      otlp_grpc/metrics:
        sending_queue:
          queue_size: 286331153
      otlp_grpc/traces:
        sending_queue:
          queue_size: 286331153
`},
	{"a memory limit below what the configuration needs", minimal, "collector: {resources: {requests: {memory: 64Mi}, limits: {memory: 64Mi}}}", `
collector.resources.limits.memory is 64Mi, less than the collector needs to take the largest message (collector.receiver.maxMessageSizeMiB, 16 MiB). Write at least:

collector:
  resources:
    limits:
      memory: 112Mi
`},
	{"web identity with the namespace's own ServiceAccount", noSecret, `global: {aws: {auth: {mode: webIdentity, webIdentity: {roleArn: 'arn:aws:iam::123456789012:role/kyma'}}}}
collector: {serviceAccount: {create: false}}`, `
collector.serviceAccount.create is false and no name is given, but global.aws.auth.mode is "webIdentity": the role would have to trust the namespace's ServiceAccount "default", and with it every pod there. Write the name of the one that the role trusts:

collector:
  serviceAccount:
    create: false
    name: kyma-cloudwatch
`},
	{"annotations of a ServiceAccount that is not made", minimal, "collector: {serviceAccount: {create: false, annotations: {a: b}}}", `
collector.serviceAccount.annotations is set, but collector.serviceAccount.create is false: the chart does not annotate a ServiceAccount that it does not make. Write:

collector:
  serviceAccount:
    create: true

or leave the annotations out.
`},
	{"a storage class without a volume", minimal, "collector: {persistence: {enabled: false, storageClass: fast}}", `
collector.persistence.storageClass is set, but collector.persistence.enabled is false: an emptyDir has no storage class. Write:

collector:
  persistence:
    enabled: true

or leave the storage class out.
`},
	{"a variable of the chart's own", minimal, "collector: {extraEnv: [{name: AWS_REGION, value: us-east-1}]}", `
collector.extraEnv has "AWS_REGION", which is there already, from the chart or from a line above. Leave it out.
`},
	{"a variable twice", minimal, "collector: {extraEnv: [{name: A, value: b}, {name: A, value: c}]}", `
collector.extraEnv has "A", which is there already, from the chart or from a line above. Leave it out.
`},
	{"a volume of the chart's own name", minimal, "collector: {extraVolumes: [{name: queue, emptyDir: {}}]}", `
collector.extraVolumes has "queue", which is there already. Write another name, for example:

collector:
  extraVolumes:
    - name: extra-queue
`},
	{"a mount of a volume that is not there", minimal, "collector: {extraVolumeMounts: [{name: certs, mountPath: /certs}]}", `
collector.extraVolumeMounts names volume "certs", which is not there. Write one of config, queue, or add it:

collector:
  extraVolumes:
    - name: certs
      emptyDir: {}
`},
	{"a mount where the queue is", minimal, "collector: {extraVolumes: [{name: fast, emptyDir: {}}], extraVolumeMounts: [{name: fast, mountPath: /var/lib/otelcol/}]}", `
collector.extraVolumeMounts has mountPath "/var/lib/otelcol/", where the chart mounts a volume of its own. Write another, for example:

collector:
  extraVolumeMounts:
    - name: fast
      mountPath: /mnt/fast
`},
	{"a label that selects pods", minimal, "collector: {podLabels: {app.kubernetes.io/name: mine}}", `
collector.podLabels has "app.kubernetes.io/name", which the chart writes itself. Write another key, for example:

collector:
  podLabels:
    example.com/name: ...
`},
	{"a pipelines' label of the chart's own", minimal, "pipelines: {labels: {helm.sh/chart: mine}}", `
pipelines.labels has "helm.sh/chart", which the chart writes itself. Write another key, for example:

pipelines:
  labels:
    example.com/chart: ...
`},
	{"a label twice", minimal, "collector: {labels: {team: a}, podLabels: {team: b}}", `
collector.labels and collector.podLabels both have "team". Write it in one place.
`},
	{"an annotation of the chart's own", minimal, "collector: {podAnnotations: {prometheus.io/port: '9090'}}", `
collector.podAnnotations has "prometheus.io/port", which the chart writes itself. To scrape the pods otherwise, write:

collector:
  telemetry:
    scrape: false
`},
	{"a MetricPipeline without input", minimal, "pipelines: {metrics: {input: {runtime: {enabled: false}, prometheus: {enabled: false}, istio: {enabled: false}, otlp: {enabled: false}}}}", `
pipelines.metrics.input has every input disabled, so no metric is ever sent. Enable one:

pipelines:
  metrics:
    input:
      otlp:
        enabled: true

or send no metrics at all:

global:
  metrics:
    enabled: false
`},
	{"a LogPipeline without input", minimal, "pipelines: {logs: {input: {runtime: {enabled: false}, otlp: {enabled: false}}}}", `
pipelines.logs.input has every input disabled that global.logs.via "otlp" reads, so no log is ever sent. Enable one:

pipelines:
  logs:
    input:
      runtime:
        enabled: true

or send no logs at all:

global:
  logs:
    enabled: false
`},
	{"Fluent Bit without input", minimal, `global: {logs: {via: fluentbit}}
pipelines: {logs: {input: {runtime: {enabled: false}}}}`, `
pipelines.logs.input has every input disabled that global.logs.via "fluentbit" reads, so no log is ever sent. Enable one:

pipelines:
  logs:
    input:
      runtime:
        enabled: true

or send no logs at all:

global:
  logs:
    enabled: false
`},
	{"an option of Fluent Bit's that another value writes", minimal, `global: {logs: {via: fluentbit}}
pipelines: {logs: {fluentbit: {extraOptions: {Log_Stream_Name: mine}}}}`, `
pipelines.logs.fluentbit.extraOptions has "Log_Stream_Name", which the chart writes from another value. Write it as pipelines.logs.fluentbit.streamName.
`},
	{"an option of Fluent Bit's that Kyma writes", minimal, `global: {logs: {via: fluentbit}}
pipelines: {logs: {fluentbit: {extraOptions: {Match: '*'}}}}`, `
pipelines.logs.fluentbit.extraOptions has "Match", which is not for the user to choose. Leave it out.
`},
	{"OTLP acknowledged by gRPC", minimal, "global: {logs: {exporter: otlp, delivery: acknowledged}}\n---\npipelines: {protocol: grpc}", `
pipelines.protocol is "grpc", but logs are acknowledged by AWS's OTLP endpoint: when AWS throttles, Kyma would take gRPC's answer for a final one and drop them. Let each signal have its protocol:

pipelines:
  protocol: ""

or put a queue between:

global:
  logs:
    delivery: queued
`},
	{"a delivery that Fluent Bit does not read", minimal, "global: {logs: {via: fluentbit, delivery: acknowledged}}", `
global.logs.delivery is "acknowledged", but global.logs.via is "fluentbit": Fluent Bit writes past the collector, with a queue of its own. Write:

global:
  logs:
    via: otlp

or leave global.logs.delivery out.
`},
	{"a volume for nothing", minimal, "collector: {delivery: acknowledged, persistence: {size: 20Gi}}", `
collector.persistence.size is set, but delivery is "acknowledged" for every signal, which keeps nothing on a volume. Write:

collector:
  delivery: queued

or leave it out.
`},
	{"a storage class for nothing", minimal, "collector: {delivery: acknowledged, persistence: {storageClass: fast}}", `
collector.persistence.storageClass is set, but delivery is "acknowledged" for every signal, which keeps nothing on a volume. Write:

collector:
  delivery: queued

or leave it out.
`},
	{"an autoscaler that takes queues away", minimal, "collector: {persistence: {enabled: false}, autoscaling: {enabled: true}}", `
collector.autoscaling.enabled is true, but the queue stands in an emptyDir (collector.persistence.enabled is false): each pod that is taken away would take its queue along. Keep no queue:

collector:
  delivery: acknowledged

or keep it on volumes:

collector:
  persistence:
    enabled: true
`},
	{"an autoscaler with no room", minimal, "collector: {size: xlarge, autoscaling: {enabled: true, maxReplicas: 4}}", `
collector.autoscaling.maxReplicas is 4, less than the 6 pods to begin with. Write, for example:

collector:
  autoscaling:
    minReplicas: 6
    maxReplicas: 18
`},
	{"an autoscaler without requests", minimal, "collector: {autoscaling: {enabled: true}, resources: {requests: null}}", `
collector.autoscaling.enabled is true, but the pods request no CPU, of which it takes its percentage. Write:

collector:
  resources:
    requests:
      cpu: 100m
`},
	{"two monitors", minimal, "collector: {telemetry: {podMonitor: {enabled: true}, serviceMonitor: {enabled: true}}}", `
collector.telemetry.podMonitor.enabled and collector.telemetry.serviceMonitor.enabled are both true: Prometheus would scrape each pod twice, and count everything double. Write:

collector:
  telemetry:
    podMonitor:
      enabled: true
    serviceMonitor:
      enabled: false
`},
	{"an autoscaler's setting without an autoscaler", minimal, "collector: {autoscaling: {minReplicas: 3}}", `
collector.autoscaling.minReplicas is set, but collector.autoscaling.enabled is "false": the number of pods is collector.replicas, so nothing would come of it. Write:

collector:
  autoscaling:
    enabled: true

or leave collector.autoscaling.minReplicas out.
`},
	{"labels of a monitor that is not made", minimal, "collector: {telemetry: {podMonitor: {labels: {release: prometheus}}}}", `
collector.telemetry.podMonitor.labels is set, but collector.telemetry.podMonitor.enabled is "false": it would be a label of what is not made, so nothing would come of it. Write:

collector:
  telemetry:
    podMonitor:
      enabled: true

or leave collector.telemetry.podMonitor.labels out.
`},
}

// said is the message in what helm says to a refusal by a template.
func said(t *testing.T, helm string) string {
	t.Helper()
	match := regexp.MustCompile(`(?s)execution error at \([^)]*\): \n(.*?)\n*(?:Use --debug flag.*)?$`).FindStringSubmatch(helm)
	require.NotNil(t, match, helm)
	return match[1] + "\n"
}

func TestWhatCannotWorkIsRefused(t *testing.T) {
	for _, r := range refusals {
		t.Run(r.mistake, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, r.message, said(t, refusalOver(t, r.base, r.values)))
		})
	}
}

func TestHelm4RefusesWithTheSameMessages(t *testing.T) {
	for n, r := range refusals {
		if n%8 != 0 {
			continue // the templates are the same: what may differ is how a release of Helm hands a message on
		}
		t.Run(r.mistake, func(t *testing.T) {
			t.Parallel()
			arguments := []string{"template", releaseName, chartPath, "--namespace", namespace}
			for _, file := range valuesFiles(t, r.base+"\n---\n"+r.values) {
				arguments = append(arguments, "--values", file)
			}
			_, err := helm4.Run(t.Context(), helmEnvironment, arguments...)
			require.Error(t, err)
			assert.Equal(t, r.message, said(t, err.Error()))
		})
	}
}

func TestTheComponentsThatTheChartKnowsAreThoseOfItsImage(t *testing.T) {
	read := func(file string) object {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		var parsed object
		require.NoError(t, yaml.Unmarshal(data, &parsed))
		return parsed
	}
	known := read(filepath.Join(chartPath, "charts", "collector", "files", "components.yaml"))
	image := read(filepath.Join(repository, "tools", "collector", "adot.yaml"))
	for _, kind := range []string{"receivers", "processors", "exporters", "extensions"} {
		assert.Equal(t, texts(image[kind]), texts(known[kind]), kind)
	}
	assert.Equal(t, image["version"], read(filepath.Join(chartPath, "charts", "collector", "Chart.yaml"))["appVersion"])
}

func TestAnImageOfOnesOwnMayHaveOtherComponents(t *testing.T) {
	config := "\n---\ncollector: {config: {processors: {transform/mine: {}}}}"
	render(t, "collector: {image: {repository: registry.local/otelcol, tag: v1.0.0}}"+config)
	render(t, "collector: {image: {tag: v0.50.0}}"+config)
}

// moved are mistakes that no YAML added to them mends: something has to be taken away.
var moved = []string{"a label that selects pods", "a pipelines' label of the chart's own"}

func TestWhatAMessageSaysToWriteMendsTheMistake(t *testing.T) {
	loaded, err := chart.Load(chartPath)
	require.NoError(t, err)
	for _, r := range refusals {
		blocks := mends(r.message)
		if len(blocks) == 0 || slices.Contains(moved, r.mistake) {
			continue
		}
		for _, block := range blocks {
			t.Run(r.mistake, func(t *testing.T) {
				t.Parallel()
				mended, err := chart.Values(valuesFiles(t, r.base+"\n---\n"+r.values+"\n---\n"+block), nil)
				require.NoError(t, err, block)
				if _, err := loaded.Render(mended, chart.Release{Name: releaseName, Namespace: namespace}); err != nil {
					// The next mistake, such as a mode's role that is now missing, has a message of its own.
					assert.NotEqual(t, r.message, said(t, err.Error()), block)
				}
			})
		}
	}
}

// mends are the blocks of YAML in a message.
func mends(message string) []string {
	var blocks []string
	for _, paragraph := range strings.Split(message, "\n\n") {
		var parsed object
		if yaml.Unmarshal([]byte(paragraph), &parsed) == nil && (parsed["global"] != nil || parsed["collector"] != nil || parsed["pipelines"] != nil) {
			blocks = append(blocks, paragraph)
		}
	}
	return blocks
}

func TestEveryMessageNamesAValueAndMostTheYAMLToWrite(t *testing.T) {
	for _, r := range refusals {
		assert.Regexp(t, `(global|collector|pipelines)[.:]`, r.message, r.mistake)
		if len(mends(r.message)) == 0 {
			// What is to be taken away is named.
			assert.Regexp(t, `Under global it knows|Leave it out|Write it|Write one of`, r.message, r.mistake)
		}
	}
}

// chartCopy is a copy of the chart that a test may change.
func chartCopy(t *testing.T, to string) string {
	t.Helper()
	require.NoError(t, os.CopyFS(to, os.DirFS(chartPath)))
	return to
}

// brokenFragment is the message to a fault of the chart itself, which no values bring about.
const brokenFragment = "collector configuration, fragment traces.xray: error converting YAML to JSON: yaml: line 1: did not find expected node content"

func TestABrokenFragmentOfTheConfigurationIsNotLeftOut(t *testing.T) {
	broken := chartCopy(t, filepath.Join(t.TempDir(), "kyma-cloudwatch"))
	file := filepath.Join(broken, "charts", "collector", "templates", "_traces.tpl")
	require.NoError(t, os.WriteFile(file, []byte(`{{- define "kyma-cloudwatch.collector.config.traces.xray" }}a: [{{ end }}`), 0o644))
	_, err := install{chart: broken, name: releaseName, namespace: namespace, values: minimal}.rendered(t)
	require.ErrorContains(t, err, brokenFragment)
}

// aliased is a chart of which this one is a dependency under another name.
func aliased(t *testing.T) string {
	t.Helper()
	parent := filepath.Join(t.TempDir(), "platform")
	chartCopy(t, filepath.Join(parent, "charts", "kyma-cloudwatch"))
	require.NoError(t, os.WriteFile(filepath.Join(parent, "Chart.yaml"), []byte(`
apiVersion: v2
name: platform
version: 1.0.0
dependencies:
  - name: kyma-cloudwatch
    alias: observability
    version: 0.1.0
`), 0o644))
	return parent
}

func TestMessagesNameTheValuesOfADependencyByItsAlias(t *testing.T) {
	parent := aliased(t)
	for _, c := range []struct{ values, message string }{
		{"observability: {collector: {resources: {requests: {memory: 2Gi}}}}", `
observability.collector.resources.requests.memory is 2Gi, above observability.collector.resources.limits.memory, 1Gi. Write a limit that holds the request:

observability:
  collector:
    resources:
      limits:
        memory: 2Gi
`},
		{"observability: {collector: {enabled: false}}", `
observability.collector.enabled is false, but the pipelines would send to the collector. Write:

observability:
  collector:
    enabled: true

or, to install the collector by another release, leave the pipelines to that release too:

observability:
  pipelines:
    enabled: false
`},
		{"observability: {pipelines: {logs: {fluentbit: {streamName: mine}}}}", `
observability.pipelines.logs.fluentbit.streamName is set, but global.logs.via is "otlp": only Fluent Bit reads it, so nothing would come of it. Write:

global:
  logs:
    via: fluentbit

or leave observability.pipelines.logs.fluentbit.streamName out.
`},
		{"global: {aws: {region: ''}}", `
global.aws.region is missing: every call to AWS needs a region. Write, for example:

global:
  aws:
    region: eu-central-1
`},
	} {
		_, err := install{chart: parent, name: releaseName, namespace: namespace, values: minimal + "\n---\n" + c.values}.rendered(t)
		require.Error(t, err, c.values)
		assert.Equal(t, c.message, said(t, err.Error()))
	}
	_, err := install{chart: parent, name: releaseName, namespace: namespace, values: minimal + "\n---\nglobal: {someoneElses: true}"}.rendered(t)
	require.NoError(t, err, "other charts' globals are none of this chart's business")
}

func TestEveryRefusalOfTheTemplatesIsInTheTable(t *testing.T) {
	messages := []string{brokenFragment}
	for _, r := range refusals {
		messages = append(messages, r.message)
	}
	for _, r := range upgradeRefusals {
		messages = append(messages, r.message)
	}
	patterns := failPatterns(t)
	assert.Greater(t, len(patterns), 40, "the search for fail must find what there is")
	for _, where := range slices.Sorted(maps.Keys(patterns)) {
		pattern := patterns[where]
		assert.True(t, slices.ContainsFunc(messages, pattern.MatchString), "%s is not tested: no message in this file matches %s", where, pattern)
	}
	for _, r := range refusals {
		var by []string
		for where, pattern := range patterns {
			if pattern.MatchString(r.message) {
				by = append(by, where)
			}
		}
		assert.Len(t, by, 1, "%s: so one could go untested for the other", r.mistake)
	}
}

// failPatterns finds each call of fail in the chart's templates, and what its messages look like.
func failPatterns(t *testing.T) map[string]*regexp.Regexp {
	t.Helper()
	patterns := map[string]*regexp.Regexp{}
	err := filepath.WalkDir(chartPath, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.Contains(filepath.ToSlash(file), "/templates/") {
			return err
		}
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		tree := parse.New(file)
		tree.Mode = parse.SkipFuncCheck
		trees := map[string]*parse.Tree{}
		_, err = tree.Parse(string(text), "", "", trees)
		require.NoError(t, err)
		found := 0
		for _, tree := range trees {
			for _, format := range failFormats(t, tree.Root) {
				found++
				name, _ := filepath.Rel(chartPath, file)
				var fixed []string
				for _, part := range regexp.MustCompile(`%[a-z]`).Split(strings.ReplaceAll(format, "%%", "%"), -1) {
					fixed = append(fixed, regexp.QuoteMeta(part))
				}
				where := fmt.Sprintf("%s: fail %q", name, format)
				require.NotContains(t, patterns, where, "the same message twice: a test could not tell them apart")
				patterns[where] = regexp.MustCompile(`(?s)^` + strings.Join(fixed, `.*`) + `$`)
			}
		}
		assert.Equal(t, len(regexp.MustCompile(`\bfail\b[^a-z]*["(]`).FindAll(text, -1)), found, "calls of fail in %s that this test does not understand", file)
		return nil
	})
	require.NoError(t, err)
	return patterns
}

// failFormats lists the text, or the format of the printf, that each fail below a node is called with.
func failFormats(t *testing.T, node parse.Node) []string {
	t.Helper()
	var formats []string
	switch n := node.(type) {
	case *parse.ListNode:
		if n == nil {
			return nil
		}
		for _, child := range n.Nodes {
			formats = append(formats, failFormats(t, child)...)
		}
	case *parse.IfNode:
		formats = branchFormats(t, &n.BranchNode)
	case *parse.RangeNode:
		formats = branchFormats(t, &n.BranchNode)
	case *parse.WithNode:
		formats = branchFormats(t, &n.BranchNode)
	case *parse.ActionNode:
		for _, command := range n.Pipe.Cmds {
			if name, ok := command.Args[0].(*parse.IdentifierNode); ok && name.Ident == "fail" {
				require.Len(t, command.Args, 2, command)
				formats = append(formats, formatOf(t, command.Args[1]))
			}
		}
	}
	return formats
}

func branchFormats(t *testing.T, branch *parse.BranchNode) []string {
	t.Helper()
	formats := failFormats(t, branch.List)
	if branch.ElseList != nil {
		formats = append(formats, failFormats(t, branch.ElseList)...)
	}
	return formats
}

func formatOf(t *testing.T, argument parse.Node) string {
	t.Helper()
	if pipe, ok := argument.(*parse.PipeNode); ok {
		require.Len(t, pipe.Cmds, 1)
		printf, ok := pipe.Cmds[0].Args[0].(*parse.IdentifierNode)
		require.True(t, ok && printf.Ident == "printf", "fail with %s", argument)
		argument = pipe.Cmds[0].Args[1]
	}
	text, ok := argument.(*parse.StringNode)
	require.True(t, ok, "fail with %s", argument)
	return strings.TrimPrefix(text.Text, "\n")
}
