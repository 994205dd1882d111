{{/* Fluent Bit's cloudwatch_logs output: it writes to CloudWatch itself, past the collector. */}}
{{- define "kyma-cloudwatch.pipelines.fluentbit" -}}
{{- $logs := .Values.global.logs -}}
{{- $fluentbit := .Values.logs.fluentbit -}}
Name cloudwatch_logs
region {{ if .Values.global.aws.auth.secret.keys.region }}${AWS_REGION}{{ else }}{{ .Values.global.aws.region }}{{ end }}
auto_create_group On
{{- with $fluentbit.groupTemplate }}
log_group_template {{ . }}
{{- end }}
log_group_name {{ include "kyma-cloudwatch.logsLogGroup" . }}
{{- with $fluentbit.streamTemplate }}
log_stream_template {{ . }}
{{- end }}
log_stream_name {{ $fluentbit.streamName }}
{{- with $logs.retentionDays }}
log_retention_days {{ . }}
{{- end }}
{{- with .Values.global.aws.endpoint }}
endpoint {{ regexReplaceAll "^https?://|:[0-9]+$" . "" }}
port {{ include "kyma-cloudwatch.endpointPort" $ }}
tls {{ ternary "On" "Off" (hasPrefix "https:" .) }}
{{- end }}
{{- with .Values.global.aws.auth.roleArn }}
role_arn {{ . }}
{{- end }}
{{- with .Values.global.aws.auth.externalId }}
external_id {{ . }}
{{- end }}
{{- range $key, $value := $fluentbit.extraOptions }}
{{ $key }} {{ $value }}
{{- end }}
{{- end -}}

{{- define "kyma-cloudwatch.pipelines.fluentbitVariables" -}}
{{- $keys := .Values.global.aws.auth.secret.keys -}}
{{- $variables := list (list "AWS_ACCESS_KEY_ID" $keys.accessKeyId) (list "AWS_SECRET_ACCESS_KEY" $keys.secretAccessKey) -}}
{{- with $keys.region -}}
{{- $variables = append $variables (list "AWS_REGION" .) -}}
{{- end -}}
{{- range $variables }}
- name: {{ index . 0 }}
  valueFrom:
    secretKeyRef:
      name: {{ include "kyma-cloudwatch.secretName" $ }}
      namespace: {{ $.Release.Namespace }}
      key: {{ index . 1 | quote }}
{{- end }}
{{- end -}}
