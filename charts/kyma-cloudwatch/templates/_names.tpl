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

{{/*
Path of a value for a message: a list of the context and the path within the context's own chart. A subchart's values
stand under its name, and so do this chart's where it is a dependency, under its alias if it has one.
*/}}
{{- define "kyma-cloudwatch.valuePath" -}}
{{- $charts := splitList "/charts/" (trimSuffix "/templates" (index . 0).Template.BasePath) | rest -}}
{{- join "." (append $charts (index . 1)) -}}
{{- end -}}

{{/* The same for the YAML that a message says to write: a list of the context and the YAML within its own chart. */}}
{{- define "kyma-cloudwatch.valueYAML" -}}
{{- $yaml := index . 1 -}}
{{- range splitList "/charts/" (trimSuffix "/templates" (index . 0).Template.BasePath) | rest | reverse -}}
  {{- $yaml = printf "%s:\n%s" . (indent 2 $yaml) -}}
{{- end -}}
{{- $yaml -}}
{{- end -}}

{{/* Refuses labels of the user's that the chart writes itself: a list of the context, their path within its chart and the labels. */}}
{{- define "kyma-cloudwatch.checks.labels" -}}
{{- $context := index . 0 -}}
{{- $own := list "app.kubernetes.io/name" "app.kubernetes.io/instance" "app.kubernetes.io/component" "app.kubernetes.io/part-of" "app.kubernetes.io/version" "app.kubernetes.io/managed-by" "helm.sh/chart" -}}
{{- $path := index . 1 -}}
{{- range $key := keys (index . 2) | sortAlpha -}}
  {{- if has $key $own -}}
  {{- fail (printf "\n\n%s has %q, which the chart writes itself. Write another key, for example:\n\n%s\n" (include "kyma-cloudwatch.valuePath" (list $context $path)) $key (include "kyma-cloudwatch.valueYAML" (list $context (printf "%s:\n  example.com/%s: ..." $path (splitList "/" $key | last))))) -}}
  {{- end -}}
{{- end -}}
{{- end -}}
