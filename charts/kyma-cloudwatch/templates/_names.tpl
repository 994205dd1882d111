{{/*
Names and labels of all objects. Subcharts use these too: named templates are shared by a whole chart tree,
so each starts with the chart's name.
*/}}

{{/* Prefix of object names, at most 40 characters: a StatefulSet's name may have 52, since its pods' labels add a hash to it. */}}
{{- define "kyma-cloudwatch.fullname" -}}
{{- $name := .Values.global.fullnameOverride -}}
{{- if not $name -}}
  {{- $name = .Release.Name -}}
  {{- if not (contains "kyma-cloudwatch" $name) -}}
    {{- $name = printf "%s-kyma-cloudwatch" $name -}}
  {{- end -}}
  {{- if gt (len $name) 40 -}}
    {{- /* The hash keeps two long names apart that begin alike. */ -}}
    {{- $name = printf "%s-%s" ($name | trunc 33 | trimSuffix "-") ($name | sha256sum | trunc 6) -}}
  {{- end -}}
{{- end -}}
{{- /* A Service's name must not begin with a digit and holds no dot; a release's may. */ -}}
{{- $name = $name | replace "." "-" -}}
{{- if regexMatch "^[0-9]" $name -}}{{- $name = printf "k%s" $name -}}{{- end -}}
{{- $name -}}
{{- end -}}

{{/* Name of the collector's workload and Service. */}}
{{- define "kyma-cloudwatch.collectorName" -}}
{{- include "kyma-cloudwatch.fullname" . }}-collector
{{- end -}}

{{/* Labels that select pods. They can never change: selectors and volume claim templates are immutable. */}}
{{- define "kyma-cloudwatch.selectorLabels" -}}
app.kubernetes.io/name: kyma-cloudwatch
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: {{ .Chart.Name }}
{{- end -}}

{{/* Labels of every object. */}}
{{- define "kyma-cloudwatch.labels" -}}
{{ include "kyma-cloudwatch.selectorLabels" . }}
app.kubernetes.io/part-of: kyma-cloudwatch
{{- with .Chart.AppVersion }}
app.kubernetes.io/version: {{ . | quote }}
{{- end }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.labels }}
{{ toYaml . }}
{{- end }}
{{- end -}}
