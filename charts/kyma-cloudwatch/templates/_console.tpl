{{/* Links into the AWS console, which has a host and, behind the #, an escaping of its own for each part. */}}

{{/* Host of the region's console; empty where there is none that everyone can reach: a stand-in for AWS, an isolated partition. */}}
{{- define "kyma-cloudwatch.console.host" -}}
{{- $hosts := dict "aws" "console.aws.amazon.com" "aws-cn" "console.amazonaws.cn" "aws-us-gov" "console.amazonaws-us-gov.com" "aws-eusc" "console.amazonaws-eusc.eu" -}}
{{- $host := get $hosts (include "kyma-cloudwatch.partition" .) -}}
{{- if and $host (not .Values.global.aws.endpoint) -}}
{{- .Values.global.aws.region }}.{{ $host -}}
{{- end -}}
{{- end -}}

{{/* Link to a page of CloudWatch: a list of the context and the page. */}}
{{- define "kyma-cloudwatch.console.cloudwatch" -}}
{{- $context := index . 0 -}}
https://{{ include "kyma-cloudwatch.console.host" $context }}/cloudwatch/home?region={{ $context.Values.global.aws.region }}#{{ index . 1 }}
{{- end -}}

{{/* A log group's page: the name is percent-encoded twice, with $ for the second %. */}}
{{- define "kyma-cloudwatch.console.logGroup" -}}
logsV2:log-groups/log-group/{{ . | replace "#" "$2523" | replace "/" "$252F" }}
{{- end -}}

{{/* The page of a namespace's metrics: a string is quoted on its left only, and percent-encoded with * for %. */}}
{{- define "kyma-cloudwatch.console.namespace" -}}
metricsV2:graph=~();namespace=~'{{ . | replace "#" "*23" | replace "/" "*2f" | replace ":" "*3a" }}
{{- end -}}
