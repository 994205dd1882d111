package render

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"sigs.k8s.io/yaml"
)

// effect is what one value of the chart does.
type effect struct {
	with  string // values without which it does nothing
	also  string // values that have to change together with it
	value string // what it is set to, as YAML
	in    string // the object it shows in: a kind, a kind and name, or "config" for the collector's configuration
	field string // the field there: keys, indexes and name=N for the item of a list, separated by spaces
	want  string // the field's value, as YAML; none where the field has to go away
}

const (
	none = "(none)"

	workload   = "StatefulSet/cw-kyma-cloudwatch-collector"
	pod        = "spec template spec "
	container  = pod + "containers 0 "
	ownKeys    = "global: {aws: {auth: {secret: {name: '', accessKeyId: AKIAEXAMPLE, secretAccessKey: hush}}}}"
	tokenKeys  = "global: {aws: {auth: {secret: {name: ''}, mode: webIdentity, webIdentity: {roleArn: 'arn:aws:iam::123456789012:role/kyma'}}}}"
	assumeRole = "global: {aws: {auth: {roleArn: 'arn:aws:iam::123456789012:role/kyma'}}}"
	deployment = "collector: {persistence: {enabled: false}}"
	autoscaled = "collector: {autoscaling: {enabled: true}}"
	fluentbit  = "global: {logs: {via: fluentbit}}"
)

