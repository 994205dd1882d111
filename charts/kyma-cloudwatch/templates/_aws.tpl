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

{{/*
The region's partition: a part of AWS with accounts, ARNs, host names and a console of its own. The prefixes are
those of the AWS SDKs' partitions.
*/}}
{{- define "kyma-cloudwatch.partition" -}}
{{- $partition := "aws" -}}
{{- $prefixes := dict "cn-" "aws-cn" "us-gov-" "aws-us-gov" "eusc-" "aws-eusc" "us-iso-" "aws-iso" "us-isob-" "aws-iso-b" "eu-isoe-" "aws-iso-e" "us-isof-" "aws-iso-f" -}}
{{- range $prefix, $name := $prefixes -}}
  {{- if hasPrefix $prefix $.Values.global.aws.region -}}{{- $partition = $name -}}{{- end -}}
{{- end -}}
{{- $partition -}}
{{- end -}}

{{/* Domain of the partition's endpoints. */}}
{{- define "kyma-cloudwatch.awsDomain" -}}
{{- $others := dict "aws-cn" "amazonaws.com.cn" "aws-eusc" "amazonaws.eu" "aws-iso" "c2s.ic.gov" "aws-iso-b" "sc2s.sgov.gov" "aws-iso-e" "cloud.adc-e.uk" "aws-iso-f" "csp.hci.ic.gov" -}}
{{- get $others (include "kyma-cloudwatch.partition" .) | default "amazonaws.com" -}}
{{- end -}}

{{/* Port of global.aws.endpoint. Sprig's urlParse would end the rendering before _checks_aws.tpl says what is wrong with a URL. */}}
{{- define "kyma-cloudwatch.endpointPort" -}}
{{- $endpoint := .Values.global.aws.endpoint -}}
{{- regexFind ":[0-9]+$" $endpoint | trimPrefix ":" | default (ternary "443" "80" (hasPrefix "https:" $endpoint)) -}}
{{- end -}}
