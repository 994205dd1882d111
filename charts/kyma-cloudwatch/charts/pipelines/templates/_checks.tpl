{{/*
What the schema cannot judge about the pipelines. Each message says what is wrong, where, and the YAML that mends it;
test/render/refusals_test.go has each of them.
*/}}
{{- define "kyma-cloudwatch.pipelines.checks" -}}
{{- include "kyma-cloudwatch.checks.labels" (list . "labels" .Values.labels) -}}
{{- if .Values.global.metrics.enabled -}}
  {{- $input := .Values.metrics.input -}}
  {{- if not (or $input.runtime.enabled $input.prometheus.enabled $input.istio.enabled $input.otlp.enabled) -}}
  {{- fail (printf "\n\n%s has every input disabled, so no metric is ever sent. Enable one:\n\n%s\n\nor send no metrics at all:\n\nglobal:\n  metrics:\n    enabled: false\n" (include "kyma-cloudwatch.valuePath" (list . "metrics.input")) (include "kyma-cloudwatch.valueYAML" (list . "metrics:\n  input:\n    otlp:\n      enabled: true"))) -}}
  {{- end -}}
{{- end -}}
{{- if .Values.global.logs.enabled -}}
  {{- $fluentbit := eq .Values.global.logs.via "fluentbit" -}}
  {{- if not (or .Values.logs.input.runtime.enabled (and (not $fluentbit) .Values.logs.input.otlp.enabled)) -}}
  {{- fail (printf "\n\n%s has every input disabled that global.logs.via %q reads, so no log is ever sent. Enable one:\n\n%s\n\nor send no logs at all:\n\nglobal:\n  logs:\n    enabled: false\n" (include "kyma-cloudwatch.valuePath" (list . "logs.input")) .Values.global.logs.via (include "kyma-cloudwatch.valueYAML" (list . "logs:\n  input:\n    runtime:\n      enabled: true"))) -}}
  {{- end -}}
  {{- if $fluentbit -}}
    {{- include "kyma-cloudwatch.pipelines.checks.extraOptions" . -}}
  {{- end -}}
{{- end -}}
{{- end -}}

{{/* Options of Fluent Bit's output that other values write: a second line would contradict the first. */}}
{{- define "kyma-cloudwatch.pipelines.checks.extraOptions" -}}
{{- $own := dict "region" "global.aws.region" "log_group_name" "global.logs.logGroup" "log_retention_days" "global.logs.retentionDays" "endpoint" "global.aws.endpoint" "port" "global.aws.endpoint" "tls" "global.aws.endpoint" "role_arn" "global.aws.auth.roleArn" "external_id" "global.aws.auth.externalId" -}}
{{- range $option, $value := dict "log_group_template" "groupTemplate" "log_stream_template" "streamTemplate" "log_stream_name" "streamName" -}}
  {{- $_ := set $own $option (include "kyma-cloudwatch.valuePath" (list $ (printf "logs.fluentbit.%s" $value))) -}}
{{- end -}}
{{- $path := include "kyma-cloudwatch.valuePath" (list . "logs.fluentbit.extraOptions") -}}
{{- range $option := keys .Values.logs.fluentbit.extraOptions | sortAlpha -}}
  {{- if hasKey $own (lower $option) -}}
  {{- fail (printf "\n\n%s has %q, which the chart writes from another value. Write it as %s.\n" $path $option (get $own (lower $option))) -}}
  {{- end -}}
  {{- /* Kyma names the output and says what it matches. */ -}}
  {{- if has (lower $option) (list "name" "match" "match_regex" "auto_create_group") -}}
  {{- fail (printf "\n\n%s has %q, which is not for the user to choose. Leave it out.\n" $path $option) -}}
  {{- end -}}
{{- end -}}
{{- end -}}