// effects has a row for each value in the values.yaml of the chart and its subcharts.
var effects = map[string]effect{
	"global.clusterName":      {value: "production", in: "config", field: "processors resource/cluster attributes 0 value", want: "production"},
	"global.fullnameOverride": {value: "otel", in: "ConfigMap", field: "metadata name", want: "otel-collector"},
	"global.aws.region":       {value: "us-west-2", in: "config", field: "exporters awsxray region", want: "us-west-2"},
	"global.aws.endpoint":     {value: "http://localstack.aws:4566", in: "config", field: "exporters awsemf endpoint", want: "http://localstack.aws:4566"},

	"global.aws.auth.mode":                          {also: "global: {aws: {auth: {secret: {name: ''}}}}", value: "ambient", in: workload, field: container + "env name=AWS_ACCESS_KEY_ID", want: none},
	"global.aws.auth.secret.name":                   {value: "other", in: workload, field: container + "env name=AWS_ACCESS_KEY_ID valueFrom secretKeyRef name", want: "other"},
	"global.aws.auth.secret.accessKeyId":            {with: ownKeys, value: "AKIAOTHER", in: "Secret", field: "stringData AWS_ACCESS_KEY_ID", want: "AKIAOTHER"},
	"global.aws.auth.secret.secretAccessKey":        {with: ownKeys, value: "psst", in: "Secret", field: "stringData AWS_SECRET_ACCESS_KEY", want: "psst"},
	"global.aws.auth.secret.sessionToken":           {with: ownKeys, value: "token", in: "Secret", field: "stringData AWS_SESSION_TOKEN", want: "token"},
	"global.aws.auth.secret.keys.accessKeyId":       {value: "id", in: workload, field: container + "env name=AWS_ACCESS_KEY_ID valueFrom secretKeyRef key", want: "id"},
	"global.aws.auth.secret.keys.secretAccessKey":   {value: "key", in: workload, field: container + "env name=AWS_SECRET_ACCESS_KEY valueFrom secretKeyRef key", want: "key"},
	"global.aws.auth.secret.keys.sessionToken":      {value: "token", in: workload, field: container + "env name=AWS_SESSION_TOKEN valueFrom secretKeyRef key", want: "token"},
	"global.aws.auth.secret.keys.region":            {with: fluentbit, value: "region", in: "LogPipeline", field: "spec variables name=AWS_REGION valueFrom secretKeyRef key", want: "region"},
	"global.aws.auth.webIdentity.roleArn":           {with: tokenKeys, value: "arn:aws:iam::123456789012:role/other", in: workload, field: container + "env name=AWS_ROLE_ARN value", want: "arn:aws:iam::123456789012:role/other"},
	"global.aws.auth.webIdentity.audience":          {with: tokenKeys, value: "other", in: workload, field: pod + "volumes name=aws-token projected sources 0 serviceAccountToken audience", want: "other"},
	"global.aws.auth.webIdentity.expirationSeconds": {with: tokenKeys, value: "600", in: workload, field: pod + "volumes name=aws-token projected sources 0 serviceAccountToken expirationSeconds", want: "600"},
	"global.aws.auth.roleArn":                       {value: "arn:aws:iam::123456789012:role/kyma", in: "config", field: "exporters awsxray role_arn", want: "arn:aws:iam::123456789012:role/kyma"},
	"global.aws.auth.externalId":                    {with: assumeRole, value: "kyma", in: "config", field: "exporters awsxray external_id", want: "kyma"},

	"global.traces.enabled":            {value: "false", in: "config", field: "service pipelines traces", want: none},
	"global.traces.exporter":           {value: "otlp", in: "config", field: "service pipelines traces exporters", want: "[otlp_http/traces]"},
	"global.traces.delivery":           {value: "acknowledged", in: "config", field: "service pipelines traces exporters", want: "[awsxray]"},
	"global.traces.indexedAttributes":  {value: "[http.route]", in: "config", field: "exporters awsxray indexed_attributes", want: "[http.route]"},
	"global.traces.indexAllAttributes": {value: "true", in: "config", field: "exporters awsxray index_all_attributes", want: "true"},
	"global.metrics.enabled":           {value: "false", in: "config", field: "service pipelines metrics", want: none},
	"global.metrics.exporter":          {value: "otlp", in: "config", field: "service pipelines metrics exporters", want: "[otlp_http/metrics]"},
	"global.metrics.delivery":          {value: "acknowledged", in: "config", field: "exporters otlp_grpc/metrics sending_queue storage", want: none},
	"global.metrics.namespace":         {value: "Other", in: "config", field: "exporters awsemf namespace", want: "Other"},
	"global.metrics.logGroup":          {value: "/other", in: "config", field: "exporters awsemf log_group_name", want: "/other"},
	"global.metrics.logStream":         {value: "other", in: "config", field: "exporters awsemf log_stream_name", want: "other"},
	"global.metrics.retentionDays":     {value: "30", in: "config", field: "exporters awsemf log_retention", want: "30"},
	"global.metrics.dimensions": {value: "[a]", in: "config", field: "processors resource/dimensions attributes", want: `
- {action: insert, key: "~a", from_attribute: a}
- {action: delete, pattern: "^([^~]|$)"}
- {action: insert, key: a, from_attribute: "~a"}
- {action: delete, pattern: "^~"}`},
	"global.metrics.dimensionRollup": {value: "SingleDimensionRollupOnly", in: "config", field: "exporters awsemf dimension_rollup_option", want: "SingleDimensionRollupOnly"},
	"global.metrics.declarations":    {value: "[{dimensions: [[a]], metric_name_selectors: [b]}]", in: "config", field: "exporters awsemf metric_declarations", want: "[{dimensions: [[a]], metric_name_selectors: [b]}]"},
	"global.metrics.descriptors":     {value: "[{metric_name: a, unit: Count, overwrite: true}]", in: "config", field: "exporters awsemf metric_descriptors", want: "[{metric_name: a, unit: Count, overwrite: true}]"},
	"global.logs.enabled":            {value: "false", in: "config", field: "service pipelines logs", want: none},
	"global.logs.via":                {value: "fluentbit", in: "config", field: "service pipelines logs", want: none},
	"global.logs.exporter":           {value: "otlp", in: "config", field: "service pipelines logs exporters", want: "[otlp_http/logs]"},
	"global.logs.delivery":           {value: "acknowledged", in: "config", field: "exporters awscloudwatchlogs sending_queue storage", want: none},
	"global.logs.logGroup":           {value: "/other", in: "config", field: "exporters awscloudwatchlogs log_group_name", want: "/other"},
	"global.logs.logStream":          {value: "other", in: "config", field: "exporters awscloudwatchlogs log_stream_name", want: "other"},
	"global.logs.retentionDays":      {value: "30", in: "config", field: "exporters awscloudwatchlogs log_retention", want: "30"},
	"global.logs.rawLog":             {value: "true", in: "config", field: "exporters awscloudwatchlogs raw_log", want: "true"},

	"collector.enabled":                                    {with: "pipelines: {enabled: false}", value: "false", in: workload, want: none},
	"collector.delivery":                                   {value: "acknowledged", in: "Deployment", field: "spec replicas", want: "1"},
	"collector.size":                                       {value: "medium", in: workload, field: "spec replicas", want: "2"},
	"collector.replicas":                                   {value: "3", in: workload, field: "spec replicas", want: "3"},
	"collector.autoscaling.enabled":                        {value: "true", in: "HorizontalPodAutoscaler", field: "spec scaleTargetRef", want: "{apiVersion: apps/v1, kind: StatefulSet, name: cw-kyma-cloudwatch-collector}"},
	"collector.autoscaling.minReplicas":                    {with: autoscaled, value: "2", in: "HorizontalPodAutoscaler", field: "spec minReplicas", want: "2"},
	"collector.autoscaling.maxReplicas":                    {with: autoscaled, value: "20", in: "HorizontalPodAutoscaler", field: "spec maxReplicas", want: "20"},
	"collector.autoscaling.metrics":                        {with: autoscaled, value: "[{type: External, external: {metric: {name: queue}, target: {type: Value, value: 1}}}]", in: "HorizontalPodAutoscaler", field: "spec metrics 1 external metric name", want: "queue"},
	"collector.image.repository":                           {value: "registry.local/otel", in: workload, field: container + "image", want: "registry.local/otel:v0.49.0"},
	"collector.autoscaling.targetCPUUtilizationPercentage": {with: autoscaled, value: "50", in: "HorizontalPodAutoscaler", field: "spec metrics 0 resource target averageUtilization", want: "50"},

	"collector.image.tag":                        {value: "v0.50.0", in: workload, field: container + "image", want: "public.ecr.aws/aws-observability/aws-otel-collector:v0.50.0"},
	"collector.image.digest":                     {value: "sha256:" + strings.Repeat("0a", 32), in: workload, field: container + "image", want: "public.ecr.aws/aws-observability/aws-otel-collector:v0.49.0@sha256:" + strings.Repeat("0a", 32)},
	"collector.image.pullPolicy":                 {value: "Always", in: workload, field: container + "imagePullPolicy", want: "Always"},
	"collector.imagePullSecrets":                 {value: "[{name: registry}]", in: workload, field: pod + "imagePullSecrets", want: "[{name: registry}]"},
	"collector.persistence.enabled":              {value: "false", in: "Deployment", field: pod + "volumes name=queue emptyDir sizeLimit", want: "10Gi"},
	"collector.persistence.size":                 {value: "20Gi", in: workload, field: "spec volumeClaimTemplates 0 spec resources requests storage", want: "20Gi"},
	"collector.persistence.storageClass":         {value: "fast", in: workload, field: "spec volumeClaimTemplates 0 spec storageClassName", want: "fast"},
	"collector.persistence.whenDeleted":          {value: "Delete", in: workload, field: "spec persistentVolumeClaimRetentionPolicy whenDeleted", want: "Delete"},
	"collector.resources.requests.cpu":           {value: "250m", in: workload, field: container + "resources requests cpu", want: "250m"},
	"collector.resources.requests.memory":        {value: "512Mi", in: workload, field: container + "resources requests memory", want: "512Mi"},
	"collector.resources.limits.memory":          {value: "2Gi", in: workload, field: container + "resources", want: "{requests: {cpu: 100m, memory: 512Mi}, limits: {memory: 2Gi}}"},
	"collector.receiver.maxMessageSizeMiB":       {value: "32", in: "config", field: "receivers otlp protocols grpc max_recv_msg_size_mib", want: "32"},
	"collector.receiver.maxConnectionAge":        {value: "1m", in: "config", field: "receivers otlp protocols grpc keepalive server_parameters max_connection_age", want: "1m"},
	"collector.telemetry.logLevel":               {value: "debug", in: "config", field: "service telemetry logs level", want: "debug"},
	"collector.telemetry.scrape":                 {value: "false", in: workload, field: "spec template metadata annotations prometheus.io/scrape", want: none},
	"collector.telemetry.podMonitor.enabled":     {value: "true", in: "PodMonitor", field: "spec podMetricsEndpoints 0 port", want: "metrics"},
	"collector.telemetry.podMonitor.labels":      {with: "collector: {telemetry: {podMonitor: {enabled: true}}}", value: "{release: p}", in: "PodMonitor", field: "metadata labels release", want: "p"},
	"collector.telemetry.serviceMonitor.enabled": {value: "true", in: "ServiceMonitor", field: "spec endpoints 0 port", want: "metrics"},
	"collector.telemetry.serviceMonitor.labels":  {with: "collector: {telemetry: {serviceMonitor: {enabled: true}}}", value: "{release: p}", in: "ServiceMonitor", field: "metadata labels release", want: "p"},
	"collector.telemetry.prometheusRule.enabled": {value: "true", in: "PrometheusRule", field: "spec groups 0 rules 0 alert", want: "KymaCloudWatchCollectorDown"},
	"collector.telemetry.prometheusRule.labels":  {with: "collector: {telemetry: {prometheusRule: {enabled: true}}}", value: "{release: p}", in: "PrometheusRule", field: "metadata labels release", want: "p"},
	"collector.telemetry.dashboard.enabled":      {value: "true", in: "ConfigMap/cw-kyma-cloudwatch-collector-dashboard", field: "metadata labels grafana_dashboard", want: `"1"`},
	"collector.telemetry.dashboard.labels":       {with: "collector: {telemetry: {dashboard: {enabled: true}}}", value: `{a: b}`, in: "ConfigMap/cw-kyma-cloudwatch-collector-dashboard", field: "metadata labels a", want: "b"},
	"collector.config":                           {value: "{extensions: {zpages: {}}}", in: "config", field: "service extensions", want: "[file_storage, health_check, zpages]"},
	"collector.serviceAccount.create":            {value: "false", in: "ServiceAccount/cw-kyma-cloudwatch-collector", want: none},
	"collector.serviceAccount.name":              {value: "other", in: "ServiceAccount", field: "metadata name", want: "other"},
	"collector.serviceAccount.annotations":       {value: "{a: b}", in: "ServiceAccount", field: "metadata annotations", want: "{a: b}"},
	"collector.service.annotations":              {value: "{a: b}", in: "Service/cw-kyma-cloudwatch-collector", field: "metadata annotations", want: "{a: b}"},
	"collector.networkPolicy.enabled":            {value: "false", in: "NetworkPolicy/cw-kyma-cloudwatch-collector", want: none},
	"collector.networkPolicy.senderNamespaces":   {value: `[a, "n"]`, in: "NetworkPolicy", field: "spec ingress 0 from 0 namespaceSelector matchExpressions 0 values", want: `[a, "n"]`},
	"collector.networkPolicy.metricsNamespaces":  {value: "[a]", in: "NetworkPolicy", field: "spec ingress 1 from 0 namespaceSelector matchExpressions 0 values", want: "[a]"},
	"collector.networkPolicy.extraIngress":       {value: "[{ports: [{port: 15020}]}]", in: "NetworkPolicy", field: "spec ingress 2", want: "{ports: [{port: 15020}]}"},
	"collector.networkPolicy.extraEgress":        {value: "[{ports: [{port: 15012}]}]", in: "NetworkPolicy", field: "spec egress 2", want: "{ports: [{port: 15012}]}"},
	"collector.podDisruptionBudget.enabled":      {value: "false", in: "PodDisruptionBudget/cw-kyma-cloudwatch-collector", want: none},
	"collector.topologySpreadConstraints": {value: "[{maxSkew: 2, topologyKey: a, whenUnsatisfiable: DoNotSchedule}]", in: workload, field: pod + "topologySpreadConstraints", want: `
- maxSkew: 2
  topologyKey: a
  whenUnsatisfiable: DoNotSchedule
  labelSelector: {matchLabels: {app.kubernetes.io/name: kyma-cloudwatch, app.kubernetes.io/instance: cw, app.kubernetes.io/component: collector}}`},
	"collector.terminationGracePeriodSeconds": {value: "90", in: workload, field: pod + "terminationGracePeriodSeconds", want: "90"},
	"collector.labels":                        {value: "{team: a}", in: "ConfigMap", field: "metadata labels team", want: "a"},
	"collector.podLabels":                     {value: "{team: a}", in: workload, field: "spec template metadata labels team", want: "a"},
	"collector.podAnnotations":                {value: "{a: b}", in: workload, field: "spec template metadata annotations a", want: "b"},
	"collector.nodeSelector":                  {value: "{a: b}", in: workload, field: pod + "nodeSelector", want: "{a: b}"},
	"collector.tolerations":                   {value: "[{key: a, operator: Exists}]", in: workload, field: pod + "tolerations", want: "[{key: a, operator: Exists}]"},
	"collector.affinity":                      {value: "{podAntiAffinity: {}}", in: workload, field: pod + "affinity", want: "{podAntiAffinity: {}}"},
	"collector.priorityClassName":             {value: "high", in: workload, field: pod + "priorityClassName", want: "high"},
	"collector.podSecurityContext":            {value: "{fsGroup: 1}", in: workload, field: pod + "securityContext", want: "{fsGroup: 1, runAsNonRoot: true, runAsUser: 4317, runAsGroup: 4317, fsGroupChangePolicy: OnRootMismatch, seccompProfile: {type: RuntimeDefault}}"},
	"collector.securityContext":               {value: "{readOnlyRootFilesystem: false}", in: workload, field: container + "securityContext", want: "{allowPrivilegeEscalation: false, privileged: false, readOnlyRootFilesystem: false, capabilities: {drop: [ALL]}}"},
	"collector.extraEnv":                      {value: "[{name: A, value: b}]", in: workload, field: container + "env name=A value", want: "b"},
	"collector.extraVolumes":                  {value: "[{name: a, emptyDir: {}}]", in: workload, field: pod + "volumes name=a", want: "{name: a, emptyDir: {}}"},
	"collector.extraVolumeMounts":             {value: "[{name: config, mountPath: /a}]", in: workload, field: container + "volumeMounts 2", want: "{name: config, mountPath: /a}"},

	"pipelines.enabled":          {value: "false", in: "TracePipeline/cw-kyma-cloudwatch", want: none},
	"pipelines.protocol":         {value: "http", in: "TracePipeline", field: "spec output otlp", want: `{protocol: http, endpoint: {value: "http://cw-kyma-cloudwatch-collector.observability.svc.cluster.local:4318"}}`},
	"pipelines.labels":           {value: "{team: a}", in: "TracePipeline", field: "metadata labels team", want: "a"},
	"pipelines.traces.name":      {value: "other", in: "TracePipeline", field: "metadata name", want: "other"},
	"pipelines.traces.transform": {value: `[{statements: ["set(a, 1)"]}]`, in: "TracePipeline", field: "spec transform", want: `[{statements: ["set(a, 1)"]}]`},
	"pipelines.traces.filter":    {value: `[{conditions: [a == 1]}]`, in: "TracePipeline", field: "spec filter", want: `[{conditions: [a == 1]}]`},

	"pipelines.metrics.name":                                        {value: "other", in: "MetricPipeline", field: "metadata name", want: "other"},
	"pipelines.metrics.temporality":                                 {value: "preserve", in: "MetricPipeline", field: "spec output otlp temporality", want: "preserve"},
	"pipelines.metrics.input.runtime.enabled":                       {value: "false", in: "MetricPipeline", field: "spec input runtime", want: "{enabled: false}"},
	"pipelines.metrics.input.runtime.namespaces":                    {value: "{include: [a]}", in: "MetricPipeline", field: "spec input runtime namespaces", want: "{include: [a]}"},
	"pipelines.metrics.input.runtime.resources.pod.enabled":         {value: "false", in: "MetricPipeline", field: "spec input runtime resources pod enabled", want: "false"},
	"pipelines.metrics.input.runtime.resources.container.enabled":   {value: "false", in: "MetricPipeline", field: "spec input runtime resources container enabled", want: "false"},
	"pipelines.metrics.input.runtime.resources.node.enabled":        {value: "false", in: "MetricPipeline", field: "spec input runtime resources node enabled", want: "false"},
	"pipelines.metrics.input.runtime.resources.volume.enabled":      {value: "false", in: "MetricPipeline", field: "spec input runtime resources volume enabled", want: "false"},
	"pipelines.metrics.input.runtime.resources.deployment.enabled":  {value: "false", in: "MetricPipeline", field: "spec input runtime resources deployment enabled", want: "false"},
	"pipelines.metrics.input.runtime.resources.statefulset.enabled": {value: "false", in: "MetricPipeline", field: "spec input runtime resources statefulset enabled", want: "false"},
	"pipelines.metrics.input.runtime.resources.daemonset.enabled":   {value: "false", in: "MetricPipeline", field: "spec input runtime resources daemonset enabled", want: "false"},
	"pipelines.metrics.input.runtime.resources.job.enabled":         {value: "false", in: "MetricPipeline", field: "spec input runtime resources job enabled", want: "false"},
	"pipelines.metrics.input.prometheus.enabled":                    {value: "false", in: "MetricPipeline", field: "spec input prometheus", want: "{enabled: false}"},
	"pipelines.metrics.input.prometheus.namespaces":                 {value: "{exclude: [a]}", in: "MetricPipeline", field: "spec input prometheus namespaces", want: "{exclude: [a]}"},
	"pipelines.metrics.input.prometheus.diagnosticMetrics.enabled":  {value: "true", in: "MetricPipeline", field: "spec input prometheus diagnosticMetrics enabled", want: "true"},
	"pipelines.metrics.input.istio.enabled":                         {value: "false", in: "MetricPipeline", field: "spec input istio", want: "{enabled: false}"},
	"pipelines.metrics.input.istio.namespaces":                      {value: "{exclude: [a]}", in: "MetricPipeline", field: "spec input istio namespaces", want: "{exclude: [a]}"},
	"pipelines.metrics.input.istio.diagnosticMetrics.enabled":       {value: "true", in: "MetricPipeline", field: "spec input istio diagnosticMetrics enabled", want: "true"},
	"pipelines.metrics.input.istio.envoyMetrics.enabled":            {value: "true", in: "MetricPipeline", field: "spec input istio envoyMetrics enabled", want: "true"},
	"pipelines.metrics.input.otlp.enabled":                          {value: "false", in: "MetricPipeline", field: "spec input otlp", want: "{enabled: false}"},
	"pipelines.metrics.input.otlp.namespaces":                       {value: `{include: ["y"]}`, in: "MetricPipeline", field: "spec input otlp namespaces", want: `{include: ["y"]}`},
	"pipelines.metrics.transform":                                   {value: `[{statements: [a]}]`, in: "MetricPipeline", field: "spec transform 1", want: `{statements: [a]}`},
	"pipelines.metrics.filter":                                      {value: `[{conditions: [a]}]`, in: "MetricPipeline", field: "spec filter", want: `[{conditions: [a]}]`},

	"pipelines.logs.name":                           {value: "other", in: "LogPipeline", field: "metadata name", want: "other"},
	"pipelines.logs.input.runtime.enabled":          {value: "false", in: "LogPipeline", field: "spec input runtime enabled", want: "false"},
	"pipelines.logs.input.runtime.namespaces":       {value: "{exclude: [a]}", in: "LogPipeline", field: "spec input runtime namespaces", want: "{exclude: [a]}"},
	"pipelines.logs.input.runtime.containers":       {value: "{include: [a]}", in: "LogPipeline", field: "spec input runtime containers", want: "{include: [a]}"},
	"pipelines.logs.input.runtime.keepOriginalBody": {value: "false", in: "LogPipeline", field: "spec input runtime keepOriginalBody", want: "false"},
	"pipelines.logs.input.runtime.keepAnnotations":  {with: fluentbit, value: "true", in: "LogPipeline", field: "spec input runtime keepAnnotations", want: "true"},
	"pipelines.logs.input.runtime.dropLabels":       {with: fluentbit, value: "false", in: "LogPipeline", field: "spec input runtime dropLabels", want: "false"},
	"pipelines.logs.input.otlp.enabled":             {value: "false", in: "LogPipeline", field: "spec input otlp enabled", want: "false"},
	"pipelines.logs.input.otlp.namespaces":          {value: "{include: [a]}", in: "LogPipeline", field: "spec input otlp namespaces", want: "{include: [a]}"},
	"pipelines.logs.transform":                      {value: `[{statements: [a]}]`, in: "LogPipeline", field: "spec transform", want: `[{statements: [a]}]`},
	"pipelines.logs.filter":                         {value: `[{conditions: [a]}]`, in: "LogPipeline", field: "spec filter", want: `[{conditions: [a]}]`},
	"pipelines.logs.fluentbit.streamTemplate":       {with: fluentbit, value: "$tag", in: "fluentbit", field: "log_stream_template", want: "$tag"},
	"pipelines.logs.fluentbit.streamName":           {with: fluentbit, value: "other", in: "fluentbit", field: "log_stream_name", want: "other"},
	"pipelines.logs.fluentbit.groupTemplate":        {with: fluentbit, value: "/logs/$cluster_identifier", in: "fluentbit", field: "log_group_template", want: "/logs/$cluster_identifier"},
	"pipelines.logs.fluentbit.extraOptions":         {with: fluentbit, value: "{log_format: json/emf}", in: "fluentbit", field: "log_format", want: "json/emf"},
	"pipelines.logs.fluentbit.filters":              {with: fluentbit, value: `[{custom: "Name grep"}]`, in: "LogPipeline", field: "spec filters", want: `[{custom: "Name grep"}]`},
}

