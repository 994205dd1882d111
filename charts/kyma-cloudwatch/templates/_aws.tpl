{{/* What the collector and the pipelines must agree on about AWS. */}}

{{/* Name of the Secret with the access key. */}}
{{- define "kyma-cloudwatch.secretName" -}}
{{- .Values.global.aws.auth.secret.name | default (printf "%s-aws" (include "kyma-cloudwatch.fullname" .)) -}}
{{- end -}}

{{/* Log group of the EMF events. */}}
{{- define "kyma-cloudwatch.metricsLogGroup" -}}
{{- .Values.global.metrics.logGroup | default (printf "/kyma/%s/metrics" .Values.global.clusterName) -}}
{{- end -}}

{{/* Log group of the logs. */}}
{{- define "kyma-cloudwatch.logsLogGroup" -}}
{{- .Values.global.logs.logGroup | default (printf "/kyma/%s/logs" .Values.global.clusterName) -}}
{{- end -}}

{{/* "true" where the collector has a pipeline for logs. */}}
{{- define "kyma-cloudwatch.logsThroughCollector" -}}
{{- if and .Values.global.logs.enabled (eq .Values.global.logs.via "otlp") -}}true{{- end -}}
{{- end -}}

{{/* "true" where the collector has anything to do. */}}
{{- define "kyma-cloudwatch.collectorNeeded" -}}
{{- if or .Values.global.traces.enabled .Values.global.metrics.enabled (include "kyma-cloudwatch.logsThroughCollector" .) -}}true{{- end -}}
{{- end -}}
