{{/* The collector as the OTLP output of a pipeline: a list of the context and the signal. */}}
{{- define "kyma-cloudwatch.pipelines.otlp" -}}
{{- $context := index . 0 -}}
{{- $protocol := $context.Values.protocol | default (ternary "http" "grpc" (eq (get $context.Values.global (index . 1)).exporter "otlp")) -}}
protocol: {{ $protocol }}
endpoint:
  value: {{ printf "http://%s.%s.svc.cluster.local:%s" (include "kyma-cloudwatch.collectorName" $context) $context.Release.Namespace (ternary "4317" "4318" (eq $protocol "grpc")) | quote }}
{{- end -}}

{{/* Metadata of a pipeline: a list of the context and the name that the values give. */}}
{{- define "kyma-cloudwatch.pipelines.metadata" -}}
{{- $context := index . 0 -}}
name: {{ index . 1 | default (include "kyma-cloudwatch.fullname" $context) }}
labels:
  {{- include "kyma-cloudwatch.labels" $context | nindent 2 }}
{{- end -}}

{{/*
Name of the LogPipeline. The two ways have names of their own, since Kyma refuses to change a LogPipeline's kind
of output: an upgrade then deletes the one and creates the other.
*/}}
{{- define "kyma-cloudwatch.pipelines.logName" -}}
{{- $name := .Values.logs.name | default (include "kyma-cloudwatch.fullname" .) -}}
{{- if and (not .Values.logs.name) (eq .Values.global.logs.via "fluentbit") -}}
{{- $name = printf "%s-fluentbit" $name -}}
{{- end -}}
{{- $name -}}
{{- end -}}