// Each size has the same values.
func init() {
	for _, size := range []string{"small", "medium", "large", "xlarge"} {
		with := "collector: {size: " + size + "}"
		for key, e := range map[string]effect{
			"replicas": {value: "9", field: "spec replicas", want: "9"},
			"cpu":      {value: "1500m", field: container + "resources requests cpu", want: "1500m"},
			"memory":   {value: "3Gi", field: container + "resources", want: "{requests: {memory: 768Mi, cpu: CPU}, limits: {memory: 3Gi}}"},
			"volume":   {value: "7Gi", field: "spec volumeClaimTemplates 0 spec resources requests storage", want: "7Gi"},
		} {
			e.with, e.in = with, workload
			e.want = strings.Replace(e.want, "CPU", map[string]string{"small": "100m", "medium": "500m", "large": `"1"`, "xlarge": `"2"`}[size], 1)
			effects["collector.sizes."+size+"."+key] = e
		}
	}
}

func TestEachValueHasItsEffect(t *testing.T) {
	for path, e := range effects {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			var want any
			require.NoError(t, yaml.Unmarshal([]byte(e.want), &want))
			before, after := render(t, e.with), render(t, e.with+"\n---\n"+e.also+"\n---\n"+nest(path, e.value))

			got, found := e.look(t, after)
			if e.want == none {
				assert.False(t, found, "%s %s is still there", e.in, e.field)
			} else {
				assert.True(t, found, "%s %s is not there", e.in, e.field)
				assert.Equal(t, want, got)
			}
			was, had := e.look(t, before)
			assert.False(t, had == found && assert.ObjectsAreEqual(was, got), "without the value %s %s is the same", e.in, e.field)
			requireValid(t, after)
		})
	}
}

