{{/*
What the schema cannot judge, one concern per template. Each message says what is wrong, where, and the YAML that
mends it; test/render/refusals_test.go has each of them.
*/}}
{{- define "kyma-cloudwatch.checks" -}}
{{- include "kyma-cloudwatch.checks.globals" . -}}
{{- include "kyma-cloudwatch.checks.region" . -}}
{{- include "kyma-cloudwatch.checks.roles" . -}}
{{- include "kyma-cloudwatch.checks.credentials" . -}}
{{- include "kyma-cloudwatch.checks.signals" . -}}
{{- include "kyma-cloudwatch.checks.fluentbit" . -}}
{{- include "kyma-cloudwatch.checks.names" . -}}
{{- include "kyma-cloudwatch.checks.dimensions" . -}}
{{- include "kyma-cloudwatch.checks.protocol" . -}}
{{- include "kyma-cloudwatch.checks.unused" . -}}
{{- end -}}

{{/* A misspelt global, which the schema lets pass: as a dependency the chart shares `global` with charts that it does not know. */}}
{{- define "kyma-cloudwatch.checks.globals" -}}
{{- if .Chart.IsRoot -}}
  {{- $known := list "aws" "clusterName" "fullnameOverride" "logs" "metrics" "traces" -}}
  {{- range $key := keys .Values.global | sortAlpha -}}
    {{- if not (has $key $known) -}}
    {{- fail (printf "\n\nglobal.%s is not a value of this chart. Under global it knows: %s.\n" $key (join ", " $known)) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{- define "kyma-cloudwatch.checks.signals" -}}
{{- if not (or .Values.global.traces.enabled .Values.global.metrics.enabled .Values.global.logs.enabled) -}}
{{- fail "\n\nNo signal is enabled, so there is nothing to install. Enable at least one:\n\nglobal:\n  traces:\n    enabled: true\n" -}}
{{- end -}}
{{- if .Values.pipelines.enabled -}}
  {{- if and (not .Values.collector.enabled) (include "kyma-cloudwatch.collectorNeeded" .) -}}
  {{- fail (printf "\n\n%s is false, but the pipelines would send to the collector. Write:\n\n%s\n\nor, to install the collector by another release, leave the pipelines to that release too:\n\n%s\n" (include "kyma-cloudwatch.valuePath" (list . "collector.enabled")) (include "kyma-cloudwatch.valueYAML" (list . "collector:\n  enabled: true")) (include "kyma-cloudwatch.valueYAML" (list . "pipelines:\n  enabled: false"))) -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/* Kyma's Fluent Bit gets nothing but an access key and writes to one API. */}}
{{- define "kyma-cloudwatch.checks.fluentbit" -}}
{{- $auth := .Values.global.aws.auth -}}
{{- if and .Values.global.logs.enabled (eq .Values.global.logs.via "fluentbit") -}}
  {{- if ne $auth.mode "secret" -}}
  {{- fail (printf "\n\nglobal.logs.via is \"fluentbit\", but global.aws.auth.mode is %q: Kyma's Fluent Bit can only use an access key from a Secret. Write:\n\nglobal:\n  logs:\n    via: otlp\n\nor use mode \"secret\":\n\nglobal:\n  aws:\n    auth:\n      mode: secret\n      secret:\n        name: aws-credentials\n" $auth.mode) -}}
  {{- end -}}
  {{- if ne .Values.global.logs.exporter "cloudwatchlogs" -}}
  {{- fail "\n\nglobal.logs.exporter is \"otlp\", but global.logs.via is \"fluentbit\": Fluent Bit writes to CloudWatch Logs' own API. Write:\n\nglobal:\n  logs:\n    via: otlp\n    exporter: otlp\n" -}}
  {{- end -}}
  {{- if or $auth.secret.sessionToken $auth.secret.keys.sessionToken -}}
  {{- fail "\n\nglobal.aws.auth.secret has a session token, but global.logs.via is \"fluentbit\": the LogPipeline's variables carry only an access key. Write:\n\nglobal:\n  logs:\n    via: otlp\n" -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/* EMF allows 30 dimensions a set, which the schema holds `dimensions` to; awsemf drops a declaration's set of more than 10 with a line in its log. */}}
{{- define "kyma-cloudwatch.checks.dimensions" -}}
{{- if and .Values.global.metrics.enabled (eq .Values.global.metrics.exporter "emf") -}}
  {{- range $i, $declaration := .Values.global.metrics.declarations -}}
    {{- range $j, $set := $declaration.dimensions -}}
      {{- if gt (len $set) 10 -}}
      {{- fail (printf "\n\nglobal.metrics.declarations[%d].dimensions[%d] has %d dimensions: the exporter drops a set of more than 10. Write fewer, for example:\n\nglobal:\n  metrics:\n    declarations:\n      - dimensions: [[%s, %s]]\n        metric_name_selectors: %s\n" $i $j (len $set) (index $set 0) (index $set 1) (toJson $declaration.metric_name_selectors)) -}}
      {{- end -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- end -}}
