{{/* Parts of NOTES.txt. */}}

{{/* What goes where, and the pages of the AWS console that show it. */}}
{{- define "kyma-cloudwatch.notes.signals" -}}
{{- $global := .Values.global -}}
{{- $console := include "kyma-cloudwatch.console.host" . -}}
{{- if $global.traces.enabled }}
Traces go to AWS X-Ray {{ ternary "by its OTLP endpoint" "by its own API" (eq $global.traces.exporter "otlp") }}.
{{- if $console }}
  {{ include "kyma-cloudwatch.console.cloudwatch" (list . "xray:traces/query") }}
{{- end }}
{{- end }}
{{- if $global.metrics.enabled }}
{{- if eq $global.metrics.exporter "emf" }}
Metrics go to CloudWatch namespace {{ $global.metrics.namespace }}, extracted from the events of log group {{ include "kyma-cloudwatch.metricsLogGroup" . }}.
{{- if $console }}
  {{ include "kyma-cloudwatch.console.cloudwatch" (list . (include "kyma-cloudwatch.console.namespace" $global.metrics.namespace)) }}
  {{ include "kyma-cloudwatch.console.cloudwatch" (list . (include "kyma-cloudwatch.console.logGroup" (include "kyma-cloudwatch.metricsLogGroup" .))) }}
{{- end }}
{{- else }}
Metrics go to CloudWatch by its OTLP endpoint.
{{- if $console }}
  {{ include "kyma-cloudwatch.console.cloudwatch" (list . "metricsV2") }}
{{- end }}
{{- end }}
{{- end }}
{{- if $global.logs.enabled }}
Logs go to CloudWatch Logs, log group {{ include "kyma-cloudwatch.logsLogGroup" . }},
{{- if eq $global.logs.via "fluentbit" }} by Kyma's Fluent Bit.{{ else }} stream {{ $global.logs.logStream }}{{ if eq $global.logs.exporter "otlp" }}, by its OTLP endpoint{{ end }}.{{ end }}
{{- if $console }}
  {{ include "kyma-cloudwatch.console.cloudwatch" (list . (include "kyma-cloudwatch.console.logGroup" (include "kyma-cloudwatch.logsLogGroup" .))) }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "kyma-cloudwatch.notes.credentials" -}}
{{- $auth := .Values.global.aws.auth -}}
{{- if and (eq $auth.mode "secret") $auth.secret.name }}
Credentials come from Secret {{ $auth.secret.name }} in namespace {{ .Release.Namespace }}.
{{- if include "kyma-cloudwatch.notes.collector" . }} After rotating them:
  kubectl -n {{ .Release.Namespace }} rollout restart {{ include "kyma-cloudwatch.notes.workload" . }}
{{- end }}
{{- else if eq $auth.mode "secret" }}
WARNING: the access key was given in values. It stands in Secret {{ include "kyma-cloudwatch.secretName" . }} and in the
release's stored values, where `helm get values` shows it. For anything but a first try, make the Secret yourself
and write its name as global.aws.auth.secret.name.
{{- else if eq $auth.mode "webIdentity" }}
Credentials come from role {{ $auth.webIdentity.roleArn }}. Its trust policy has to name the cluster's OIDC issuer and
  sub: system:serviceaccount:{{ .Release.Namespace }}:{{ include "kyma-cloudwatch.notes.serviceAccount" . }}
  aud: {{ $auth.webIdentity.audience }}
{{- else }}
Credentials come from the pod's surroundings (mode "ambient").
{{- end }}
{{- end -}}

{{/* What Kyma or AWS does not do by itself. */}}
{{- define "kyma-cloudwatch.notes.conditions" -}}
{{- $global := .Values.global -}}
{{- if and $global.logs.enabled (eq $global.logs.via "fluentbit") }}

WARNING: logs go by Fluent Bit's custom output, which the Telemetry module counts as unsupported mode
(status.unsupportedMode of the LogPipeline). To send them through the collector: global.logs.via: otlp.
{{- if and .Values.pipelines.enabled (.Values.pipelines.logs).name }}
Kyma does not let a LogPipeline change its kind of output. Before you switch:
  kubectl delete logpipeline {{ .Values.pipelines.logs.name }}
{{- end }}
{{- end }}
{{- if and $global.traces.enabled (eq $global.traces.exporter "otlp") (not $global.aws.endpoint) }}

X-Ray takes traces by OTLP only where Transaction Search is switched on, account and region wide:
  aws xray update-trace-segment-destination --destination CloudWatchLogs --region {{ $global.aws.region }}
{{- if include "kyma-cloudwatch.console.host" . }}
  {{ include "kyma-cloudwatch.console.cloudwatch" (list . "xray:settings/transaction-search") }}
{{- end }}
{{- end }}
{{- end -}}

{{/* How to see that it works, from Kyma to AWS. */}}
{{- define "kyma-cloudwatch.notes.verify" -}}
{{- $global := .Values.global -}}
{{- $aws := printf "aws --region %s" $global.aws.region -}}
{{- with $global.aws.endpoint -}}{{- $aws = printf "%s --endpoint-url %s" $aws . -}}{{- end }}

To verify:
{{- if include "kyma-cloudwatch.notes.collector" . }}
  kubectl -n {{ .Release.Namespace }} rollout status {{ include "kyma-cloudwatch.notes.workload" . }}
{{- end }}
{{- if .Values.pipelines.enabled }}
  kubectl get tracepipelines,metricpipelines,logpipelines -l app.kubernetes.io/instance={{ .Release.Name }}
{{- end }}
{{- if include "kyma-cloudwatch.notes.collector" . }}
  kubectl -n {{ .Release.Namespace }} logs -l app.kubernetes.io/instance={{ .Release.Name }},app.kubernetes.io/component=collector --prefix
{{- end }}
{{- if and $global.traces.enabled (eq $global.traces.exporter "xray") }}
  {{ $aws }} xray get-trace-summaries --start-time $(($(date +%s) - 600)) --end-time $(date +%s) --query 'length(TraceSummaries)'
{{- end }}
{{- if and $global.metrics.enabled (eq $global.metrics.exporter "emf") }}
  {{ $aws }} cloudwatch list-metrics --namespace {{ squote $global.metrics.namespace }} --query 'length(Metrics)'
{{- end }}
{{- if $global.logs.enabled }}
  {{ $aws }} logs tail {{ include "kyma-cloudwatch.logsLogGroup" . | squote }} --since 10m
{{- end }}
{{- end -}}

{{/* "true" where this release has the collector. */}}
{{- define "kyma-cloudwatch.notes.collector" -}}
{{- if and .Values.collector.enabled (include "kyma-cloudwatch.collectorNeeded" .) -}}true{{- end -}}
{{- end -}}

{{/* The workload, as kubectl takes it. */}}
{{- define "kyma-cloudwatch.notes.workload" -}}
{{ include "kyma-cloudwatch.collector.kind" .Subcharts.collector | lower }}/{{ include "kyma-cloudwatch.collectorName" . }}
{{- end -}}

{{/* The ServiceAccount, of whose name the subchart decides. */}}
{{- define "kyma-cloudwatch.notes.serviceAccount" -}}
{{- if .Values.collector.enabled -}}
{{- include "kyma-cloudwatch.collector.serviceAccountName" (dict "Values" (merge (dict "global" .Values.global) .Values.collector) "Release" .Release) -}}
{{- else -}}
NAME
{{- end -}}
{{- end -}}