func TestEachValueIsInTheTableOfEffects(t *testing.T) {
	var inFiles []string
	for section, file := range map[string]string{"": "values.yaml", "collector": "charts/collector/values.yaml", "pipelines": "charts/pipelines/values.yaml"} {
		data, err := os.ReadFile(filepath.Join(chartPath, file))
		require.NoError(t, err)
		var values object
		require.NoError(t, yaml.Unmarshal(data, &values))
		inFiles = append(inFiles, leaves(section, values)...)
	}
	slices.Sort(inFiles)
	assert.Equal(t, slices.Compact(inFiles), slices.Sorted(maps.Keys(effects)))
}

// leaves lists the paths of values that hold no further ones.
func leaves(path string, value any) []string {
	values, ok := value.(object)
	if !ok || len(values) == 0 {
		return []string{path}
	}
	var paths []string
	for key, sub := range values {
		paths = append(paths, leaves(strings.TrimPrefix(path+"."+key, "."), sub)...)
	}
	return paths
}

// nest is the YAML of a value at a path.
func nest(path, value string) string {
	keys := strings.Split(path, ".")
	return strings.Join(keys, ": {") + ": " + value + strings.Repeat("}", len(keys)-1)
}

// look finds the field in what is rendered.
func (e effect) look(t *testing.T, r release) (any, bool) {
	t.Helper()
	var in any
	switch {
	case e.in == "config":
		in = r.collectorConfig(t)
	case e.in == "fluentbit":
		options := object{}
		custom, _ := at(r.only(t, "LogPipeline"), "spec", "output", "custom").(string)
		for _, line := range strings.Split(custom, "\n") {
			name, value, _ := strings.Cut(line, " ")
			options[name] = value
		}
		in = options
	case strings.Contains(e.in, "/"):
		found, ok := r.objects[e.in]
		if !ok {
			return nil, false
		}
		in = found
	case r.kinds()[e.in] == 0:
		return nil, false
	default:
		in = r.only(t, e.in)
	}
	return find(in, strings.Fields(e.field)...)
}

// find goes down keys of maps, indexes of lists and, by name=N, items of lists.
func find(from any, path ...string) (any, bool) {
	for _, step := range path {
		switch container := from.(type) {
		case object:
			next, ok := container[step]
			if !ok {
				return nil, false
			}
			from = next
		case []any:
			index, err := strconv.Atoi(step)
			if name, ok := strings.CutPrefix(step, "name="); ok {
				index = slices.IndexFunc(container, func(item any) bool { return at(item, "name") == name })
			} else if err != nil {
				return nil, false
			}
			if index < 0 || index >= len(container) {
				return nil, false
			}
			from = container[index]
		default:
			return nil, false
		}
	}
	return from, true
}
